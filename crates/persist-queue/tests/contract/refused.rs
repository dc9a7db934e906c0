//! Items that cannot be put, and items that cannot be taken.

use persist_queue::{Error, Options, Wait};

use crate::text::{
    NO_DECODING, NO_ENCODING, PANIC, Picky, Queue, bounded, folder, on_the_disk, open_as,
    open_with, plain, put_all, take, take_all,
};

#[test]
fn an_item_that_is_refused_is_handed_back() {
    let folder = folder();
    let queue = bounded(&folder, 1);
    let rejected = queue.put(NO_ENCODING.to_owned()).unwrap_err();
    assert!(matches!(rejected.error, Error::Encode(_)), "{rejected}");
    assert_eq!(rejected.item, NO_ENCODING);
    put_all(&queue, &["a"]);
    let rejected = queue.try_put("b".to_owned()).unwrap_err();
    assert!(matches!(rejected.error, Error::Full { limit: 1, .. }), "{rejected}");
    assert_eq!(rejected.item, "b");
    let rejected = queue.put_many(vec!["c".to_owned(), "d".to_owned()]).unwrap_err();
    assert!(matches!(rejected.error, Error::Full { limit: 1, .. }), "{rejected}");
    assert_eq!(rejected.item, ["c", "d"]);
    queue.close().unwrap();
    let rejected = queue.put("e".to_owned()).unwrap_err();
    assert!(matches!(rejected.error, Error::Closed { .. }), "{rejected}");
    assert_eq!(rejected.item, "e");
    assert_eq!(on_the_disk(&folder), ["a"]);
}

#[test]
fn of_many_items_none_is_put_when_one_cannot_be() {
    let folder = folder();
    let queue = plain(&folder);
    let items = vec!["a".to_owned(), NO_ENCODING.to_owned(), "b".to_owned()];
    let rejected = queue.put_many(items.clone()).unwrap_err();
    assert!(matches!(rejected.error, Error::Encode(_)), "{rejected}");
    assert_eq!(rejected.item, items);
    assert_eq!((queue.len().unwrap(), queue.unfinished().unwrap()), (0, 0));
}

#[test]
fn what_cannot_be_decoded_is_set_aside_until_the_queue_is_opened_again() {
    is_set_aside(false, NO_DECODING);
}

#[test]
fn what_cannot_be_decoded_is_set_aside_with_autosave_too() {
    is_set_aside(true, NO_DECODING);
}

#[test]
fn what_makes_the_codec_panic_is_set_aside() {
    is_set_aside(false, PANIC);
    is_set_aside(true, PANIC);
}

fn is_set_aside(autosave: bool, bad: &str) {
    let folder = folder();
    let options = || Options::new().autosave(autosave).chunk_records(2);
    let queue = open_with(&folder, options());
    put_all(&queue, &["a", bad, "b", "c", "d"]);
    assert_eq!(take(&queue).as_deref(), Some("a"));
    fails_to_decode(&queue, bad);
    assert_eq!(take_all(&queue), ["b", "c", "d"]);
    assert_eq!(queue.len().unwrap(), 0);
    queue.task_done().unwrap();
    put_all(&queue, &["e"]);
    assert_eq!(on_the_disk(&folder), [bad, "e"]);
    assert_eq!(take(&queue).as_deref(), Some("e"));
    queue.task_done().unwrap();
    // The old object may still be there, as where somebody forgot it.
    let old = (bad == PANIC).then_some(queue);
    let queue = open_as(&folder, options(), Picky { strict: false });
    assert_eq!(queue.len().unwrap(), 1);
    assert_eq!(take_all(&queue), [bad]);
    drop(old);
}

fn fails_to_decode(queue: &Queue, bad: &str) {
    if bad == PANIC {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.try_get()));
        assert!(panicked.is_err());
    } else {
        let error = queue.try_get().unwrap_err();
        assert!(matches!(error, Error::Decode { sequence: 1, .. }), "{error}");
    }
}

#[test]
fn an_error_behind_the_first_of_many_is_left_to_the_next_call() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", NO_DECODING, "b"]);
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), ["a"]);
    let error = queue.get_many(3, Wait::No).unwrap_err();
    assert!(matches!(error, Error::Decode { sequence: 1, .. }), "{error}");
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), ["b"]);
}

//! Several objects on one folder, at the same time or one after the other.

use std::thread::{scope, sleep};

use crate::text::{MOMENT, bounded, ends, folder, on_the_disk, plain, put_all, take, take_all};

#[test]
fn closing_one_object_leaves_the_others_alone() {
    let folder = folder();
    let (one, other) = (plain(&folder), plain(&folder));
    scope(|scope| {
        let got = scope.spawn(|| other.get());
        sleep(MOMENT);
        one.close().unwrap();
        sleep(MOMENT);
        assert!(!got.is_finished());
        put_all(&other, &["a"]);
        assert_eq!(ends(got, &other).unwrap(), "a");
    });
}

#[test]
fn the_limit_holds_after_opening_again() {
    let folder = folder();
    put_all(&bounded(&folder, 2), &["a", "b"]);
    let queue = bounded(&folder, 2);
    assert!(queue.try_put("c".to_owned()).is_err());
    take(&queue);
    put_all(&queue, &["c"]);
    drop(queue);
    // What was in flight is back; there is no room for it, and it is not lost.
    let queue = bounded(&folder, 2);
    assert_eq!(queue.len().unwrap(), 3);
    assert!(queue.try_put("d".to_owned()).is_err());
    assert_eq!(take_all(&queue), ["a", "b", "c"]);
}

#[test]
fn the_limit_holds_for_two_objects_together() {
    let folder = folder();
    let (one, other) = (bounded(&folder, 2), bounded(&folder, 2));
    put_all(&one, &["a"]);
    put_all(&other, &["b"]);
    assert!(one.try_put("c".to_owned()).is_err());
    assert!(other.try_put("c".to_owned()).is_err());
    scope(|scope| {
        let put = scope.spawn(|| other.put("c".to_owned()));
        sleep(MOMENT);
        // Until it is done it may come back to the other one.
        assert_eq!(take(&one).as_deref(), Some("a"));
        one.task_done().unwrap();
        ends(put, &other).unwrap_or_else(|rejected| panic!("{rejected}"));
    });
}

#[test]
fn a_second_object_starts_from_what_is_final_and_takes_over() {
    let folder = folder();
    let old = plain(&folder);
    put_all(&old, &["a", "b", "c"]);
    assert_eq!((take(&old), take(&old)), (Some("a".into()), Some("b".into())));
    let new = plain(&folder);
    assert_eq!((new.len().unwrap(), new.unfinished().unwrap()), (3, 3));
    assert_eq!(new.peek().unwrap().as_deref(), Some("a"));
    assert_eq!(take(&new).as_deref(), Some("a"));
    // From here on they share one cursor.
    assert_eq!(take(&old).as_deref(), Some("b"));
    // It does not hold "a" any more.
    old.task_done().unwrap();
    assert_eq!(on_the_disk(&folder), ["a", "c"]);
    new.task_done().unwrap();
    assert_eq!(take_all(&new), ["c"]);
    assert_eq!(on_the_disk(&folder), ["c"]);
}

#[test]
fn what_an_object_has_in_flight_comes_back_when_it_is_dropped() {
    let folder = folder();
    let (one, other) = (plain(&folder), plain(&folder));
    put_all(&one, &["a", "b"]);
    assert_eq!(take(&other).as_deref(), Some("a"));
    scope(|scope| {
        assert_eq!(take(&one).as_deref(), Some("a"), "the first take takes over");
        assert_eq!(take(&other).as_deref(), Some("b"));
        let got = scope.spawn(|| one.get());
        sleep(MOMENT);
        drop(other);
        assert_eq!(ends(got, &one).unwrap(), "b");
    });
}

/// What was finished in front of an older item is passed by, and still counts when the older one
/// comes back.
#[test]
fn an_item_that_was_finished_before_an_older_one_is_counted_out_for_everybody() {
    let folder = folder();
    let (one, other) = (plain(&folder), plain(&folder));
    put_all(&one, &["a", "b"]);
    assert_eq!(take(&one).as_deref(), Some("a"));
    assert_eq!(one.purge().unwrap(), 1);
    drop(one);
    assert_eq!(take(&other).as_deref(), Some("a"));
    assert_eq!(other.peek().unwrap(), None);
    let third = plain(&folder);
    drop(other);
    assert_eq!(third.len().unwrap(), 1);
    assert_eq!(take_all(&third), ["a"]);
}

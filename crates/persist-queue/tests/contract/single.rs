//! One thread and one object.

use std::path::Path;

use persist_queue::{Error, FileQueue, Options, Wait};

use crate::text::{
    Picky, Queue, autosave, folder, on_the_disk, open_with, plain, put_all, take, take_all,
};

#[test]
fn a_queue_can_be_shared_and_sent() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Queue>();
    // Whatever it holds: an item is with the queue only as bytes.
    is_send_and_sync::<FileQueue<std::rc::Rc<str>, Picky>>();
}

#[test]
fn items_come_out_as_they_went_in() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "", "b"]);
    assert_eq!((queue.len().unwrap(), queue.is_empty().unwrap()), (3, false));
    assert_eq!(queue.peek().unwrap().as_deref(), Some("a"));
    assert_eq!(take_all(&queue), ["a", "", "b"]);
    assert_eq!((queue.len().unwrap(), queue.is_empty().unwrap()), (0, true));
    assert_eq!(queue.peek().unwrap(), None);
}

#[test]
fn a_take_is_final_with_task_done() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "b", "c"]);
    assert_eq!((take(&queue), take(&queue)), (Some("a".to_owned()), Some("b".to_owned())));
    put_all(&queue, &["d"]);
    assert_eq!(on_the_disk(&folder), ["a", "b", "c", "d"]);
    queue.task_done().unwrap();
    assert_eq!(on_the_disk(&folder), ["c", "d"]);
    drop(queue);
    assert_eq!(take_all(&plain(&folder)), ["c", "d"]);
}

#[test]
fn a_take_is_final_at_once_with_autosave() {
    let folder = folder();
    let queue = autosave(&folder);
    put_all(&queue, &["a", "b"]);
    assert_eq!(take(&queue).as_deref(), Some("a"));
    assert_eq!(on_the_disk(&folder), ["b"]);
}

#[test]
fn many_are_put_and_taken_at_once() {
    let folder = folder();
    let queue = plain(&folder);
    let items: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    queue.put_many(items.clone()).unwrap();
    queue.put_many(Vec::new()).unwrap();
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), items[..3]);
    assert_eq!(queue.get_many(100, Wait::Forever).unwrap(), items[3..]);
    assert_eq!(queue.get_many(100, Wait::No).unwrap(), [] as [String; 0]);
    assert_eq!(queue.get_many(0, Wait::Forever).unwrap(), [] as [String; 0]);
}

#[test]
fn an_iteration_consumes_until_nothing_waits() {
    let folder = folder();
    let queue = autosave(&folder);
    put_all(&queue, &["a", "b", "c"]);
    let mut taken = Vec::new();
    for item in &queue {
        taken.push(item.unwrap());
    }
    assert_eq!(taken, ["a", "b", "c"]);
    assert_eq!(on_the_disk(&folder), [] as [&str; 0]);
}

#[test]
fn a_purge_removes_what_waits_and_nothing_else() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "b", "c"]);
    take(&queue);
    assert_eq!(queue.purge().unwrap(), 2);
    assert_eq!(queue.unfinished().unwrap(), 1);
    assert_eq!(on_the_disk(&folder), ["a"]);
}

#[test]
fn another_serializer_is_refused_before_anything_is_touched() {
    let folder = folder();
    let path = folder.path().join("queue");
    put_all(&plain(&folder), &["a"]);
    let refused = Options::new().open_with::<Vec<u8>, _>(&path, persist_queue::codec::Bytes);
    let error = refused.map(drop).unwrap_err();
    assert!(matches!(&error, Error::CodecMismatch { stored, .. } if stored == "text"), "{error}");
    assert_eq!(take_all(&plain(&folder)), ["a"]);
}

/// Around what is kept in memory, read ahead, mapped at once, and held by a segment.
#[test]
fn items_of_all_sizes_come_back_in_order_from_memory_and_from_the_disk() {
    const KIB: usize = 1024;
    let folder = folder();
    let sizes = [1, 70 * KIB, 32 * KIB, 3, 131_040, 131_048, 65_512, 300 * KIB, 0, 2048 * KIB, 7];
    let items: Vec<String> = sizes
        .iter()
        .cycle()
        .take(60)
        .zip(0..)
        .map(|(size, n)| format!("{n}{}", "x".repeat(*size)))
        .collect();
    let options = || Options::new().chunk_bytes(1 << 20).autosave(true);
    let queue = open_with(&folder, options());
    for item in &items {
        queue.put(item.clone()).unwrap();
    }
    for item in &items[..20] {
        assert!(
            take(&queue).as_deref() == Some(item.as_str()),
            "item {}",
            item.trim_end_matches('x')
        );
    }
    drop(queue);
    let rest = take_all(&open_with(&folder, options()));
    assert!(rest == items[20..], "{} items of 40", rest.len());
}

#[test]
fn a_drained_queue_holds_less_than_two_chunks() {
    let folder = folder();
    let chunk = 4096;
    let queue = open_with(&folder, Options::new().autosave(true).chunk_bytes(chunk));
    for number in 0..2000 {
        queue.put(format!("{number:0100}")).unwrap();
    }
    assert_eq!(take_all(&queue).len(), 2000);
    let size: u64 = segments(folder.path()).iter().map(|segment| segment.1).sum();
    assert!(size < 2 * chunk, "{:?}", segments(folder.path()));
}

/// How many segments so many items of a size make.
fn segments_of(chunksize: u64, items: usize, size: usize) -> usize {
    let folder = folder();
    let queue = open_with(&folder, Options::new().chunksize(chunksize));
    (0..items).for_each(|_| queue.put("x".repeat(size)).unwrap());
    segments(folder.path()).len()
}

#[test]
fn a_chunk_of_a_hundred_small_items_takes_more_of_them_up_to_a_mebibyte() {
    assert_eq!(segments_of(100, 1000, 10), 1);
    assert_eq!(segments_of(0, 1000, 10), 1);
    assert_eq!(segments_of(100, 200, 20_000), 2);
    assert_eq!(segments_of(99, 100, 10), 2);
}

fn segments(folder: &Path) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(folder.join("queue")).unwrap().map(Result::unwrap);
    let sizes = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()));
    sizes.filter(|(name, _)| name.starts_with('q')).collect()
}

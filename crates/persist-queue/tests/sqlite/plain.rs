//! Queues without acknowledgements: order, claims, counts.

use std::path::Path;
use std::time::Duration;

use persist_queue::sql::Kind;
use persist_queue::{Error, SqliteOptions, SqliteQueue, Wait};

type Queue = SqliteQueue<String>;

fn open(dir: &Path, kind: Kind) -> Queue {
    SqliteOptions::new().kind(kind).open(dir.join("data.db")).unwrap()
}

fn put(queue: &Queue, items: &[&str]) {
    for item in items {
        queue.put((*item).to_owned()).unwrap();
    }
}

fn drain(queue: &Queue) -> Vec<String> {
    std::iter::from_fn(|| queue.try_get().unwrap()).collect()
}

#[test]
fn items_come_out_in_the_order_of_their_kind_also_after_reopening() {
    for (kind, expected) in [
        (Kind::Fifo, ["a", "b", "c", "a"].as_slice()),
        (Kind::Filo, ["a", "c", "b", "a"].as_slice()),
        (Kind::Unique, ["a", "b", "c"].as_slice()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        put(&open(dir.path(), kind), &["a", "b", "c", "a"]);
        let queue = open(dir.path(), kind);
        assert_eq!(queue.len().unwrap(), expected.len() as u64);
        assert_eq!(drain(&queue), expected);
        assert!(queue.is_empty().unwrap());
    }
}

#[test]
fn the_lowest_priority_comes_first_and_equal_ones_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), Kind::Priority);
    for (item, priority) in [("c", 10), ("a", -1), ("d", 10), ("b", 5)] {
        queue.put_with(item.to_owned(), priority, Wait::No).unwrap();
    }
    assert_eq!(drain(&queue), ["a", "b", "c", "d"]);
}

#[test]
fn a_row_that_is_not_what_was_asked_for_stays_and_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    let numbers: SqliteQueue<u64> = SqliteOptions::new().open(&path).unwrap();
    numbers.put(7).unwrap();
    let queue = open(dir.path(), Kind::Fifo);
    put(&queue, &["after"]);
    assert!(matches!(queue.try_get(), Err(Error::Decode { sequence: 1, .. })));
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("after"));
    assert_eq!(queue.try_get().unwrap(), None);
    drop(queue);
    assert_eq!(numbers.try_get().unwrap(), Some(7));
}

#[test]
fn a_full_queue_waits_for_room_and_hands_the_item_back() {
    let dir = tempfile::tempdir().unwrap();
    let queue: Queue = SqliteOptions::new().maxsize(1).open(dir.path().join("data.db")).unwrap();
    put(&queue, &["a"]);
    let rejected = queue.put_with("b".to_owned(), 0, Wait::For(Duration::from_millis(20)));
    let rejected = rejected.unwrap_err();
    assert!(matches!(rejected.error, Error::Full { limit: 1, .. }));
    assert_eq!(rejected.item, "b");
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| queue.put("c".to_owned()).unwrap());
        assert_eq!(queue.get().unwrap(), "a");
        putter.join().unwrap();
    });
    assert_eq!(drain(&queue), ["c"]);
}

#[test]
fn a_blocked_get_is_woken_by_a_put_and_by_a_close() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), Kind::Fifo);
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get().unwrap());
        std::thread::sleep(Duration::from_millis(20));
        put(&queue, &["a"]);
        assert_eq!(getter.join().unwrap(), "a");
        let getter = scope.spawn(|| queue.get());
        std::thread::sleep(Duration::from_millis(20));
        queue.close().unwrap();
        assert!(matches!(getter.join().unwrap(), Err(Error::Closed { .. })));
    });
}

#[test]
fn threads_share_a_queue_and_each_item_goes_to_one() {
    for kind in [Kind::Fifo, Kind::Filo, Kind::Unique, Kind::Priority] {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        let mut got: Vec<String> = std::thread::scope(|scope| {
            for thread in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    for index in 0..50 {
                        queue.put(format!("{thread}-{index}")).unwrap();
                    }
                });
            }
            let getters: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..50).map(|_| queue.get().unwrap()).collect::<Vec<_>>()))
                .collect();
            getters.into_iter().flat_map(|getter| getter.join().unwrap()).collect()
        });
        got.sort();
        got.dedup();
        assert_eq!(got.len(), 200, "{kind:?}");
        assert!(queue.is_empty().unwrap());
    }
}

#[test]
fn a_database_in_memory_belongs_to_one_object() {
    let queue: Queue = SqliteOptions::new().open(":memory:").unwrap();
    let other: Queue = SqliteOptions::new().open(":memory:").unwrap();
    put(&queue, &["a"]);
    assert_eq!(other.try_get().unwrap(), None);
    assert_eq!(queue.get().unwrap(), "a");
}

#[test]
fn a_queue_that_ends_with_its_thread_stores_what_it_holds() {
    thread_local! {
        static QUEUE: std::cell::RefCell<Option<Queue>> = const { std::cell::RefCell::new(None) };
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    std::thread::spawn({
        let path = path.clone();
        move || {
            // First, so that it is dropped behind what the library keeps for the thread.
            QUEUE.with_borrow_mut(|queue| *queue = None);
            let queue: Queue = SqliteOptions::new().auto_commit(false).open(path).unwrap();
            queue.put("stored at last".to_owned()).unwrap();
            QUEUE.with_borrow_mut(|slot| *slot = Some(queue));
        }
    })
    .join()
    .unwrap();
    let queue: Queue = SqliteOptions::new().open(path).unwrap();
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("stored at last"));
}

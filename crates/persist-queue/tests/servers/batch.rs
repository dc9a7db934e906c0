//! Queues with `auto_commit` off: what becomes final, when, and who sees it.

use persist_queue::Wait;
use persist_queue::sql::{Kind, Which};

use crate::server::{Database, SHORT_WAITS, bytes};
use crate::{Options, Queue, database_or_return};

fn open(database: &Database, kind: Kind) -> Queue<u32> {
    Options::new().kind(kind).auto_commit(false).open(&database.address()).unwrap()
}

/// How many rows others see.
fn rows(database: &Database) -> i64 {
    database.connection().numbers("SELECT COUNT(*) FROM queue_default")[0]
}

#[test]
fn puts_are_stored_together_under_the_numbers_that_they_were_given() {
    let database = database_or_return!();
    let queue = open(&database, Kind::Fifo);
    let ids: Vec<i64> = (0..150).map(|item| queue.put(item).unwrap().unwrap()).collect();
    assert!(ids.is_sorted());
    assert_eq!((rows(&database), queue.len().unwrap()), (0, 150));
    queue.task_done().unwrap();
    let stored = database.connection().numbers("SELECT _id FROM queue_default ORDER BY _id");
    assert_eq!(stored, ids);
    queue.put(150).unwrap();
    drop(queue);
    assert_eq!(rows(&database), 151);
}

#[test]
fn the_put_that_would_be_one_too_many_stores_all() {
    let database = database_or_return!();
    let queue = open(&database, Kind::Fifo);
    for item in 0..1000 {
        queue.put(item).unwrap();
    }
    assert_eq!(rows(&database), 0);
    queue.put(1000).unwrap();
    assert_eq!(rows(&database), 1001);
    assert_eq!(queue.get_many(2000, Wait::No).unwrap(), (0..=1000).collect::<Vec<_>>());
    queue.task_done().unwrap();
    assert_eq!(rows(&database), 0);
}

#[test]
fn each_kind_has_its_order_also_for_what_is_not_stored() {
    let database = database_or_return!();
    for (kind, expected) in [
        (Kind::Fifo, [10, 5, 1, 7]),
        (Kind::Filo, [7, 1, 5, 10]),
        (Kind::Unique, [10, 5, 1, 7]),
        (Kind::Priority, [1, 5, 7, 10]),
    ] {
        let queue = open(&database, kind);
        for item in [10, 5, 1] {
            let priority = if kind == Kind::Priority { i64::from(item) } else { 0 };
            queue.put_with(item, priority, Wait::No).unwrap();
        }
        queue.task_done().unwrap();
        queue.put_with(7, if kind == Kind::Priority { 7 } else { 0 }, Wait::No).unwrap();
        if kind == Kind::Unique {
            assert_eq!(queue.put(7).unwrap(), None);
            assert_eq!(queue.put(5).unwrap(), None);
        }
        let got: Vec<_> = std::iter::from_fn(|| queue.try_get().unwrap()).collect();
        assert_eq!(got, expected, "{kind:?}");
    }
}

#[test]
fn what_is_taken_and_not_done_comes_back_in_its_place() {
    let database = database_or_return!();
    let queue = open(&database, Kind::Fifo);
    for item in 0..4 {
        queue.put(item).unwrap();
    }
    assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (0, 1));
    assert_eq!(queue.len().unwrap(), 2);
    drop(queue);
    let queue = open(&database, Kind::Fifo);
    assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (0, 1));
    queue.task_done().unwrap();
    drop(queue);
    assert_eq!(open(&database, Kind::Fifo).get_many(9, Wait::No).unwrap(), [2, 3]);
}

#[test]
fn a_thread_finishes_its_own_items_only() {
    let database = database_or_return!();
    let queue = open(&database, Kind::Fifo);
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    assert_eq!(queue.get().unwrap(), 1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(queue.get().unwrap(), 2);
            queue.task_done().unwrap();
        });
    });
    // Still locked, though the transaction of the other's end is over.
    let other = Options::new().open::<u32>(&database.address()).unwrap();
    let mut elsewhere = database.connection();
    elsewhere.run("BEGIN");
    let free = elsewhere.numbers("SELECT _id FROM queue_default FOR UPDATE SKIP LOCKED");
    assert_eq!(free, [0_i64; 0]);
    assert_eq!(other.try_get().unwrap(), None);
    // Who holds nothing finishes the oldest.
    std::thread::scope(|scope| {
        scope.spawn(|| queue.task_done().unwrap());
    });
    assert_eq!(rows(&database), 0);
}

#[test]
fn another_machine_is_not_given_what_is_taken_and_not_kept_from_the_rest() {
    let database = database_or_return!();
    let queue = open(&database, Kind::Fifo);
    for item in 0..3 {
        queue.put(item).unwrap();
    }
    queue.task_done().unwrap();
    assert_eq!(queue.get().unwrap(), 0);
    let mut elsewhere = database.connection();
    elsewhere.run(SHORT_WAITS);
    elsewhere.run("BEGIN");
    let free =
        elsewhere.numbers("SELECT _id FROM queue_default ORDER BY _id FOR UPDATE SKIP LOCKED");
    assert_eq!(free, [2, 3]);
    elsewhere.run("DELETE FROM queue_default WHERE _id = 2; COMMIT");
    assert_eq!(queue.get().unwrap(), 2);
}

#[test]
fn a_row_that_is_no_item_stays() {
    let database = database_or_return!();
    let queue = open(&database, Kind::Fifo);
    let bad = bytes(&[0xc1]);
    let bad = format!("INSERT INTO queue_default (data, timestamp) VALUES ({bad}, 1)");
    database.connection().run(&bad);
    queue.put(1).unwrap();
    assert!(queue.get().is_err());
    assert_eq!(queue.get().unwrap(), 1);
    queue.task_done().unwrap();
    assert_eq!(rows(&database), 1);
    assert_eq!(queue.get_with(Wait::No, Which::Next).unwrap(), None);
}

#[test]
fn a_broken_connection_loses_nothing() {
    let database = database_or_return!();
    let queue = open(&database, Kind::Fifo);
    for item in 0..3 {
        queue.put(item).unwrap();
    }
    assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (0, 1));
    queue.put(3).unwrap();
    assert!(database.kill_connections() > 0);
    queue.task_done().unwrap();
    assert_eq!(rows(&database), 2);
    assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (2, 3));
}

//! Queues whose items stay until they are acknowledged.

use std::time::Duration;

use persist_queue::sql::{Kind, PutOptions, Status, Which};
use persist_queue::{Error, Wait};

use crate::server::Database;
use crate::{AckQueue, Options, database_or_return};

fn open(database: &Database, options: Options) -> AckQueue<String> {
    options.open_ack(&database.address()).unwrap()
}

fn put(queue: &AckQueue<String>, item: &str) -> i64 {
    queue.put(item.to_owned()).unwrap().unwrap()
}

fn counts(queue: &AckQueue<String>) -> [u64; 7] {
    let all = [
        Status::New,
        Status::Ready,
        Status::Held,
        Status::Delayed,
        Status::Acked,
        Status::Dead,
        Status::Failed,
    ];
    all.map(|status| queue.count(status).unwrap())
}

#[test]
fn an_item_stays_until_it_is_acknowledged() {
    let database = database_or_return!();
    let queue = open(&database, Options::new());
    put(&queue, "a");
    put(&queue, "b");
    put(&queue, "c");
    let a = queue.get().unwrap();
    assert_eq!((a.as_str(), a.attempts()), ("a", 1));
    assert_eq!(counts(&queue), [2, 0, 1, 0, 0, 0, 0]);
    assert_eq!(a.ack().unwrap(), "a");
    let b = queue.get().unwrap();
    b.nack().unwrap();
    assert_eq!(counts(&queue), [1, 1, 0, 0, 1, 0, 0]);
    let b = queue.get().unwrap();
    assert_eq!((b.as_str(), b.attempts()), ("b", 2));
    b.fail().unwrap();
    drop(queue.get().unwrap());
    assert_eq!(counts(&queue), [0, 1, 0, 0, 1, 0, 1]);
    assert_eq!(queue.len().unwrap(), 1);
    assert_eq!(queue.clear_acked(None, 0).unwrap(), 1);
}

#[test]
fn each_kind_has_its_order() {
    let database = database_or_return!();
    for (kind, expected) in [
        (Kind::Fifo, ["b", "c", "a"]),
        (Kind::Filo, ["a", "c", "b"]),
        (Kind::Unique, ["b", "c", "a"]),
        (Kind::Priority, ["a", "b", "c"]),
    ] {
        let queue = open(&database, Options::new().kind(kind));
        for (item, priority) in [("b", 1), ("c", 1), ("a", 0)] {
            let priority = if kind == Kind::Priority { priority } else { 0 };
            let options = PutOptions { priority, ..PutOptions::default() };
            queue.put_with(item.to_owned(), options, Wait::No).unwrap();
        }
        let got = queue.get_many(5, Wait::No, None).unwrap();
        let items: Vec<_> = got.iter().map(|one| one.as_str()).collect();
        assert_eq!(items, expected, "{kind:?}");
        let acked = queue.ack_many(got).unwrap();
        assert_eq!(acked.into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
        assert!(queue.try_get().unwrap().is_none());
    }
}

#[test]
fn a_value_that_was_acknowledged_can_be_queued_again() {
    let database = database_or_return!();
    let queue = open(&database, Options::new().kind(Kind::Unique));
    put(&queue, "a");
    assert_eq!(queue.put("a".to_owned()).unwrap(), None);
    let held = queue.get().unwrap();
    assert_eq!(queue.put("a".to_owned()).unwrap(), None);
    held.nack_to_back().unwrap();
    assert_eq!(queue.put("a".to_owned()).unwrap(), None);
    queue.get().unwrap().ack().unwrap();
    put(&queue, "a");
    assert_eq!(counts(&queue), [1, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn a_late_acknowledgement_is_refused() {
    let database = database_or_return!();
    let queue = open(&database, Options::new().lease(Duration::from_millis(150)));
    put(&queue, "a");
    let first = queue.get().unwrap();
    // It comes back by itself, to who waits.
    let second = queue.get_with(Wait::For(Duration::from_secs(5)), Which::Next, None);
    let second = second.unwrap().unwrap();
    assert_eq!((second.as_str(), second.attempts()), ("a", 2));
    assert!(matches!(first.ack(), Err(Error::NotHeld { .. })));
    second.extend(Duration::from_secs(60)).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(second.ack().unwrap(), "a");
    assert_eq!(counts(&queue), [0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn a_lease_that_is_over_refuses_also_where_nobody_else_took_the_item() {
    let database = database_or_return!();
    let queue = open(&database, Options::new());
    put(&queue, "a");
    let lease = Some(Duration::from_millis(50));
    let held = queue.get_with(Wait::No, Which::Next, lease).unwrap().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert!(matches!(held.extend(Duration::from_secs(9)), Err(Error::NotHeld { .. })));
    assert!(matches!(held.ack(), Err(Error::NotHeld { .. })));
}

#[test]
fn a_delay_is_waited_for() {
    let database = database_or_return!();
    let queue = open(&database, Options::new());
    let delay = Some(Duration::from_millis(300));
    let options = PutOptions { delay, ..PutOptions::default() };
    queue.put_with("later".to_owned(), options, Wait::No).unwrap();
    assert!(queue.try_get().unwrap().is_none());
    assert_eq!(counts(&queue), [0, 0, 0, 1, 0, 0, 0]);
    let start = std::time::Instant::now();
    let held = queue.get().unwrap();
    let took = start.elapsed();
    assert!((150..900).contains(&took.as_millis()), "{took:?}");
    held.nack_after(Duration::from_millis(200)).unwrap();
    assert!(queue.try_get().unwrap().is_none());
    assert_eq!(queue.get().unwrap().attempts(), 2);
}

#[test]
fn an_item_that_goes_to_the_back_has_a_new_number() {
    let database = database_or_return!();
    let queue = open(&database, Options::new());
    let first = put(&queue, "a");
    put(&queue, "b");
    queue.get().unwrap().nack_to_back().unwrap();
    let (b, a) = (queue.get().unwrap(), queue.get().unwrap());
    assert_eq!((b.as_str(), a.as_str(), a.attempts()), ("b", "a", 2));
    assert!(a.id() > b.id() && b.id() > first);
    assert_ne!(put(&queue, "c"), a.id());
}

#[test]
fn what_was_tried_too_often_is_a_dead_letter() {
    let database = database_or_return!();
    let options = Options::new().max_attempts(2).backoff(Duration::from_millis(100));
    let queue = open(&database, options);
    let id = put(&queue, "a");
    queue.get().unwrap().nack().unwrap();
    assert!(queue.try_get().unwrap().is_none());
    queue.get().unwrap().nack().unwrap();
    assert_eq!(counts(&queue), [0, 0, 0, 0, 0, 1, 0]);
    let letters = queue.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].0, letters[0].1.as_ref().unwrap().as_str()), (id, "a"));
    assert_eq!(queue.requeue_dead(&[id, 99]).unwrap(), 1);
    assert_eq!(queue.get().unwrap().attempts(), 1);
    queue.get().unwrap().nack_after(Duration::ZERO).unwrap();
    assert_eq!(queue.drop_dead(&[id]).unwrap(), 1);
    assert_eq!(counts(&queue), [0; 7]);
}

#[test]
fn what_waited_too_long_is_a_dead_letter() {
    let database = database_or_return!();
    let queue = open(&database, Options::new().ttl(Duration::from_millis(50)));
    put(&queue, "old");
    let ttl = Some(Duration::from_secs(60));
    queue
        .put_with("new".to_owned(), PutOptions { ttl, ..PutOptions::default() }, Wait::No)
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(queue.get().unwrap().ack().unwrap(), "new");
    assert_eq!(counts(&queue), [0, 0, 0, 0, 1, 1, 0]);
}

#[test]
fn opening_brings_back_only_what_no_live_holder_has() {
    let database = database_or_return!();
    let ours = open(&database, Options::new());
    put(&ours, "a");
    put(&ours, "b");
    let a = ours.get().unwrap();
    let other = open(&database, Options::new());
    assert_eq!(other.resume().unwrap(), 0);
    let b = other.get().unwrap();
    assert_eq!(b.as_str(), "b");
    std::mem::forget(b);
    drop(other);
    let third = open(&database, Options::new());
    assert_eq!(third.get().unwrap().as_str(), "b");
    assert_eq!(a.ack().unwrap(), "a");
}

#[test]
fn what_a_table_calls_a_holder_is_no_part_of_a_statement() {
    let database = database_or_return!();
    let ours = open(&database, Options::new());
    let forged = put(&ours, "a");
    put(&ours, "b");
    let (_a, b) = (ours.get().unwrap(), ours.get().unwrap());
    let name = "x'' OR ''1''=''1";
    let forge = format!("UPDATE ack_queue_default SET holder = '{name}' WHERE _id = {forged}");
    database.connection().run(&forge);
    let other = open(&database, Options::new());
    assert_eq!(other.resume().unwrap(), 0);
    assert!(other.try_get().unwrap().is_none(), "a live holder has it");
    assert_eq!(b.ack().unwrap(), "b");
}

#[test]
fn what_is_acknowledged_may_leave_nothing() {
    let database = database_or_return!();
    let queue = open(&database, Options::new().keep_acked(false));
    put(&queue, "a");
    queue.get().unwrap().ack().unwrap();
    assert_eq!(counts(&queue), [0; 7]);
}

#[test]
fn the_latest_acknowledged_can_be_kept() {
    let database = database_or_return!();
    let queue = open(&database, Options::new());
    for item in ["a", "b", "c", "d"] {
        put(&queue, item);
        queue.get().unwrap().ack().unwrap();
    }
    assert_eq!(queue.clear_acked(Some(2), 1).unwrap(), 2);
    let left = database.connection().numbers("SELECT _id FROM ack_queue_default ORDER BY _id");
    assert_eq!(left, [1, 4]);
}

#[test]
fn an_item_is_taken_by_its_number_or_behind_another() {
    let database = database_or_return!();
    for kind in [Kind::Fifo, Kind::Filo, Kind::Priority] {
        let queue = open(&database, Options::new().kind(kind));
        let ids: Vec<_> = ["a", "b", "c"].into_iter().map(|item| put(&queue, item)).collect();
        let b = queue.get_with(Wait::No, Which::Id(ids[1]), None).unwrap().unwrap();
        assert_eq!(b.as_str(), "b");
        assert!(queue.get_with(Wait::No, Which::Id(ids[1]), None).unwrap().is_none());
        b.nack().unwrap();
        let behind = queue.get_with(Wait::No, Which::Behind(ids[1]), None).unwrap().unwrap();
        let expected = if kind == Kind::Filo { "a" } else { "c" };
        assert_eq!(behind.as_str(), expected, "{kind:?}");
        // Behind the last one comes the first.
        let last = if kind == Kind::Filo { ids[0] } else { ids[2] };
        let first = queue.get_with(Wait::No, Which::Behind(last), None).unwrap().unwrap();
        assert_eq!(first.as_str(), if kind == Kind::Filo { "c" } else { "a" });
        first.ack().unwrap();
        behind.ack().unwrap();
        queue.get().unwrap().ack().unwrap();
    }
}

#[test]
fn threads_never_hold_the_same_item() {
    let database = database_or_return!();
    let queue = Options::new().open_ack::<u64>(&database.address()).unwrap();
    let count = 1000;
    queue.put_many((0..count).collect(), PutOptions::default(), Wait::No).unwrap();
    let take = || queue.try_get().unwrap().map(|one| one.ack().unwrap());
    let mut got: Vec<u64> = std::thread::scope(|scope| {
        let consumers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| std::iter::from_fn(&take).collect::<Vec<_>>())).collect();
        consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
    });
    got.sort_unstable();
    assert_eq!(got, (0..count).collect::<Vec<_>>());
    assert_eq!(queue.count(Status::Acked).unwrap(), count);
}

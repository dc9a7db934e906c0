//! Queues with acknowledgements: holders, leases, delays, attempts, dead letters.

use std::path::Path;
use std::time::{Duration, Instant};

use persist_queue::sql::{Kind, Status};
use persist_queue::sqlite::{Put, PutOptions, Settlement, SqliteStore, Which};
use persist_queue::wait::{Thread, now};
use persist_queue::{Error, SqliteAckQueue, SqliteOptions, Wait};

type Queue = SqliteAckQueue<String>;

const SOON: Duration = Duration::from_millis(600);

fn open(dir: &Path) -> Queue {
    open_with(dir, SqliteOptions::new())
}

fn open_with(dir: &Path, options: SqliteOptions) -> Queue {
    options.open_ack(dir.join("data.db")).unwrap()
}

fn put(queue: &Queue, items: &[&str]) {
    for item in items {
        queue.put((*item).to_owned()).unwrap();
    }
}

fn counts(queue: &Queue) -> [u64; 6] {
    [Status::New, Status::Ready, Status::Held, Status::Acked, Status::Dead, Status::Failed]
        .map(|status| queue.count(status).unwrap())
}

#[test]
fn each_kind_delivers_in_its_order() {
    for (kind, expected) in [
        (Kind::Fifo, ["a", "b", "c", "a"].as_slice()),
        (Kind::Filo, ["a", "c", "b", "a"].as_slice()),
        (Kind::Unique, ["a", "b", "c"].as_slice()),
        (Kind::Priority, ["a", "b", "c", "a"].as_slice()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let queue = open_with(dir.path(), SqliteOptions::new().kind(kind));
        put(&queue, &["a", "b", "c", "a"]);
        let got: Vec<String> = std::iter::from_fn(|| queue.try_get().unwrap())
            .map(|delivery| delivery.ack().unwrap())
            .collect();
        assert_eq!(got, expected, "{kind:?}");
        assert_eq!(queue.count(Status::Acked).unwrap(), expected.len() as u64);
    }
}

#[test]
fn a_delivery_is_settled_once_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a", "b", "c"]);
    let [a, b, c] = [(); 3].map(|()| queue.get().unwrap());
    assert_eq!(counts(&queue), [0, 0, 3, 0, 0, 0]);
    a.ack().unwrap();
    b.fail().unwrap();
    c.nack().unwrap();
    assert_eq!(counts(&queue), [0, 1, 0, 1, 0, 1]);
    assert_eq!(*queue.get().unwrap(), "c");
}

#[test]
fn a_dropped_delivery_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a"]);
    drop(queue.get().unwrap());
    let again = queue.get().unwrap();
    assert_eq!((again.as_str(), again.attempts()), ("a", 2));
}

#[test]
fn opening_elsewhere_takes_nothing_from_a_live_holder() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a"]);
    let delivery = queue.get().unwrap();
    let other = open(dir.path());
    assert!(other.try_get().unwrap().is_none());
    assert_eq!(other.count(Status::Held).unwrap(), 1);
    delivery.ack().unwrap();
}

#[test]
fn what_a_closed_object_held_comes_back_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a", "b"]);
    std::mem::forget(queue.get().unwrap());
    queue.close().unwrap();
    drop(queue);
    let other = open(dir.path());
    assert_eq!(counts(&other), [1, 1, 0, 0, 0, 0]);
    assert_eq!(*other.get().unwrap(), "a");
}

#[test]
fn without_auto_resume_it_stays_until_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a"]);
    std::mem::forget(queue.get().unwrap());
    drop(queue);
    let other = open_with(dir.path(), SqliteOptions::new().auto_resume(false));
    assert!(other.try_get().unwrap().is_none());
    assert_eq!(other.resume().unwrap(), 1);
    assert_eq!(*other.get().unwrap(), "a");
}

#[test]
fn a_lease_ends_and_the_late_ack_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_with(dir.path(), SqliteOptions::new().lease(SOON));
    put(&queue, &["a"]);
    let late = queue.get().unwrap();
    let start = Instant::now();
    let again = queue.get().unwrap();
    assert!(start.elapsed() >= SOON / 2, "it was still held");
    assert!(matches!(late.ack(), Err(Error::NotHeld { id: 1, .. })));
    assert_eq!(counts(&queue), [0, 0, 1, 0, 0, 0]);
    again.ack().unwrap();
    assert_eq!(counts(&queue), [0, 0, 0, 1, 0, 0]);
}

#[test]
fn an_ack_behind_the_lease_is_refused_also_when_nobody_took_it() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_with(dir.path(), SqliteOptions::new().lease(SOON));
    put(&queue, &["a"]);
    let late = queue.get().unwrap();
    std::thread::sleep(SOON * 2);
    assert!(matches!(late.ack(), Err(Error::NotHeld { .. })));
}

#[test]
fn a_heartbeat_keeps_the_lease() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_with(dir.path(), SqliteOptions::new().lease(SOON));
    put(&queue, &["a"]);
    let delivery = queue.get().unwrap();
    for _ in 0..4 {
        std::thread::sleep(SOON / 2);
        delivery.extend(SOON).unwrap();
    }
    assert!(queue.try_get().unwrap().is_none());
    delivery.ack().unwrap();
}

#[test]
fn a_delayed_item_comes_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    let options = PutOptions { delay: Some(SOON), ..PutOptions::default() };
    let start = Instant::now();
    queue.put_with("late".to_owned(), options, Wait::No).unwrap();
    assert!(queue.try_get().unwrap().is_none());
    assert_eq!(queue.len().unwrap(), 0);
    let delivery = queue.get().unwrap();
    assert!(start.elapsed() >= SOON);
    delivery.nack_after(SOON).unwrap();
    assert!(queue.try_get().unwrap().is_none());
    queue.get().unwrap().ack().unwrap();
    assert!(start.elapsed() >= SOON * 2);
}

#[test]
fn an_item_that_went_to_the_back_comes_last() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a", "b"]);
    queue.get().unwrap().nack_to_back().unwrap();
    put(&queue, &["c"]);
    let got: Vec<String> = (0..3).map(|_| queue.get().unwrap().ack().unwrap()).collect();
    assert_eq!(got, ["b", "a", "c"]);
}

#[test]
fn an_item_that_fails_too_often_is_a_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().max_attempts(2).backoff(SOON);
    let queue = open_with(dir.path(), options);
    put(&queue, &["poison"]);
    queue.get().unwrap().nack().unwrap();
    assert!(queue.try_get().unwrap().is_none(), "it rests");
    queue.get().unwrap().nack().unwrap();
    assert_eq!(counts(&queue), [0, 0, 0, 0, 1, 0]);
    let dead = queue.dead_letters().unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].1.as_ref().unwrap(), "poison");
    assert_eq!(queue.requeue_dead(&[dead[0].0]).unwrap(), 1);
    let again = queue.get().unwrap();
    assert_eq!(again.attempts(), 1);
    again.nack().unwrap();
    queue.get().unwrap().nack().unwrap();
    assert_eq!(queue.drop_dead(&[dead[0].0]).unwrap(), 1);
    assert_eq!(counts(&queue), [0; 6]);
}

#[test]
fn an_item_that_waits_too_long_is_a_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_with(dir.path(), SqliteOptions::new().ttl(SOON));
    put(&queue, &["stale"]);
    std::thread::sleep(SOON * 2);
    assert!(queue.try_get().unwrap().is_none());
    assert_eq!(counts(&queue), [0, 0, 0, 0, 1, 0]);
}

#[test]
fn acked_rows_are_cleared_but_for_the_latest() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    for index in 0..10 {
        put(&queue, &[&index.to_string()]);
        queue.get().unwrap().ack().unwrap();
    }
    assert_eq!(queue.clear_acked(Some(3), 5).unwrap(), 3);
    assert_eq!(queue.count(Status::Acked).unwrap(), 7);
    assert_eq!(queue.clear_acked(None, 0).unwrap(), 7);
    let gone = open_with(dir.path(), SqliteOptions::new().keep_acked(false));
    put(&gone, &["a"]);
    gone.get().unwrap().ack().unwrap();
    assert_eq!(counts(&gone), [0; 6]);
}

#[test]
fn a_value_that_was_acked_can_be_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_with(dir.path(), SqliteOptions::new().kind(Kind::Unique));
    assert!(queue.put("a".to_owned()).unwrap().is_some());
    assert!(queue.put("a".to_owned()).unwrap().is_none());
    let held = queue.get().unwrap();
    assert!(queue.put("a".to_owned()).unwrap().is_none(), "it is not done");
    held.ack().unwrap();
    assert!(queue.put("a".to_owned()).unwrap().is_some());
}

#[test]
fn one_row_can_be_asked_for_and_the_one_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a", "b", "c"]);
    let get = |which| queue.get_with(Wait::No, which, None).unwrap();
    let b = get(Which::Id(2)).unwrap();
    assert_eq!(*b, "b");
    assert!(get(Which::Id(2)).is_none(), "it is held");
    let c = get(Which::Behind(2)).unwrap();
    assert_eq!(*c, "c");
    let a = get(Which::Behind(3)).unwrap();
    assert_eq!(*a, "a", "behind the last one comes the first");
    for delivery in [a, b, c] {
        delivery.ack().unwrap();
    }
}

#[test]
fn a_delivery_that_reached_nobody_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().max_attempts(1).backoff(Duration::from_secs(60));
    let store = SqliteStore::open(&dir.path().join("data.db"), options, true).unwrap();
    now(store.put(&mut Thread, vec![Put::default()], Wait::No)).unwrap();
    for _ in 0..3 {
        let held = now(store.hold(&mut Thread, Wait::No, Which::Next, None, 1)).unwrap();
        assert_eq!(held[0].attempts, 1);
        let row = (1, Some(held[0].token));
        let undone = now(store.settle(&mut Thread, vec![row], Settlement::Undone)).unwrap();
        assert_eq!(undone, [Some(1)]);
        assert_eq!(now(store.count(&mut Thread, Status::Ready)).unwrap(), 1);
        let late = now(store.settle(&mut Thread, vec![row], Settlement::Acked)).unwrap();
        assert_eq!(late, [None]);
    }
}

/// As persist-queue 1.x changes rows, which knows neither holders nor times.
#[test]
fn what_another_library_takes_and_ends_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    let options = SqliteOptions::new().ttl(Duration::from_millis(20)).lease(Duration::from_secs(9));
    let store = SqliteStore::open(&path, options, true).unwrap();
    now(store.put(&mut Thread, vec![Put::default()], Wait::No)).unwrap();
    let [held] = &now(store.hold(&mut Thread, Wait::No, Which::Next, None, 1)).unwrap()[..] else {
        panic!("one waits");
    };
    let other = rusqlite::Connection::open(&path).unwrap();
    let set = |status| {
        let statement = "UPDATE ack_queue_default SET status = ?1 WHERE _id = 1";
        assert_eq!(other.execute(statement, [status]), Ok(1));
    };
    set("1");
    set("2");
    for token in [Some(held.token), None] {
        let late = now(store.settle(&mut Thread, vec![(1, token)], Settlement::Acked)).unwrap();
        assert_eq!(late, [None]);
        assert!(!now(store.extend(&mut Thread, 1, token, SOON)).unwrap());
    }
    set("5");
    std::thread::sleep(SOON);
    assert!(now(store.hold(&mut Thread, Wait::No, Which::Next, None, 1)).unwrap().is_empty());
    let times = "SELECT COUNT(due) + COUNT(expires) + COUNT(holder) FROM ack_queue_default";
    assert_eq!(other.query_row(times, [], |row| row.get::<_, i64>(0)), Ok(0));
    assert_eq!(now(store.count(&mut Thread, Status::Acked)).unwrap(), 1);
}

#[test]
fn an_item_that_went_to_the_back_has_a_number_that_nobody_had() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_with(dir.path(), SqliteOptions::new().keep_acked(false));
    put(&queue, &["a", "b"]);
    let a = queue.get().unwrap();
    queue.get().unwrap().ack().unwrap();
    a.nack_to_back().unwrap();
    let again = queue.get().unwrap();
    assert_eq!(again.id(), 3, "2 was b's");
    again.ack().unwrap();
    assert_eq!(queue.put("c".to_owned()).unwrap(), Some(4), "3 was a's");
}

//! Many items in one transaction.

use std::path::Path;
use std::time::Duration;

use persist_queue::sql::Kind;
use persist_queue::sqlite::{PutOptions, Row, SqliteStore, Undecoded, Which};
use persist_queue::wait::{Thread, now};
use persist_queue::{Error, SqliteOptions, SqliteQueue, Wait};
use rusqlite::Connection;

const THREAD: u64 = 1;
const KINDS: [Kind; 4] = [Kind::Fifo, Kind::Filo, Kind::Unique, Kind::Priority];

const SHORT: Wait = Wait::For(Duration::from_millis(20));

fn open(dir: &Path, kind: Kind, auto_commit: bool) -> SqliteQueue<u32> {
    SqliteOptions::new().kind(kind).auto_commit(auto_commit).open(dir.join("data.db")).unwrap()
}

fn ordered(kind: Kind, numbers: std::ops::Range<u32>) -> Vec<u32> {
    if kind == Kind::Filo { numbers.rev().collect() } else { numbers.collect() }
}

/// How many transactions the write-ahead log holds: the last page of each says so.
fn commits(dir: &Path) -> usize {
    let log = std::fs::read(dir.join("data.db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks_exact(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn many_are_put_and_taken_in_one_transaction_each() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind, true);
        let before = commits(dir.path());
        let ids = queue.put_many((0..500).collect(), Wait::No).unwrap();
        assert_eq!(ids, (1..=500).map(Some).collect::<Vec<_>>());
        assert_eq!(commits(dir.path()), before + 1);
        let first = queue.get_many(300, Wait::No).unwrap();
        assert_eq!(commits(dir.path()), before + 2);
        let rest = queue.get_many(300, Wait::Forever).unwrap();
        assert_eq!([first, rest].concat(), ordered(kind, 0..500));
        for (most, wait) in [(10, Wait::No), (10, SHORT), (0, Wait::Forever)] {
            assert!(queue.get_many(most, wait).unwrap().is_empty());
        }
    }
}

#[test]
fn what_one_object_takes_another_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let one = open(dir.path(), Kind::Fifo, true);
    one.put_many((0..2000).collect(), Wait::No).unwrap();
    let mut got: Vec<u32> = std::thread::scope(|scope| {
        let take = || {
            let queue = open(dir.path(), Kind::Fifo, true);
            let many = || queue.get_many(7, Wait::No).unwrap();
            std::iter::repeat_with(many).take_while(|got| !got.is_empty()).flatten().collect()
        };
        let takers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        takers.into_iter().flat_map(|taker| -> Vec<u32> { taker.join().unwrap() }).collect()
    });
    got.extend(one.get_many(2000, Wait::No).unwrap());
    got.sort_unstable();
    assert_eq!(got, (0..2000).collect::<Vec<_>>());
}

#[test]
fn a_row_that_does_not_decode_stays_and_the_next_get_tells() {
    for auto_commit in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), Kind::Fifo, true).put_many(vec![1, 2, 3], Wait::No).unwrap();
        let raw = Connection::open(dir.path().join("data.db")).unwrap();
        raw.execute("UPDATE queue_default SET data = x'' WHERE _id = 2", []).unwrap();
        let queue = open(dir.path(), Kind::Fifo, auto_commit);
        assert_eq!(queue.get_many(10, Wait::No).unwrap(), [1]);
        let error = queue.get_many(10, Wait::No).unwrap_err();
        assert!(matches!(error, Error::Decode { sequence: 2, .. }), "{error:?}");
        assert_eq!(queue.get_many(10, Wait::No).unwrap(), [3]);
        queue.task_done().unwrap();
        let left: i64 =
            raw.query_row("SELECT sum(_id) FROM queue_default", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 2);
    }
}

#[test]
fn who_is_interrupted_takes_none_of_many() {
    for auto_commit in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        open(dir.path(), Kind::Fifo, true).put_many(vec![1, 2, 3], Wait::No).unwrap();
        let options = SqliteOptions::new().auto_commit(auto_commit);
        let store = SqliteStore::open(&path, options, false).unwrap();
        let interrupted =
            now(store.get_many(&mut Thread, THREAD, Wait::No, 3, |_: &mut Thread, row: &Row| {
                let error =
                    || Undecoded::Interrupted(Box::new(Error::Closed { path: path.clone() }));
                if row.id == 3 { Err(error()) } else { Ok(()) }
            }));
        interrupted.unwrap_err();
        let ids =
            now(store.get_many(&mut Thread, THREAD, Wait::No, 3, |_: &mut Thread, row: &Row| {
                Ok(row.id)
            }));
        assert_eq!(ids.unwrap(), [1, 2, 3]);
    }
}

#[test]
fn what_is_given_back_waits_again_once() {
    for (kind, auto_commit) in KINDS.iter().flat_map(|kind| [(*kind, true), (*kind, false)]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        let queue = open(dir.path(), kind, true);
        queue.put_many((0..3).collect(), Wait::No).unwrap();
        let options = SqliteOptions::new().kind(kind).auto_commit(auto_commit);
        let store = SqliteStore::open(&path, options, false).unwrap();
        let row = |_: &mut Thread, row: &persist_queue::sqlite::Row| Ok(row.clone());
        let taken = now(store.get_many(&mut Thread, THREAD, Wait::No, 2, row)).unwrap();
        now(store.give_back(&mut Thread, taken)).unwrap();
        assert_eq!(now(store.size(&mut Thread)).unwrap(), 3);
        now(store.task_done(&mut Thread, THREAD)).unwrap();
        store.close().unwrap();
        assert_eq!(queue.get_many(5, Wait::No).unwrap(), ordered(kind, 0..3));
    }
}

#[test]
fn many_are_put_taken_and_acknowledged_in_one_transaction_each() {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().lease(Duration::from_secs(60));
    let queue = options.open_ack::<u32>(dir.path().join("data.db")).unwrap();
    let before = commits(dir.path());
    let put = queue.put_many((0..5).collect(), PutOptions::default(), Wait::No).unwrap();
    assert_eq!(put.len(), 5);
    let mut held = queue.get_many(4, Wait::Forever, None).unwrap();
    assert_eq!(held.iter().map(|one| **one).collect::<Vec<_>>(), [0, 1, 2, 3]);
    drop(held.pop());
    assert_eq!(commits(dir.path()), before + 3);
    let acked: Vec<_> =
        queue.ack_many(held).unwrap().into_iter().map(|item| item.unwrap()).collect();
    assert_eq!(acked, [0, 1, 2]);
    assert_eq!(commits(dir.path()), before + 4);
    let rest = queue.get_many(4, Wait::No, None).unwrap();
    assert_eq!(rest.iter().map(|one| **one).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn who_acknowledges_many_learns_which_were_not_held_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new();
    let queue = options.open_ack::<u32>(dir.path().join("data.db")).unwrap();
    queue.put_many(vec![1, 2], PutOptions::default(), Wait::No).unwrap();
    let long = queue.get().unwrap();
    let short = queue.get_with(Wait::No, Which::Next, Some(Duration::from_millis(1))).unwrap();
    std::thread::sleep(Duration::from_millis(10));
    let acked = queue.ack_many(vec![long, short.unwrap()]).unwrap();
    assert_eq!(*acked[0].as_ref().unwrap(), 1);
    assert!(matches!(acked[1], Err(Error::NotHeld { id: 2, .. })), "{acked:?}");
}

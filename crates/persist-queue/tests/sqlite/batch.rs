//! `auto_commit = false`: what is put and taken becomes durable together.

use std::path::Path;
use std::time::{Duration, Instant};

use persist_queue::sql::Kind;
use persist_queue::sqlite::{Row, Which};
use persist_queue::wait::{Thread, now};
use persist_queue::{Error, SqliteOptions, SqliteQueue, Wait};
use rusqlite::Connection;

use crate::in_its_kind;
use crate::this_program::this_program;

type Queue = SqliteQueue<String>;

const KINDS: [Kind; 4] = [Kind::Fifo, Kind::Filo, Kind::Unique, Kind::Priority];

fn options(kind: Kind) -> SqliteOptions {
    SqliteOptions::new().kind(kind).auto_commit(false)
}

fn open(dir: &Path, kind: Kind) -> Queue {
    options(kind).open(dir.join("data.db")).unwrap()
}

fn put(queue: &Queue, items: &[&str]) {
    for item in items {
        queue.put((*item).to_owned()).unwrap();
    }
}

fn take(queue: &Queue) -> Option<String> {
    queue.try_get().unwrap()
}

fn drain(queue: &Queue) -> Vec<String> {
    std::iter::from_fn(|| take(queue)).collect()
}

/// A connection of somebody else.
fn raw(dir: &Path) -> Connection {
    let connection = Connection::open(dir.join("data.db")).unwrap();
    connection.busy_timeout(Duration::from_millis(20)).unwrap();
    connection
}

fn stored(dir: &Path, kind: Kind) -> i64 {
    let table = match kind {
        Kind::Fifo => "queue_default",
        Kind::Filo => "filo_queue_default",
        Kind::Unique => "unique_queue_default",
        Kind::Priority => "priority_queue_default",
    };
    raw(dir).query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn puts_are_in_memory_until_task_done() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        put(&queue, &["a", "b"]);
        assert_eq!(stored(dir.path(), kind), 0);
        queue.task_done().unwrap();
        assert_eq!(stored(dir.path(), kind), 2);
    }
}

#[test]
fn close_and_the_last_drop_store_what_was_put() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        put(&queue, &["a", "b"]);
        queue.close().unwrap();
        assert_eq!(stored(dir.path(), kind), 2);
        assert!(matches!(queue.put("c".to_owned()).unwrap_err().error, Error::Closed { .. }));
        let again = open(dir.path(), kind);
        put(&again, &["c"]);
        drop(again);
        assert_eq!(stored(dir.path(), kind), 3);
    }
}

#[test]
fn a_batch_holds_at_most_a_thousand_items() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        for index in 0..1000 {
            queue.put(index.to_string()).unwrap();
        }
        assert_eq!(stored(dir.path(), kind), 0);
        assert_eq!(queue.put("more".to_owned()).unwrap(), Some(1001));
        assert_eq!(stored(dir.path(), kind), 1001);
        assert_eq!(queue.len().unwrap(), 1001);
    }
}

#[test]
fn others_are_not_locked_out_meanwhile() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        put(&queue, &["a", "b"]);
        queue.task_done().unwrap();
        put(&queue, &["c"]);
        take(&queue).unwrap();
        raw(dir.path()).execute_batch("BEGIN EXCLUSIVE; CREATE TABLE x (y); COMMIT").unwrap();
    }
}

#[test]
fn what_was_taken_and_not_done_comes_back_in_order() {
    for (kind, order) in [
        (Kind::Fifo, ["a", "b", "c", "d"]),
        (Kind::Filo, ["d", "c", "b", "a"]),
        (Kind::Unique, ["a", "b", "c", "d"]),
        (Kind::Priority, ["c", "b", "d", "a"]),
    ] {
        for (stored_first, taken) in [(true, 1), (false, 1), (true, 3), (false, 4)] {
            let dir = tempfile::tempdir().unwrap();
            let queue = open(dir.path(), kind);
            for (item, priority) in [("a", 10), ("b", 5), ("c", 1), ("d", 5)] {
                let priority = in_its_kind(kind, priority);
                queue.put_with(item.to_owned(), priority, Wait::No).unwrap();
            }
            if stored_first {
                queue.task_done().unwrap();
            }
            for expected in &order[..taken] {
                assert_eq!(take(&queue).as_deref(), Some(*expected), "{kind:?}");
            }
            drop(queue);
            let queue = open(dir.path(), kind);
            assert_eq!(queue.len().unwrap(), 4);
            assert_eq!(drain(&queue), order, "{kind:?}");
        }
    }
}

#[test]
fn task_done_makes_final_what_was_taken_and_nothing_else() {
    for (kind, left) in [
        (Kind::Fifo, ["b", "c"]),
        (Kind::Filo, ["b", "a"]),
        (Kind::Unique, ["b", "c"]),
        (Kind::Priority, ["b", "c"]),
    ] {
        for stored_first in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let queue = open(dir.path(), kind);
            put(&queue, &["a", "b", "c"]);
            if stored_first {
                queue.task_done().unwrap();
            }
            take(&queue).unwrap();
            queue.task_done().unwrap();
            assert_eq!(take(&queue).as_deref(), Some("b"));
            drop(queue);
            assert_eq!(drain(&open(dir.path(), kind)), left, "{kind:?}");
        }
    }
}

#[test]
fn task_done_spares_what_another_thread_works_on() {
    for kind in KINDS {
        for stored_first in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let queue = open(dir.path(), kind);
            put(&queue, &["a", "b", "c"]);
            if stored_first {
                queue.task_done().unwrap();
            }
            let mine = take(&queue).unwrap();
            let others =
                std::thread::scope(|scope| scope.spawn(|| take(&queue).unwrap()).join().unwrap());
            queue.task_done().unwrap();
            drop(queue);
            let left = drain(&open(dir.path(), kind));
            assert!(left.contains(&others) && !left.contains(&mine), "{kind:?}: {left:?}");
            assert_eq!(left.len(), 2);
        }
    }
}

#[test]
fn a_thread_that_holds_nothing_finishes_the_oldest() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        put(&queue, &["a", "b"]);
        let mut taken = [take(&queue).unwrap(), take(&queue).unwrap()];
        taken.sort();
        std::thread::scope(|scope| scope.spawn(|| queue.task_done().unwrap()).join().unwrap());
        drop(queue);
        assert_eq!(drain(&open(dir.path(), kind)), ["b"], "{kind:?}");
    }
}

#[test]
fn what_is_put_and_done_within_a_batch_is_never_written() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        put(&queue, &["first"]);
        take(&queue).unwrap();
        queue.task_done().unwrap();
        let writer = raw(dir.path());
        let version =
            || writer.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
        let before = version();
        for index in 0..100 {
            put(&queue, &[&index.to_string()]);
            assert_eq!(take(&queue), Some(index.to_string()));
            queue.task_done().unwrap();
        }
        assert_eq!(version(), before, "{kind:?}");
    }
}

#[test]
fn a_put_gives_the_number_that_its_row_will_have() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        assert_eq!(queue.put("a".to_owned()).unwrap(), Some(1));
        assert_eq!(queue.put("b".to_owned()).unwrap(), Some(2));
        assert_eq!(queue.get_with(Wait::No, Which::Id(2)).unwrap().as_deref(), Some("b"));
        assert_eq!(queue.get_with(Wait::No, Which::Id(2)).unwrap(), None);
        drop(queue);
        let queue = open(dir.path(), kind);
        assert_eq!(queue.put("c".to_owned()).unwrap(), Some(3), "numbers are not wasted");
        queue.task_done().unwrap();
        assert_eq!(queue.get_with(Wait::No, Which::Id(2)).unwrap().as_deref(), Some("b"));
        assert_eq!(queue.get_with(Wait::No, Which::Id(7)).unwrap(), None);
    }
}

#[test]
fn others_who_put_meanwhile_get_other_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), Kind::Fifo);
    let other = open(dir.path(), Kind::Fifo);
    let insert = "INSERT INTO queue_default (data, timestamp) VALUES (x'a17a', 0)";
    let writer = raw(dir.path());
    writer.execute(insert, []).unwrap();
    let mut numbers = vec![writer.last_insert_rowid()];
    for index in 0..2500 {
        numbers.extend(queue.put(index.to_string()).unwrap());
        numbers.extend(other.put(index.to_string()).unwrap());
        if index % 500 == 0 {
            writer.execute(insert, []).unwrap();
            numbers.push(writer.last_insert_rowid());
        }
    }
    queue.close().unwrap();
    other.close().unwrap();
    let put = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), put);
    assert_eq!(usize::try_from(stored(dir.path(), Kind::Fifo)).unwrap(), put);
}

#[test]
fn a_value_that_waits_in_the_database_or_in_the_batch_is_not_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), Kind::Unique);
    let give = |item: &str| queue.put(item.to_owned()).unwrap();
    assert!(give("a").is_some());
    assert_eq!(give("a"), None);
    queue.task_done().unwrap();
    assert_eq!(give("a"), None);
    assert_eq!(take(&queue).as_deref(), Some("a"));
    assert!(give("a").is_some(), "what is in flight does not wait");
    assert_eq!(give("a"), None);
    queue.task_done().unwrap();
    assert_eq!(drain(&queue), ["a"]);
    queue.task_done().unwrap();
    assert_eq!(stored(dir.path(), Kind::Unique), 0);
}

#[test]
fn many_in_flight_do_not_slow_a_get_down() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue: SqliteQueue<u64> = options(kind).open(dir.path().join("data.db")).unwrap();
        let (filled, rounds) = (8000, 300);
        for index in 0..filled {
            queue.put(index).unwrap();
        }
        let take = |count: u64| {
            let start = Instant::now();
            (0..count).for_each(|_| assert!(queue.try_get().unwrap().is_some()));
            start.elapsed()
        };
        let first = take(rounds);
        take(filled - 2 * rounds);
        let last = take(rounds);
        assert!(last < first * 10 + Duration::from_millis(50), "{kind:?}: {first:?}, {last:?}");
        let start = Instant::now();
        for index in filled..filled + rounds {
            queue.put(index).unwrap();
            assert_eq!(queue.try_get().unwrap(), Some(index));
            assert_eq!(queue.try_get().unwrap(), None);
        }
        let mixed = start.elapsed();
        assert!(mixed < first * 40 + Duration::from_millis(100), "{kind:?}: {first:?}, {mixed:?}");
    }
}

#[test]
fn other_objects_of_the_process_do_not_take_what_is_in_flight() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        put(&queue, &["a", "b", "c"]);
        let taken = take(&queue).unwrap();
        // Stores the others, and what is in flight.
        for index in 0..998 {
            put(&queue, &[&index.to_string()]);
        }
        assert_eq!(stored(dir.path(), kind), 1001);
        for other in [
            open(dir.path(), kind),
            SqliteOptions::new().kind(kind).open(dir.path().join("data.db")).unwrap(),
        ] {
            assert_eq!(other.len().unwrap(), 1000);
            let got = drain(&other);
            assert_eq!(got.len(), 1000);
            assert!(!got.contains(&taken));
            drop(other);
            if stored(dir.path(), kind) == 1001 {
                assert_eq!(queue.len().unwrap(), 1000, "it gave them back");
            }
        }
        drop(queue);
        assert_eq!(drain(&open(dir.path(), kind)), [taken]);
    }
}

#[test]
fn rows_that_others_bring_later_are_found_wherever_they_belong() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        // Reserves numbers below those of `queue`.
        let other = open(dir.path(), kind);
        other.put_with("low".to_owned(), 0, Wait::No).unwrap();
        for item in ["a", "b", "c"] {
            queue.put_with(item.to_owned(), in_its_kind(kind, 1), Wait::No).unwrap();
        }
        queue.task_done().unwrap();
        assert_eq!(drain(&queue).len(), 3);
        other.close().unwrap();
        assert_eq!(drain(&queue), ["low"], "{kind:?}");
        // As another process does it.
        let late: Queue = SqliteOptions::new().kind(kind).open(dir.path().join("data.db")).unwrap();
        late.put_with("late".to_owned(), 0, Wait::No).unwrap();
        assert_eq!(drain(&queue), ["late"], "{kind:?}");
        assert_eq!(queue.len().unwrap(), 0);
    }
}

#[test]
fn size_counts_what_waits_in_the_database_and_in_the_batch() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        put(&queue, &["a", "b", "c"]);
        queue.task_done().unwrap();
        put(&queue, &["d", "e"]);
        assert_eq!(queue.len().unwrap(), 5);
        take(&queue).unwrap();
        assert_eq!(queue.len().unwrap(), 4);
        assert_eq!(drain(&queue).len(), 4);
        assert_eq!(queue.len().unwrap(), 0);
        queue.task_done().unwrap();
        assert_eq!(queue.len().unwrap(), 0);
    }
}

#[test]
fn join_waits_until_nothing_waits_and_nothing_taken_is_undone() {
    for stored_first in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), Kind::Fifo);
        assert!(queue.join(Wait::No).unwrap());
        put(&queue, &["a"]);
        if stored_first {
            queue.task_done().unwrap();
        }
        assert!(!queue.join(Wait::No).unwrap());
        take(&queue).unwrap();
        assert!(!queue.join(Wait::No).unwrap());
        std::thread::scope(|scope| {
            let joined = scope.spawn(|| queue.join(Wait::For(Duration::from_secs(10))).unwrap());
            std::thread::sleep(Duration::from_millis(30));
            let start = Instant::now();
            queue.task_done().unwrap();
            assert!(joined.join().unwrap());
            assert!(start.elapsed() < Duration::from_millis(300));
        });
    }
}

#[test]
fn maxsize_counts_what_is_batched() {
    let dir = tempfile::tempdir().unwrap();
    let queue: Queue = options(Kind::Fifo).maxsize(2).open(dir.path().join("data.db")).unwrap();
    put(&queue, &["a", "b"]);
    let full = queue.put_with("c".to_owned(), 0, Wait::No).unwrap_err();
    assert!(matches!(full.error, Error::Full { limit: 2, .. }));
    queue.task_done().unwrap();
    assert!(queue.put_with("c".to_owned(), 0, Wait::No).is_err());
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| queue.put("c".to_owned()).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(take(&queue).as_deref(), Some("a"));
        putter.join().unwrap();
    });
    assert_eq!(drain(&queue), ["b", "c"]);
}

#[test]
fn a_blocked_get_is_woken_by_a_batched_put() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), Kind::Fifo);
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get().unwrap());
        std::thread::sleep(Duration::from_millis(20));
        put(&queue, &["a"]);
        assert_eq!(getter.join().unwrap(), "a");
    });
}

#[test]
fn a_failed_flush_keeps_the_batch_and_tells_the_error() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue: Queue = options(kind)
            .timeout(Duration::from_millis(30))
            .open(dir.path().join("data.db"))
            .unwrap();
        put(&queue, &["a", "b", "c"]);
        let taken = take(&queue).unwrap();
        let other = raw(dir.path());
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(matches!(queue.task_done(), Err(Error::Locked { .. })));
        assert!(matches!(queue.close(), Err(Error::Locked { .. })));
        assert_eq!(queue.len().unwrap(), 2);
        put(&queue, &["d"]);
        other.execute_batch("COMMIT").unwrap();
        queue.task_done().unwrap();
        assert_eq!(stored(dir.path(), kind), 3);
        let left = drain(&queue);
        assert_eq!(left.len(), 3);
        assert!(!left.contains(&taken));
    }
}

#[test]
fn the_put_that_cannot_be_flushed_is_handed_back_and_nothing_else_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let queue: Queue = options(Kind::Fifo)
        .timeout(Duration::from_millis(30))
        .open(dir.path().join("data.db"))
        .unwrap();
    for index in 0..1000 {
        queue.put(index.to_string()).unwrap();
    }
    queue.task_done().unwrap();
    for index in 1000..2000 {
        queue.put(index.to_string()).unwrap();
    }
    let other = raw(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let rejected = queue.put("more".to_owned()).unwrap_err();
    assert!(matches!(rejected.error, Error::Locked { .. }));
    assert_eq!(rejected.item, "more");
    other.execute_batch("COMMIT").unwrap();
    drop(queue);
    let expected: Vec<_> = (0..2000).map(|index: u64| index.to_string()).collect();
    assert_eq!(drain(&open(dir.path(), Kind::Fifo)), expected);
}

#[test]
fn a_row_that_does_not_decode_stays_and_is_told_once() {
    for stored_first in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        let store = persist_queue::sqlite::SqliteStore::open(&path, options(Kind::Fifo), false);
        let store = store.unwrap();
        let host = &mut persist_queue::wait::Thread;
        for data in [b"bad".to_vec(), b"good".to_vec()] {
            let item = persist_queue::sqlite::Put { data, ..Default::default() };
            now(store.put(host, vec![item], Wait::No)).unwrap();
        }
        if stored_first {
            now(store.task_done(host, 1)).unwrap();
        }
        let mut get = || {
            now(store.get(host, 1, Wait::No, Which::Next, |_: &mut Thread, row: &Row| {
                match row.data.as_slice() {
                    b"good" => Ok(()),
                    _ => Err(persist_queue::sqlite::Undecoded::Broken(Box::new(Error::Invalid(
                        "bad".to_owned(),
                    )))),
                }
            }))
        };
        assert!(get().is_err());
        assert_eq!(get().unwrap(), Some(()));
        assert_eq!(get().unwrap(), None);
        let host = &mut persist_queue::wait::Thread;
        now(store.task_done(host, 1)).unwrap();
        assert_eq!(stored(dir.path(), Kind::Fifo), 1);
        drop(store);
        assert_eq!(open(dir.path(), Kind::Fifo).len().unwrap(), 1);
    }
}

#[test]
fn purge_spares_what_is_in_flight() {
    for kind in KINDS {
        for stored_first in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let queue = open(dir.path(), kind);
            put(&queue, &["a", "b"]);
            if stored_first {
                queue.task_done().unwrap();
            }
            put(&queue, &["c"]);
            let taken = take(&queue).unwrap();
            assert_eq!(queue.purge().unwrap(), 2);
            assert_eq!(queue.len().unwrap(), 0);
            drop(queue);
            assert_eq!(drain(&open(dir.path(), kind)), [taken]);
        }
    }
}

#[test]
fn with_auto_commit_task_done_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue: Queue = SqliteOptions::new().open(dir.path().join("data.db")).unwrap();
    put(&queue, &["a"]);
    queue.task_done().unwrap();
    assert_eq!(drain(&queue), ["a"]);
    queue.task_done().unwrap();
    assert!(queue.is_empty().unwrap());
}

#[test]
fn a_database_in_memory_is_batched_as_well() {
    let queue: Queue = options(Kind::Fifo).open(":memory:").unwrap();
    put(&queue, &["a", "b"]);
    assert_eq!(take(&queue).as_deref(), Some("a"));
    queue.task_done().unwrap();
    assert_eq!(queue.len().unwrap(), 1);
    assert_eq!(drain(&queue), ["b"]);
}

#[test]
fn threads_share_a_batch_and_each_item_goes_to_one() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), kind);
        let mut got: Vec<String> = std::thread::scope(|scope| {
            for thread in 0..3 {
                let queue = &queue;
                scope.spawn(move || {
                    for index in 0..1000 {
                        queue.put(format!("{thread}-{index}")).unwrap();
                        if index % 100 == 99 {
                            queue.task_done().unwrap();
                        }
                    }
                });
            }
            let work = |_| {
                let queue = &queue;
                scope.spawn(move || {
                    let mut got = Vec::new();
                    for index in 0..1000 {
                        got.push(queue.get().unwrap());
                        if index % 50 == 49 {
                            queue.task_done().unwrap();
                        }
                    }
                    got
                })
            };
            let getters: Vec<_> = (0..3).map(work).collect();
            getters.into_iter().flat_map(|getter| getter.join().unwrap()).collect()
        });
        got.sort();
        got.dedup();
        assert_eq!(got.len(), 3000, "{kind:?}");
        assert!(queue.join(Wait::For(Duration::ZERO)).unwrap() || queue.is_empty().unwrap());
    }
}

#[test]
fn a_forked_child_leaves_its_parents_batch_alone() {
    const ROLE: &str = "PERSIST_QUEUE_BATCH_FORK";
    let Some(dir) = std::env::var_os(ROLE) else {
        let dir = tempfile::tempdir().unwrap();
        let name = "batch::a_forked_child_leaves_its_parents_batch_alone";
        let status = this_program()
            .args(["--exact", name, "--test-threads=1"])
            .env(ROLE, dir.path())
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(drain(&open(dir.path(), Kind::Fifo)), ["parent", "child"]);
        return;
    };
    let dir = Path::new(&dir);
    let queue = open(dir, Kind::Fifo);
    put(&queue, &["parent"]);
    fork(|| {
        assert_eq!(take(&queue), None);
        put(&queue, &["child"]);
        queue.close().unwrap();
    });
    assert_eq!(stored(dir, Kind::Fifo), 1);
    drop(queue);
    assert_eq!(stored(dir, Kind::Fifo), 2);
}

/// Has a forked child do `work`, and waits for it.
#[allow(unsafe_code)]
fn fork(work: impl FnOnce()) {
    // SAFETY: the child does what the test is about, and leaves with `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(done.is_err())) }
    }
    let mut status = -1;
    // SAFETY: waits for the child that was just made; `status` is ours.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0, "the child failed");
}

/// What a killed process leaves is what it had made durable, and what it had not done.
#[test]
fn a_killed_process_leaves_what_was_durable() {
    const ROLE: &str = "PERSIST_QUEUE_BATCH_KILLED";
    for kind in KINDS {
        if let Some(dir) = std::env::var_os(ROLE) {
            let queue = open(Path::new(&dir), kind);
            put(&queue, &["a", "b", "c"]);
            take(&queue).unwrap();
            queue.task_done().unwrap();
            take(&queue).unwrap();
            put(&queue, &["lost"]);
            if kind == Kind::Priority {
                std::process::abort();
            }
            std::mem::forget(queue);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let name = "batch::a_killed_process_leaves_what_was_durable";
    let output = this_program()
        .args(["--exact", name, "--test-threads=1"])
        .env(ROLE, dir.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    for (kind, left) in [
        (Kind::Fifo, ["b", "c"]),
        (Kind::Filo, ["b", "a"]),
        (Kind::Unique, ["b", "c"]),
        (Kind::Priority, ["b", "c"]),
    ] {
        assert_eq!(drain(&open(dir.path(), kind)), left, "{kind:?}");
    }
}

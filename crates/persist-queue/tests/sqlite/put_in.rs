//! Putting in a transaction of the user's own on the same file.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use persist_queue::rusqlite::{Connection, TransactionBehavior};
use persist_queue::sql::{Kind, Status};
use persist_queue::sqlite::PutOptions;
use persist_queue::{Error, SqliteOptions, SqliteQueue, Wait};

fn file(dir: &Path) -> PathBuf {
    dir.join("data.db")
}

fn open(dir: &Path, options: SqliteOptions) -> SqliteQueue<u64> {
    options.open(file(dir)).unwrap()
}

fn user(dir: &Path) -> Connection {
    let connection = Connection::open(file(dir)).unwrap();
    connection.execute_batch("CREATE TABLE IF NOT EXISTS mine (word TEXT)").unwrap();
    connection
}

fn words(dir: &Path) -> i64 {
    user(dir).query_row("SELECT COUNT(*) FROM mine", [], |row| row.get(0)).unwrap()
}

fn drain(queue: &SqliteQueue<u64>) -> Vec<u64> {
    std::iter::from_fn(|| queue.try_get().unwrap()).collect()
}

#[test]
fn it_is_there_with_the_users_commit_and_never_before() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    queue.put(1).unwrap();
    assert_eq!(queue.len().unwrap(), 1);
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    transaction.execute("INSERT INTO mine VALUES ('hat')", []).unwrap();
    assert_eq!(queue.put_in(&transaction, &2, 0).unwrap(), Some(2));
    assert_eq!(queue.put_in(&transaction, &3, 0).unwrap(), Some(3));
    assert_eq!((queue.len().unwrap(), words(dir.path())), (1, 0));
    transaction.commit().unwrap();
    assert_eq!((queue.len().unwrap(), words(dir.path())), (3, 1));
    assert_eq!(drain(&queue), [1, 2, 3]);
    assert_eq!(queue.len().unwrap(), 0);
}

#[test]
fn it_never_was_there_behind_a_rollback() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    assert_eq!(queue.len().unwrap(), 0);
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    transaction.execute("INSERT INTO mine VALUES ('hat')", []).unwrap();
    queue.put_in(&transaction, &1, 0).unwrap();
    transaction.rollback().unwrap();
    assert_eq!((queue.len().unwrap(), words(dir.path())), (0, 0));
    assert_eq!(queue.try_get().unwrap(), None);
    queue.put(2).unwrap();
    assert_eq!(queue.len().unwrap(), 1);
    assert_eq!(drain(&queue), [2]);
}

#[test]
fn a_blocked_get_wakes_with_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    let mut connection = user(dir.path());
    let mut ways = Vec::new();
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let queue = &queue;
        scope.spawn(move || {
            for _ in 0..9 {
                let got = queue.get_timeout(Duration::from_secs(20)).unwrap();
                sender.send((got, Instant::now())).unwrap();
            }
        });
        for number in 0..9 {
            std::thread::sleep(Duration::from_millis(30));
            let transaction = connection.transaction().unwrap();
            queue.put_in(&transaction, &number, 0).unwrap();
            std::thread::sleep(Duration::from_millis(5));
            assert!(receiver.try_recv().is_err(), "delivered before the commit");
            let start = Instant::now();
            transaction.commit().unwrap();
            let (got, end) = receiver.recv().unwrap();
            assert_eq!(got, Some(number));
            ways.push(end.saturating_duration_since(start));
        }
    });
    ways.sort();
    // Far less than the look of twice a second that a get takes by itself.
    assert!(ways[4] < Duration::from_millis(100), "it is not woken: {ways:?}");
}

#[test]
fn a_transaction_on_another_database_is_refused() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let queue = open(here.path(), SqliteOptions::new());
    let elsewhere = open(there.path(), SqliteOptions::new());
    let mut connection = user(there.path());
    let transaction = connection.transaction().unwrap();
    let Err(Error::Invalid(reason)) = queue.put_in(&transaction, &1, 0) else { panic!() };
    for path in [file(here.path()), file(there.path())] {
        assert!(reason.contains(path.to_str().unwrap()), "{reason}");
    }
    elsewhere.put_in(&transaction, &2, 0).unwrap();
    transaction.commit().unwrap();
    assert_eq!(queue.len().unwrap(), 0);
    assert_eq!(drain(&elsewhere), [2]);
}

#[test]
fn a_file_is_known_by_whatever_name() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    let mut connection = user(&link);
    let transaction = connection.transaction().unwrap();
    queue.put_in(&transaction, &1, 0).unwrap();
    transaction.commit().unwrap();
    assert_eq!(drain(&queue), [1]);
}

#[test]
fn memory_has_no_part_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    let in_memory: SqliteQueue<u64> = SqliteOptions::new().open(":memory:").unwrap();
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    assert!(matches!(in_memory.put_in(&transaction, &1, 0), Err(Error::Invalid(_))));
    let mut connection = Connection::open_in_memory().unwrap();
    let transaction = connection.transaction().unwrap();
    assert!(matches!(queue.put_in(&transaction, &1, 0), Err(Error::Invalid(_))));
    assert!(matches!(in_memory.put_in(&transaction, &1, 0), Err(Error::Invalid(_))));
}

#[test]
fn a_queue_that_batches_has_no_part_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new().auto_commit(false));
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    let Err(Error::Invalid(reason)) = queue.put_in(&transaction, &1, 0) else { panic!() };
    assert!(reason.contains("auto_commit"), "{reason}");
}

#[test]
fn a_closed_queue_has_no_part_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    queue.close().unwrap();
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    assert!(matches!(queue.put_in(&transaction, &1, 0), Err(Error::Closed { .. })));
}

#[test]
fn nothing_is_put_behind_the_end_of_a_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    // As SQLite does by itself where the disk is full.
    transaction.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(queue.put_in(&transaction, &1, 0), Err(Error::Invalid(_))));
    assert_eq!(queue.len().unwrap(), 0);
}

#[test]
fn maxsize_counts_what_the_transaction_has_put() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new().maxsize(2));
    queue.put(1).unwrap();
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    queue.put_in(&transaction, &2, 0).unwrap();
    assert!(matches!(queue.put_in(&transaction, &3, 0), Err(Error::Full { limit: 2, .. })));
    transaction.rollback().unwrap();
    let transaction = connection.transaction().unwrap();
    queue.put_in(&transaction, &4, 0).unwrap();
    transaction.commit().unwrap();
    assert!(queue.put_with(5, 0, Wait::No).is_err(), "the commit has filled it");
    assert_eq!(drain(&queue), [1, 4]);
}

#[test]
fn maxsize_counts_what_is_not_finished() {
    let dir = tempfile::tempdir().unwrap();
    let queue = SqliteOptions::new().maxsize(3).open_ack::<u64>(file(dir.path())).unwrap();
    let delayed = PutOptions { delay: Some(Duration::from_secs(60)), ..PutOptions::default() };
    queue.put(1).unwrap();
    queue.get().unwrap().ack().unwrap();
    queue.put(2).unwrap();
    let held = queue.get().unwrap();
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    queue.put_in(&transaction, &3, delayed).unwrap();
    queue.put_in(&transaction, &4, PutOptions::default()).unwrap();
    let full = queue.put_in(&transaction, &5, PutOptions::default());
    assert!(matches!(full, Err(Error::Full { limit: 3, .. })));
    transaction.commit().unwrap();
    assert_eq!((queue.len().unwrap(), queue.count(Status::Delayed).unwrap()), (1, 1));
    held.ack().unwrap();
}

#[test]
fn a_unique_queue_takes_a_value_once() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new().kind(Kind::Unique));
    queue.put(1).unwrap();
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    let put = [1, 2, 2].map(|number| queue.put_in(&transaction, &number, 0).unwrap());
    transaction.commit().unwrap();
    assert_eq!(put, [None, Some(2), None]);
    assert_eq!(queue.put(2).unwrap(), None);
    assert_eq!(drain(&queue), [1, 2]);
}

#[test]
fn an_acknowledged_value_can_be_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().kind(Kind::Unique);
    let queue = options.open_ack::<u64>(file(dir.path())).unwrap();
    queue.put(1).unwrap();
    queue.get().unwrap().ack().unwrap();
    assert_eq!(queue.count(Status::Acked).unwrap(), 1);
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    assert_eq!(queue.put_in(&transaction, &1, PutOptions::default()).unwrap(), Some(2));
    transaction.commit().unwrap();
    assert_eq!((queue.len().unwrap(), queue.count(Status::Acked).unwrap()), (1, 0));
}

#[test]
fn priorities_delays_and_times_to_live_hold() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), SqliteOptions::new().kind(Kind::Priority));
    let options = SqliteOptions::new().ttl(Duration::ZERO);
    let queue = options.open_ack::<u64>(file(dir.path())).unwrap();
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    for (number, priority) in [(1, 5), (2, 0), (3, 5)] {
        first.put_in(&transaction, &number, priority).unwrap();
    }
    let long = Some(Duration::from_secs(60));
    let soon = Some(Duration::from_millis(200));
    let delayed = PutOptions { delay: soon, ttl: long, ..PutOptions::default() };
    queue.put_in(&transaction, &1, delayed).unwrap();
    let at_once = PutOptions { ttl: long, ..PutOptions::default() };
    queue.put_in(&transaction, &2, at_once).unwrap();
    // The queue's own time to live.
    queue.put_in(&transaction, &3, PutOptions::default()).unwrap();
    transaction.commit().unwrap();
    let got: Vec<u64> = std::iter::from_fn(|| first.try_get().unwrap()).collect();
    assert_eq!(got, [2, 1, 3]);
    assert_eq!(queue.count(Status::Delayed).unwrap(), 1);
    let got: Vec<u64> = (0..2).map(|_| queue.get().unwrap().ack().unwrap()).collect();
    assert_eq!(got, [2, 1]);
    assert_eq!(queue.count(Status::Dead).unwrap(), 1);
}

#[test]
fn options_that_the_queue_does_not_know_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new());
    let mut connection = user(dir.path());
    let transaction = connection.transaction().unwrap();
    assert!(matches!(queue.put_in(&transaction, &1, 7), Err(Error::Invalid(_))));
}

#[test]
fn a_transaction_that_begins_with_a_put_waits_for_who_writes() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), SqliteOptions::new().maxsize(10));
    let mut connection = user(dir.path());
    let mut other = user(dir.path());
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let writes = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
            writes.execute("INSERT INTO mine VALUES ('first')", []).unwrap();
            sender.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(100));
            writes.commit().unwrap();
        });
        receiver.recv().unwrap();
        let transaction = connection.transaction().unwrap();
        queue.put_in(&transaction, &1, 0).unwrap();
        transaction.commit().unwrap();
    });
    assert_eq!(queue.len().unwrap(), 1);
}

#[test]
fn a_connection_that_is_older_than_the_queue_will_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut connection = user(dir.path());
    let queue = open(dir.path(), SqliteOptions::new());
    for number in 0..20 {
        let transaction = connection.transaction().unwrap();
        queue.put_in(&transaction, &number, 0).unwrap();
        transaction.commit().unwrap();
        queue.put(100 + number).unwrap();
    }
    drop(connection);
    assert_eq!(queue.len().unwrap(), 40);
    drop(queue);
    let whole: String =
        user(dir.path()).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    assert_eq!(drain(&open(dir.path(), SqliteOptions::new())).len(), 40);
}

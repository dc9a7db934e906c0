//! What calls cost, counted and not timed; and that what makes them cheap leaves no trace in the data.

use std::path::{Path, PathBuf};
use std::time::Duration;

use persist_queue::{Durability, SqliteOptions, SqliteQueue, Wait};
use rusqlite::Connection;

type Queue = SqliteQueue<String>;

fn open(dir: &Path) -> Queue {
    let options = SqliteOptions::new().durability(Durability::Process);
    options.open(dir.join("data.db")).unwrap()
}

fn other(dir: &Path) -> Connection {
    Connection::open(dir.join("data.db")).unwrap()
}

fn put(queue: &Queue, items: &[&str]) {
    for item in items {
        queue.put((*item).to_owned()).unwrap();
    }
}

/// A counter of this process or thread, as the kernel keeps it.
fn counter(file: &Path, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().parse().unwrap()
}

#[test]
fn the_frames_of_a_commit_are_written_by_one_call() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["the log begins"]);
    let writes = || counter(Path::new("/proc/thread-self/io"), "syscw");
    let before = writes();
    for _ in 0..100 {
        put(&queue, &["an item dirties two pages"]);
    }
    let written = writes() - before;
    assert!((100..=110).contains(&written), "{written} writes for 100 puts");
}

#[test]
fn a_put_changes_no_page_but_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    // The blocks of numbers become larger and larger.
    for _ in 0..200 {
        put(&queue, &["warm"]);
    }
    let bytes = || counter(Path::new("/proc/thread-self/io"), "wchar");
    let before = bytes();
    for _ in 0..100 {
        put(&queue, &["x"]);
    }
    let each = (bytes() - before) / 100;
    assert!((4120..4500).contains(&each), "{each} bytes a put: a frame has 4120");
}

#[test]
fn numbers_follow_the_order_of_the_puts_whoever_puts() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    let sql = "INSERT INTO queue_default (data, timestamp) VALUES (x'00', 0) RETURNING _id";
    let theirs = other(dir.path());
    let mut numbers = Vec::new();
    for count in [1, 2, 5, 40, 1, 1, 100] {
        for _ in 0..count {
            numbers.push(queue.put_with("ours".to_owned(), 0, Wait::No).unwrap().unwrap());
        }
        numbers.push(theirs.query_row(sql, [], |row| row.get(0)).unwrap());
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[test]
fn numbers_go_on_without_a_gap_after_a_clean_close() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let queue = open(dir.path());
        for number in 1..=20 {
            let put = queue.put_with("an item".to_owned(), 0, Wait::No).unwrap();
            if number % 7 == 0 {
                queue.purge().unwrap();
            }
            assert_eq!(put, Some(round * 20 + number));
        }
    }
}

#[test]
fn a_transaction_that_does_not_fit_into_the_cache_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    // SQLite writes pages before the commit then, some of them twice, and mends their checksums.
    let item = |number: u32| format!("{number} {}", "x".repeat(30_000));
    queue.put_many((0..400).map(item).collect(), Wait::No).unwrap();
    put(&queue, &["after"]);
    let other = other(dir.path());
    let whole: String = other.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    for number in 0..400 {
        assert!(queue.try_get().unwrap() == Some(item(number)), "item {number}");
    }
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("after"));
}

/// A new thread has its name only after a while.
fn helper_thread() -> Option<PathBuf> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(|task| task.unwrap().path())
        .find(|task| std::fs::read_to_string(task.join("comm")).unwrap() == "persist-queue\n")
}

#[test]
fn the_helper_thread_sleeps_while_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["the helper has started"]);
    let helper = std::iter::repeat_with(helper_thread).flatten().next().unwrap();
    // Whoever waited leaves a watch behind, which goes with the next write.
    queue.get_timeout(Duration::from_millis(50)).unwrap();
    queue.get_timeout(Duration::from_millis(50)).unwrap();
    put(&queue, &["a write"]);
    std::thread::sleep(Duration::from_millis(50));
    let wakes = || counter(&helper.join("status"), "voluntary_ctxt_switches");
    let before = wakes();
    for _ in 0..200 {
        put(&queue, &["more"]);
    }
    let woken = wakes() - before;
    assert!(woken < 10, "woken {woken} times by 200 puts");
}

#[test]
fn what_another_process_did_to_the_next_row_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    put(&queue, &["a", "b", "c", "d"]);
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("a"));
    other(dir.path()).execute("DELETE FROM queue_default WHERE _id = 2", []).unwrap();
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("c"));
    // Put and taken again often enough to read ahead as before.
    for _ in 0..200 {
        put(&queue, &["e"]);
        queue.try_get().unwrap().unwrap();
    }
    put(&queue, &["f"]);
    queue.try_get().unwrap().unwrap();
    let changed = other(dir.path()).execute(
        "UPDATE queue_default SET data = (SELECT data FROM queue_default ORDER BY _id DESC LIMIT 1)
         WHERE _id = (SELECT MIN(_id) FROM queue_default)",
        [],
    );
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(queue.len().unwrap(), 1);
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("f"));
    assert_eq!(queue.try_get().unwrap(), None);
}

#[test]
fn a_row_that_comes_back_is_before_the_row_that_was_read_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let numbers: SqliteQueue<u64> = SqliteOptions::new().open(dir.path().join("data.db")).unwrap();
    let queue = open(dir.path());
    put(&queue, &["a"]);
    numbers.put(7).unwrap();
    put(&queue, &["b", "c"]);
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("a"));
    // What was read ahead cannot be decoded, and stays: the next one comes.
    queue.try_get().unwrap_err();
    assert_eq!(queue.try_get().unwrap().as_deref(), Some("b"));
    // Set aside by the queue that is closed here, and free for this one.
    drop(queue);
    assert_eq!(numbers.try_get().unwrap(), Some(7));
}

#[test]
fn the_log_is_copied_into_the_database_within_its_bound() {
    let size_after = |level, puts| {
        let dir = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new().durability(level);
        let queue: Queue = options.open(dir.path().join("data.db")).unwrap();
        for _ in 0..puts {
            put(&queue, &["dirties a page"]);
        }
        std::fs::metadata(dir.path().join("data.db-wal")).unwrap().len() / 4120
    };
    let unflushed = size_after(Durability::Process, 5000);
    assert!((3900..4200).contains(&unflushed), "{unflushed} pages where commits do not wait");
    let flushed = size_after(Durability::Disk, 1300);
    assert!((900..1200).contains(&flushed), "{flushed} pages where each commit is flushed");
}

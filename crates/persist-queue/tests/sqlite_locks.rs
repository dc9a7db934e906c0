//! The locks of our copy of SQLite: what they are, and that connections, threads, processes and forks
//! get on with them. See `src/sqlite/posix_locks.rs`.
//!
//! The connections here are rusqlite's, whose copy of SQLite is the one that the queues use.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unsafe_code)]

#[path = "support/this_program.rs"]
mod this_program;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use persist_queue::{SqliteOptions, SqliteQueue};
use rusqlite::{Connection, ErrorCode, ffi};
use this_program::this_program;

const ROLE: &str = "PERSIST_QUEUE_LOCKS";

/// A folder in which a queue was opened, so that the locks are in place.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    install(dir.path());
    dir
}

fn install(dir: &Path) {
    let _: SqliteQueue<u64> = SqliteOptions::new().open(dir.join("queue.db")).unwrap();
}

fn connect(path: &Path, journal: &str, patience: u64) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_millis(patience)).unwrap();
    let switch = format!("PRAGMA journal_mode = {journal}");
    let mode: String =
        patiently(patience, || connection.query_row(&switch, [], |row| row.get(0))).unwrap();
    assert_eq!(mode, journal);
    let table = "PRAGMA synchronous = OFF; CREATE TABLE IF NOT EXISTS t(who, n)";
    patiently(patience, || connection.execute_batch(table)).unwrap();
    connection
}

/// SQLite does not wait for a lock where it switches to the log, and where somebody else wrote since
/// a transaction began to read.
fn patiently<T>(patience: u64, call: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let end = Instant::now() + Duration::from_millis(patience);
    loop {
        match call() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < end => {}
            done => return done,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn run(connection: &Connection, sql: &str) {
    connection.execute_batch(sql).unwrap();
}

#[track_caller]
fn assert_busy(result: rusqlite::Result<()>) {
    let code = result.unwrap_err().sqlite_error_code();
    assert_eq!(code, Some(ErrorCode::DatabaseBusy));
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

/// The kinds of the locks that this process has on a file.
fn locks(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        if std::fs::read_link(entry.path()).is_ok_and(|target| target == path) {
            let info = Path::new("/proc/self/fdinfo").join(entry.file_name());
            let info = std::fs::read_to_string(info).unwrap_or_default();
            let lines = info.lines().filter_map(|line| line.strip_prefix("lock:"));
            found.extend(lines.filter_map(|line| Some(line.split_whitespace().nth(1)?.to_owned())));
        }
    }
    found
}

#[test]
fn locks_belong_to_open_files_and_outlive_another_close() {
    for journal in ["delete", "wal"] {
        let dir = folder();
        let path = dir.path().join("data.db");
        let locked = if journal == "wal" { dir.path().join("data.db-shm") } else { path.clone() };
        let connection = connect(&path, journal, 0);
        run(&connection, "BEGIN IMMEDIATE; INSERT INTO t VALUES (1, 1)");
        let held = locks(&locked);
        assert!(!held.is_empty() && held.iter().all(|kind| kind == "OFDLCK"), "{held:?}");
        // This is what Python's copy of SQLite does all the time.
        drop(std::fs::File::open(&locked).unwrap());
        assert_eq!(locks(&locked), held);
        run(&connection, "COMMIT");
        drop(connection);
        assert!(locks(&path).is_empty());
    }
}

#[test]
fn a_descriptor_is_never_closed_while_the_file_has_a_name_and_is_used_again() {
    let dir = folder();
    let path = dir.path().join("data.db");
    drop(connect(&path, "delete", 0));
    let open = |path: &Path| {
        let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        entries
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .filter(|to| to == path)
            .count()
    };
    // SQLite's, and the one with the locks.
    assert_eq!(open(&path), 2);
    for _ in 0..50 {
        drop(connect(&path, "delete", 0));
    }
    assert_eq!(open(&path), 2);
    std::fs::remove_file(&path).unwrap();
    drop(connect(&dir.path().join("other.db"), "delete", 0));
    assert_eq!(open(&dir.path().join("data.db (deleted)")), 0);
}

#[test]
fn a_lock_that_one_connection_took_another_one_can_raise_and_drop() {
    let dir = folder();
    let path = dir.path().join("data.db");
    let (first, second) = (connect(&path, "delete", 0), connect(&path, "delete", 0));
    run(&first, "BEGIN; SELECT * FROM t");
    run(&second, "BEGIN; SELECT * FROM t");
    run(&first, "COMMIT");
    // The descriptor of `first` took the shared lock, which is now only needed by `second`.
    run(&second, "INSERT INTO t VALUES (1, 1); COMMIT");
    assert!(locks(&path).is_empty());
    // Two of one process are still in each other's way as they should be.
    run(&second, "BEGIN IMMEDIATE");
    assert_busy(first.execute_batch("BEGIN IMMEDIATE"));
    run(&second, "COMMIT; BEGIN; SELECT * FROM t");
    run(&first, "BEGIN IMMEDIATE; INSERT INTO t VALUES (1, 2)");
    assert_busy(first.execute_batch("COMMIT"));
    run(&second, "COMMIT");
    run(&first, "COMMIT; VACUUM");
    assert_eq!(count(&second), 2);
}

#[test]
fn the_last_connection_clears_up_whoever_was_first() {
    let dir = folder();
    let path = dir.path().join("data.db");
    let (first, second) = (connect(&path, "wal", 0), connect(&path, "wal", 0));
    run(&first, "INSERT INTO t VALUES (1, 1)");
    assert_eq!(count(&second), 1);
    drop(first);
    run(&second, "INSERT INTO t VALUES (1, 2); VACUUM");
    assert!(dir.path().join("data.db-wal").exists());
    drop(second);
    assert!(!dir.path().join("data.db-wal").exists());
    let alone = connect(&path, "delete", 0);
    assert_eq!(count(&alone), 2);
}

const THREADS: i64 = 3;
const ROUNDS: i64 = 10;
const ROWS: i64 = 10;

fn hammer(path: &Path, journal: &str, process: i64) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let connection = connect(path, journal, 60_000);
                    for row in 0..ROWS {
                        let values = (process * THREADS + thread, round * ROWS + row);
                        connection.execute("INSERT INTO t VALUES (?, ?)", values).unwrap();
                    }
                    if round % 5 == thread {
                        run(&connection, "VACUUM");
                    }
                }
            });
        }
    });
}

fn start(name: &str, words: &[&str]) -> Child {
    this_program()
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ROLE, words.join("\n"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child process does. In the test binary itself there is nothing to do.
#[test]
fn child() {
    let Ok(words) = std::env::var(ROLE) else { return };
    let words: Vec<_> = words.lines().collect();
    let path = PathBuf::from(words[0]);
    install(path.parent().unwrap());
    hammer(&path, words[1], words[2].parse().unwrap());
}

#[test]
fn threads_and_processes_that_open_and_close_all_the_time_lose_nothing() {
    for journal in ["wal", "delete"] {
        let dir = folder();
        let path = dir.path().join("data.db");
        let children: Vec<_> = ["1", "2", "3"]
            .map(|number| start("child", &[path.to_str().unwrap(), journal, number]))
            .into();
        hammer(&path, journal, 0);
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let connection = connect(&path, journal, 0);
        let distinct: i64 = connection
            .query_row("SELECT count(*) FROM (SELECT DISTINCT who, n FROM t)", [], |row| row.get(0))
            .unwrap();
        let check: String =
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let expected = 4 * THREADS * ROUNDS * ROWS;
        assert_eq!((distinct, count(&connection), check.as_str()), (expected, expected, "ok"));
    }
}

/// Runs `body` in a process of its own, in which nothing else happens when it forks.
fn alone(name: &str, body: impl FnOnce(&Path)) {
    if let Ok(dir) = std::env::var(ROLE) {
        install(Path::new(&dir));
        return body(&Path::new(&dir).join("data.db"));
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(start(name, &[dir.path().to_str().unwrap()]).wait().unwrap().success());
}

/// Forks; the child does `work` and ends.
fn fork(work: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child does `work`, which is the point of these tests, and leaves with `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(done.is_err())) }
    }
    pid
}

#[track_caller]
fn assert_ended_well(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is a place for the status of a child of ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

#[test]
fn a_forked_child_has_locks_of_its_own_and_cannot_hurt_its_parents() {
    alone("a_forked_child_has_locks_of_its_own_and_cannot_hurt_its_parents", |path| {
        for journal in ["wal", "delete"] {
            let parents = connect(path, journal, 0);
            run(&parents, "BEGIN IMMEDIATE; INSERT INTO t VALUES (0, 0)");
            assert_ended_well(fork(|| {
                if journal == "wal" {
                    // A rollback journal would be played back and deleted: SQLite asks no lock for it.
                    // SAFETY: closes the copy of the connection, as a careless program would.
                    unsafe { ffi::sqlite3_close(parents.handle()) };
                    assert!(path.with_extension("db-wal").exists());
                }
                let own = Connection::open(path).unwrap();
                assert_busy(own.execute_batch("BEGIN IMMEDIATE"));
            }));
            run(&parents, "COMMIT");
            let child = fork(|| {
                let own = connect(path, journal, 0);
                for n in 1..=10 {
                    own.execute("INSERT INTO t VALUES (1, ?)", [n]).unwrap();
                }
                std::thread::sleep(Duration::from_millis(300));
                run(&own, "INSERT INTO t VALUES (1, 11)");
            });
            std::thread::sleep(Duration::from_millis(150));
            // The last connection of the parent must see that the child has one.
            drop(parents);
            assert_ended_well(child);
            let connection = connect(path, journal, 0);
            assert_eq!(count(&connection), 12);
            run(&connection, "DELETE FROM t");
        }
    });
}

#[test]
fn the_locks_of_a_dead_parent_are_free_though_its_child_lives() {
    alone("the_locks_of_a_dead_parent_are_free_though_its_child_lives", |path| {
        drop(connect(path, "wal", 0));
        let middle = fork(|| {
            let connection = connect(path, "wal", 0);
            run(&connection, "BEGIN IMMEDIATE");
            fork(|| std::thread::sleep(Duration::from_secs(5)));
            // SAFETY: ends the process, with the transaction open.
            unsafe { libc::_exit(0) };
        });
        assert_ended_well(middle);
        // The child may not have come to close its copies yet; it lives for longer than this waits.
        run(&connect(path, "wal", 2000), "INSERT INTO t VALUES (0, 0)");
    });
}

/// Does `work` while this process can open no more files.
fn without_more_files(work: impl FnOnce()) {
    // The lowest number that is free would be the next one's.
    let next = std::os::fd::AsRawFd::as_raw_fd(&std::fs::File::open("/dev/null").unwrap());
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: there is room for the answer.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut before) }, 0);
    let none = libc::rlimit { rlim_cur: libc::rlim_t::try_from(next).unwrap(), ..before };
    // SAFETY: reads the limits.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);
    work();
    // SAFETY: as before.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const before) }, 0);
}

#[test]
fn a_lock_that_finds_no_more_files_fails_and_the_next_one_does_not() {
    alone("a_lock_that_finds_no_more_files_fails_and_the_next_one_does_not", |path| {
        let connection = Connection::open(path).unwrap();
        without_more_files(|| {
            let refused = connection.execute_batch("CREATE TABLE t(who, n)");
            assert!(refused.is_err(), "there was a file for the locks");
        });
        run(&connection, "CREATE TABLE t(who, n); BEGIN IMMEDIATE; INSERT INTO t VALUES (1, 1)");
        let held = locks(path);
        assert!(!held.is_empty() && held.iter().all(|kind| kind == "OFDLCK"), "{held:?}");
        run(&connection, "COMMIT");
    });
}

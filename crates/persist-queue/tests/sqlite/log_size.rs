//! The write-ahead log stays small where somebody always reads.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use persist_queue::{Durability, SqliteOptions, SqliteQueue};
use rusqlite::Connection;

const MIB: u64 = 1 << 20;

/// Reads until nobody asks any more: at each step, and at the latest after some milliseconds, a
/// snapshot begins and the one before it ends, so that SQLite's own checkpoints never find a moment
/// without one.
fn read_without_a_gap(database: &Path, steps: &Receiver<()>, done: &SyncSender<()>) {
    let begin = "BEGIN; SELECT count(*) FROM sqlite_master";
    let (mut ends, mut begins) =
        (Connection::open(database).unwrap(), Connection::open(database).unwrap());
    ends.execute_batch(begin).unwrap();
    loop {
        let step = steps.recv_timeout(Duration::from_millis(5));
        if step == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        begins.execute_batch(begin).unwrap();
        ends.execute_batch("COMMIT").unwrap();
        std::mem::swap(&mut ends, &mut begins);
        if step.is_ok() {
            done.send(()).unwrap();
        }
    }
}

/// Puts and takes items of half a MiB; gives how large the log was at most.
fn largest_log(database: &Path) -> u64 {
    let options = SqliteOptions::new().durability(Durability::Process);
    let queue: SqliteQueue<String> = options.open(database).unwrap();
    let log = database.with_file_name("data.db-wal");
    let ((step, steps), (done, seen)) = (sync_channel(1), sync_channel(1));
    std::thread::scope(|scope| {
        scope.spawn(move || read_without_a_gap(database, &steps, &done));
        let mut largest = 0;
        for _ in 0..400 {
            queue.put("x".repeat(1 << 19)).unwrap();
            step.send(()).unwrap();
            seen.recv().unwrap();
            queue.get().unwrap();
            largest = largest.max(std::fs::metadata(&log).unwrap().len());
        }
        drop(step);
        largest
    })
}

#[test]
fn the_log_does_not_grow_for_ever_where_somebody_always_reads() {
    // In memory, since each commit here tries a checkpoint, which waits for the disk.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let largest = largest_log(&dir.path().join("data.db"));
    assert!(largest < 128 * MIB, "the log had {} MiB", largest / MIB);
}

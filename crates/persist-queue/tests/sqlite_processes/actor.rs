//! A child process that plays a role on a database and notes what it did, a line at a time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use persist_queue::sqlite::Which;
use persist_queue::{Durability, Error, SqliteAckQueue, SqliteOptions, SqliteQueue, Wait};

use crate::measure::now;
use crate::this_program::this_program;

const ROLE: &str = "PERSIST_QUEUE_SQLITE_ROLE";
/// Far more than anything here takes; who waits longer hangs.
const HANGS: Duration = Duration::from_secs(60);
/// How long a consumer holds an item that it does not finish.
pub(crate) const LEASE: Duration = Duration::from_millis(300);

pub(crate) fn options() -> SqliteOptions {
    SqliteOptions::new().durability(Durability::Process)
}

pub(crate) fn plain(dir: &Path) -> SqliteQueue<u64> {
    options().open(dir.join("data.db")).unwrap()
}

pub(crate) fn acked(dir: &Path) -> SqliteAckQueue<u64> {
    options().lease(LEASE).open_ack(dir.join("data.db")).unwrap()
}

/// Where what was done to the items of [`acked`] is put.
pub(crate) fn results(dir: &Path) -> SqliteQueue<u64> {
    options().name("results").open(dir.join("data.db")).unwrap()
}

/// A child and what it notes.
pub(crate) struct Actor {
    child: Child,
    pub(crate) log: PathBuf,
}

impl Actor {
    /// Starts a child that plays `role` on the database in `dir` and notes what it does in `log`.
    pub(crate) fn start(dir: &Path, role: &str, log: &str, word: u64) -> Self {
        let log = dir.join(log);
        let child = this_program()
            .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
            .env(ROLE, format!("{role}\n{}\n{}\n{word}", dir.display(), log.display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended well; gives what it noted.
    pub(crate) fn ended(mut self) -> Vec<String> {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < HANGS, "a child hangs");
            std::thread::sleep(Duration::from_millis(2));
        };
        assert!(status.success(), "a child failed: {status}");
        lines(&self.log)
    }

    /// Waits until it has noted so many lines.
    pub(crate) fn wait_for_lines(&self, count: usize) {
        let start = Instant::now();
        while lines(&self.log).len() < count {
            assert!(start.elapsed() < HANGS, "a child notes nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was noted in whole lines.
pub(crate) fn lines(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}

/// Plays the role that the environment names.
pub(crate) fn perform() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = role.split('\n').collect();
    let (dir, log, word) = (Path::new(words[1]), Path::new(words[2]), words[3].parse().unwrap());
    match words[0] {
        "drain" => drain(dir, log, word),
        "produce" => produce(dir, log, word),
        "consume" => consume(dir, log),
        "forward" => forward(dir, log),
        "hold" => hold(dir, log),
        "listen" => listen(dir, log, word),
        "open" => drop(plain(dir)),
        other => panic!("no such role: {other}"),
    }
}

fn append(log: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(log).unwrap()
}

/// One write(2), which a killed process did or did not do.
fn note(log: &mut File, line: &str) {
    let line = format!("{line}\n");
    assert_eq!(log.write(line.as_bytes()).unwrap(), line.len());
}

/// Takes in several threads until nothing waits.
fn drain(dir: &Path, log: &Path, threads: u64) {
    let queue = plain(dir);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut log = append(log);
                while let Some(item) = queue.try_get().unwrap() {
                    note(&mut log, &item.to_string());
                }
            });
        }
    });
}

/// Puts one number after the other, from `first` on, and notes each that was acknowledged.
fn produce(dir: &Path, log: &Path, first: u64) {
    let (queue, mut log) = (acked(dir), append(log));
    for number in first.. {
        queue.put(number).unwrap();
        note(&mut log, &number.to_string());
    }
}

/// Takes, notes, acknowledges and notes again.
fn consume(dir: &Path, log: &Path) {
    let (queue, mut log) = (acked(dir), append(log));
    loop {
        let delivery = queue.get().unwrap();
        let number = *delivery;
        note(&mut log, &format!("got {number}"));
        match delivery.ack() {
            Ok(_) => note(&mut log, &format!("acked {number}")),
            Err(error) => note(&mut log, &format!("refused {number}: {error}")),
        }
    }
}

/// Takes, and puts what it took elsewhere and acknowledges it in one transaction, for ever.
fn forward(dir: &Path, log: &Path) {
    let (work, results, mut log) = (acked(dir), results(dir), append(log));
    loop {
        let delivery = work.get().unwrap();
        let mut group = work.transaction();
        group.put(&results, &*delivery).unwrap();
        group.ack(&delivery).unwrap();
        match group.commit() {
            Ok(_) => note(&mut log, &delivery.to_string()),
            // Its lease is over, and the item another one's.
            Err(Error::NotHeld { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Takes one item without a lease and keeps it.
fn hold(dir: &Path, log: &Path) {
    let queue: SqliteAckQueue<u64> = options().open_ack(dir.join("data.db")).unwrap();
    let delivery = queue.get_with(Wait::Forever, Which::Next, None).unwrap().unwrap();
    note(&mut append(log), &delivery.to_string());
    std::thread::sleep(HANGS);
}

/// Notes of so many items, each the time when it was put, how many microseconds it was on its way.
fn listen(dir: &Path, log: &Path, count: u64) {
    let (queue, mut log) = (plain(dir), append(log));
    note(&mut log, "started");
    for _ in 0..count {
        let sent = queue.get().unwrap();
        note(&mut log, &(now().saturating_sub(sent) / 1000).to_string());
    }
}

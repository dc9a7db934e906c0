//! A database as all objects of a process share it: its connections, what it can do, and the queues in
//! it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::{Duration, Instant};

use super::address::ServerAddress;
use super::failure::{Failure, column, explain, refused};
use super::holder::Lives;
use super::lock;
use super::pool::{Pool, Pooled};
use super::schema::{ABILITIES, COLUMNS, Table, capacity};
use super::shared::Shared;
use crate::process::per_process::PerProcess;
use crate::wait::Worker;
use crate::{Error, Result};

/// The longest pause before what was in somebody's way is tried again.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) pool: Arc<Pool>,
    pub(super) abilities: Abilities,
    queues: Mutex<HashMap<String, Weak<Shared>>>,
    pub(super) lives: Arc<Lives>,
    /// Asks for tasks, and waits for a connection where all are in use: what frees one must not stand
    /// behind it.
    pub(super) asks: Arc<Worker>,
    /// Do for tasks all else that blocks, in turn.
    workers: [Arc<Worker>; 4],
    turn: AtomicUsize,
}

/// What differs from server to server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities {
    /// It passes rows that others have locked.
    pub(super) skips_locked: bool,
    /// How many bytes it takes at a time.
    pub(super) packet: usize,
    /// The distance of two numbers that are given out one after the other.
    pub(super) increment: i64,
}

/// How a change ended that must not be made twice.
#[derive(Debug)]
pub(super) enum Unmade {
    /// It was not made.
    Refused(Error),
    /// It may be made or not.
    Unknown(mysql::Error),
    /// It was not made, as the driver or the server says itself.
    Said(mysql::Error),
}

type Registry = Mutex<HashMap<ServerAddress, Weak<Server>>>;

/// The databases that are open in this process.
static REGISTRY: LazyLock<PerProcess<Registry>> = LazyLock::new(|| PerProcess::new(Arc::default()));

impl Server {
    /// Connects; two objects with the same address share the connections.
    pub(super) fn open(address: &ServerAddress) -> Result<Arc<Self>> {
        let registry = REGISTRY.get(|| Ok::<_, Error>(Arc::default()))?;
        if let Some(open) = lock(&registry).get(address).and_then(Weak::upgrade) {
            return Ok(open);
        }
        // Not under the lock: connecting may take long.
        let pool = Pool::new(address.clone());
        pool.open()?;
        let mut session = pool.take(address.connect_timeout)?;
        let mut abilities = refused(Abilities::ask(&mut session), "ask", address)?;
        abilities.skips_locked &= address.skip_locked;
        drop(session);
        let queues = Mutex::default();
        let lives = Lives::new(&pool);
        let opened = Arc::new(Self {
            pool,
            abilities,
            queues,
            lives,
            asks: Arc::default(),
            workers: Default::default(),
            turn: AtomicUsize::new(0),
        });
        let mut registry = lock(&registry);
        if let Some(open) = registry.get(address).and_then(Weak::upgrade) {
            return Ok(open);
        }
        registry.retain(|_, open| open.strong_count() > 0);
        registry.insert(address.clone(), Arc::downgrade(&opened));
        Ok(opened)
    }

    /// One who does for a task what blocks.
    pub(super) fn worker(&self) -> Arc<Worker> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.workers[turn % self.workers.len()])
    }

    pub(super) fn address(&self) -> &ServerAddress {
        &self.pool.address
    }

    /// A queue, whose table is made where it is missing.
    pub(super) fn queue(self: &Arc<Self>, table: Table, patience: Duration) -> Result<Arc<Shared>> {
        let known = lock(&self.queues).get(&table.name).and_then(Weak::upgrade);
        if let Some(shared) = known
            && shared.table.kind == table.kind
            && shared.table.acks == table.acks
        {
            return Ok(shared);
        }
        let limit = self.prepare(&table, patience)?;
        let mut queues = lock(&self.queues);
        queues.retain(|_, shared| shared.strong_count() > 0);
        let name = table.name.clone();
        let shared = Arc::new(Shared::new(table, limit));
        queues.insert(name, Arc::downgrade(&shared));
        Ok(shared)
    }

    /// Makes the table where it is missing. Gives how many bytes an item may have.
    fn prepare(&self, table: &Table, patience: Duration) -> Result<usize> {
        let mut columns = self.columns(table, patience)?;
        if columns.is_empty() {
            self.repeat("make the table in", patience, |session| session.run(&table.creation()))?;
            columns = self.columns(table, patience)?;
        }
        let is_missing = |wanted: &&&str| !columns.iter().any(|(name, _)| name == *wanted);
        let missing: Vec<_> = table.columns().iter().filter(is_missing).copied().collect();
        if !missing.is_empty() {
            return Err(Error::Unrecognised {
                path: self.address().path(),
                reason: format!(
                    "the table {} has no column {}: it is of another kind of queue; use another \
                     name",
                    table.quoted,
                    missing.join(", ")
                ),
            });
        }
        let data = columns.iter().find(|(name, _)| name == "data");
        Ok(data.map_or(0, |(_, kind)| capacity(kind)))
    }

    /// The table's columns and their types; none where there is no table.
    fn columns(&self, table: &Table, patience: Duration) -> Result<Vec<(String, String)>> {
        self.repeat("look at the tables of", patience, |session| {
            let found = session.execute(COLUMNS, (table.name.as_str(),))?;
            let read = |mut row| Ok((column(&mut row, 0)?, column(&mut row, 1)?));
            found.rows.into_iter().map(read).collect()
        })
    }

    /// How many bytes an item may have, by the table as it is now.
    pub(super) fn limit(&self, table: &Table, patience: Duration) -> Result<usize> {
        let columns = self.columns(table, patience)?;
        let data = columns.iter().find(|(name, _)| name == "data");
        Ok(data.map_or(0, |(_, kind)| capacity(kind)))
    }

    /// Does work that may be done again: until it gets through.
    pub(super) fn repeat<R>(
        &self,
        action: &'static str,
        patience: Duration,
        mut work: impl FnMut(&mut Pooled) -> mysql::Result<R>,
    ) -> Result<R> {
        let mut trials = Trials::new(patience.max(self.address().connect_timeout));
        loop {
            let mut session = self.pool.take(patience)?;
            match work(&mut session) {
                Ok(done) => return Ok(done),
                Err(error) => {
                    session.undo();
                    drop(session);
                    if Failure::of(&error) == Failure::Refused || !trials.go_on() {
                        return Err(explain(action, self.address(), error));
                    }
                }
            }
        }
    }

    /// Does work that must not be done twice: until the server has it, or may have it.
    pub(super) fn once<R>(
        &self,
        patience: Duration,
        mut work: impl FnMut(&mut Pooled) -> mysql::Result<R>,
    ) -> Result<R, Unmade> {
        let mut trials = Trials::new(patience);
        loop {
            let mut session = self.pool.take(patience).map_err(Unmade::Refused)?;
            match work(&mut session) {
                Ok(done) => return Ok(done),
                Err(error) => {
                    session.undo();
                    match Failure::of(&error) {
                        Failure::Broken => return Err(Unmade::Unknown(error)),
                        Failure::InTheWay if trials.go_on() => {}
                        Failure::InTheWay | Failure::Refused => return Err(Unmade::Said(error)),
                    }
                }
            }
        }
    }
}

impl Abilities {
    fn ask(session: &mut Pooled) -> mysql::Result<Self> {
        let mut gave = session.run_last(ABILITIES)?;
        let Some(mut row) = gave.rows.pop() else {
            return Err(mysql::Error::server_disconnected());
        };
        let version: String = column(&mut row, 0)?;
        Ok(Self {
            skips_locked: skips_locked(&version),
            packet: column(&mut row, 1)?,
            increment: column(&mut row, 2)?,
        })
    }
}

/// MySQL does since 8.0.1, MariaDB since 10.6.
fn skips_locked(version: &str) -> bool {
    let is_mariadb = version.to_ascii_lowercase().contains("mariadb");
    // Some of MariaDB's proxies put this before its own version.
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut parts = version
        .split(|character: char| !character.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = [(); 3].map(|()| parts.next().unwrap_or(0));
    version >= if is_mariadb { [10, 6, 0] } else { [8, 0, 1] }
}

/// Tries, with a pause before each that differs from thread to thread.
struct Trials {
    deadline: Instant,
    pause: Duration,
}

impl Trials {
    fn new(patience: Duration) -> Self {
        static TURN: AtomicUsize = AtomicUsize::new(0);
        let turn = TURN.fetch_add(1, Ordering::Relaxed) % 7;
        let pause = Duration::from_micros(200 + 150 * turn as u64);
        Self { deadline: Instant::now() + patience, pause }
    }

    fn go_on(&mut self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_skips_what_is_locked_is_told_by_the_version() {
        for (version, skips) in [
            ("8.0.36", true),
            ("8.0.0-dmr", false),
            ("5.7.44-log", false),
            ("9.1.0", true),
            ("10.11.14-MariaDB-0+deb12u2", true),
            ("10.5.23-MariaDB", false),
            ("5.5.5-10.6.1-MariaDB-log", true),
            ("11.4.2-MariaDB", true),
        ] {
            assert_eq!(skips_locked(version), skips, "{version}");
        }
    }
}

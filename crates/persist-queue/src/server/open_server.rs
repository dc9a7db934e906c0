//! A database as all objects of a process share it: its connections, what it can do, and the queues in
//! it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::{Duration, Instant};

use super::address::ServerAddress;
use super::engine::{Abilities, Statements};
use super::failure::{Failure, Said, explain, refused};
use super::holder::Lives;
use super::lock;
use super::options::Settings;
use super::pool::{Pool, Pooled};
use super::schema::{ROLLBACK, Table};
use super::shared::Shared;
use super::value::{Gave, column, numbers, one};
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

/// How a change ended that must not be made twice.
#[derive(Debug)]
pub(super) enum Unmade {
    /// It was not made.
    Refused(Error),
    /// It may be made or not.
    Unknown(Said),
    /// It was not made, as the driver or the server says itself.
    Said(Said),
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
        let mut abilities = refused(
            session.connection().and_then(|connection| address.engine.abilities(connection)),
            "ask",
            address,
        )?;
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

    /// Refuses what this server cannot do.
    pub(super) fn check(&self, options: &Settings, acks: bool) -> Result<()> {
        if self.abilities.shares_locks {
            return Ok(());
        }
        let instead = match acks {
            true if options.lease.is_none() => "say how long an item may be held: give a lease",
            false if !options.auto_commit => "leave auto_commit on, or acknowledge items",
            _ => return Ok(()),
        };
        let address = self.address();
        Err(Error::Invalid(format!(
            "{address} is a node of a cluster, where nobody sees what is locked at another node; {instead}"
        )))
    }

    /// A queue, whose table is made where it is missing.
    pub(super) fn queue(self: &Arc<Self>, table: Table, patience: Duration) -> Result<Arc<Shared>> {
        let named = table.dialect.check_name(&table.name);
        named.map_err(|why| Error::Invalid(format!("{}: {why}", self.address())))?;
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
            self.repeat("make the table in", patience, |session| {
                match session.run(&table.dialect.creation(table)) {
                    // Somebody else has made it in the same moment.
                    Err(said) if said.is_duplicate() => session.run(ROLLBACK).map(drop),
                    made => made.map(drop),
                }
            })?;
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
        Ok(data.map_or(0, |(_, kind)| table.dialect.capacity(kind)))
    }

    /// The table's columns and their types; none where there is no table.
    fn columns(&self, table: &Table, patience: Duration) -> Result<Vec<(String, String)>> {
        self.repeat("look at the tables of", patience, |session| {
            let found =
                session.execute(table.dialect.texts().columns, vec![table.name.as_str().into()])?;
            let read = |mut row| Ok((column(&mut row, 0)?, column(&mut row, 1)?));
            found.rows.into_iter().map(read).collect()
        })
    }

    /// How many bytes an item may have, by the table as it is now.
    pub(super) fn limit(&self, table: &Table, patience: Duration) -> Result<usize> {
        let columns = self.columns(table, patience)?;
        let data = columns.iter().find(|(name, _)| name == "data");
        Ok(data.map_or(0, |(_, kind)| table.dialect.capacity(kind)))
    }

    /// The numbers that the server gave, in this session, to so many rows.
    pub(super) fn numbers(
        &self,
        session: &mut dyn Statements,
        gave: Gave,
        count: usize,
    ) -> Result<Vec<i64>, Said> {
        let Some(mut increment) = self.abilities.increment else { return numbers(gave) };
        if count > 1 && !self.abilities.shares_locks {
            let text = self.address().engine.dialect().texts().increment;
            increment = one(session.run_last(text)?)?.unwrap_or(increment);
        }
        let first = match gave.id {
            Some(first) if gave.rows.is_empty() => first.cast_signed(),
            _ => numbers(gave)?.first().copied().unwrap_or_default(),
        };
        Ok((0..).take(count).map(|at: i64| first + at * increment).collect())
    }

    /// Does work that may be done again: until it gets through.
    pub(super) fn repeat<R>(
        &self,
        action: &'static str,
        patience: Duration,
        mut work: impl FnMut(&mut Pooled) -> Result<R, Said>,
    ) -> Result<R> {
        let mut trials = Trials::new(patience.max(self.address().connect_timeout));
        loop {
            let mut session = self.pool.take(patience)?;
            match work(&mut session) {
                Ok(done) => return Ok(done),
                Err(error) => {
                    session.undo();
                    drop(session);
                    if error.is_refused() || !trials.go_on() {
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
        mut work: impl FnMut(&mut Pooled) -> Result<R, Said>,
    ) -> Result<R, Unmade> {
        let mut trials = Trials::new(patience);
        loop {
            let mut session = self.pool.take(patience).map_err(Unmade::Refused)?;
            match work(&mut session) {
                Ok(done) => return Ok(done),
                Err(error) => {
                    session.undo();
                    match error.failure {
                        Failure::Broken => return Err(Unmade::Unknown(error)),
                        Failure::InTheWay if trials.go_on() => {}
                        _ => return Err(Unmade::Said(error)),
                    }
                }
            }
        }
    }
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

//! The connections of a process to one database. They are kept and not reset, and the one that was used
//! last is used next. The driver's own pool connects under its lock, and asks each connection whether it
//! lives before each use.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::address::ServerAddress;
use super::connect::connect;
use super::dialect::Texts;
use super::engine::{Connection, Statements};
use super::failure::Said;
use super::lock;
use super::schema::{BEGIN, COMMIT, ROLLBACK};
use super::value::{Gave, Value};
use crate::{Error, Result};

/// A connection that rested for longer is asked whether it lives.
const FRESH: Duration = Duration::from_secs(1);
/// The pause between two attempts to replace a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) address: ServerAddress,
    state: Mutex<State>,
    freed: Condvar,
    broke: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: VecDeque<Idle>,
    open: usize,
    /// How often a connection broke: those from before are asked whether they live.
    breaks: u64,
}

#[derive(Debug)]
struct Idle {
    connection: Box<dyn Connection>,
    since: Instant,
    breaks: u64,
}

impl Pool {
    pub(super) fn new(address: ServerAddress) -> Arc<Self> {
        Arc::new(Self {
            address,
            state: Mutex::default(),
            freed: Condvar::new(),
            broke: Condvar::new(),
        })
    }

    /// A connection that lives; waits at most so long while all are in use. Where the server is away, it
    /// is tried again for as long as connecting may take.
    pub(super) fn take(self: &Arc<Self>, patience: Duration) -> Result<Pooled> {
        let Place { idle, breaks } = self.place(patience)?;
        let mut pooled = Pooled::new(self, breaks);
        if let Some(mut idle) = idle {
            let fresh = idle.since.elapsed() < FRESH && idle.breaks == breaks;
            if fresh || idle.connection.is_alive() {
                pooled.connection = Some(idle.connection);
                return Ok(pooled);
            }
        }
        let deadline = Instant::now() + self.address.connect_timeout;
        loop {
            match connect(&self.address) {
                Ok(connection) => {
                    pooled.connection = Some(connection);
                    return Ok(pooled);
                }
                Err(failed) if !failed.may_pass || Instant::now() >= deadline => {
                    return Err(failed.error);
                }
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// The first connection: where the server is away, that is said at once.
    pub(super) fn open(self: &Arc<Self>) -> Result<()> {
        let Place { idle, breaks } = self.place(Duration::ZERO)?;
        let mut pooled = Pooled::new(self, breaks);
        let connection = match idle {
            Some(idle) => idle.connection,
            None => connect(&self.address).map_err(|failed| failed.error)?,
        };
        pooled.connection = Some(connection);
        Ok(())
    }

    /// Waits at most so long until more than `seen` connections have broken; gives how many have.
    pub(super) fn wait_for_break(&self, seen: u64, limit: Duration) -> u64 {
        let mut state = lock(&self.state);
        if state.breaks == seen {
            state = self.broke.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.breaks
    }

    /// A place among those that are open at the same time.
    fn place(&self, patience: Duration) -> Result<Place> {
        let deadline = Instant::now() + patience;
        let mut state = lock(&self.state);
        loop {
            let breaks = state.breaks;
            if let Some(idle) = state.idle.pop_back() {
                return Ok(Place { idle: Some(idle), breaks });
            }
            if state.open < self.address.max_connections {
                state.open += 1;
                return Ok(Place { idle: None, breaks });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let most = self.address.max_connections;
                let source = format!(
                    "all {most} connections of this process were in use for {} s; raise \
                     max_connections",
                    patience.as_secs_f32()
                );
                let path = self.address.path();
                return Err(Error::Database {
                    action: "get a connection to",
                    path,
                    source: source.into(),
                });
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

struct Place {
    idle: Option<Idle>,
    breaks: u64,
}

/// A connection of the pool, which goes back when it is dropped, unless it broke.
#[derive(Debug)]
pub(super) struct Pooled {
    pool: Arc<Pool>,
    /// Nothing before it is made and behind a failure.
    connection: Option<Box<dyn Connection>>,
    breaks: u64,
    /// Somebody else has it, and the place that it takes.
    handed_on: bool,
    /// A transaction is open in it: nobody else may get it so.
    in_transaction: bool,
}

impl Pooled {
    /// The place of a connection that is still to be made: given up again where it is not.
    fn new(pool: &Arc<Pool>, breaks: u64) -> Self {
        let pool = Arc::clone(pool);
        Self { pool, connection: None, breaks, handed_on: false, in_transaction: false }
    }

    pub(super) fn texts(&self) -> &'static Texts {
        self.pool.address.engine.dialect().texts()
    }

    pub(super) fn connection(&mut self) -> Result<&mut dyn Connection, Said> {
        match &mut self.connection {
            Some(connection) => Ok(connection.as_mut()),
            None => Err(Said::broken("the connection is gone")),
        }
    }

    fn noted<R>(&mut self, ran: Result<R, Said>) -> Result<R, Said> {
        if ran.as_ref().is_err_and(Said::is_broken) {
            self.give_up();
        }
        ran
    }

    /// Closes the connection instead of giving it back.
    pub(super) fn give_up(&mut self) {
        if self.connection.take().is_some() {
            lock(&self.pool.state).breaks += 1;
            self.pool.broke.notify_all();
        }
    }

    /// Hands the connection on, with the transaction that is open in it.
    pub(super) fn hand_on(&mut self) -> Self {
        self.handed_on = true;
        Self {
            pool: Arc::clone(&self.pool),
            connection: self.connection.take(),
            breaks: self.breaks,
            handed_on: false,
            in_transaction: self.in_transaction,
        }
    }

    /// Undoes what is not committed; where even that fails, the connection goes, and all with it.
    pub(super) fn undo(&mut self) {
        if self.connection.is_some() && self.run(ROLLBACK).is_err() {
            self.give_up();
        }
    }
}

impl Statements for Pooled {
    fn run(&mut self, text: &str) -> Result<Vec<Gave>, Said> {
        self.in_transaction |= text.contains(BEGIN);
        let ran = self.connection()?.run(text);
        if ran.is_ok() && (text.ends_with(COMMIT) || text.ends_with(ROLLBACK)) {
            self.in_transaction = false;
        }
        self.noted(ran)
    }

    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Gave, Said> {
        let ran = self.connection()?.execute(statement, parameters);
        self.noted(ran)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if self.handed_on {
            return;
        }
        if self.in_transaction {
            self.give_up();
        }
        let mut state = lock(&self.pool.state);
        match self.connection.take() {
            Some(connection) => {
                let (since, breaks) = (Instant::now(), self.breaks);
                state.idle.push_back(Idle { connection, since, breaks });
            }
            None => state.open -= 1,
        }
        drop(state);
        self.pool.freed.notify_one();
    }
}

//! What a database server must be able to do so that queues can be on it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::address::{ServerAddress, UrlParts};
use super::dialect::Dialect;
use super::failure::{NotConnected, Said};
use super::schema::Table;
use super::value::{Gave, Value};

/// A make of server, as the types of its queues name it.
pub trait Make: fmt::Debug + Send + Sync + 'static {
    /// How it is spoken to.
    #[doc(hidden)]
    const ENGINE: &'static dyn Engine;
}

/// How a make of server is spoken to.
pub trait Engine: fmt::Debug + Send + Sync {
    /// As it calls itself.
    fn name(&self) -> &'static str;

    /// How its URLs begin.
    fn scheme(&self) -> &'static str;

    /// Where it listens, unless it is told otherwise.
    fn port(&self) -> u16;

    /// Who connects, where nobody is named.
    fn user(&self) -> &'static str;

    /// Reads `scheme://user:password@host:port/database`; else says what is wrong.
    fn read_url(&self, url: &str) -> Result<UrlParts, String>;

    /// Its SQL.
    fn dialect(&self) -> &'static dyn Dialect;

    /// Connects, and makes the settings that all connections have. May take as long as it likes.
    fn connect(&self, address: &ServerAddress) -> Result<Box<dyn Connection>, NotConnected>;

    /// Asks what this server can do.
    fn abilities(&self, connection: &mut dyn Connection) -> Result<Abilities, Said>;
}

impl PartialEq for dyn Engine {
    fn eq(&self, other: &Self) -> bool {
        self.scheme() == other.scheme()
    }
}

impl Eq for dyn Engine {}

impl Hash for dyn Engine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scheme().hash(state);
    }
}

/// Has a server carry out statements.
pub trait Statements {
    /// All statements of a text, in one round trip.
    fn run(&mut self, text: &str) -> Result<Vec<Gave>, Said>;

    /// One statement with parameters.
    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Gave, Said>;

    /// As [`Statements::run`], of the last statement only.
    fn run_last(&mut self, text: &str) -> Result<Gave, Said> {
        Ok(self.run(text)?.pop().unwrap_or_default())
    }
}

/// A connection to a server.
pub trait Connection: Statements + fmt::Debug + Send {
    /// Whether the server still answers.
    fn is_alive(&mut self) -> bool;

    /// See [`Abilities::shares_locks`].
    fn shares_locks(&self) -> bool {
        true
    }

    /// Begins to hear what changes a table, where the server tells it: see [`Dialect::tell`].
    fn listen(&mut self, _table: &Table) -> Result<(), Said> {
        Ok(())
    }

    /// Waits at most so long for a change of a table. Says whether there was one.
    fn hear(&mut self, limit: Duration) -> Result<bool, Said> {
        std::thread::sleep(limit);
        Ok(false)
    }
}

/// What differs from server to server.
#[derive(Debug, Clone, Copy)]
pub struct Abilities {
    /// It passes rows that others have locked.
    pub(crate) skips_locked: bool,
    /// How many bytes it takes at a time.
    pub(crate) packet: usize,
    /// The distance of two numbers that are given out one after the other; nothing where it says each.
    pub(crate) increment: Option<i64>,
    /// What one connection locks, rows and names, is locked for all that are connected to this database, at whatever
    /// server. In a cluster where each node takes writes it is not: there, that distance also changes.
    pub(crate) shares_locks: bool,
}

//! Puts that can be ended at any moment and gone on with later.
//!
//! In a database how far they came is written in the transaction of each put. In a folder a file beside
//! it, and on NATS a message, says how many records had been put when they began; what was put since is theirs, so nobody else
//! may put until they are finished. That they are finished is kept too: who was ended behind the last
//! put and tries again does not begin anew.

use std::fs;
use std::path::{Path, PathBuf};

use super::queue::{AnyQueue, puts};
use super::view::AnyView;
use crate::error::Context;
#[cfg(feature = "nats")]
use crate::nats::{Begun, NatsStore};
use crate::rusqlite::{Connection, TransactionBehavior, params};
#[cfg(feature = "server")]
use crate::server::Note;
#[cfg(feature = "server")]
use crate::server::ServerStore;
use crate::sql::PutOptions;
use crate::sqlite::SqliteStore;
use crate::wait::Wait;
use crate::{Error, Result};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS persistq_resume (queue TEXT, name TEXT, \
     done INTEGER, finished INTEGER, PRIMARY KEY (queue, name))";
const DONE: &str = "SELECT done, finished FROM persistq_resume WHERE queue = ?1 AND name = ?2";
const NOTE: &str = "INSERT OR REPLACE INTO persistq_resume VALUES (?1, ?2, ?3, ?4)";

const FINISHED: &str = "finished\n";

/// See the module.
#[derive(Debug)]
pub struct Resumable<'a> {
    queue: &'a AnyQueue,
    done: u64,
    finished: bool,
    keeper: Keeper<'a>,
}

#[derive(Debug)]
enum Keeper<'a> {
    Journal {
        path: PathBuf,
        begun: u64,
    },
    Table {
        store: &'a SqliteStore,
        connection: Connection,
        table: String,
        name: String,
    },
    #[cfg(feature = "server")]
    Server {
        store: &'a ServerStore,
        name: String,
    },
    #[cfg(feature = "nats")]
    Nats {
        store: &'a NatsStore,
        name: String,
        begun: u64,
    },
}

impl<'a> Resumable<'a> {
    /// Goes on with the puts called `name`, or begins them.
    pub(super) fn in_folder(queue: &'a AnyQueue, name: &str) -> Result<Self> {
        let AnyQueuePath { dir, put } = path_and_count(queue)?;
        let safe = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !safe || name.is_empty() {
            let why = "a name to resume by has letters, digits, '-', '_' and '.' only";
            return Err(Error::Invalid(why.to_owned()));
        }
        let mut path = dir.into_os_string();
        path.push(format!(".resume-{name}"));
        let path = PathBuf::from(path);
        let (begun, finished) = match fs::read_to_string(&path) {
            Ok(text) => parse(&text).ok_or_else(|| Error::Unrecognised {
                path: path.clone(),
                reason: "it should hold one number; remove it to begin anew".to_owned(),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write_journal(&path, put, false)?;
                (put, false)
            }
            Err(error) => return Err(error).context("read", &path),
        };
        let (done, keeper) = (put.saturating_sub(begun), Keeper::Journal { path, begun });
        Ok(Self { queue, done, finished, keeper })
    }

    pub(super) fn in_table(
        queue: &'a AnyQueue,
        store: &'a SqliteStore,
        table: String,
        name: &str,
    ) -> Result<Self> {
        let failed = |error| database("resume", store, error);
        let connection = Connection::open(store.path()).map_err(failed)?;
        let read = || {
            connection.busy_timeout(store.options().patience())?;
            connection.execute_batch(CREATE)?;
            let mut statement = connection.prepare(DONE)?;
            let mut rows = statement.query([&table, name])?;
            rows.next()?.map_or(Ok((0, false)), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
        };
        let (done, finished) = read().map_err(failed)?;
        let name = name.to_owned();
        let keeper = Keeper::Table { store, connection, table, name };
        Ok(Self { queue, done: done.cast_unsigned(), finished, keeper })
    }

    #[cfg(feature = "server")]
    pub(super) fn on_server(
        queue: &'a AnyQueue,
        store: &'a ServerStore,
        name: &str,
    ) -> Result<Self> {
        let Note { done, finished, .. } = store.noted(name)?;
        let keeper = Keeper::Server { store, name: name.to_owned() };
        Ok(Self { queue, done, finished, keeper })
    }

    #[cfg(feature = "nats")]
    pub(super) fn on_nats(queue: &'a AnyQueue, store: &'a NatsStore, name: &str) -> Result<Self> {
        let Begun { begun, done, finished } = store.resumed(name)?;
        let keeper = Keeper::Nats { store, name: name.to_owned(), begun };
        Ok(Self { queue, done, finished, keeper })
    }

    /// How many payloads were put so far, in all runs.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Whether [`Resumable::finish`] was called, in this run or an earlier one.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Begins anew, as if nothing had been put under this name.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Locked`], [`Error::Database`].
    pub fn again(&mut self) -> Result<()> {
        match &mut self.keeper {
            Keeper::Journal { path, begun } => {
                *begun += self.done;
                write_journal(path, *begun, false)?;
            }
            Keeper::Table { store, connection, table, name } => {
                let noted = connection.execute(NOTE, params![*table, *name, 0, false]);
                noted.map_err(|error| database("begin again in", store, error))?;
            }
            #[cfg(feature = "server")]
            Keeper::Server { store, name } => {
                store.note(&Note { name, done: 0, finished: false })?;
            }
            #[cfg(feature = "nats")]
            Keeper::Nats { store, name, begun } => {
                *begun += self.done;
                store.note(name, *begun, false)?;
            }
        }
        (self.done, self.finished) = (0, false);
        Ok(())
    }

    /// Puts the next ones, as [`AnyQueue::put`] does. In a database a full queue is not waited for.
    ///
    /// # Errors
    /// As there.
    pub fn put(&mut self, payloads: &[Vec<u8>], options: PutOptions, wait: Wait) -> Result<u64> {
        self.queue.check_options(options)?;
        let done = self.done + payloads.len() as u64;
        let stored = match &mut self.keeper {
            Keeper::Journal { .. } => self.queue.put(payloads, options, wait)?,
            Keeper::Table { store, connection, table, name } => {
                let failed = |error| database("put in", store, error);
                let transaction = connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(failed)?;
                let mut stored = 0;
                for put in puts(payloads, options) {
                    stored += u64::from(store.put_in(&transaction, put)?.is_some());
                }
                let noted =
                    transaction.execute(NOTE, params![*table, *name, done.cast_signed(), false]);
                noted.and_then(|_| transaction.commit()).map_err(failed)?;
                stored
            }
            #[cfg(feature = "server")]
            Keeper::Server { store, name } => {
                let note = Note { name, done, finished: false };
                let ids = store.put_noted(&puts(payloads, options), &note)?;
                ids.iter().flatten().count() as u64
            }
            #[cfg(feature = "nats")]
            Keeper::Nats { store, begun, .. } => {
                let puts = puts(payloads, options);
                store.put_behind(puts, *begun + self.done)?;
                payloads.len() as u64
            }
        };
        self.done = done;
        Ok(stored)
    }

    /// All is put: the next run under this name has nothing to do.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Database`].
    pub fn finish(self) -> Result<()> {
        match self.keeper {
            Keeper::Journal { path, begun } => write_journal(&path, begun, true),
            Keeper::Table { store, connection, table, name } => {
                let noted =
                    connection.execute(NOTE, params![table, name, self.done.cast_signed(), true]);
                noted.map(|_| ()).map_err(|error| database("finish", store, error))
            }
            #[cfg(feature = "server")]
            Keeper::Server { store, name } => {
                store.note(&Note { name: &name, done: self.done, finished: true })
            }
            #[cfg(feature = "nats")]
            Keeper::Nats { store, name, begun } => store.note(&name, begun, true),
        }
    }
}

/// How many records had been put at the start, and whether all is put.
fn parse(text: &str) -> Option<(u64, bool)> {
    let (begun, state) = text.split_once('\n')?;
    Some((begun.parse().ok()?, state == FINISHED))
}

/// Whole or not at all.
fn write_journal(path: &Path, begun: u64, finished: bool) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let state = if finished { FINISHED } else { "" };
    fs::write(&fresh, format!("{begun}\n{state}")).context("write", &fresh)?;
    fs::rename(&fresh, path).context("write", path)
}

fn database(action: &'static str, store: &SqliteStore, error: rusqlite::Error) -> Error {
    let path = store.path().to_owned();
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) {
        return Error::Locked { path };
    }
    Error::Database { action, path, source: Box::new(error) }
}

struct AnyQueuePath {
    dir: PathBuf,
    put: u64,
}

fn path_and_count(queue: &AnyQueue) -> Result<AnyQueuePath> {
    let dir = queue.path().to_owned();
    let view = AnyView::open(&super::Locator::File(dir.clone()))?;
    Ok(AnyQueuePath { put: view.put_so_far().unwrap_or(0), dir })
}

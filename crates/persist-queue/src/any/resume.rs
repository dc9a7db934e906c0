//! Puts that can be ended at any moment and gone on with later.
//!
//! In a database how far they came is written in the transaction of each put. In a folder a file beside
//! it says how many records had been put when they began; what was put since is theirs, so nobody else
//! may put until they are finished.

use std::fs;
use std::path::PathBuf;

use super::queue::AnyQueue;
use super::view::AnyView;
use crate::error::Context;
use crate::rusqlite::{Connection, TransactionBehavior, params};
use crate::sqlite::{Put, PutOptions, SqliteStore};
use crate::wait::Wait;
use crate::{Error, Result};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS persistq_resume (queue TEXT, name TEXT, \
     done INTEGER, PRIMARY KEY (queue, name))";
const DONE: &str = "SELECT done FROM persistq_resume WHERE queue = ?1 AND name = ?2";
const NOTE: &str = "INSERT OR REPLACE INTO persistq_resume VALUES (?1, ?2, ?3)";
const FORGET: &str = "DELETE FROM persistq_resume WHERE queue = ?1 AND name = ?2";

/// See the module.
#[derive(Debug)]
pub struct Resumable<'a> {
    queue: &'a AnyQueue,
    done: u64,
    keeper: Keeper<'a>,
}

#[derive(Debug)]
enum Keeper<'a> {
    Journal(PathBuf),
    Table { store: &'a SqliteStore, connection: Connection, table: String, name: String },
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
        let begun = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(|_| Error::Unrecognised {
                path: path.clone(),
                reason: "it should hold one number; remove it to begin anew".to_owned(),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Whole or not at all.
                let fresh = path.with_extension("new");
                fs::write(&fresh, format!("{put}\n")).context("write", &fresh)?;
                fs::rename(&fresh, &path).context("write", &path)?;
                put
            }
            Err(error) => return Err(error).context("read", &path),
        };
        Ok(Self { queue, done: put.saturating_sub(begun), keeper: Keeper::Journal(path) })
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
            rows.next()?.map_or(Ok(0), |row| row.get::<_, i64>(0))
        };
        let done = read().map_err(failed)?.cast_unsigned();
        let name = name.to_owned();
        Ok(Self { queue, done, keeper: Keeper::Table { store, connection, table, name } })
    }

    /// How many payloads were put so far, in all runs.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Puts the next ones, as [`AnyQueue::put`] does. In a database a full queue is not waited for.
    ///
    /// # Errors
    /// As there.
    pub fn put(&mut self, payloads: &[Vec<u8>], options: PutOptions, wait: Wait) -> Result<u64> {
        let done = self.done + payloads.len() as u64;
        let stored = match &mut self.keeper {
            Keeper::Journal(_) => self.queue.put(payloads, options, wait)?,
            Keeper::Table { store, connection, table, name } => {
                let failed = |error| database("put in", store, error);
                let transaction = connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(failed)?;
                let mut stored = 0;
                for data in payloads {
                    let put = Put { data: data.clone(), options, ..Put::default() };
                    stored += u64::from(store.put_in(&transaction, put)?.is_some());
                }
                let noted = transaction.execute(NOTE, params![*table, *name, done.cast_signed()]);
                noted.and_then(|_| transaction.commit()).map_err(failed)?;
                stored
            }
        };
        self.done = done;
        Ok(stored)
    }

    /// All is put: the next run under this name begins anew.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Database`].
    pub fn finish(self) -> Result<()> {
        match self.keeper {
            Keeper::Journal(path) => fs::remove_file(&path).context("remove", &path),
            Keeper::Table { store, connection, table, name } => {
                let forgotten = connection.execute(FORGET, [&table, &name]);
                forgotten.map(|_| ()).map_err(|error| database("finish", store, error))
            }
        }
    }
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

//! Putting in a transaction of the caller's own, on a connection of his own to the same database.

use std::path::Path;

use rusqlite::Transaction;

use super::connection::explain;
use super::database::{Database, identity};
use super::put::Insertion;
use super::schema::Table;
use super::store::SqliteStore;
use crate::sql::Put;
use crate::{Error, Result};

impl SqliteStore {
    /// Puts an item in the caller's transaction, and gives its row's number; nothing for an item that
    /// waits already in a queue of [`Kind::Unique`](crate::sql::Kind::Unique).
    ///
    /// # Errors
    /// As [`SqliteQueue::put_in`](super::SqliteQueue::put_in).
    pub fn put_in(&self, transaction: &Transaction<'_>, item: Put) -> Result<Option<i64>> {
        let attached = self.attached()?;
        self.check_direct()?;
        check_place(transaction, &attached.database)?;
        let mut item = item;
        self.complete(&mut item)?;
        let inserted = insert(transaction, &attached.shared.table, &item, self.options.maxsize)
            .map_err(|error| explain("write", self.path(), error))?;
        let Some(inserted) = inserted else { return Err(self.full()) };
        // Who waits is woken as by another process: when the transaction is in the log.
        Ok(inserted.row.map(|(id, _)| id))
    }
}

/// Nothing where there is no room.
fn insert(
    transaction: &Transaction<'_>,
    table: &Table,
    item: &Put,
    maxsize: u64,
) -> rusqlite::Result<Option<Insertion>> {
    // A transaction that has only read so far cannot write once somebody else has.
    transaction.prepare_cached(&table.begin_to_write)?.execute([])?;
    if maxsize > 0 {
        // The counts that are kept say nothing of what this transaction has put.
        let most = i64::try_from(maxsize).unwrap_or(i64::MAX);
        let mut stored = transaction.prepare_cached(&table.stored)?;
        if stored.query_row([most], |row| row.get::<_, i64>(0))? >= most {
            return Ok(None);
        }
    }
    Insertion::make(transaction, table, item, None).map(Some)
}

fn check_place(transaction: &Transaction<'_>, database: &Database) -> Result<()> {
    let own = database.place.path().display();
    if transaction.is_autocommit() {
        return Err(Error::Invalid(format!(
            "the transaction on {own} is over: SQLite has rolled it back"
        )));
    }
    let Some(wanted) = database.identity else {
        return Err(Error::Invalid(format!(
            "a queue in {own} takes no part in a transaction of yours: no connection but its own \
             reaches it"
        )));
    };
    let path = transaction.path().unwrap_or("");
    if identity(Path::new(path)) == Some(wanted) {
        return Ok(());
    }
    let theirs = if path.is_empty() { "a database without a file" } else { path };
    Err(Error::Invalid(format!(
        "the transaction is on {theirs}, and the queue is in {own}: both must be one file"
    )))
}

//! Looking at single rows that wait, without taking them, and giving them back.

use std::sync::Arc;

use super::get::read;
use super::store::{Row, SqliteStore, Which, work};
use crate::wait::Host;
use crate::{Error, Result};

impl SqliteStore {
    /// The row that a get would be given now, which stays where it is.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub fn peek<H: Host>(&self, host: &mut H, which: Which) -> Result<Option<Row>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| {
            let shared = &attached.shared;
            attached.database.read(patience, |connection| {
                let (statement, id) = match which {
                    Which::Next => (&shared.table.waiting, None),
                    Which::Id(id) | Which::Behind(id) => (&shared.table.waiting_one, Some(id)),
                };
                let mut statement = connection.prepare_cached(statement)?;
                let mut rows = statement.query(rusqlite::params_from_iter(id))?;
                while let Some(row) = rows.next()? {
                    if shared.claims().is_free(row.get(0)?) {
                        return read(row).map(Some);
                    }
                }
                Ok(None)
            })
        })
    }

    /// Puts a row back that a get took and nobody was given: in its old place, under its old number.
    ///
    /// # Errors
    /// As [`SqliteStore::peek`].
    pub fn give_back<H: Host>(&self, host: &mut H, row: Row) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        self.put_back(host, &attached, &Arc::new(row))?;
        attached.shared.signals.items.notify_one();
        Ok(())
    }

    /// Whether the row with this number waits, or could not be made into an item.
    ///
    /// # Errors
    /// As [`SqliteStore::peek`].
    pub fn contains<H: Host>(&self, host: &mut H, id: i64) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| {
            let shared = &attached.shared;
            let stands = attached.database.read(patience, |connection| {
                connection.prepare_cached(&shared.table.waiting_one)?.exists([id])
            })?;
            Ok(stands && !shared.claims().is_held(id))
        })
    }
}

//! Looking at single rows that wait, without taking them, and giving them back.

use std::time::Duration;

use super::batch::{Batch, Fate};
use super::get::read;
use super::scan::Rank;
use super::store::{Attachment, SqliteStore, work};
use crate::sql::{Row, Which};
use crate::wait::Host;
use crate::{Error, Result};

impl SqliteStore {
    /// The row that a get would be given now, which stays where it is.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub async fn peek<H: Host>(&self, host: &mut H, which: Which) -> Result<Option<Row>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| match &attached.batch {
            None => attached.peek_stored(patience, which),
            Some(batch) => attached.peek_batched(batch, patience, which),
        })
        .await
    }

    /// Puts rows back that a get took and nobody was given: in their old place, under their old
    /// numbers.
    ///
    /// # Errors
    /// As [`SqliteStore::peek`].
    pub async fn give_back<H: Host>(&self, host: &mut H, rows: Vec<Row>) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        if let Some(batch) = &attached.batch {
            for row in &rows {
                batch.settle(&attached, row.id, Fate::GivenBack);
            }
        } else {
            self.put_back(host, &attached, rows).await?;
        }
        attached.shared.signals.items.notify_all();
        Ok(())
    }

    /// Whether the row with this number waits, or could not be made into an item.
    ///
    /// # Errors
    /// As [`SqliteStore::peek`].
    pub async fn contains<H: Host>(&self, host: &mut H, id: i64) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| {
            let shared = &attached.shared;
            let turn = attached.batch.as_ref().map(Batch::turn);
            let stands = attached.database.read(patience, |connection| {
                connection.prepare_cached(&shared.table.waiting_one)?.exists([id])
            })?;
            let batched =
                attached.batch.as_ref().is_some_and(|batch| batch.state().has_waiting(id));
            drop(turn);
            Ok(batched || (stands && !shared.claims().is_held(id)))
        })
        .await
    }
}

impl Attachment {
    fn peek_stored(&self, patience: Duration, which: Which) -> Result<Option<Row>> {
        let table = &self.shared.table;
        self.database.read(patience, |connection| {
            let (statement, id) = match which {
                Which::Next => (&table.waiting, None),
                Which::Id(id) | Which::Behind(id) => (&table.waiting_one, Some(id)),
            };
            let mut statement = connection.prepare_cached(statement)?;
            let mut rows = statement.query(rusqlite::params_from_iter(id))?;
            while let Some(row) = rows.next()? {
                if self.shared.claims().is_free(row.get(0)?) {
                    return read(row).map(Some);
                }
            }
            Ok(None)
        })
    }

    fn peek_batched(&self, batch: &Batch, patience: Duration, which: Which) -> Result<Option<Row>> {
        let table = &self.shared.table;
        // Nothing goes from memory to the database between the two looks.
        let turn = batch.turn();
        let stored = self.database.read(patience, |connection| {
            let (statement, id) = match which {
                Which::Next => (&table.batch.first, None),
                Which::Id(id) | Which::Behind(id) => (&table.batch.one, Some(id)),
            };
            let mut statement = connection.prepare_cached(statement)?;
            let mut rows = statement.query(rusqlite::params_from_iter(id))?;
            while let Some(row) = rows.next()? {
                if self.shared.claims().is_free(row.get(0)?) {
                    return Ok(Some((Rank::of(table.kind, row, 3)?, read(row)?)));
                }
            }
            Ok(None)
        })?;
        let id = match which {
            Which::Next => None,
            Which::Id(id) | Which::Behind(id) => Some(id),
        };
        let first = batch.first_of(stored, id);
        drop(turn);
        Ok(first)
    }
}

//! Looking at a queue and mending single rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::batch::Batch;
use super::counts::Counts;
use super::database::Shared;
use super::get::read;
use super::session::Session;
use super::store::{SqliteStore, work};
use crate::sql::{Put, Row, Status};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

impl SqliteStore {
    /// How many rows have which status.
    pub(super) async fn counts<H: Host>(&self, host: &mut H) -> Result<Counts, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| {
            attached
                .database
                .with_session("count", patience, |session| session.counts(&attached.shared.table))
        })
        .await
    }

    /// How many items wait, whoever put them.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub async fn size<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        if self.batches() {
            return self.size_batched(host).await;
        }
        let waiting = self.counts(host).await?.waiting();
        if self.acks {
            return Ok(waiting);
        }
        let attached = self.attached()?;
        let claimed = attached.shared.claims().len();
        Ok(waiting.saturating_sub(claimed))
    }

    /// All rows, in the order of their numbers, with their status; without those that this object
    /// has in flight.
    ///
    /// # Errors
    /// As [`SqliteStore::size`].
    pub async fn rows<H: Host>(&self, host: &mut H) -> Result<Vec<(Row, i64)>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience, acks) = (self.attached()?, self.options.timeout, self.acks);
        work(host, &attached, move |attached| {
            let turn = attached.batch.as_ref().map(Batch::turn);
            let mut rows = attached.database.read(patience, |connection| {
                let mut statement = connection.prepare_cached(&attached.shared.table.all)?;
                let rows = statement.query_map([], |row| {
                    let status = if acks { row.get::<_, Option<i64>>(3)?.unwrap_or(0) } else { 0 };
                    Ok((read(row)?, status))
                })?;
                rows.collect::<Result<_, _>>()
            })?;
            if let Some(batch) = &attached.batch {
                batch.add_rows(&mut rows);
            }
            drop(turn);
            Ok(rows)
        })
        .await
    }

    /// Replaces a row's data by that of `item`. Says whether there is such a row.
    ///
    /// # Errors
    /// As [`SqliteStore::size`].
    pub async fn update<H: Host>(&self, host: &mut H, id: i64, item: Put) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, terms) = (self.attached()?, self.terms());
        let updated = work(host, &attached, move |attached| {
            if attached.batch.as_ref().is_some_and(|batch| batch.state().has_unwritten(id)) {
                attached.flush(terms)?;
            }
            let shared = Arc::clone(&attached.shared);
            attached.database.write(terms, move |session| {
                let mut statement = session.connection.prepare_cached(&shared.table.update)?;
                Ok(statement.execute(rusqlite::params![id, item.value()])? > 0)
            })
        })
        .await?;
        if updated {
            attached.shared.claims().take_up(id);
            attached.shared.signals.items.notify_one();
        }
        Ok(updated)
    }

    /// Removes all items that wait; gives how many there were.
    ///
    /// # Errors
    /// As [`SqliteStore::size`].
    pub async fn purge<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, terms) = (self.attached()?, self.terms());
        let purged = work(host, &attached, move |attached| {
            let turn = attached.batch.as_ref().map(Batch::turn);
            let shared = Arc::clone(&attached.shared);
            let purged = attached.database.write(terms, move |session| {
                let purged = purge_free(session, &shared)?;
                session.forget_counts();
                shared.claims().ahead.forget();
                Ok(purged as u64)
            })?;
            let unwritten = attached.batch.as_ref().map_or(0, Batch::drop_waiting);
            drop(turn);
            Ok(purged + unwritten)
        })
        .await?;
        attached.shared.signals.notify_all();
        Ok(purged)
    }

    /// Waits until no item waits, and none is taken and not done. Says whether that came in time.
    ///
    /// # Errors
    /// As [`SqliteStore::size`].
    pub async fn join<H: Host>(&self, host: &mut H, wait: Wait) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.done, wait);
        loop {
            // In this order: what is batched goes to the database, and never comes back.
            let batched = attached.batch.as_ref().is_some_and(|batch| !batch.state().is_empty());
            let joined = !batched && self.counts(host).await?.stored() == 0;
            let tried = if joined { Attempt::Done(()) } else { Attempt::NotYet };
            if let ControlFlow::Break(joined) = waits.pace(host, tried).await? {
                return Ok(joined.is_some());
            }
        }
    }

    /// Gives the bytes of what is gone back to the file system.
    ///
    /// # Errors
    /// As [`SqliteStore::size`].
    pub async fn shrink<H: Host>(&self, host: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| {
            attached.database.with_session("shrink", patience, |session| {
                session.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
            })
        })
        .await
    }

    /// How many rows have `status`.
    ///
    /// # Errors
    /// As [`SqliteStore::size`].
    pub async fn count<H: Host>(&self, host: &mut H, status: Status) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        Ok(self.counts(host).await?.of(status))
    }
}

/// Deletes all rows that nobody in this process has.
fn purge_free(session: &Session, shared: &Shared) -> rusqlite::Result<usize> {
    let table = &shared.table;
    if shared.claims().len() == 0 {
        return session.connection.prepare_cached(&table.purge)?.execute([]);
    }
    let mut all = session.connection.prepare_cached(&table.all)?;
    let ids = all.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut delete = session.connection.prepare_cached(&table.delete)?;
    let mut purged = 0;
    for id in ids {
        if !shared.claims().is_held(id) {
            purged += delete.execute([id])?;
        }
    }
    Ok(purged)
}

//! Looking at a queue and mending single rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::batch::Batch;
use super::claim::read;
use super::engine::Statements;
use super::failure::Said;
use super::schema::Pick;
use super::store::{Attachment, ServerStore, work};
use super::value::{Fields, Value, column, one};
use crate::sql::{Put, Row, Status, Which};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

/// How many rows have which status, by its number.
#[derive(Debug, Default)]
struct Counts(Vec<(i64, u64)>);

impl Counts {
    fn of(&self, which: impl Fn(i64) -> bool) -> u64 {
        self.0.iter().filter(|(status, _)| which(*status)).map(|(_, rows)| rows).sum()
    }
}

impl ServerStore {
    /// How many items wait, whoever put them.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
    pub async fn size<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, |attached| {
            // Nothing goes from memory to the table between the two.
            let state = attached.batch.as_ref().map(Batch::state);
            let waiting = attached.counts()?.of(|status| status < Status::WAITING_BELOW as i64);
            Ok(waiting + state.map_or(0, |state| state.unwritten()))
        })
        .await
    }

    /// How many rows have `status`. Of those that wait, [`Status::Ready`] are those that were tried
    /// before.
    ///
    /// # Errors
    /// As [`ServerStore::size`].
    pub async fn count<H: Host>(&self, host: &mut H, status: Status) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| Ok(attached.counts()?.of(|one| one == status as i64)))
            .await
    }

    /// All rows, in the order of their numbers, with their status.
    ///
    /// # Errors
    /// As [`ServerStore::size`].
    pub async fn rows<H: Host>(&self, host: &mut H) -> Result<Vec<(Row, i64)>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, |attached| {
            attached.flush()?;
            attached.server.repeat("read", attached.options.timeout, |session| {
                let gave = session.run_last(&attached.shared.table.all())?;
                let whole = |mut row: Fields| {
                    let status = column(&mut row, 3)?;
                    Ok((read(&mut row)?, status))
                };
                gave.rows.into_iter().map(whole).collect()
            })
        })
        .await
    }

    /// The row that a get would be given now, which stays where it is.
    ///
    /// # Errors
    /// As [`ServerStore::size`].
    pub async fn peek<H: Host>(&self, host: &mut H, which: Which) -> Result<Option<Row>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| {
            attached.flush()?;
            let (only, behind) = match which {
                Which::Next => (None, None),
                Which::Id(id) => (Some(id), None),
                Which::Behind(id) => (None, Some(id)),
            };
            attached.server.repeat("read", attached.options.timeout, |session| {
                let except = attached.shared.except();
                let pick = Pick { most: 1, only, behind, except: &except, lock: false };
                let gave = session.run_last(&attached.shared.table.select(pick))?;
                gave.rows.into_iter().next().map(|mut row| read(&mut row)).transpose()
            })
        })
        .await
    }

    /// Puts rows back that a get took and nobody was given: in their old place, under their old
    /// numbers.
    ///
    /// # Errors
    /// As [`ServerStore::size`].
    pub async fn give_back<H: Host>(&self, host: &mut H, rows: Vec<Row>) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| match &attached.batch {
            Some(batch) => {
                let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
                attached.give_back_in_batch(batch, &ids, false);
                Ok(())
            }
            None => attached.put_back(&rows),
        })
        .await
    }

    /// Whether the row with this number waits, or could not be made into an item.
    ///
    /// # Errors
    /// As [`ServerStore::size`].
    pub async fn contains<H: Host>(&self, host: &mut H, id: i64) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| {
            if attached.batch.as_ref().is_some_and(|batch| batch.state().has_unwritten(id)) {
                return Ok(true);
            }
            let there = attached.is_there(&attached.shared.table.is_there(id))?;
            Ok(there && !attached.shared.claims().in_hand().contains(&id))
        })
        .await
    }

    /// Replaces a row's data by that of `item`. Says whether there is such a row.
    ///
    /// # Errors
    /// As [`ServerStore::size`], and [`Error::DoesNotFit`].
    pub async fn update<H: Host>(&self, host: &mut H, id: i64, item: Put) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let updated = work(host, &attached, move |attached| {
            attached.flush()?;
            attached.check_size(item.data.len())?;
            let table = &attached.shared.table;
            let gave = attached.server.repeat("update", attached.options.timeout, |session| {
                let values = vec![Value::Bytes(item.data.clone()), Value::Int(id)];
                session.execute(&table.update(), values)
            })?;
            // A row that holds these bytes already counts as not changed.
            Ok(gave.affected > 0 || attached.is_there(&table.exists(id))?)
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
    /// As [`ServerStore::size`].
    pub async fn purge<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let purged = work(host, &attached, |attached| {
            let unwritten =
                attached.batch.as_ref().map_or(0, |batch| batch.state().forget_unwritten());
            let in_hand = attached.shared.claims().in_hand();
            let purge = attached.shared.table.purge(&in_hand);
            Ok(unwritten + attached.change("delete from", &purge)?)
        })
        .await?;
        attached.shared.signals.notify_all();
        Ok(purged)
    }

    /// Waits until no item waits, and none is taken and not done. Says whether that came in time.
    ///
    /// # Errors
    /// As [`ServerStore::size`].
    pub async fn join<H: Host>(&self, host: &mut H, wait: Wait) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.done, wait);
        loop {
            // In this order: what is batched goes to the table, and never comes back.
            let batched = attached.batch.as_ref().is_some_and(|batch| !batch.state().is_empty());
            let stored = work(host, &attached, |attached| attached.stored(1)).await?;
            let joined = !batched && stored == 0;
            let tried = if joined { Attempt::Done(()) } else { Attempt::NotYet };
            if let ControlFlow::Break(joined) = waits.pace(host, tried).await? {
                return Ok(joined.is_some());
            }
        }
    }

    /// Has the server give the bytes of what is gone back to its disk: it rebuilds the table.
    ///
    /// # Errors
    /// As [`ServerStore::size`].
    pub async fn shrink<H: Host>(&self, host: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, |attached| {
            let text = attached.shared.table.dialect.shrink(&attached.shared.table);
            attached
                .server
                .repeat("shrink", attached.options.timeout, |session| session.run(&text).map(drop))
        })
        .await
    }
}

impl Attachment {
    fn counts(&self) -> Result<Counts> {
        self.server.repeat("count", self.options.timeout, |session| {
            let in_hand = self.shared.claims().in_hand();
            let gave = session.run_last(&self.shared.table.counts(&in_hand))?;
            let read = |mut row: Fields| {
                let status = column::<Option<i64>>(&mut row, 0)?.unwrap_or(0);
                Ok((status, column(&mut row, 1)?))
            };
            gave.rows.into_iter().map(read).collect::<Result<_, Said>>().map(Counts)
        })
    }

    /// How many rows are not finished, counted up to a number.
    pub(super) fn stored(&self, most: u64) -> Result<u64> {
        let text = self.shared.table.stored(most);
        let stored = self
            .server
            .repeat("count", self.options.timeout, |session| one(session.run_last(&text)?))?;
        Ok(stored.unwrap_or(0))
    }

    fn is_there(self: &Arc<Self>, text: &str) -> Result<bool> {
        self.server.repeat("look into", self.options.timeout, |session| {
            Ok(!session.run_last(text)?.rows.is_empty())
        })
    }
}

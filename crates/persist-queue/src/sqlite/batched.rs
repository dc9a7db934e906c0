//! What a store does while it keeps its changes in memory; see [`super::batch`].

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::OptionalExtension;

use super::batch::{BOUND, Batch, Fate};
use super::commit::Terms;
use super::flush::Plan;
use super::store::{Attachment, SqliteStore, work};
use crate::sql::{Decode, Kind, Put, Row, Undecoded, Which};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

impl SqliteStore {
    /// Whether changes are kept in memory for a while.
    pub(super) fn batches(&self) -> bool {
        !self.acks && !self.options.auto_commit
    }

    /// Makes final what `thread` has taken, or else the oldest item in flight, and stores all that
    /// was put through this object. Does nothing where each call is a transaction.
    ///
    /// # Errors
    /// As [`SqliteStore::size`]. Nothing is done and nothing lost then.
    pub async fn task_done<H: Host>(&self, host: &mut H, thread: u64) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, terms) = (self.attached()?, self.terms());
        if attached.batch.is_none() {
            return Ok(());
        }
        work(host, &attached, move |attached| attached.finish(terms, thread)).await
    }

    /// Nothing where there was no room in time.
    pub(super) async fn put_batched<H: Host>(
        &self,
        host: &mut H,
        items: Vec<Put>,
        wait: Wait,
    ) -> Result<Option<Vec<Option<i64>>>, H::Error>
    where
        H::Error: From<Error>,
    {
        // Items go into the batch as they are; a second try needs them only where the first did not.
        let items = Arc::new(Mutex::new(items));
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.space, wait);
        loop {
            let tried = self.try_put_batched(host, &attached, &items).await?;
            if let ControlFlow::Break(put) = waits.pace(host, tried).await? {
                return Ok(put);
            }
        }
    }

    async fn try_put_batched<H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        items: &Arc<Mutex<Vec<Put>>>,
    ) -> Result<Attempt<Vec<Option<i64>>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (maxsize, terms) = (self.options.maxsize, Terms { grows: true, ..self.terms() });
        let quick = maxsize == 0 && self.options.kind != Kind::Unique;
        let Some(batch) = &attached.batch else { return Ok(Attempt::NotYet) };
        let mut put = if quick { batch.add(&mut of(items)) } else { None };
        if put.is_none() {
            let items = Arc::clone(items);
            put = work(host, attached, move |attached| {
                attached.put_in_turn(terms, maxsize, &mut of(&items))
            })
            .await?;
        }
        let Some(ids) = put else { return Ok(Attempt::NotYet) };
        // Others who wait for this table's items may not see these yet.
        attached.shared.signals.items.notify_all();
        Ok(Attempt::Done(ids))
    }

    pub(super) async fn get_batched<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        which: Which,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let patience = self.options.timeout;
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let held = Arc::clone(&attached);
            let taken = work(host, &attached, move |attached| {
                let Some(batch) = &attached.batch else { return Ok(None) };
                let row = batch.take(attached, patience, thread, which)?;
                // It comes back also where the host does not take it any more.
                Ok(row.map(|row| Flying { attached: held, row, fate: Fate::GivenBack }))
            })
            .await?;
            let tried = match taken {
                None => Attempt::NotYet,
                Some(mut flying) => match decode.decode(host, &flying.row).await {
                    Ok(item) => {
                        flying.fate = Fate::Delivered;
                        Attempt::Done(item)
                    }
                    Err(Undecoded::Broken(error)) => {
                        flying.fate = Fate::Undecodable;
                        return Err(error);
                    }
                    Err(Undecoded::Interrupted(error)) => return Err(error),
                },
            };
            if let ControlFlow::Break(item) = waits.pace(host, tried).await? {
                return Ok(item);
            }
        }
    }

    pub(super) async fn size_batched<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| {
            let Some(batch) = &attached.batch else { return Ok(0) };
            let turn = batch.turn();
            let size = attached.size_in_turn(batch, patience);
            drop(turn);
            size
        })
        .await
    }
}

fn of(items: &Mutex<Vec<Put>>) -> std::sync::MutexGuard<'_, Vec<Put>> {
    items.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A row that is taken, until it is known what became of it.
struct Flying {
    attached: Arc<Attachment>,
    row: Arc<Row>,
    fate: Fate,
}

impl Drop for Flying {
    fn drop(&mut self) {
        let Some(batch) = &self.attached.batch else { return };
        batch.settle(&self.attached, self.row.id, self.fate);
        let signals = &self.attached.shared.signals;
        match self.fate {
            Fate::Delivered => signals.space.notify_all(),
            Fate::GivenBack => signals.items.notify_all(),
            Fate::Undecodable => {}
        }
    }
}

impl Attachment {
    fn size_in_turn(&self, batch: &Batch, patience: Duration) -> Result<u64> {
        let table = &self.shared.table;
        let counts =
            self.database.with_session("count", patience, |session| session.counts(table))?;
        let written = counts.waiting().saturating_sub(self.shared.claims().len());
        Ok(written + batch.state().unwritten_waiting())
    }

    /// Puts items in memory, or writes them with all that is there already, where it would be too
    /// much. Nothing where there is no room.
    fn put_in_turn(
        &self,
        terms: Terms,
        maxsize: u64,
        items: &mut Vec<Put>,
    ) -> Result<Option<Vec<Option<i64>>>> {
        let Some(batch) = &self.batch else { return Ok(None) };
        let turn = batch.turn();
        if maxsize > 0 && self.size_in_turn(batch, terms.patience)? + items.len() as u64 > maxsize {
            return Ok(None);
        }
        let fresh = self.are_fresh(batch, terms, items)?;
        let mut at = fresh.iter();
        items.retain(|_| at.next().copied().unwrap_or(false));
        let mut ids = self.put_fresh(batch, terms, items)?.into_iter();
        drop(turn);
        Ok(Some(
            fresh.iter().map(|fresh| if *fresh { ids.next().flatten() } else { None }).collect(),
        ))
    }

    /// Which items do not wait already, in a queue of [`Kind::Unique`].
    fn are_fresh(&self, batch: &Batch, terms: Terms, items: &[Put]) -> Result<Vec<bool>> {
        let table = &self.shared.table;
        if table.kind != Kind::Unique {
            return Ok(vec![true; items.len()]);
        }
        let mut seen = HashSet::new();
        let mut fresh = Vec::with_capacity(items.len());
        for item in items {
            let known = !seen.insert(&item.data) || batch.state().values.contains(&item.data);
            fresh.push(!known && !self.waits_in_database(batch, terms, item)?);
        }
        Ok(fresh)
    }

    /// Whether a value waits there. What this object has in flight does not.
    fn waits_in_database(&self, batch: &Batch, terms: Terms, item: &Put) -> Result<bool> {
        let holders = self.database.read(terms.patience, |connection| {
            let mut statement = connection.prepare_cached(&self.shared.table.batch.holding)?;
            let mut holders = Vec::new();
            for spelling in [Some(item.value()), item.other_value()].into_iter().flatten() {
                let held_by = statement.query_row([spelling], |row| row.get::<_, i64>(0));
                holders.extend(held_by.optional()?);
            }
            Ok(holders)
        })?;
        let state = batch.state();
        Ok(holders.iter().any(|id| !state.flight.contains_key(id)))
    }

    fn put_fresh(
        &self,
        batch: &Batch,
        terms: Terms,
        items: &mut Vec<Put>,
    ) -> Result<Vec<Option<i64>>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        loop {
            if let Some(ids) = batch.add(items) {
                return Ok(ids);
            }
            let plan = {
                let mut state = batch.state();
                state.fail_if_closed(self)?;
                let enough = state.numbers_left() >= items.len() as u64;
                if enough && state.unwritten() + items.len() > BOUND {
                    let more = state.number(self.shared.table.kind, items);
                    let ids = more.iter().map(|put| Some(put.row.id)).collect();
                    Some((Plan::new(&state, Vec::new(), more), ids))
                } else {
                    None
                }
            };
            if let Some((plan, ids)) = plan {
                self.carry_out(batch, terms, plan)?;
                return Ok(ids);
            }
            let numbers = self.reserve_numbers(terms, items.len().max(BOUND))?;
            let mut state = batch.state();
            if state.numbers_left() < items.len() as u64 {
                state.numbers = numbers;
            }
        }
    }
}

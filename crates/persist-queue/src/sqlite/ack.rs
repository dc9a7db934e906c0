//! What becomes of held rows: acknowledged, given back, given up; and the dead letters.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::commit::Terms;
use super::database::{Database, Shared};
use super::get::read;
use super::hold::give_back;
use super::holder;
use super::numbers::SET_HIGHEST;
use super::options::SqliteOptions;
use super::session::Session;
use super::store::{Attachment, SqliteStore, work};
use crate::sql::{Row, Settlement, Status, backoff, milliseconds, now};
use crate::wait::{Host, Signals};
use crate::{Error, Result};

impl SqliteStore {
    /// Says what became of held rows, by number and token; without a token it is about whatever
    /// delivery of this object. Gives each row's number, a new one where it went to the back;
    /// nothing for a row that this object does not hold any more, which is left alone.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub async fn settle<H: Host>(
        &self,
        host: &mut H,
        rows: Vec<(i64, Option<i64>)>,
        settlement: Settlement,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let work = attached.settling(Arc::clone(&self.options), rows, settlement);
        let settled = attached.write(host, self.terms(), work).await?;
        attached.shared.signals.tell_of(settlement);
        Ok(settled)
    }

    /// Holds a row for `lease` from now on. Says whether this object still held it.
    ///
    /// # Errors
    /// As [`SqliteStore::settle`].
    pub async fn extend<H: Host>(
        &self,
        host: &mut H,
        id: i64,
        token: Option<i64>,
        lease: Duration,
    ) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, terms) = (self.attached()?, self.terms());
        let options = Arc::clone(&self.options);
        work(host, &attached, move |attached| {
            let settling = Settling::new(attached, options);
            attached.database.write(terms, move |session| {
                if settling.held(session, id, token)?.is_none() {
                    return Ok(false);
                }
                let due = milliseconds(now().saturating_add(lease));
                let statement = &settling.shared.table.ack.extend;
                session.connection.prepare_cached(statement)?.execute(params![due, id])?;
                Ok(true)
            })
        })
        .await
    }

    /// Has everything wait again that nobody alive holds. Gives how many rows that were.
    ///
    /// # Errors
    /// As [`SqliteStore::settle`].
    pub async fn resume<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, options) = (self.attached()?, Arc::clone(&self.options));
        work(host, &attached, move |attached| attached.resume(&options)).await
    }

    /// Removes rows that are acknowledged, and failed ones where `failed` says so: at most `most`,
    /// and none of the latest `keep`. Gives how many were removed.
    ///
    /// # Errors
    /// As [`SqliteStore::settle`].
    pub async fn clear_acked<H: Host>(
        &self,
        host: &mut H,
        most: Option<u64>,
        keep: u64,
        failed: bool,
    ) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        // SQLite takes a negative limit for none.
        let most = most.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX));
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.change(host, move |session, shared| {
            let statement = &shared.table.ack.clear;
            session.connection.prepare_cached(statement)?.execute(params![failed, most, keep])
        })
        .await
    }

    /// The dead letters, in the order of their numbers.
    ///
    /// # Errors
    /// As [`SqliteStore::settle`].
    pub async fn dead_letters<H: Host>(&self, host: &mut H) -> Result<Vec<Row>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        work(host, &attached, move |attached| {
            attached.database.read(patience, |connection| {
                let mut statement = connection.prepare_cached(&attached.shared.table.ack.dead)?;
                let rows = statement.query_map([], read)?;
                rows.collect()
            })
        })
        .await
    }

    /// Has dead letters wait again, as if they had never been tried. Gives how many there were.
    ///
    /// # Errors
    /// As [`SqliteStore::settle`].
    pub async fn requeue_dead<H: Host>(&self, host: &mut H, ids: Vec<i64>) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let requeued = self
            .change(host, move |session, shared| {
                let mut statement = session.connection.prepare_cached(&shared.table.ack.requeue)?;
                ids.iter().map(|id| statement.execute([id])).sum()
            })
            .await?;
        self.attached()?.shared.signals.items.notify_all();
        Ok(requeued)
    }

    /// Removes dead letters. Gives how many there were.
    ///
    /// # Errors
    /// As [`SqliteStore::settle`].
    pub async fn drop_dead<H: Host>(&self, host: &mut H, ids: Vec<i64>) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        self.change(host, move |session, shared| {
            let mut statement = session.connection.prepare_cached(&shared.table.ack.drop_dead)?;
            ids.iter().map(|id| statement.execute([id])).sum()
        })
        .await
    }

    /// Changes rows in ways that are not counted on.
    async fn change<H: Host>(
        &self,
        host: &mut H,
        mut change: impl FnMut(&Session, &Shared) -> rusqlite::Result<usize> + Send + 'static,
    ) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let shared = Arc::clone(&attached.shared);
        let work = move |session: &mut Session| {
            let changed = change(session, &shared)?;
            session.forget_counts();
            Ok(changed as u64)
        };
        attached.write(host, self.terms(), work).await
    }
}

impl Attachment {
    /// Settles rows, in a transaction. Gives each row's number; nothing for one that is not held.
    pub(super) fn settling(
        &self,
        options: Arc<SqliteOptions>,
        rows: Vec<(i64, Option<i64>)>,
        settlement: Settlement,
    ) -> impl FnMut(&mut Session) -> rusqlite::Result<Vec<Option<i64>>> + Send + use<> {
        let settling = Settling::new(self, options);
        move |session| {
            rows.iter()
                .map(|(id, token)| settling.settle(session, *id, *token, settlement))
                .collect()
        }
    }
}

impl Signals {
    /// Wakes those who wait for what a settlement brings.
    pub(super) fn tell_of(&self, settlement: Settlement) {
        if let Settlement::Back { .. } | Settlement::Undone = settlement {
            self.items.notify_all();
        }
        self.space.notify_all();
        self.done.notify_all();
    }
}

impl Attachment {
    pub(super) fn resume(&self, options: &Arc<SqliteOptions>) -> Result<u64> {
        let terms = Terms { full: true, patience: options.timeout, grows: false };
        let (place, shared) = (self.database.place.clone(), Arc::clone(&self.shared));
        let options = Arc::clone(options);
        let any = self.database.read(terms.patience, |connection| {
            let mut statement = connection.prepare_cached(&shared.table.ack.holders)?;
            statement.exists([])
        })?;
        if !any {
            return Ok(0);
        }
        let resumed = self.database.write(terms, move |session| {
            let statements = &shared.table.ack;
            let holders: Vec<Option<String>> = {
                let mut statement = session.connection.prepare_cached(&statements.holders)?;
                let rows = statement.query_map([], |row| row.get(0))?;
                rows.collect::<rusqlite::Result<_>>()?
            };
            let mut resumed = 0;
            for holder in holders {
                if holder.as_ref().is_some_and(|name| holder::is_alive(&place, name)) {
                    continue;
                }
                let rows: Vec<(i64, Option<u32>)> = {
                    let mut statement = session.connection.prepare_cached(&statements.held_of)?;
                    let rows =
                        statement.query_map([holder], |row| Ok((row.get(0)?, row.get(1)?)))?;
                    rows.collect::<rusqlite::Result<_>>()?
                };
                for (id, attempts) in rows {
                    give_back(session, &shared, &options, id, attempts.unwrap_or(0))?;
                    resumed += 1;
                }
            }
            Ok(resumed)
        })?;
        if resumed > 0 {
            self.shared.signals.items.notify_all();
        }
        Ok(resumed)
    }
}

/// One who settles.
pub(super) struct Settling {
    database: Arc<Database>,
    shared: Arc<Shared>,
    options: Arc<SqliteOptions>,
    holder: String,
}

impl Settling {
    pub(super) fn new(attached: &Attachment, options: Arc<SqliteOptions>) -> Self {
        Self {
            database: Arc::clone(&attached.database),
            shared: Arc::clone(&attached.shared),
            holder: attached.holder_name(),
            options,
        }
    }

    /// How often a row was delivered that this object holds.
    fn held(
        &self,
        session: &Session,
        id: i64,
        token: Option<i64>,
    ) -> rusqlite::Result<Option<u32>> {
        type State = (i64, Option<String>, Option<i64>, Option<u32>, Option<i64>);
        let mut statement = session.connection.prepare_cached(&self.shared.table.ack.state)?;
        let found: Option<State> = statement
            .query_row([id], |row| {
                let status = row.get::<_, Option<i64>>(0)?.unwrap_or(0);
                Ok((status, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((status, holder, current, attempts, due)) = found else { return Ok(None) };
        let own = match holder {
            Some(holder) if holder == self.holder => {
                token.is_none_or(|token| current == Some(token))
            }
            // Nobody's any more.
            Some(holder) => token.is_none() && !holder::is_alive(&self.database.place, &holder),
            // Of somebody who knew no holders. Where it was delivered by one of ours before, a number
            // without a token may be from that delivery, and says nothing about this one.
            None => token.is_none() && current.is_none(),
        };
        let in_time = due.is_none_or(|due| due > milliseconds(now()));
        let held = status == Status::Held as i64 && own && in_time;
        Ok(held.then(|| attempts.unwrap_or(0)))
    }

    pub(super) fn settle(
        &self,
        session: &mut Session,
        id: i64,
        token: Option<i64>,
        settlement: Settlement,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(attempts) = self.held(session, id, token)? else { return Ok(None) };
        let (table, statements) = (&self.shared.table, &self.shared.table.ack);
        let (status, due, last) = match settlement {
            Settlement::Acked => (Status::Acked, None, false),
            Settlement::Failed => (Status::Failed, None, false),
            Settlement::Undone => {
                session.connection.prepare_cached(&statements.undo)?.execute([id])?;
                (Status::Ready, None, false)
            }
            Settlement::Back { .. } if attempts_are_over(&self.options, attempts) => {
                (Status::Dead, None, false)
            }
            Settlement::Back { delay, last } => {
                let rest = delay.unwrap_or_else(|| backoff(self.options.backoff, attempts));
                if rest.is_zero() {
                    (Status::Ready, None, last)
                } else {
                    let due = milliseconds(now().saturating_add(rest));
                    (Status::Delayed, Some(due), last)
                }
            }
        };
        session.remove(table, Status::Held, 1);
        if status == Status::Acked && !self.options.keep_acked {
            session.connection.prepare_cached(&statements.drop_row)?.execute([id])?;
            return Ok(Some(id));
        }
        session.connection.prepare_cached(&statements.settle)?.execute(params![
            status as i64,
            due,
            id
        ])?;
        session.add(table, status, 1);
        if last {
            return self.move_back(session, id).map(Some);
        }
        Ok(Some(id))
    }

    /// Gives a row a number behind all others, and notes it: SQLite notes those of new rows only, and
    /// would use this one again once the row is gone.
    fn move_back(&self, session: &mut Session, id: i64) -> rusqlite::Result<i64> {
        let table = &self.shared.table;
        let renumber = |connection: &Connection, number: Option<i64>| {
            let mut move_back = connection.prepare_cached(&table.ack.move_back)?;
            if let Some(number) = number {
                move_back.execute([number, id])?;
                return Ok(number);
            }
            let last: i64 = connection
                .prepare_cached(&table.batch.last_number)?
                .query_row([&table.name], |row| row.get(0))?;
            let number = last + 1;
            move_back.execute([number, id])?;
            connection.prepare_cached(SET_HIGHEST)?.execute(params![table.name, number])?;
            Ok(number)
        };
        session.number(table, renumber, |number| Some(*number))
    }
}

pub(super) fn attempts_are_over(options: &SqliteOptions, attempts: u32) -> bool {
    options.max_attempts.is_some_and(|most| attempts >= most)
}

//! Getting rows of acknowledged queues: a row is marked as held in one transaction, and stays.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::ack::attempts_are_over;
use super::commit::Terms;
use super::database::Shared;
use super::get::read;
use super::options::SqliteOptions;
use super::session::Session;
use super::store::{Attachment, SqliteStore, look};
use crate::sql::{Held, Settlement, Status, Which, aside, milliseconds, now};
use crate::wait::{Attempt, Host, Wait, Worker};
use crate::{Error, Result};

/// What a get found.
enum Found {
    Rows(Holding),
    Nothing,
    /// Nothing; something will wait by itself at this time.
    NothingBefore(i64),
}

impl SqliteStore {
    /// Takes up to `most` items and holds them: waits as `wait` says for the first one, and takes
    /// what else is there. Nothing where none came in time. `lease` is how long they are held; as the
    /// options say where it is not given.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub async fn hold<H: Host>(
        &self,
        host: &mut H,
        wait: Wait,
        which: Which,
        lease: Option<Duration>,
        most: usize,
    ) -> Result<Vec<Held>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (terms, lease) = (self.terms(), lease.or(self.options.lease));
        let options = Arc::clone(&self.options);
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let claim = Claim {
                shared: Arc::clone(&attached.shared),
                options: Arc::clone(&options),
                holder: attached.holder_name(),
                lease,
            };
            let tried = match attached.find_to_hold(host, terms, claim, which, most).await? {
                Found::Rows(held) => {
                    if lease.is_some() {
                        // Who waits did not know of a time at which something may come back.
                        attached.shared.signals.items.notify_one();
                    }
                    Attempt::Done(held.accept())
                }
                Found::Nothing => Attempt::NotYet,
                Found::NothingBefore(due) => {
                    let left = due.saturating_sub(milliseconds(now())).max(1);
                    Attempt::NotBefore(Duration::from_millis(left.unsigned_abs()))
                }
            };
            if let ControlFlow::Break(held) = waits.pace(host, tried).await? {
                return Ok(held.unwrap_or_default());
            }
        }
    }
}

impl Attachment {
    async fn find_to_hold<H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        terms: Terms,
        claim: Claim,
        which: Which,
        most: usize,
    ) -> Result<Found, H::Error>
    where
        H::Error: From<Error>,
    {
        let flows = &self.shared.flows;
        // What the last one got something from is not looked at before.
        if flows.load(Ordering::Relaxed) {
            let held = self.take_to_hold(host, terms, claim.clone(), which, most).await?;
            if !held.is_empty() {
                return Ok(Found::Rows(held));
            }
        }
        // To find nothing must not wait for anybody: without the write lock first.
        let time = milliseconds(now());
        let nothing = look(host, self, move |attached| {
            attached.database.read(terms.patience, |connection| {
                nothing_waits(connection, &attached.shared, time)
            })
        })
        .await?;
        if let Some(nothing) = nothing {
            flows.store(false, Ordering::Relaxed);
            return Ok(nothing);
        }
        let held = self.take_to_hold(host, terms, claim, which, most).await?;
        flows.store(!held.is_empty(), Ordering::Relaxed);
        Ok(if held.is_empty() { Found::Nothing } else { Found::Rows(held) })
    }

    async fn take_to_hold<H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        terms: Terms,
        claim: Claim,
        which: Which,
        most: usize,
    ) -> Result<Holding, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, worker) = (Arc::clone(self), host.worker());
        let options = Arc::clone(&claim.options);
        self.write_into(
            host,
            terms,
            move |session| claim.take(session, which, most),
            move |held| Holding { held, attached, options, terms, worker },
        )
        .await
    }

    pub(super) fn holder_name(&self) -> String {
        self.holder.as_ref().map(|holder| holder.name.clone()).unwrap_or_default()
    }
}

/// Says so where nothing waits.
fn nothing_waits(
    connection: &Connection,
    shared: &Shared,
    time: i64,
) -> rusqlite::Result<Option<Found>> {
    let statements = &shared.table.ack;
    let anything: bool =
        connection.prepare_cached(&statements.anything)?.query_row([time], |row| row.get(0))?;
    if anything {
        return Ok(None);
    }
    let due: Option<i64> =
        connection.prepare_cached(&statements.next_due)?.query_row([], |row| row.get(0))?;
    Ok(Some(due.map_or(Found::Nothing, Found::NothingBefore)))
}

/// Rows that are held for somebody who may not wait for them any more: then nobody gets them.
struct Holding {
    held: Vec<Held>,
    attached: Arc<Attachment>,
    options: Arc<SqliteOptions>,
    terms: Terms,
    worker: Option<Arc<Worker>>,
}

impl Holding {
    fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Somebody has them.
    fn accept(mut self) -> Vec<Held> {
        std::mem::take(&mut self.held)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let rows: Vec<_> = self.held.iter().map(|held| (held.row.id, Some(held.token))).collect();
        let (attached, options, terms) =
            (Arc::clone(&self.attached), Arc::clone(&self.options), self.terms);
        aside(self.worker.as_ref(), move || {
            let undo = attached.settling(options, rows, Settlement::Undone);
            attached.database.write(terms, undo)?;
            attached.shared.signals.tell_of(Settlement::Undone);
            Ok(())
        });
    }
}

/// What a get wants.
#[derive(Clone)]
struct Claim {
    shared: Arc<Shared>,
    options: Arc<SqliteOptions>,
    holder: String,
    lease: Option<Duration>,
}

impl Claim {
    fn take(
        &self,
        session: &mut Session,
        which: Which,
        most: usize,
    ) -> rusqlite::Result<Vec<Held>> {
        let time = now();
        sweep(session, &self.shared, &self.options, milliseconds(time))?;
        let due = self.lease.map(|lease| milliseconds(time.saturating_add(lease)));
        let mut held = Vec::new();
        while held.len() < most {
            let Some((mut found, status)) = self.next(session, which)? else { break };
            found.attempts += 1;
            found.token += 1;
            session.connection.prepare_cached(&self.shared.table.ack.hold)?.execute(params![
                self.holder,
                found.token,
                found.attempts,
                due,
                found.row.id
            ])?;
            session.remove(&self.shared.table, status, 1);
            session.add(&self.shared.table, Status::Held, 1);
            held.push(found);
            if which != Which::Next {
                break;
            }
        }
        Ok(held)
    }

    fn next(&self, session: &Session, which: Which) -> rusqlite::Result<Option<(Held, Status)>> {
        let statements = &self.shared.table.ack;
        let get = |statement: &str, id: Option<i64>| {
            let mut statement = session.connection.prepare_cached(statement)?;
            match id {
                Some(id) => statement.query_row([id], read_held).optional(),
                None => statement.query_row([], read_held).optional(),
            }
        };
        match which {
            Which::Next => get(&statements.next, None),
            Which::Id(id) => get(&statements.one, Some(id)),
            Which::Behind(id) => match get(&statements.next_behind, Some(id))? {
                None => get(&statements.next, None),
                found => Ok(found),
            },
        }
    }
}

/// A row as it waits, and what status it counts under.
fn read_held(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Held, Status)> {
    let held = Held {
        row: read(row)?,
        attempts: row.get::<_, Option<u32>>(3)?.unwrap_or(0),
        token: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
    };
    let status = row.get::<_, Option<i64>>(5)?.unwrap_or(0);
    Ok((held, if status == Status::New as i64 { Status::New } else { Status::Ready }))
}

/// Does what time has brought: delays and leases end, and what waited too long is dead.
fn sweep(
    session: &mut Session,
    shared: &Shared,
    options: &SqliteOptions,
    time: i64,
) -> rusqlite::Result<()> {
    let (table, statements) = (&shared.table, &shared.table.ack);
    let due: bool = session
        .connection
        .prepare_cached(&statements.is_due)?
        .query_row([time], |row| row.get(0))?;
    if !due {
        return Ok(());
    }
    let expired = session.connection.prepare_cached(&statements.expire)?.execute([time])?;
    let promoted = session.connection.prepare_cached(&statements.promote)?.execute([time])?;
    session.remove(table, Status::Delayed, promoted);
    session.add(table, Status::Ready, promoted);
    if expired > 0 {
        session.forget_counts();
    }
    let overdue: Vec<(i64, Option<u32>)> = {
        let mut statement = session.connection.prepare_cached(&statements.overdue)?;
        let rows = statement.query_map([time], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    for (id, attempts) in overdue {
        give_back(session, shared, options, id, attempts.unwrap_or(0))?;
    }
    Ok(())
}

/// Has a held row wait again, or makes it a dead letter.
pub(super) fn give_back(
    session: &mut Session,
    shared: &Shared,
    options: &SqliteOptions,
    id: i64,
    attempts: u32,
) -> rusqlite::Result<()> {
    let status = if attempts_are_over(options, attempts) { Status::Dead } else { Status::Ready };
    session.connection.prepare_cached(&shared.table.ack.settle)?.execute(params![
        status as i64,
        None::<i64>,
        id
    ])?;
    session.remove(&shared.table, Status::Held, 1);
    session.add(&shared.table, status, 1);
    Ok(())
}

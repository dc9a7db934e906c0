//! Putting rows.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::commit::Terms;
use super::database::Shared;
use super::schema::Table;
use super::session::Session;
use super::store::SqliteStore;
use crate::sql::{Kind, Put, Status, milliseconds, now};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

impl SqliteStore {
    /// Puts items in one transaction, all of them or none, and gives their numbers; nothing for an
    /// item that waits already in a queue of [`Kind::Unique`].
    ///
    /// # Errors
    /// [`Error::Full`] where there was no room in time; [`Error::Locked`], [`Error::Io`],
    /// [`Error::Database`]. After an error nothing was put.
    pub async fn put<H: Host>(
        &self,
        host: &mut H,
        items: Vec<Put>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let mut items = items;
        for item in &mut items {
            self.complete(item)?;
        }
        let maxsize = self.options.maxsize;
        let full = || self.full();
        if maxsize > 0 && items.len() as u64 > maxsize {
            return Err(full().into());
        }
        if self.batches() {
            return self.put_batched(host, items, wait).await?.ok_or_else(|| full().into());
        }
        let terms = Terms { grows: true, ..self.terms() };
        let items = Arc::new(items);
        let attached = self.attached()?;
        let signals = &attached.shared.signals;
        let mut waits = self.tries(&attached, &signals.space, wait);
        loop {
            let (items, shared) = (Arc::clone(&items), Arc::clone(&attached.shared));
            let put = attached
                .write(host, terms, move |session| insert_all(session, &shared, &items, maxsize))
                .await?;
            let tried = put.map_or(Attempt::NotYet, Attempt::Done);
            if let Attempt::Done(put) = &tried {
                match put.iter().flatten().count() {
                    0 => {}
                    1 => signals.items.notify_one(),
                    _ => signals.items.notify_all(),
                }
            }
            if let ControlFlow::Break(put) = waits.pace(host, tried).await? {
                return put.ok_or_else(|| full().into());
            }
        }
    }

    /// Refuses options that this kind of queue has not, and adds what its own say where the put does not.
    pub(super) fn complete(&self, item: &mut Put) -> Result<()> {
        item.options.check(self.flavour())?;
        item.options.ttl = item.options.ttl.or(self.options.ttl);
        Ok(())
    }

    pub(super) fn full(&self) -> Error {
        Error::Full { path: self.path().to_owned(), limit: self.options.maxsize }
    }
}

/// Nothing where there is no room.
pub(super) fn insert_all(
    session: &mut Session,
    shared: &Shared,
    items: &[Put],
    maxsize: u64,
) -> rusqlite::Result<Option<Vec<Option<i64>>>> {
    if maxsize > 0 {
        let stored = session.counts(&shared.table)?.stored();
        if stored + items.len() as u64 > maxsize {
            return Ok(None);
        }
    }
    items.iter().map(|item| insert(session, shared, item)).collect::<Result<_, _>>().map(Some)
}

fn insert(session: &mut Session, shared: &Shared, item: &Put) -> rusqlite::Result<Option<i64>> {
    let table = &shared.table;
    let inserted = session.number(
        table,
        |connection, number| Insertion::make(connection, table, item, number),
        |inserted| inserted.row.map(|(id, _)| id),
    )?;
    if inserted.forgotten > 0 {
        session.remove(table, Status::Acked, inserted.forgotten);
    }
    let Some((id, status)) = inserted.row else { return Ok(None) };
    session.add(table, status, 1);
    Ok(Some(id))
}

/// What a put changed in its table.
pub(super) struct Insertion {
    /// How many acknowledged rows made way for an equal one.
    forgotten: usize,
    /// The new row's number and status; nothing where the item waits already.
    pub(super) row: Option<(i64, Status)>,
}

impl Insertion {
    pub(super) fn make(
        connection: &Connection,
        table: &Table,
        item: &Put,
        number: Option<i64>,
    ) -> rusqlite::Result<Self> {
        let mut forgotten = 0;
        if table.kind == Kind::Unique {
            for spelling in [Some(item.value()), item.other_value()].into_iter().flatten() {
                if table.acks {
                    let mut forget = connection.prepare_cached(&table.forget_acked)?;
                    forgotten += forget.execute([&spelling])?;
                }
                // Looked for first: an insert that is ignored uses a number up.
                if connection.prepare_cached(&table.with_data)?.exists([spelling])? {
                    return Ok(Self { forgotten, row: None });
                }
            }
        }
        let put_at = now();
        let time = put_at.as_secs_f64();
        let data = item.value();
        let later =
            |time: Option<Duration>| time.map(|time| milliseconds(put_at.saturating_add(time)));
        let status = if item.options.delay.is_some() { Status::Delayed } else { Status::New };
        let (due, expires) = (later(item.options.delay), later(item.options.ttl));
        let mut statement = connection.prepare_cached(&table.insert)?;
        let put = statement.execute(params![
            data,
            time,
            item.options.priority,
            status as i64,
            due,
            expires,
            number
        ])?;
        let row = (put > 0).then(|| (connection.last_insert_rowid(), status));
        Ok(Self { forgotten, row })
    }
}

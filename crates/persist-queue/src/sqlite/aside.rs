//! Taking rows of a queue without acknowledgements in two steps: aside, and away. Until the second step
//! they are in a table of their own, and whoever comes next puts back what a dead process left there.
//! For those who must not lose a row between taking it and passing it on, across processes.

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::database::Shared;
use super::get::read_waiting;
use super::holder::{self, Holder};
use super::schema_aside as schema;
use super::session::Session;
use super::store::{Attachment, SqliteStore};
use crate::sql::Row;
use crate::sql::{Kind, Status};
use crate::wait::{Attempt, Thread, Wait, now};
use crate::{Error, Result};

/// One who takes rows aside. Dropped, it leaves what it has to the next one on this database.
#[derive(Debug)]
pub struct Aside<'a> {
    store: &'a SqliteStore,
    attached: Arc<Attachment>,
    holder: Holder,
}

impl SqliteStore {
    /// Begins to take rows aside, in a queue without acknowledgements; puts back what dead ones left.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a queue with acknowledgements, which needs none of this, or one with
    /// [`auto_commit`](super::SqliteOptions::auto_commit) off; [`Error::Closed`], [`Error::Locked`],
    /// [`Error::Io`], [`Error::Database`].
    pub fn aside(&self) -> Result<Aside<'_>> {
        if self.acks() || self.batches() {
            let why = "only rows of a queue without acknowledgements that commits each call can be \
                       taken aside";
            return Err(Error::Invalid(why.to_owned()));
        }
        let attached = self.attached()?;
        let aside = Aside { store: self, holder: Holder::new(&self.place)?, attached };
        aside.resume()?;
        Ok(aside)
    }
}

impl Aside<'_> {
    /// Takes up to `most` rows aside: waits as `wait` says for the first one, and takes what else is
    /// there. Nothing where none came in time.
    ///
    /// # Errors
    /// As [`SqliteStore::aside`].
    pub fn take(&self, most: usize, wait: Wait) -> Result<Vec<Row>> {
        let signal = &self.attached.shared.signals.items;
        let mut waits = self.store.tries(&self.attached, signal, wait);
        loop {
            let rows = self.try_take(most)?;
            let tried = if rows.is_empty() { Attempt::NotYet } else { Attempt::Done(rows) };
            if let ControlFlow::Break(rows) = now(waits.pace(&mut Thread, tried))? {
                return Ok(rows.unwrap_or_default());
            }
        }
    }

    fn try_take(&self, most: usize) -> Result<Vec<Row>> {
        let shared = &self.attached.shared;
        // To find nothing must not wait for anybody: without the write lock first.
        let anything = self.attached.database.read(self.store.options().timeout, |connection| {
            connection.prepare_cached(&shared.table.waiting)?.exists([])
        })?;
        if !anything {
            return Ok(Vec::new());
        }
        let (shared, holder) = (Arc::clone(shared), self.holder.name.clone());
        let rows = self
            .attached
            .database
            .write(self.store.terms(), move |session| take(session, &shared, &holder, most))?;
        if !rows.is_empty() {
            self.attached.shared.signals.tell_of_a_take();
        }
        Ok(rows)
    }

    /// What was taken aside is gone for good.
    ///
    /// # Errors
    /// As [`SqliteStore::aside`]. Then it comes back.
    pub fn finish(&self) -> Result<()> {
        let (shared, holder) = (Arc::clone(&self.attached.shared), self.holder.name.clone());
        self.attached.database.write(self.store.terms(), move |session| {
            let mut forget = session.connection.prepare_cached(schema::FORGET)?;
            forget.execute(params![shared.table.name, holder])
        })?;
        self.attached.shared.signals.done.notify_all();
        Ok(())
    }

    /// What was taken aside waits again, in its old place, under its old numbers.
    ///
    /// # Errors
    /// As [`SqliteStore::aside`].
    pub fn give_back(&self) -> Result<()> {
        let (shared, holder) = (Arc::clone(&self.attached.shared), self.holder.name.clone());
        self.attached.database.write(self.store.terms(), move |session| {
            put_back(session, &shared, &holder).map(|_| ())
        })?;
        self.attached.shared.signals.items.notify_all();
        Ok(())
    }

    /// Puts back what dead ones took aside.
    fn resume(&self) -> Result<()> {
        let shared = Arc::clone(&self.attached.shared);
        let left = self.attached.database.read(self.store.options().timeout, |connection| {
            if !schema::is_made(connection)? {
                return Ok(Vec::new());
            }
            holders(connection, &shared.table.name)
        })?;
        let place = &self.attached.database.place;
        let dead: Vec<_> =
            left.into_iter().filter(|holder| !holder::is_alive(place, holder)).collect();
        if dead.is_empty() {
            return Ok(());
        }
        let terms = self.store.terms();
        let back = self.attached.database.write(terms, move |session| {
            dead.iter()
                .map(|holder| put_back(session, &shared, holder))
                .sum::<rusqlite::Result<usize>>()
        })?;
        tracing::info!(back, "rows that a dead process had taken wait again");
        self.attached.shared.signals.items.notify_all();
        Ok(())
    }
}

fn holders(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(schema::HOLDERS)?;
    let holders = statement.query_map([table], |row| row.get(0))?;
    holders.collect()
}

fn take(
    session: &mut Session,
    shared: &Shared,
    holder: &str,
    most: usize,
) -> rusqlite::Result<Vec<Row>> {
    session.connection.execute_batch(schema::CREATE)?;
    let table = &shared.table;
    let mut found = Vec::new();
    {
        let mut statement = session.connection.prepare_cached(&table.waiting)?;
        let mut rows = statement.query([])?;
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            // What another object of this process is about to delete is left to it.
            if shared.claims().is_free(row.get(0)?) {
                found.push(read_waiting(row, table)?);
            }
        }
    }
    for row in &found {
        session.connection.prepare_cached(schema::REMEMBER)?.execute(params![
            table.name,
            row.id,
            row.value(),
            row.timestamp,
            row.priority,
            holder
        ])?;
        session.connection.prepare_cached(&table.delete)?.execute([row.id])?;
    }
    session.remove(table, Status::New, found.len());
    Ok(found)
}

/// Gives how many rows wait again: of equal ones in a unique queue one is enough.
fn put_back(session: &mut Session, shared: &Shared, holder: &str) -> rusqlite::Result<usize> {
    let table = &shared.table;
    let rows: Vec<Row> = {
        let mut statement = session.connection.prepare_cached(schema::REMEMBERED)?;
        let rows = statement.query_map(params![table.name, holder], |row| {
            let mut read = super::get::read(row)?;
            if table.kind == Kind::Priority {
                read.priority = row.get(3)?;
            }
            Ok(read)
        })?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let mut back = 0;
    for row in &rows {
        let nothing = None::<i64>;
        back += session.connection.prepare_cached(&table.insert)?.execute(params![
            row.value(),
            row.timestamp,
            row.priority,
            nothing,
            nothing,
            nothing,
            row.id
        ])?;
    }
    session.connection.prepare_cached(schema::FORGET)?.execute(params![table.name, holder])?;
    session.add(table, Status::New, back);
    shared.claims().ahead.forget();
    Ok(back)
}

//! Getting rows of queues without acknowledgements: a row is made into its item first and deleted
//! afterwards, so that one that cannot be made into an item stays.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::ahead::read_ahead;
use super::claims::Owner;
use super::database::Shared;
use super::schema::Table;
use super::session::Session;
use super::store::{Attachment, Row, SqliteStore, Undecoded, Which, work};
use crate::sql::{Kind, Status};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

/// How often a row may be lost to another process before one is taken blindly.
pub(super) const LOSSES: u32 = 2;

impl SqliteStore {
    /// Gets the next item for `thread`; nothing where none came in time. `decode` makes it of its
    /// row.
    ///
    /// # Errors
    /// What `decode` said, and the row stays; [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub fn get<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        which: Which,
        mut decode: impl FnMut(&mut H, &Row) -> Result<T, Undecoded<H::Error>>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        if self.batches() {
            return self.get_batched(host, thread, wait, which, decode);
        }
        self.wait(
            host,
            |shared| &shared.signals.items,
            wait,
            |host, attached| self.try_get(host, attached, thread, which, &mut decode),
        )
    }

    /// One attempt of a get.
    pub(super) fn try_get<T, H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        thread: u64,
        which: Which,
        decode: &mut impl FnMut(&mut H, &Row) -> Result<T, Undecoded<H::Error>>,
    ) -> Result<Attempt<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let terms = self.terms();
        let owner = Owner { handle: attached.handle, thread };
        for lost in 0.. {
            let blind = lost >= LOSSES;
            let held = Arc::clone(attached);
            let ahead = if lost == 0 && which == Which::Next {
                attached.shared.claims().claim_ahead(owner)
            } else {
                None
            };
            let is_ahead = ahead.is_some();
            let look = move |attached: &Attachment| {
                let row = if ahead.is_some() {
                    Ok(ahead)
                } else if blind && which == Which::Next {
                    let shared = Arc::clone(&attached.shared);
                    attached.database.write(terms, move |session| take_blindly(session, &shared))
                } else {
                    attached.database.read(terms.patience, |connection| {
                        find(connection, &attached.shared, owner, which)
                    })
                };
                // Settled even where the host does not take the result any more.
                let unsettled = |row: Row| (Unsettled { attached: held, id: Some(row.id) }, row);
                Ok::<_, Error>(row?.map(unsettled))
            };
            let found = if is_ahead { look(attached)? } else { work(host, attached, look)? };
            let Some((mut guard, row)) = found else { return Ok(Attempt::NotYet) };
            let row = Arc::new(row);
            let item = match decode(host, &row) {
                Ok(item) => item,
                Err(undecoded) => {
                    if blind && which == Which::Next {
                        self.put_back(host, attached, vec![(*row).clone()])?;
                    }
                    return Err(guard.refuse(undecoded));
                }
            };
            if blind && which == Which::Next {
                attached.shared.signals.space.notify_all();
                return Ok(Attempt::Done(item));
            }
            let taken = Arc::clone(&row);
            let taken = work(host, attached, move |attached| {
                let shared = Arc::clone(&attached.shared);
                attached.database.write(terms, move |session| delete(session, &shared, &taken))
            })?;
            if taken {
                guard.settle();
                attached.shared.signals.space.notify_all();
                return Ok(Attempt::Done(item));
            }
            if is_ahead {
                attached.shared.claims().ahead.missed();
            }
        }
        Ok(Attempt::NotYet)
    }

    /// Puts rows back that were taken and did not reach anybody.
    pub(super) fn put_back<H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        rows: Vec<Row>,
    ) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let terms = self.terms();
        work(host, attached, move |attached| {
            let shared = Arc::clone(&attached.shared);
            attached.database.write(terms, move |session| {
                let mut put = 0;
                {
                    let insert = &shared.table.insert;
                    let mut insert = session.connection.prepare_cached(insert)?;
                    let nothing = None::<i64>;
                    for row in &rows {
                        put += insert.execute(params![
                            row.value(),
                            row.timestamp,
                            row.priority,
                            nothing,
                            nothing,
                            nothing,
                            row.id
                        ])?;
                    }
                }
                session.add(&shared.table, Status::New, put);
                shared.claims().ahead.forget();
                Ok(())
            })
        })
    }
}

/// A row that is claimed, until it is known what became of it.
pub(super) struct Unsettled {
    pub(super) attached: Arc<Attachment>,
    pub(super) id: Option<i64>,
}

impl Unsettled {
    /// The row is taken: it does not wait any more.
    pub(super) fn settle(&mut self) {
        if let Some(id) = self.id.take() {
            self.attached.shared.claims().settle(id);
        }
    }

    pub(super) fn refuse<E>(&mut self, undecoded: Undecoded<E>) -> E {
        match undecoded {
            Undecoded::Broken(error) => {
                if let Some(id) = self.id.take() {
                    self.attached.shared.claims().set_aside(id);
                }
                error
            }
            Undecoded::Interrupted(error) => error,
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.attached.shared.claims().release(id);
            self.attached.shared.signals.items.notify_one();
        }
    }
}

/// Finds a row that nobody in this process has, and claims it.
fn find(
    connection: &Connection,
    shared: &Shared,
    owner: Owner,
    which: Which,
) -> rusqlite::Result<Option<Row>> {
    let mut found = None;
    find_each(connection, shared, owner, which, |row| {
        found = Some(row);
        false
    })?;
    Ok(found)
}

/// Claims rows that nobody in this process has, in their order, and gives each to `found` until that
/// says that it is enough.
pub(super) fn find_each(
    connection: &Connection,
    shared: &Shared,
    owner: Owner,
    which: Which,
    mut found: impl FnMut(Row) -> bool,
) -> rusqlite::Result<()> {
    let table = &shared.table;
    let (mut statement, id) = match which {
        Which::Next => (connection.prepare_cached(&table.waiting)?, None),
        Which::Id(id) | Which::Behind(id) => {
            (connection.prepare_cached(&table.waiting_one)?, Some(id))
        }
    };
    let mut rows = match id {
        None => statement.query([])?,
        Some(id) => statement.query([id])?,
    };
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        {
            let mut claims = shared.claims();
            if !claims.is_free(id) {
                continue;
            }
            claims.claim(id, owner);
        }
        let row = read_waiting(row, table).inspect_err(|_| shared.claims().release(id))?;
        if !found(row) {
            break;
        }
    }
    Ok(())
}

fn take_blindly(session: &mut Session, shared: &Shared) -> rusqlite::Result<Option<Row>> {
    let table = &shared.table;
    let found = {
        let mut statement = session.connection.prepare_cached(&table.waiting)?;
        let mut rows = statement.query([])?;
        loop {
            match rows.next()? {
                Some(row) if shared.claims().is_free(row.get(0)?) => {
                    break Some(read_waiting(row, table)?);
                }
                Some(_) => {}
                None => break None,
            }
        }
    };
    if let Some(row) = &found {
        session.connection.prepare_cached(&table.delete)?.execute([row.id])?;
        session.remove(table, Status::New, 1);
    }
    Ok(found)
}

/// Deletes a row as it was read. Says whether it was still there.
pub(super) fn delete(session: &mut Session, shared: &Shared, row: &Row) -> rusqlite::Result<bool> {
    let mut statement = session.connection.prepare_cached(&shared.table.delete_as_read)?;
    let deleted = statement.execute(params![row.id, row.value()])?;
    drop(statement);
    session.remove(&shared.table, Status::New, deleted);
    if deleted > 0 {
        read_ahead(&session.connection, shared, row)?;
    }
    Ok(deleted > 0)
}

pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let (data, text) = match row.get_ref(1)? {
        ValueRef::Blob(bytes) => (bytes.to_vec(), false),
        ValueRef::Text(bytes) => (bytes.to_vec(), true),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => (Vec::new(), false),
    };
    let timestamp = row.get::<_, Option<f64>>(2)?.unwrap_or(0.0);
    Ok(Row { id: row.get(0)?, data, timestamp, text, priority: None })
}

/// As [`read`], with all that it takes to put the row back.
fn read_waiting(row: &rusqlite::Row<'_>, table: &Table) -> rusqlite::Result<Row> {
    let mut read = read(row)?;
    if table.kind == Kind::Priority {
        read.priority = row.get(3)?;
    }
    Ok(read)
}

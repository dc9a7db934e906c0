//! Getting rows of queues without acknowledgements: a row is made into its item first and deleted
//! afterwards, so that one that cannot be made into an item stays.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::ahead::{UNASKED, read_ahead, read_for_others};
use super::claims::Owner;
use super::commit::Terms;
use super::database::Shared;
use super::schema::Table;
use super::session::Session;
use super::store::{Attachment, SqliteStore, look, work};
use crate::sql::{Decode, Kind, Row, Status, Undecoded, Which, aside};
use crate::wait::{Attempt, Host, Wait, Worker};
use crate::{Error, Result};

/// How often a row may be lost to another process before one is taken blindly.
pub(super) const LOSSES: u32 = 2;

impl SqliteStore {
    /// Gets the next item for `thread`; nothing where none came in time. `decode` makes it of its
    /// row.
    ///
    /// # Errors
    /// What `decode` said, and the row stays; [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub async fn get<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        which: Which,
        mut decode: impl Decode<T, H>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        if self.batches() {
            return self.get_batched(host, thread, wait, which, &mut decode).await;
        }
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let tried = self.try_get(host, &attached, thread, which, &mut decode).await?;
            if let ControlFlow::Break(item) = waits.pace(host, tried).await? {
                return Ok(item);
            }
        }
    }

    /// One attempt of a get.
    pub(super) async fn try_get<T, H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        thread: u64,
        which: Which,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Attempt<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let terms = self.terms();
        let owner = Owner { handle: attached.handle, thread };
        for lost in 0..=LOSSES {
            let may_be_ahead = which == Which::Next && lost == 0;
            let ahead = if may_be_ahead { attached.claim_ahead(owner, UNASKED) } else { None };
            let found = match ahead {
                Some(claimed) => Some(claimed),
                None => attached.claim(host, terms.patience, owner, which, may_be_ahead).await?,
            };
            let Some(claimed) = found else { return Ok(Attempt::NotYet) };
            let item = match decode.decode(host, &claimed.row).await {
                Ok(item) => item,
                Err(undecoded) => return Err(claimed.refuse(undecoded)),
            };
            let was_ahead = claimed.was_ahead;
            let (deleted, taken) = attached.delete(host, terms, vec![claimed]).await??;
            if deleted.contains(&true) {
                taken.accept();
                attached.shared.signals.tell_of_a_take();
                return Ok(Attempt::Done(item));
            }
            if was_ahead {
                attached.shared.claims().ahead.missed();
            }
        }
        match which {
            Which::Next => self.try_get_blindly(host, attached, owner, decode).await,
            Which::Id(_) | Which::Behind(_) => Ok(Attempt::NotYet),
        }
    }

    /// Takes a row before it is known whether an item can be made of it: other processes were faster
    /// again and again.
    async fn try_get_blindly<T, H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        owner: Owner,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Attempt<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (terms, shared) = (self.terms(), Arc::clone(&attached.shared));
        let (theirs, worker) = (Arc::clone(attached), host.worker());
        let taken = attached.write_into(
            host,
            terms,
            move |session| take_blindly(session, &shared),
            move |row| {
                row.map(|row| {
                    theirs.shared.claims().claim(row.id, owner);
                    let claimed = Claimed::new(&theirs, row);
                    let rows = vec![Arc::clone(&claimed)];
                    (claimed, Taken { rows, attached: theirs, terms, worker })
                })
            },
        );
        let Some((claimed, taken)) = taken.await? else { return Ok(Attempt::NotYet) };
        match decode.decode(host, &claimed.row).await {
            Ok(item) => {
                taken.accept();
                attached.shared.signals.tell_of_a_take();
                Ok(Attempt::Done(item))
            }
            // It is put back as it goes.
            Err(undecoded) => Err(claimed.refuse(undecoded)),
        }
    }

    /// Puts rows back that were taken and did not reach anybody.
    pub(super) async fn put_back<H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        rows: Vec<Row>,
    ) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let terms = self.terms();
        work(host, attached, move |attached| attached.put_back(terms, rows)).await
    }
}

impl Attachment {
    /// Claims the next row that was read ahead for who has this turn.
    fn claim_ahead(self: &Arc<Self>, owner: Owner, turn: u64) -> Option<Arc<Claimed>> {
        let row = self.shared.claims().claim_ahead(owner, turn)?;
        let (attached, settled) = (Arc::clone(self), AtomicBool::new(false));
        Some(Arc::new(Claimed { attached, row, was_ahead: true, settled }))
    }

    /// Finds a row that nobody in this process has, and claims it.
    async fn claim<H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        patience: Duration,
        owner: Owner,
        which: Which,
        may_be_ahead: bool,
    ) -> Result<Option<Arc<Claimed>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let theirs = Arc::clone(self);
        let turn = self.shared.claims().ahead.ask();
        look(host, self, move |attached| {
            // Whoever looked before may have read ours ahead.
            let ahead = if may_be_ahead { theirs.claim_ahead(owner, turn) } else { None };
            if ahead.is_some() {
                return Ok(ahead);
            }
            let found = attached.database.read(patience, |connection| {
                find(connection, &attached.shared, owner, which, turn)
            })?;
            // Released also where the host does not take the result any more.
            Ok(found.map(|row| Claimed::new(&theirs, row)))
        })
        .await
    }

    /// Deletes rows as they were read; says of each whether it was still there.
    pub(super) async fn delete<H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        terms: Terms,
        claimed: Vec<Arc<Claimed>>,
    ) -> Result<Result<(Vec<bool>, Taken)>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (rows, shared) = (claimed.clone(), Arc::clone(&self.shared));
        let (attached, worker) = (Arc::clone(self), host.worker());
        self.try_write_into(
            host,
            terms,
            move |session| {
                rows.iter()
                    .map(|claimed| delete(session, &shared, &claimed.row))
                    .collect::<rusqlite::Result<Vec<_>>>()
            },
            move |deleted| {
                let taken = claimed.into_iter().zip(&deleted).filter(|(_, deleted)| **deleted);
                let rows = taken.map(|(claimed, _)| claimed).collect();
                (deleted, Taken { rows, attached, terms, worker })
            },
        )
        .await
    }

    fn put_back(&self, terms: Terms, rows: Vec<Row>) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        self.database.write(terms, move |session| {
            let mut put = 0;
            {
                let mut insert = session.connection.prepare_cached(&shared.table.insert)?;
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
    }
}

/// A row that is claimed: it waits again when the last one drops this, unless it is known by then what
/// became of it.
pub(super) struct Claimed {
    attached: Arc<Attachment>,
    pub(super) row: Row,
    was_ahead: bool,
    settled: AtomicBool,
}

impl Claimed {
    pub(super) fn new(attached: &Arc<Attachment>, row: Row) -> Arc<Self> {
        let settled = AtomicBool::new(false);
        Arc::new(Self { attached: Arc::clone(attached), row, was_ahead: false, settled })
    }

    /// It is taken, and does not wait any more.
    fn settle(&self) {
        if !self.settled.swap(true, Ordering::Relaxed) {
            self.attached.shared.claims().settle(self.row.id);
        }
    }

    pub(super) fn refuse<E>(&self, undecoded: Undecoded<E>) -> E {
        match undecoded {
            Undecoded::Broken(error) => {
                if !self.settled.swap(true, Ordering::Relaxed) {
                    self.attached.shared.claims().set_aside(self.row.id);
                }
                error
            }
            Undecoded::Interrupted(error) => error,
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !*self.settled.get_mut() {
            self.attached.shared.claims().release(self.row.id);
            self.attached.shared.signals.items.notify_one();
        }
    }
}

/// Rows that were deleted for somebody, and are put back where he does not take them.
pub(super) struct Taken {
    rows: Vec<Arc<Claimed>>,
    attached: Arc<Attachment>,
    terms: Terms,
    worker: Option<Arc<Worker>>,
}

impl Taken {
    pub(super) fn accept(mut self) {
        for claimed in std::mem::take(&mut self.rows) {
            claimed.settle();
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let (claimed, terms) = (std::mem::take(&mut self.rows), self.terms);
        let attached = Arc::clone(&self.attached);
        aside(self.worker.as_ref(), move || {
            let rows = claimed.iter().map(|claimed| claimed.row.clone()).collect();
            attached.put_back(terms, rows)
        });
    }
}

/// Finds a row that nobody in this process has, and claims it.
fn find(
    connection: &Connection,
    shared: &Shared,
    owner: Owner,
    which: Which,
    turn: u64,
) -> rusqlite::Result<Option<Row>> {
    let mut found = None;
    find_each(connection, shared, owner, which, |row| {
        found = Some(row);
        false
    })?;
    if let (Which::Next, Some(row)) = (which, &found) {
        // Others who wait find theirs without a look of their own.
        read_ahead(connection, shared, row, shared.signals.items.waiting())?;
        read_for_others(connection, shared, turn)?;
    }
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
        read_ahead(&session.connection, shared, row, 1)?;
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
pub(super) fn read_waiting(row: &rusqlite::Row<'_>, table: &Table) -> rusqlite::Result<Row> {
    let mut read = read(row)?;
    if table.kind == Kind::Priority {
        read.priority = row.get(3)?;
    }
    Ok(read)
}

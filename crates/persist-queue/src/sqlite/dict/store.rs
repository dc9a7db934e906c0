//! A dictionary of bytes in a database: what the typed dictionary and the bindings are made of.
//!
//! Nothing here knows a codec. Whoever takes a value out reads it, makes what it needs of it, and then
//! has the row removed if it is still the same, so that a value that cannot be read is not lost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::key::Key;
use super::options::DictOptions;
use super::schema::DictTable;
use crate::process::per_process::PerProcess;
use crate::sqlite::commit::Terms;
use crate::sqlite::connection::Place;
use crate::sqlite::database::{self, Database};
use crate::sqlite::session::Session;
use crate::wait::{Host, Worker};
use crate::{Durability, Error, Result};

/// See the module.
#[derive(Debug)]
pub struct DictStore {
    place: Place,
    options: DictOptions,
    attachment: PerProcess<Attachment>,
    closed: AtomicBool,
}

/// What a store works with; a forked child makes itself another one.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) database: Arc<Database>,
    pub(super) table: DictTable,
}

/// A key's row, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The row's number.
    pub row: i64,
    /// The serialized value.
    pub data: Vec<u8>,
}

impl DictStore {
    /// Opens the dictionary in the database file `path`, or in memory where that is `:memory:`.
    ///
    /// # Errors
    /// As [`DictOptions::open_with`].
    pub fn open(path: &Path, options: DictOptions) -> Result<Self> {
        options.durability.check()?;
        let place =
            if path == Path::new(":memory:") { Place::Memory } else { database::place(path)? };
        let attachment = PerProcess::new(Arc::new(Attachment::new(&place, &options)?));
        Ok(Self { attachment, closed: AtomicBool::new(false), place, options })
    }

    /// The database file, as an absolute path, or `:memory:`.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// The row of a key, if there is one.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub async fn get<H: Host>(&self, host: &mut H, key: Key) -> Result<Option<Found>, H::Error>
    where
        H::Error: From<Error>,
    {
        self.read(host, move |connection, table| find(connection, table, &key, read_found)).await
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn contains<H: Host>(&self, host: &mut H, key: Key) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        self.read(host, move |connection, table| {
            Ok(find(connection, table, &key, read_row)?.is_some())
        })
        .await
    }

    /// Sets values in one transaction, all of them or none.
    ///
    /// # Errors
    /// As [`DictStore::get`]. After an error nothing was set.
    pub async fn set<H: Host>(
        &self,
        host: &mut H,
        entries: Vec<(Key, Vec<u8>)>,
    ) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        self.write(host, true, move |session, table| {
            entries.iter().try_for_each(|(key, data)| set(&session.connection, table, key, data))
        })
        .await
    }

    /// Sets a value where the key is missing; gives the row that is there otherwise.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn set_default<H: Host>(
        &self,
        host: &mut H,
        key: Key,
        data: Vec<u8>,
    ) -> Result<Option<Found>, H::Error>
    where
        H::Error: From<Error>,
    {
        self.write(host, true, move |session, table| {
            let found = find(&session.connection, table, &key, read_found)?;
            if found.is_none() {
                set(&session.connection, table, &key, &data)?;
            }
            Ok(found)
        })
        .await
    }

    /// Removes a key. Says whether it was there.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn remove<H: Host>(&self, host: &mut H, key: Key) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        self.write(host, false, move |session, table| {
            let connection = &session.connection;
            let Some(row) = find(connection, table, &key, read_row)? else { return Ok(false) };
            Ok(connection.prepare_cached(&table.remove)?.execute([row])? > 0)
        })
        .await
    }

    /// Removes all keys.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn clear<H: Host>(&self, host: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        self.write(host, false, |session, table| {
            session.connection.prepare_cached(&table.clear)?.execute([]).map(drop)
        })
        .await
    }

    /// How many keys there are.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn len<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        self.read(host, |connection, table| {
            let mut count = connection.prepare_cached(&table.count)?;
            Ok(count.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
        })
        .await
    }

    /// Whether there is no key. Takes the same time however many there are.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn is_empty<H: Host>(&self, host: &mut H) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        self.read(host, |connection, table| {
            let mut any = connection.prepare_cached(&table.any)?;
            Ok(!any.query_row([], |row| row.get::<_, bool>(0))?)
        })
        .await
    }

    /// Gives the bytes of what is gone back to the file system.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn shrink<H: Host>(&self, host: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        let shrunk = host
            .offload(move || {
                attached.database.with_session("shrink", patience, |session| {
                    session.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
                })
            })
            .await?;
        Ok(shrunk?)
    }

    /// Whether [`DictStore::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Refuses all calls from now on. Closing twice is allowed; dropping does the same.
    pub fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(attached) = self.attachment.existing()
            && let Err(error) = attached.database.flush(self.options.durability)
        {
            tracing::error!(%error, "what was set may not survive a dead machine");
        }
    }

    /// The thread that does what blocks for all tasks on this database.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn worker(&self) -> Result<Arc<Worker>> {
        Ok(Arc::clone(&self.attached()?.database.worker))
    }

    fn attached(&self) -> Result<Arc<Attachment>> {
        if self.is_closed() {
            return Err(Error::Closed { path: self.path().to_owned() });
        }
        self.attachment.get(|| Attachment::new(&self.place, &self.options).map(Arc::new))
    }

    pub(super) async fn read<R: Send + 'static, H: Host>(
        &self,
        host: &mut H,
        work: impl FnOnce(&Connection, &DictTable) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, patience) = (self.attached()?, self.options.timeout);
        let read = host
            .look(move || {
                attached.database.read(patience, |connection| work(connection, &attached.table))
            })
            .await?;
        Ok(read?)
    }

    async fn write<R: Send + 'static, H: Host>(
        &self,
        host: &mut H,
        grows: bool,
        work: impl FnMut(&mut Session, &DictTable) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, H::Error>
    where
        H::Error: From<Error>,
    {
        self.write_into(host, grows, work, |_, result| result).await
    }

    /// As [`DictStore::write`], for what must not be lost where the host does not take the result any
    /// more: `guard` is called once that is committed, whether or not anybody still waits.
    pub(super) async fn write_into<R: Send + 'static, G: Send + 'static, H: Host>(
        &self,
        host: &mut H,
        grows: bool,
        mut work: impl FnMut(&mut Session, &DictTable) -> rusqlite::Result<R> + Send + 'static,
        guard: impl FnOnce(&Arc<Attachment>, R) -> G + Send + 'static,
    ) -> Result<G, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, terms) = (self.attached()?, self.terms(grows));
        let (database, theirs) = (Arc::clone(&attached.database), Arc::clone(&attached));
        let work = move |session: &mut Session| work(session, &attached.table);
        let guard = move |result| guard(&theirs, result);
        let Some(worker) = host.worker() else {
            let written = host.offload(move || database.write(terms, work).map(guard)).await?;
            return Ok(written?);
        };
        Ok(database.write_later(&worker, terms, work, guard).await?)
    }

    pub(super) fn terms(&self, grows: bool) -> Terms {
        let full = self.options.durability == Durability::Disk;
        Terms { full, patience: self.options.timeout, grows }
    }
}

impl Attachment {
    fn new(place: &Place, options: &DictOptions) -> Result<Self> {
        let database = Database::open(place, options.timeout)?;
        database.promise(options.durability);
        let table = DictTable::new(&options.name);
        database.with_session("prepare", options.timeout, |session| {
            table.create(&mut session.connection)
        })?;
        Ok(Self { database, table })
    }
}

/// The row that answers to a key: its own, or else the one that 1.x would have taken for it.
fn find<T>(
    connection: &Connection,
    table: &DictTable,
    key: &Key,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let look = |sql: &str, bound: &dyn ToSql| {
        connection.prepare_cached(sql)?.query_row([bound], read).optional()
    };
    if let Some(found) = look(&table.find, &key.stored())? {
        return Ok(Some(found));
    }
    for bound in key.bound_by_1x() {
        if let Some(found) = look(&table.find_of_1x, &bound)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn set(connection: &Connection, table: &DictTable, key: &Key, data: &[u8]) -> rusqlite::Result<()> {
    // A row that 1.x made for a number stays the one that both spellings share, as there.
    if matches!(key, Key::Literal(_))
        && let Some(row) = find(connection, table, key, read_row)?
    {
        return connection.prepare_cached(&table.replace)?.execute(params![row, data]).map(drop);
    }
    connection.prepare_cached(&table.set)?.execute(params![key.stored(), data]).map(drop)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<i64> {
    row.get(0)
}

fn read_found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found { row: row.get(0)?, data: read_data(row, 1)? })
}

/// Another program may have stored a text.
pub(super) fn read_data(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    let data = row.get_ref(column)?.as_bytes_or_null()?;
    Ok(data.unwrap_or_default().to_vec())
}

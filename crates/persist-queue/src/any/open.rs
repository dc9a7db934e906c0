//! From a queue's name to where it is, and how it is opened there.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::locator::{Locator, SqliteLocator};
use super::tables::Wanted;
use crate::error::Context;
use crate::file::{Folder, probe};
#[cfg(feature = "nats")]
use crate::nats::NatsAddress;
#[cfg(feature = "server")]
use crate::server::ServerAddress;
use crate::sql::{Flavour, QueueTable};
use crate::sqlite::SqliteView;
use crate::{Durability, Error, Result};

/// The database file in a folder of persist-queue's.
const DATABASE: &str = "data.db";
/// How every SQLite database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How a queue is opened. The defaults are what [`Opening::new`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    pub(super) create: bool,
    pub(super) codec: String,
    pub(super) maxsize: u64,
    pub(super) durability: Option<Durability>,
}

impl Default for Opening {
    fn default() -> Self {
        Self::new()
    }
}

impl Opening {
    /// Only a queue that is there; no size limit; the level of durability that is the default where
    /// the queue is: `process` in folders, `disk` in SQLite databases.
    pub fn new() -> Self {
        Self { create: false, codec: "pickle".to_owned(), maxsize: 0, durability: None }
    }

    /// Whether a queue is made where there is none; by default that is an error.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// The name of the serializer that a new queue in a folder remembers, `pickle` by default. One
    /// that is there keeps its own; see [`AnyQueue::codec`](super::AnyQueue::codec).
    #[must_use]
    pub fn codec(mut self, name: &str) -> Self {
        name.clone_into(&mut self.codec);
        self
    }

    /// The most items that may be stored; 0, the default, for no limit.
    #[must_use]
    pub fn maxsize(mut self, items: u64) -> Self {
        self.maxsize = items;
        self
    }

    /// What a finished call survives. On a server its settings say that, and to say it here is an error.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }
}

/// Where a queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a folder.
    File {
        /// The folder.
        dir: PathBuf,
        /// Of which kind it is.
        folder: Folder,
    },
    /// In an SQLite database.
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// The queue's table.
        table: QueueTable,
    },
    /// On a server.
    #[cfg(feature = "server")]
    Server {
        /// The database.
        address: ServerAddress,
        /// The queue's table.
        table: QueueTable,
    },
    /// On a NATS server or cluster.
    #[cfg(feature = "nats")]
    Nats {
        /// The server.
        address: NatsAddress,
        /// The queue's name and kind.
        table: QueueTable,
    },
}

impl Place {
    /// Finds the queue. With `create` it may be missing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] where it is not clear which one is meant, or where what
    /// is named cannot be reached by this build; [`Error::Connect`] where a server cannot be reached, and
    /// as [`ServerLocator::password`](super::ServerLocator::password).
    pub fn find(locator: &Locator, create: bool) -> Result<Self> {
        match locator {
            Locator::Path(path) => find_by_path(path, create),
            Locator::File(dir) => find_folder(dir, create),
            Locator::Sqlite(sqlite) => find_table(sqlite, create),
            #[cfg(feature = "server")]
            Locator::Server(server) => server.find(create),
            #[cfg(not(feature = "server"))]
            Locator::Server(_) => Err(unsupported(locator)),
            #[cfg(feature = "nats")]
            Locator::Nats(nats) => nats.find(create),
            #[cfg(not(feature = "nats"))]
            Locator::Nats(_) => Err(unsupported(locator)),
        }
    }

    /// The queue's table, where it is in a database, or its name and kind on NATS.
    pub fn table(&self) -> Option<&QueueTable> {
        match self {
            Self::File { .. } => None,
            Self::Sqlite { table, .. } => Some(table),
            #[cfg(feature = "server")]
            Self::Server { table, .. } => Some(table),
            #[cfg(feature = "nats")]
            Self::Nats { table, .. } => Some(table),
        }
    }
}

#[cfg(not(all(feature = "mysql", feature = "nats", feature = "postgres")))]
pub(super) fn unsupported(locator: &Locator) -> Error {
    let why = "this build has no support for such a server";
    Error::Invalid(format!("{locator} cannot be opened: {why}"))
}

fn find_by_path(path: &Path, create: bool) -> Result<Place> {
    if let Some(database) = database_by_path(path)? {
        let sqlite = SqliteLocator { path: database, name: None, flavour: None };
        return find_table(&sqlite, create);
    }
    find_folder(path, create)
}

/// A folder with a queue of its own does not stand for the database in it.
fn database_by_path(path: &Path) -> Result<Option<PathBuf>> {
    let database = database_at(path);
    Ok((is_database(&database)? && probe(path)? == Folder::Other).then_some(database))
}

fn find_folder(dir: &Path, create: bool) -> Result<Place> {
    let folder = probe(dir)?;
    if folder == Folder::Other && !create {
        return Err(not_found(dir, "the folder holds no queue"));
    }
    if dir.exists() && !dir.is_dir() {
        let reason = "it is a file, and no SQLite database".to_owned();
        return Err(Error::Unrecognised { path: dir.to_owned(), reason });
    }
    Ok(Place::File { dir: dir.to_owned(), folder })
}

/// What it is not, or that nothing is there at all.
fn not_found(path: &Path, reason: &str) -> Error {
    let reason = if path.exists() { reason } else { "there is nothing there" };
    Error::NotFound { path: path.to_owned(), reason: reason.to_owned() }
}

/// A folder stands for the database in it.
pub(super) fn database_at(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(DATABASE) } else { path.to_owned() }
}

/// The SQLite database that holds what is named, be it damaged or not.
///
/// # Errors
/// [`Error::Io`] where it cannot be looked into.
pub fn database_of(locator: &Locator) -> Result<Option<PathBuf>> {
    match locator {
        Locator::Sqlite(sqlite) => Ok(Some(database_at(&sqlite.path))),
        Locator::Path(path) => database_by_path(path),
        Locator::File(_) | Locator::Server(_) | Locator::Nats(_) => Ok(None),
    }
}

pub(super) fn is_database(path: &Path) -> Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    let file = std::fs::File::open(path).context("open", path)?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).context("read", path)?;
    Ok(start == MAGIC)
}

fn find_table(sqlite: &SqliteLocator, create: bool) -> Result<Place> {
    let path = database_at(&sqlite.path);
    if !create && !path.exists() {
        return Err(not_found(&path, ""));
    }
    let found = if path.exists() { SqliteView::open(&path)?.queues()? } else { Vec::new() };
    let table = wanted(sqlite, path.clone()).choose(&found, create)?;
    Ok(Place::Sqlite { path, table })
}

pub(super) fn wanted(sqlite: &SqliteLocator, database: PathBuf) -> Wanted<'_> {
    let SqliteLocator { name, flavour, .. } = sqlite;
    Wanted { name: name.as_deref(), flavour: *flavour, unnamed: "default", database }
}

/// The queue of a table, as it can be named.
pub(super) fn locator_of(path: &Path, name: &str, flavour: Flavour) -> Locator {
    Locator::Sqlite(SqliteLocator {
        path: path.to_owned(),
        name: Some(name.to_owned()),
        flavour: Some(flavour),
    })
}

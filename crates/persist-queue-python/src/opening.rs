//! How queues in databases are opened, for callers that block and for tasks.

use std::path::PathBuf;
use std::time::Duration;

use persist_queue::any::SqlStore;
use persist_queue::mysql::{MySqlAddress, MySqlOptions, MySqlStore, Tls};
use persist_queue::sql::Kind;
use persist_queue::sqlite::{SqliteOptions, SqliteStore};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::Raised;
use crate::options::{WorkOptions, add_work, level, seconds};
use crate::rows::RowCodec;

/// What the constructor of a Python class was given.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Given<'py> {
    place: Place<'py>,
    kind: String,
    name: String,
    timeout: f64,
    auto_commit: bool,
    serializer: Bound<'py, PyAny>,
    serializer_name: String,
    spell: Option<Py<PyAny>>,
    maxsize: i64,
    work: Option<WorkOptions>,
}

/// Where the database is.
#[derive(FromPyObject)]
enum Place<'py> {
    File(File<'py>),
    Server(Server),
}

/// An SQLite database.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct File<'py> {
    path: PathBuf,
    durability: Bound<'py, PyAny>,
    /// Goes on in the table that asynchronous classes of 1.1.0 use.
    joins_nameless: bool,
}

/// A database on a MySQL server.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Server {
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
    table: Option<String>,
    tls: Option<String>,
    tls_ca: Option<PathBuf>,
    connect_timeout: f64,
    max_connections: usize,
}

impl Server {
    fn address(self) -> PyResult<MySqlAddress> {
        let tls = Tls::of(self.tls.as_deref(), self.tls_ca).map_err(Raised::from)?;
        Ok(MySqlAddress::new(self.host, self.user, self.password, self.database)
            .port(self.port)
            .tls(tls)
            .connect_timeout(seconds(self.connect_timeout)?)
            .max_connections(self.max_connections))
    }
}

/// All that it takes to open a queue.
#[derive(Debug)]
pub(crate) struct Plan {
    database: Database,
    acks: bool,
    pub(crate) auto_commit: bool,
    pub(crate) codec: RowCodec,
    pub(crate) maxsize: u64,
}

#[derive(Debug, Clone)]
enum Database {
    Sqlite { path: PathBuf, options: SqliteOptions },
    MySql { address: MySqlAddress, options: MySqlOptions },
}

impl Plan {
    pub(crate) fn new(given: Given<'_>) -> PyResult<Self> {
        let maxsize = u64::try_from(given.maxsize).unwrap_or(0);
        // As the sqlite3 module takes it: less than nothing is no patience, and no number is none.
        let patience = Duration::try_from_secs_f64(given.timeout.max(0.0)).unwrap_or(Duration::MAX);
        let (kind, acks) = kind(&given.kind)?;
        let database = match given.place {
            Place::File(file) => {
                let options = SqliteOptions::new()
                    .kind(kind)
                    .name(given.name)
                    .timeout(patience)
                    .auto_commit(given.auto_commit)
                    .durability(level(&file.durability)?)
                    .joins_nameless(file.joins_nameless)
                    .maxsize(maxsize);
                let options = add_work!(options, given.work);
                Database::Sqlite { path: file.path, options }
            }
            Place::Server(server) => {
                let options = MySqlOptions::new()
                    .kind(kind)
                    .name(given.name)
                    .timeout(patience)
                    .auto_commit(given.auto_commit)
                    .maxsize(maxsize);
                let options = match &server.table {
                    Some(table) => options.table_name(table),
                    None => options,
                };
                let options = add_work!(options, given.work);
                Database::MySql { address: server.address()?, options }
            }
        };
        let place = database.place().display().to_string();
        let codec = RowCodec::new(&given.serializer, &given.serializer_name, given.spell, place)?;
        Ok(Self { database, acks, auto_commit: given.auto_commit, codec, maxsize })
    }

    /// What opens it, in any thread.
    pub(crate) fn opener(&self) -> impl FnOnce() -> persist_queue::Result<SqlStore> + Send + use<> {
        let (database, acks) = (self.database.clone(), self.acks);
        move || match database {
            Database::Sqlite { path, options } => {
                SqliteStore::open(&path, options, acks).map(SqlStore::Sqlite)
            }
            Database::MySql { address, options } => {
                MySqlStore::open(&address, options, acks).map(SqlStore::Server)
            }
        }
    }

    /// What a call gets that comes behind `close`.
    pub(crate) fn closed(&self) -> persist_queue::Error {
        persist_queue::Error::Closed { path: self.database.place() }
    }
}

impl Database {
    fn place(&self) -> PathBuf {
        match self {
            Self::Sqlite { path, .. } => path.clone(),
            Self::MySql { address, .. } => PathBuf::from(address.to_string()),
        }
    }
}

/// The kind, and whether items are kept until they are acknowledged.
fn kind(name: &str) -> PyResult<(Kind, bool)> {
    match name {
        "queue" => Ok((Kind::Fifo, false)),
        "filo_queue" => Ok((Kind::Filo, false)),
        "unique_queue" => Ok((Kind::Unique, false)),
        "priority_queue" => Ok((Kind::Priority, false)),
        "ack_queue" => Ok((Kind::Fifo, true)),
        "ack_filo_queue" => Ok((Kind::Filo, true)),
        "ack_unique_queue" => Ok((Kind::Unique, true)),
        "ack_priority_queue" => Ok((Kind::Priority, true)),
        _ => Err(PyValueError::new_err(format!("there is no kind of queue '{name}'"))),
    }
}

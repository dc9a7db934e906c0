//! How queues in databases are opened, for callers that block and for tasks.

use std::path::PathBuf;
use std::time::Duration;

use persist_queue::any::SqlStore;
use persist_queue::mysql::MySql;
use persist_queue::nats::NatsTable;
use persist_queue::postgres::Postgres;
use persist_queue::server::{Address, Make, ServerOptions, ServerStore};
use persist_queue::sql::{Kind, Tls};
use persist_queue::sqlite::{SqliteOptions, SqliteStore};
use persist_queue::{NatsAddress, NatsOptions};
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

impl Given<'_> {
    fn maxsize(&self) -> u64 {
        u64::try_from(self.maxsize).unwrap_or(0)
    }

    /// As the sqlite3 module takes it: less than nothing is no patience, and no number is none.
    fn patience(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout.max(0.0)).unwrap_or(Duration::MAX)
    }
}

/// Where the database is.
#[derive(FromPyObject)]
enum Place<'py> {
    File(File<'py>),
    Server(Server),
    Nats(Nats),
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

/// A database on a server.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Server {
    make: String,
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
    table_name: Option<String>,
    tls: Option<String>,
    tls_ca: Option<PathBuf>,
    connect_timeout: f64,
    max_connections: usize,
}

impl Server {
    fn address<M: Make>(&self) -> PyResult<Address<M>> {
        let tls = Tls::of(self.tls.as_deref(), self.tls_ca.clone()).map_err(Raised::from)?;
        Ok(Address::new(&self.host, &self.user, &self.password, &self.database)
            .port(self.port)
            .tls(tls)
            .connect_timeout(seconds(self.connect_timeout)?)
            .max_connections(self.max_connections))
    }
}

/// A NATS server or cluster.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Nats {
    servers: Vec<String>,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    credentials: Option<PathBuf>,
    tls: Option<String>,
    tls_ca: Option<PathBuf>,
    connect_timeout: f64,
    replicas: Option<usize>,
}

impl Nats {
    fn address(&self) -> PyResult<NatsAddress> {
        let servers = self.servers.join(",");
        if servers.contains('@') {
            let why = "servers are HOST:PORT; who connects is in user and password, or token";
            return Err(PyValueError::new_err(why));
        }
        let tls = Tls::of(self.tls.as_deref(), self.tls_ca.clone()).map_err(Raised::from)?;
        let address = NatsAddress::from_url(&format!("nats://{servers}")).map_err(Raised::from)?;
        let address = address.tls(tls).connect_timeout(seconds(self.connect_timeout)?);
        Ok(match (&self.user, &self.token, &self.credentials) {
            (None, None, None) => address,
            (Some(user), None, None) => {
                address.user(user, self.password.clone().unwrap_or_default())
            }
            (None, Some(token), None) => address.token(token),
            (None, None, Some(file)) => address.credentials(file),
            _ => {
                let why = "user, token and credentials exclude each other";
                return Err(PyValueError::new_err(why));
            }
        })
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
    MySql(OnServer<MySql>),
    Postgres(OnServer<Postgres>),
    Nats { address: NatsAddress, options: NatsOptions },
}

#[derive(Debug, Clone)]
struct OnServer<M> {
    address: Address<M>,
    options: ServerOptions<M>,
}

impl Plan {
    pub(crate) fn new(given: Given<'_>) -> PyResult<Self> {
        let (kind, acks) = kind(&given.kind)?;
        let database = match &given.place {
            Place::File(file) => {
                let options = SqliteOptions::new()
                    .kind(kind)
                    .name(&given.name)
                    .timeout(given.patience())
                    .auto_commit(given.auto_commit)
                    .durability(level(&file.durability)?)
                    .joins_nameless(file.joins_nameless)
                    .maxsize(given.maxsize());
                let options = add_work!(options, &given.work);
                Database::Sqlite { path: file.path.clone(), options }
            }
            Place::Server(server) => match server.make.as_str() {
                "mysql" => Database::MySql(OnServer::new(server, kind, &given)?),
                "postgresql" => Database::Postgres(OnServer::new(server, kind, &given)?),
                make => {
                    let why = format!("there is no make of server '{make}'");
                    return Err(PyValueError::new_err(why));
                }
            },
            Place::Nats(nats) => {
                let options = NatsOptions::new()
                    .kind(kind)
                    .name(&given.name)
                    .timeout(given.patience())
                    .maxsize(given.maxsize());
                let options = nats_work(options, nats.replicas, given.work.as_ref())?;
                Database::Nats { address: nats.address()?, options }
            }
        };
        let (place, maxsize) = (database.place().display().to_string(), given.maxsize());
        let leased = matches!(database, Database::Nats { .. });
        let (serializer, name) = (&given.serializer, &given.serializer_name);
        let codec = RowCodec::new(serializer, name, given.spell, place, leased)?;
        Ok(Self { database, acks, auto_commit: given.auto_commit, codec, maxsize })
    }

    /// What opens it, in any thread.
    pub(crate) fn opener(&self) -> impl FnOnce() -> persist_queue::Result<SqlStore> + Send + use<> {
        let (database, acks) = (self.database.clone(), self.acks);
        move || match database {
            Database::Sqlite { path, options } => {
                SqliteStore::open(&path, options, acks).map(SqlStore::Sqlite)
            }
            Database::MySql(place) => place.open(acks),
            Database::Postgres(place) => place.open(acks),
            Database::Nats { address, options } => {
                NatsTable::open(&address, options, acks).map(SqlStore::Nats)
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
            Self::MySql(place) => place.database(),
            Self::Postgres(place) => place.database(),
            Self::Nats { address, .. } => PathBuf::from(address.to_string()),
        }
    }
}

impl<M: Make> OnServer<M> {
    fn new(server: &Server, kind: Kind, given: &Given<'_>) -> PyResult<Self> {
        let options = ServerOptions::new()
            .kind(kind)
            .name(&given.name)
            .timeout(given.patience())
            .auto_commit(given.auto_commit)
            .maxsize(given.maxsize());
        let options = match &server.table_name {
            Some(table) => options.table_name(table),
            None => options,
        };
        let options = add_work!(options, &given.work);
        Ok(Self { address: server.address()?, options })
    }

    fn open(self, acks: bool) -> persist_queue::Result<SqlStore> {
        ServerStore::open(&self.address, self.options, acks).map(SqlStore::Server)
    }

    fn database(&self) -> PathBuf {
        PathBuf::from(self.address.to_string())
    }
}

/// The options that the class for work takes.
fn nats_work(
    options: NatsOptions,
    replicas: Option<usize>,
    work: Option<&WorkOptions>,
) -> PyResult<NatsOptions> {
    let mut options = match replicas {
        Some(replicas) => options.replicas(replicas),
        None => options,
    };
    let Some(work) = work else { return Ok(options) };
    options = options.backoff(seconds(work.backoff)?);
    if let Some(lease) = work.lease {
        options = options.lease(seconds(lease)?);
    }
    if let Some(attempts) = work.max_attempts {
        options = options.max_attempts(attempts);
    }
    Ok(options)
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

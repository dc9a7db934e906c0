//! Where the queue is that a path or URL names.

use std::path::PathBuf;

use persist_queue::any::{AnyView, Locator, NatsLocator, Place, ServerLocator};
use persist_queue::file::Folder;
use pyo3::prelude::*;

use crate::errors::Raised;

/// What `persistqueue.open` needs to know.
#[derive(IntoPyObject, Default)]
pub(crate) struct Found {
    /// A folder or a database file.
    path: Option<PathBuf>,
    /// A database on a server.
    server: Option<AnyServer>,
    /// What server that is, as URLs name it.
    make: Option<&'static str>,
    /// In a database the table's kind and the queue's name.
    table: Option<(&'static str, String)>,
    /// In a folder the serializer that the queue remembers.
    codec: Option<String>,
}

/// Arguments of the Python classes.
#[derive(IntoPyObject)]
enum AnyServer {
    #[pyo3(transparent)]
    Database(Server),
    #[pyo3(transparent)]
    Nats(Nats),
}

#[derive(IntoPyObject)]
struct Nats {
    servers: Vec<String>,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    credentials: Option<PathBuf>,
    tls: Option<&'static str>,
    tls_ca: Option<PathBuf>,
}

impl Nats {
    fn new(nats: NatsLocator) -> persist_queue::Result<Self> {
        let (password, token) = match (&nats.user, nats.password()?) {
            (Some(_), password) => (password, None),
            (None, token) => (None, token),
        };
        let (tls, tls_ca) = nats.tls.words();
        let tls_ca = tls_ca.cloned();
        let NatsLocator { user, servers, credentials, .. } = nats;
        let server = |(host, port): (String, u16)| {
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        };
        let servers = servers.into_iter().map(server).collect();
        Ok(Self { servers, user, password, token, credentials, tls, tls_ca })
    }
}

#[derive(IntoPyObject)]
struct Server {
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
    tls: Option<&'static str>,
    tls_ca: Option<PathBuf>,
}

/// Finds a queue. With `create` it may be missing.
#[pyfunction]
pub(crate) fn find_queue(py: Python<'_>, url: &str, create: bool) -> PyResult<Found> {
    py.detach(|| find(url, create).map_err(Raised::from)).map_err(PyErr::from)
}

fn find(url: &str, create: bool) -> persist_queue::Result<Found> {
    let locator: Locator = url.parse()?;
    let place = Place::find(&locator, create)?;
    let table = place.table().map(|table| (table.flavour.name(), table.name.clone()));
    let codec = match &place {
        Place::File { folder, .. } if *folder != Folder::Other => {
            AnyView::at(place.clone())?.codec().map(str::to_owned)
        }
        _ => None,
    };
    let (make, server) = match locator {
        Locator::Server(server) => {
            (Some(server.make.scheme()), Some(AnyServer::Database(Server::new(server)?)))
        }
        Locator::Nats(nats) => (Some("nats"), Some(AnyServer::Nats(Nats::new(nats)?))),
        _ => (None, None),
    };
    let path = match place {
        Place::File { dir: path, .. } | Place::Sqlite { path, .. } => Some(path),
        Place::Server { .. } | Place::Nats { .. } => None,
    };
    Ok(Found { path, server, make, table, codec })
}

impl Server {
    fn new(server: ServerLocator) -> persist_queue::Result<Self> {
        let password = server.password()?;
        let (tls, tls_ca) = server.tls.words();
        let tls_ca = tls_ca.cloned();
        let ServerLocator { host, port, user, database, .. } = server;
        Ok(Self { host, port, user, password, database, tls, tls_ca })
    }
}

//! Where the queue is that a path or URL names.

use std::path::PathBuf;

use persist_queue::any::{AnyView, Locator, MysqlLocator, Place, server_password};
use persist_queue::file::Folder;
use pyo3::prelude::*;

use crate::errors::Raised;

/// What `persistqueue.open` needs to know.
#[derive(IntoPyObject, Default)]
pub(crate) struct Found {
    /// A folder or a database file.
    path: Option<PathBuf>,
    /// A database on a server.
    server: Option<Server>,
    /// In a database the table's kind and the queue's name.
    table: Option<(&'static str, String)>,
    /// In a folder the serializer that the queue remembers.
    codec: Option<String>,
}

/// Arguments of the Python classes.
#[derive(IntoPyObject)]
struct Server {
    host: String,
    port: u16,
    user: String,
    passwd: String,
    db_name: String,
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
    let server = match locator {
        Locator::Mysql(server) => Some(Server::new(server)?),
        _ => None,
    };
    let path = match place {
        Place::File { dir: path, .. } | Place::Sqlite { path, .. } => Some(path),
        Place::MySql { .. } => None,
    };
    Ok(Found { path, server, table, codec })
}

impl Server {
    fn new(server: MysqlLocator) -> persist_queue::Result<Self> {
        let passwd = server_password()?;
        let (tls, tls_ca) = server.tls.words();
        let tls_ca = tls_ca.cloned();
        let MysqlLocator { host, port, user, database: db_name, .. } = server;
        Ok(Self { host, port, user, passwd, db_name, tls, tls_ca })
    }
}

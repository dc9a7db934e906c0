//! Queues on a MySQL or MariaDB server.

use persist_queue::mysql;

use super::server::{Kind, OnServer};

#[path = "../../support/mysql.rs"]
mod support;

pub(crate) type MySql = OnServer<mysql::MySql>;

impl Kind for mysql::MySql {
    const NAME: &'static str = "MySQL";
    type Database = support::Database;
}

impl MySql {
    /// Nothing where there is no server.
    pub(crate) fn new() -> Option<Self> {
        let database = support::database()?;
        Some(Self::on(&database.url(), database))
    }
}

//! The backends, a file each.

mod file;
mod mysql;
mod nats;
mod postgres;
mod server;
mod sqlite;

pub(crate) use file::File;
pub(crate) use mysql::MySql;
pub(crate) use nats::Nats;
pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

use crate::backend::Backend;

const MYSQL: &str = <persist_queue::mysql::MySql as server::Kind>::NAME;
const POSTGRES: &str = <persist_queue::postgres::Postgres as server::Kind>::NAME;

/// What the columns of the table are called, in their order.
pub(crate) const NAMES: [&str; 5] = [file::NAME, sqlite::NAME, MYSQL, POSTGRES, nats::NAME];

/// The backend of that name that another process made.
pub(crate) fn reach(name: &str, address: &str) -> Box<dyn Backend> {
    match name {
        file::NAME => Box::new(File::at(address)),
        sqlite::NAME => Box::new(Sqlite::at(address)),
        MYSQL => Box::new(MySql::at(address)),
        POSTGRES => Box::new(Postgres::at(address)),
        nats::NAME => Box::new(Nats::at(address)),
        other => panic!("there is no backend '{other}'"),
    }
}

//! Queues on a MySQL server, a real one: see `support/mysql.rs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ack;
#[cfg(feature = "sqlite")]
mod any;
mod batch;
mod contention;
mod errors;
mod plain;
mod processes;
mod restart;
#[path = "../support/mysql.rs"]
mod server;
#[cfg(feature = "tokio")]
mod tasks;
mod tls;

use persist_queue::{MySqlOptions, MySqlQueue};
use server::Database;

/// A database of a test's own, or the end of the test where there is no server.
#[macro_export]
macro_rules! database_or_return {
    () => {
        match $crate::server::database() {
            Some(database) => database,
            None => return,
        }
    };
}

fn open<T>(database: &Database, options: MySqlOptions) -> MySqlQueue<T>
where
    persist_queue::codec::MessagePack: persist_queue::Codec<T>,
{
    options.open(&database.address()).unwrap()
}

//! Queues on a MySQL server, a real one: see `support/mysql.rs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../servers/ack.rs"]
mod ack;
#[cfg(feature = "sqlite")]
#[path = "../servers/any.rs"]
mod any;
#[path = "../servers/batch.rs"]
mod batch;
#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../servers/contention.rs"]
mod contention;
mod errors;
mod galera;
#[path = "../servers/plain.rs"]
mod plain;
#[path = "../servers/processes.rs"]
mod processes;
#[path = "../servers/restart.rs"]
mod restart;
#[path = "../support/mysql.rs"]
mod server;
#[cfg(feature = "tokio")]
#[path = "../servers/tasks.rs"]
mod tasks;
mod tls;
#[path = "../servers/unknown.rs"]
mod unknown;

// What the tests in `servers` are about here.
#[cfg(feature = "tokio")]
use persist_queue::AsyncMySqlQueue as AsyncQueue;
use persist_queue::mysql::MySqlStore as Store;
use persist_queue::{
    MySqlAckQueue as AckQueue, MySqlAddress as Address, MySqlOptions as Options,
    MySqlQueue as Queue,
};
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

fn open<T>(database: &Database, options: Options) -> Queue<T>
where
    persist_queue::codec::MessagePack: persist_queue::Codec<T>,
{
    options.open(&database.address()).unwrap()
}

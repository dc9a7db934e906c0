//! Queues on a PostgreSQL server, a real one: see `support/postgres.rs`.
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
#[path = "../servers/plain.rs"]
mod plain;
#[path = "../servers/processes.rs"]
mod processes;
mod put_in;
#[path = "../servers/restart.rs"]
mod restart;
#[path = "../support/postgres.rs"]
mod server;
#[cfg(feature = "tokio")]
#[path = "../servers/tasks.rs"]
mod tasks;
mod tls;
#[path = "../servers/unknown.rs"]
mod unknown;
mod wake;

// What the tests in `servers` are about here.
#[cfg(feature = "tokio")]
use persist_queue::AsyncPostgresQueue as AsyncQueue;
use persist_queue::postgres::PostgresStore as Store;
use persist_queue::{
    PostgresAckQueue as AckQueue, PostgresAddress as Address, PostgresOptions as Options,
    PostgresQueue as Queue,
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

//! Queues on a NATS server, a real one: see `support/nats.rs`.
//!
//! `PERSIST_QUEUE_ROWS` says how many items four processes share (4,000 by default), `PERSIST_QUEUE_KILL_ROUNDS` how
//! many servers of a cluster are killed, one after the other (1 by default).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ack;
#[cfg(feature = "sqlite")]
mod any;
#[path = "../support/certificates.rs"]
mod certificates;
mod errors;
mod lost;
mod plain;
mod processes;
mod restart;
#[path = "../support/nats.rs"]
mod server;
#[cfg(feature = "tokio")]
mod tasks;
mod tls;

/// A queue's name of a test's own, or the end of the test where there is no server.
#[macro_export]
macro_rules! place_or_return {
    () => {
        match $crate::server::place() {
            Some(place) => place,
            None => return,
        }
    };
}

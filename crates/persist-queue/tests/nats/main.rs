//! Queues on a NATS server, a real one: see `support/nats.rs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ack;
mod errors;
mod plain;
mod processes;
mod restart;
#[path = "../support/nats.rs"]
mod server;
#[cfg(feature = "tokio")]
mod tasks;

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

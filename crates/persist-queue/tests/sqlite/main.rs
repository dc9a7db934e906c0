//! Queues in an SQLite database, through the typed API.
#![allow(missing_docs, clippy::unwrap_used)]

mod ack;
mod batch;
mod batch_model;
mod plain;

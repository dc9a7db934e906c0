//! Queues in an SQLite database, through the typed API and through the store of bytes.
#![allow(missing_docs, clippy::unwrap_used)]

mod ack;
mod batch;
mod batch_looks;
mod batch_model;
mod costs;
mod dict;
mod full_disk;
mod log_size;
mod many;
mod nameless;
mod plain;
mod put_in;
mod rows;
#[path = "../support/this_program.rs"]
mod this_program;
mod transaction;

use persist_queue::sql::Kind;

/// The priority of an item where its queue has any.
fn in_its_kind(kind: Kind, priority: i64) -> i64 {
    if kind == Kind::Priority { priority } else { 0 }
}

//! Queues and a dictionary in an SQLite database, which persist-queue 1.x can use at the same time.
//!
//! [`SqliteQueue`] gives an item away; [`SqliteAckQueue`] keeps it until it is acknowledged;
//! [`SqliteDict`] is a dictionary. [`Group`] changes several queues in one commit. [`SqliteStore`] and
//! [`DictStore`] are for bindings to other languages.

// From top to bottom: typed queues (`queue.rs`, `ack_queue.rs`, `group.rs`), the store of bytes
// (`store.rs` and the files of its calls), the database that all objects of a process share
// (`database.rs`), its group commit (`commit.rs`), and the connection. All SQL text is in the files
// called `schema`.

mod ack;
mod ack_queue;
mod ahead;
mod aside;
mod batch;
mod batched;
mod claims;
mod commit;
mod connection;
mod counts;
mod database;
mod dict;
mod flush;
mod flush_timer;
mod get;
mod get_many;
mod group;
mod hold;
mod holder;
#[cfg(unix)]
mod log_writes;
mod look;
mod nameless;
mod numbers;
mod options;
mod peek;
#[cfg(unix)]
mod posix_locks;
mod put;
mod put_in;
mod queue;
mod room;
mod salvage;
mod scan;
mod schema;
mod schema_ack;
mod schema_aside;
mod schema_batch;
mod session;
mod store;
#[cfg(unix)]
mod system_calls;
#[cfg(feature = "tokio")]
mod tasks;
mod transaction;
mod value;
mod view;

pub use ack_queue::{Delivery, SqliteAckQueue};
pub use aside::Aside;
#[cfg(feature = "tokio")]
pub use dict::AsyncSqliteDict;
pub use dict::{
    DictIter, DictKey, DictOptions, DictStore, Entry, Found, Key, Page, Position, SqliteDict, Walk,
};
pub use group::{Group, Inlet};
pub use options::SqliteOptions;
pub use queue::SqliteQueue;
pub use salvage::{Salvaged, salvage};
pub use store::SqliteStore;
#[cfg(feature = "tokio")]
pub use tasks::{AsyncDelivery, AsyncSqliteAckQueue, AsyncSqliteQueue};
pub use transaction::Change;
pub use view::SqliteView;

pub use crate::sql::{
    Decode, Held, Put, PutOptions, QueueTable, Row, Seen, Settlement, Undecoded, Which,
};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic under a lock is not passed on to the other threads.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

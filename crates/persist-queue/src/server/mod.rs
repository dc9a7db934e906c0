//! Queues on a database server, whichever it is: what is the same for all of them.
//!
//! [`ServerQueue`] gives an item away; [`ServerAckQueue`] keeps it until it is acknowledged. [`ServerStore`] is
//! for bindings to other languages.

// From top to bottom: typed queues (`queue.rs`, `ack_queue.rs`), the store of bytes (`store.rs` and the
// files of its calls), claims that several callers share (`desk.rs`, `trip.rs`), what all objects of a
// process share (`open_server.rs`, `shared.rs`, `watch.rs`), and the connections (`pool.rs`, `connect.rs`).
// SQL text is in the files called `schema`. A make of server is an `engine.rs` and a `dialect.rs`.

mod ack_queue;
mod address;
mod batch;
mod batched;
mod claim;
mod connect;
mod desk;
mod dialect;
mod engine;
mod failure;
mod flush;
mod get;
mod hold;
mod holder;
mod look;
mod open_server;
mod options;
mod pool;
mod put;
#[cfg(feature = "postgres")]
mod put_within;
mod queue;
mod resume;
mod schema;
mod schema_ack;
mod schema_resume;
mod schema_view;
mod settle;
mod shared;
mod store;
#[cfg(feature = "tokio")]
mod tasks;
mod trip;
mod value;
mod view;
mod watch;

pub use ack_queue::{ServerAckQueue, ServerDelivery};
pub use address::{Address, ServerAddress};
pub use engine::Make;
pub use options::ServerOptions;
pub use queue::ServerQueue;
#[cfg(feature = "sqlite")]
pub(crate) use resume::Note;
pub use store::ServerStore;
#[cfg(feature = "tokio")]
pub use tasks::{AsyncServerAckQueue, AsyncServerDelivery, AsyncServerQueue};
pub use value::Value;
pub use view::ServerView;

// What an engine is made of.
pub(crate) use address::UrlParts;
pub(crate) use dialect::{Dialect, Texts};
pub(crate) use engine::{Abilities, Connection, Engine, Statements};
pub(crate) use failure::{
    FOR_THE_MOMENT, Failure, NotConnected, Said, is_resolving, unreachable, unresolved,
};
pub(crate) use schema::Table;
#[cfg(feature = "mysql")]
pub(crate) use value::column;
pub(crate) use value::{Fields, Gave};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic under a lock is not passed on to the other threads.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

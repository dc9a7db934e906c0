//! Queues on NATS `JetStream`, which any number of machines can use at the same time.
//!
//! [`NatsQueue`] gives an item away; [`NatsAckQueue`] keeps it until it is acknowledged. [`NatsStore`] is for
//! bindings to other languages. What they promise, and what they refuse because `JetStream` does not have
//! it, is in docs/nats.md.

// From top to bottom: typed queues (`queue.rs`, `ack_queue.rs`, `delivery.rs`, and for tasks `tasks.rs` and the same with
// `async_` in front), the store of bytes
// (`store.rs`, and `put.rs`, `get.rs`, `hold.rs`, `dead.rs`, `resume.rs` for its calls; `as_table.rs`
// for who knows tables), what is said to a server (`publish.rs`,
// `pull.rs`, `claim.rs`, `book.rs`, `stream.rs`, `view.rs`), the connection (`link.rs`), and the thread that drives all
// connections of a process (`ask.rs`, `runtime.rs`).

mod ack_queue;
mod address;
mod as_table;
mod ask;
#[cfg(feature = "tokio")]
mod async_ack_queue;
#[cfg(feature = "tokio")]
mod async_delivery;
#[cfg(feature = "tokio")]
mod async_queue;
mod book;
mod claim;
mod dead;
mod delivery;
mod failure;
mod get;
mod hold;
mod link;
mod options;
mod publish;
mod pull;
mod put;
mod queue;
mod resume;
mod runtime;
mod store;
mod stream;
#[cfg(feature = "tokio")]
mod tasks;
mod view;

pub use ack_queue::NatsAckQueue;
pub use address::NatsAddress;
pub use as_table::NatsTable;
#[cfg(feature = "tokio")]
pub use async_ack_queue::AsyncNatsAckQueue;
#[cfg(feature = "tokio")]
pub use async_delivery::AsyncNatsDelivery;
#[cfg(feature = "tokio")]
pub use async_queue::AsyncNatsQueue;
pub use delivery::NatsDelivery;
pub use options::NatsOptions;
pub use queue::NatsQueue;
pub use resume::Begun;
pub use store::NatsStore;
pub use view::NatsView;

pub use crate::sql::Tls;

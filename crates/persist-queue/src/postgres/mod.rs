//! Queues on a PostgreSQL server, which any number of machines can use at the same time.
//!
//! [`PostgresQueue`] gives an item away; [`PostgresAckQueue`] keeps it until it is acknowledged.
//! [`PostgresStore`] is for bindings to other languages. What they do is in [`server`](crate::server), the
//! same as on other makes.

mod connection;
mod cursor;
mod dialect;
mod engine;
mod failure;
mod put_in;
mod tls;

#[cfg(feature = "tokio")]
pub use crate::server::AsyncServerDelivery as AsyncPostgresDelivery;
pub use crate::server::Value;
pub use crate::server::{
    ServerDelivery as PostgresDelivery, ServerStore as PostgresStore, ServerView as PostgresView,
};
pub use crate::sql::Tls;
/// The driver that is used here, for connections of one's own: see [`PostgresQueue::put_in`].
pub use ::postgres as driver;
pub use cursor::Cursor;
#[cfg(feature = "sqlite")]
pub(crate) use cursor::only_here;

use crate::codec::Default as DefaultCodec;
use crate::server::{Address, Engine, Make, ServerAckQueue, ServerOptions, ServerQueue};
#[cfg(feature = "tokio")]
use crate::server::{AsyncServerAckQueue, AsyncServerQueue};

/// PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub struct Postgres;

impl Make for Postgres {
    const ENGINE: &'static dyn Engine = &Self;
}

/// Where a PostgreSQL database is.
pub type PostgresAddress = Address<Postgres>;
/// How a queue on a PostgreSQL server is opened.
pub type PostgresOptions = ServerOptions<Postgres>;
/// A queue on a PostgreSQL server.
pub type PostgresQueue<T, C = DefaultCodec> = ServerQueue<Postgres, T, C>;
/// A queue on a PostgreSQL server that keeps each item until it is acknowledged.
pub type PostgresAckQueue<T, C = DefaultCodec> = ServerAckQueue<Postgres, T, C>;
/// A [`PostgresQueue`] for tasks on tokio.
#[cfg(feature = "tokio")]
pub type AsyncPostgresQueue<T, C = DefaultCodec> = AsyncServerQueue<Postgres, T, C>;
/// A [`PostgresAckQueue`] for tasks on tokio.
#[cfg(feature = "tokio")]
pub type AsyncPostgresAckQueue<T, C = DefaultCodec> = AsyncServerAckQueue<Postgres, T, C>;

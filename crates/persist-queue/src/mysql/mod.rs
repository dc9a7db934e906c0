//! Queues on a MySQL or MariaDB server, which any number of machines can use at the same time, and
//! persist-queue 1.x too.
//!
//! [`MySqlQueue`] gives an item away; [`MySqlAckQueue`] keeps it until it is acknowledged. [`MySqlStore`] is
//! for bindings to other languages. What they do is in [`server`](crate::server), the same as on other makes.

mod connection;
mod dialect;
mod engine;
mod failure;
mod galera;

#[cfg(feature = "tokio")]
pub use crate::server::AsyncServerDelivery as AsyncMySqlDelivery;
pub use crate::server::{
    ServerDelivery as MySqlDelivery, ServerStore as MySqlStore, ServerView as MySqlView,
};
pub use crate::sql::Tls;

use crate::codec::Default as DefaultCodec;
use crate::server::{Address, Engine, Make, ServerAckQueue, ServerOptions, ServerQueue};
#[cfg(feature = "tokio")]
use crate::server::{AsyncServerAckQueue, AsyncServerQueue};

/// MySQL and MariaDB.
#[derive(Debug, Clone, Copy)]
pub struct MySql;

impl Make for MySql {
    const ENGINE: &'static dyn Engine = &Self;
}

/// Where a MySQL database is.
pub type MySqlAddress = Address<MySql>;
/// How a queue on a MySQL server is opened.
pub type MySqlOptions = ServerOptions<MySql>;
/// A queue on a MySQL server.
pub type MySqlQueue<T, C = DefaultCodec> = ServerQueue<MySql, T, C>;
/// A queue on a MySQL server that keeps each item until it is acknowledged.
pub type MySqlAckQueue<T, C = DefaultCodec> = ServerAckQueue<MySql, T, C>;
/// A [`MySqlQueue`] for tasks on tokio.
#[cfg(feature = "tokio")]
pub type AsyncMySqlQueue<T, C = DefaultCodec> = AsyncServerQueue<MySql, T, C>;
/// A [`MySqlAckQueue`] for tasks on tokio.
#[cfg(feature = "tokio")]
pub type AsyncMySqlAckQueue<T, C = DefaultCodec> = AsyncServerAckQueue<MySql, T, C>;

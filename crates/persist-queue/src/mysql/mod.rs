//! Queues on a MySQL or MariaDB server, which any number of machines can use at the same time, and
//! persist-queue 1.x too.
//!
//! [`MySqlQueue`] gives an item away; [`MySqlAckQueue`] keeps it until it is acknowledged. [`MySqlStore`] is
//! for bindings to other languages.

#[cfg(feature = "sqlite")]
pub(crate) use crate::server::Note;
#[cfg(feature = "tokio")]
pub use crate::server::{
    AsyncServerAckQueue as AsyncMySqlAckQueue, AsyncServerDelivery as AsyncMySqlDelivery,
    AsyncServerQueue as AsyncMySqlQueue,
};
pub use crate::server::{
    ServerAckQueue as MySqlAckQueue, ServerAddress as MySqlAddress,
    ServerDelivery as MySqlDelivery, ServerOptions as MySqlOptions, ServerQueue as MySqlQueue,
    ServerStore as MySqlStore, ServerView as MySqlView,
};

pub use crate::sql::Tls;

//! Any queue, by its name: a path or a URL says where it is and of what kind, and what is opened is a
//! queue of bytes, whatever holds it. The command line stands on this.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite:{}#jobs?kind=ack", folder.path().join("data.db").display());
//! use persist_queue::any::{self, Opening};
//! use persist_queue::Wait;
//!
//! // "jobs_folder", "file:jobs_folder", "sqlite:data.db#jobs?kind=ack" or
//! // "mysql://me@host:3306/shop#jobs?kind=ack", or "postgresql://...", or
//! // "nats://me@host:4222/jobs?kind=ack"
//! let mut queue = any::open(&url, &Opening::new().create(true))?;
//! queue.put(&[b"a page to fetch".to_vec()], Default::default(), Wait::No)?;
//!
//! let taken = queue.take(10, Wait::No)?;
//! assert_eq!(taken.items()[0].payload, b"a page to fetch");
//! taken.finish()?; // dropped without a word they go back
//! # Ok(())
//! # }
//! ```

mod file_view;
mod list;
mod locator;
#[cfg(feature = "nats")]
mod nats;
mod nats_locator;
mod open;
#[cfg(any(feature = "nats", feature = "server"))]
mod password;
mod queue;
mod resume;
#[cfg(feature = "server")]
mod server;
mod server_locator;
mod sql_store;
mod sql_view;
mod stats;
mod tables;
mod taken;
mod view;

pub use list::{Listed, list};
pub use locator::{Locator, SqliteLocator};
pub use nats_locator::NatsLocator;
pub use open::{Opening, Place, database_of};
pub use queue::AnyQueue;
pub use resume::Resumable;
pub use server_locator::{ServerLocator, ServerMake};
pub use sql_store::SqlStore;
pub use stats::Stats;
pub use taken::{Item, Taken};
pub use view::{AnyView, Entry};

use crate::Result;

/// Opens the queue that `name` is the path or URL of; see [`Locator`].
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for a name that makes no sense, and as
/// [`AnyQueue::open`].
pub fn open(name: &str, opening: &Opening) -> Result<AnyQueue> {
    AnyQueue::open(&name.parse()?, opening)
}

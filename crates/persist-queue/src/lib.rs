//! Disk-backed queues that live in your process and survive it.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! use persist_queue::{FileQueue, Options};
//!
//! let queue: FileQueue<String> = Options::new().open(folder)?;
//! queue.put("a page to fetch".to_owned())?;
//!
//! // Here, in another thread, in another process, or after this one was killed:
//! let page = queue.get()?;
//! println!("{page}");
//! queue.task_done()?; // final; without this it comes back when the queue is opened again
//! # Ok(())
//! # }
//! ```
//!
//! It is a first-in first-out queue in a folder, for any number of threads and processes of one
//! machine. It is not a server, not for several machines (`flock` must work between its users),
//! and not a log: what is finished is gone. Limits: a record holds at most 4 GiB; Linux,
//! and Windows as far as docs/reliability.md says.
//!
//! * [`FileQueue`] is the queue, [`Options`] how it is opened, [`Durability`] what it survives.
//! * `MySqlQueue` and `MySqlAckQueue` (feature `mysql`) are shared by several machines.
//! * `PostgresQueue` and `PostgresAckQueue` (feature `postgres`) likewise, on PostgreSQL.
//! * `NatsQueue` and `NatsAckQueue` (feature `nats`) likewise, on NATS `JetStream`.
//! * `AsyncFileQueue` (feature `tokio`) is the same queue for tasks; `AsyncSqliteQueue`,
//!   `AsyncSqliteAckQueue`, `AsyncSqliteDict`, `AsyncMySqlQueue`, `AsyncMySqlAckQueue`,
//!   `AsyncPostgresQueue` and `AsyncPostgresAckQueue` are what is in databases, `AsyncNatsQueue` and
//!   `AsyncNatsAckQueue` what is on NATS.
//! * [`codec`] has the serializers: MessagePack by default; CBOR, JSON, pickle and plain bytes; and, around
//!   one of these, `Signed` and `Encrypted`.
//! * [`FileView`] looks at a queue and changes nothing.
//! * [`any`] opens whatever queue a path or URL names, as a queue of bytes.
//! * [`file::FileStore`] and [`wait`] are for bindings to other languages.
//!
//! Cargo features: `msgpack` (default), `cbor`, `json`, `pickle`, `signed`, `encrypted`, `legacy` (converts folders that the
//! Python library persist-queue wrote), `sqlite` (default), `mysql`, `postgres`, `nats`, `tokio`, `simulation` (a disk in memory, for tests).

#[cfg(feature = "sqlite")]
pub mod any;
pub mod codec;
mod durability;
mod error;
pub mod file;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "postgres")]
pub mod postgres;
mod process;
#[cfg(feature = "server")]
pub mod server;
#[cfg(any(feature = "nats", feature = "sqlite", feature = "server"))]
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod storage;
pub mod wait;

pub use codec::Codec;
pub use durability::Durability;
pub use error::{Error, Result};
#[cfg(feature = "tokio")]
pub use file::AsyncFileQueue;
pub use file::{FileQueue, FileView, Options, Rejected};
#[cfg(all(feature = "mysql", feature = "tokio"))]
pub use mysql::{AsyncMySqlAckQueue, AsyncMySqlDelivery, AsyncMySqlQueue};
#[cfg(feature = "mysql")]
pub use mysql::{MySqlAckQueue, MySqlAddress, MySqlOptions, MySqlQueue};
#[cfg(all(feature = "nats", feature = "tokio"))]
pub use nats::{AsyncNatsAckQueue, AsyncNatsDelivery, AsyncNatsQueue};
#[cfg(feature = "nats")]
pub use nats::{NatsAckQueue, NatsAddress, NatsOptions, NatsQueue};
#[cfg(all(feature = "postgres", feature = "tokio"))]
pub use postgres::{AsyncPostgresAckQueue, AsyncPostgresDelivery, AsyncPostgresQueue};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresAckQueue, PostgresAddress, PostgresOptions, PostgresQueue};
/// The SQLite that is used here, for connections of one's own: see [`SqliteQueue::put_in`].
#[cfg(feature = "sqlite")]
pub use rusqlite;
#[cfg(all(feature = "sqlite", feature = "tokio"))]
pub use sqlite::{AsyncDelivery, AsyncSqliteAckQueue, AsyncSqliteDict, AsyncSqliteQueue};
#[cfg(feature = "sqlite")]
pub use sqlite::{DictOptions, SqliteAckQueue, SqliteDict, SqliteOptions, SqliteQueue};
pub use wait::Wait;

#[cfg(all(doctest, feature = "msgpack"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "msgpack", feature = "postgres"))]
#[doc = include_str!("../../../docs/postgres.md")]
struct OnPostgres;

#[cfg(all(doctest, feature = "msgpack", feature = "nats"))]
#[doc = include_str!("../../../docs/nats.md")]
struct OnNats;

#[cfg(all(doctest, feature = "json", feature = "signed"))]
#[doc = include_str!("../../../docs/pickle-safety.md")]
struct PickleSafety;

//! The file queue: a log in a folder.
//!
//! From top to bottom: `queue` and `async_queue` (typed) and `view` (read only) stand on `store` (bytes, waiting),
//! which attaches to a `log` through the `registry`. A log has a `head`, where `put` writes,
//! and a tail, where `take` reads through a `reader` and keeps account in a `window`. `tenure`
//! is how processes share it, `inside` how threads do, `commit` how it survives a dead machine, `recovery` how it is
//! found again. `record`, `segment` and `control` are the bytes, as docs/format.md has them.

#[cfg(feature = "tokio")]
mod async_queue;
mod checksum;
mod commit;
mod control;
#[cfg(feature = "legacy")]
mod convert;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod handle;
mod head;
mod inside;
#[cfg(feature = "legacy")]
pub mod legacy;
mod locks;
mod log;
mod marks;
mod options;
mod probe;
mod promise;
mod put;
mod quarantine;
mod queue;
mod reader;
mod record;
mod recovery;
mod registry;
mod segment;
mod spent;
mod store;
mod take;
mod taken;
mod tenure;
mod view;
mod window;

#[cfg(feature = "tokio")]
pub use async_queue::AsyncFileQueue;
pub use options::Options;
pub use probe::{Folder, probe};
pub use queue::{FileQueue, Iter, Rejected};
pub use store::{FileStore, Patience};
pub use take::Fate;
pub use taken::{Taken, Took};
pub use view::FileView;

//! Disk-backed queues that live in your process and survive it.

pub mod codec;
mod durability;
mod error;
pub mod file;
mod process;
pub mod storage;
pub mod wait;

pub use codec::Codec;
pub use durability::Durability;
pub use error::{Error, Result};
pub use file::{FileQueue, FileView, Options, Rejected};
pub use wait::Wait;

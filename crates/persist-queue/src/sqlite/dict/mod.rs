//! A dictionary in a table that persist-queue 1.x can use at the same time.
//!
//! From top to bottom: the typed dictionary ([`SqliteDict`]), the store of bytes ([`DictStore`]), and
//! how keys stand in the database ([`Key`]). All SQL text is in `schema.rs`.

mod key;
mod options;
mod schema;
mod store;
mod take_out;
#[cfg(feature = "tokio")]
mod tasks;
mod typed;
mod walk;

pub use key::{DictKey, Key};
pub use options::DictOptions;
pub use store::{DictStore, Found};
#[cfg(feature = "tokio")]
pub use tasks::AsyncSqliteDict;
pub use typed::{DictIter, SqliteDict};
pub use walk::{Entry, Page, Position, Walk};

//! How a dictionary in a database is opened.

use std::path::Path;
use std::time::Duration;

use super::key::DictKey;
use super::typed::SqliteDict;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::{Durability, Result};

/// How a dictionary in a database is opened. The defaults are what [`DictOptions::new`] says.
#[derive(Debug, Clone)]
pub struct DictOptions {
    pub(super) name: String,
    pub(super) timeout: Duration,
    pub(super) durability: Durability,
}

impl Default for DictOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl DictOptions {
    /// A dictionary named `default`, 10 seconds of patience with a locked database,
    /// [`Durability::Disk`].
    pub fn new() -> Self {
        Self {
            name: "default".to_owned(),
            timeout: Duration::from_secs(10),
            durability: Durability::Disk,
        }
    }

    /// The name of the dictionary; a database holds any number of them, beside queues. `default` by
    /// default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long a call waits for other processes that hold the database's lock, 10 seconds by
    /// default; then it fails with [`Error::Locked`](crate::Error::Locked).
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// What a finished change survives; [`Durability::Disk`] by default. All levels survive a killed
    /// process.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens the dictionary in the database file `path` with the default codec, MessagePack. Folder
    /// and file are made where they are missing; `:memory:` keeps it in memory.
    ///
    /// # Errors
    /// As [`DictOptions::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open<K: DictKey, V>(self, path: impl AsRef<Path>) -> Result<SqliteDict<K, V>>
    where
        DefaultCodec: Codec<V>,
    {
        self.open_with(path, DefaultCodec::default())
    }

    /// Opens the dictionary in the database file `path`.
    ///
    /// # Errors
    /// [`Error::Unrecognised`](crate::Error::Unrecognised) where the file is no database,
    /// [`Error::Invalid`](crate::Error::Invalid) for an option that makes no sense,
    /// [`Error::Locked`](crate::Error::Locked), [`Error::Io`](crate::Error::Io) and
    /// [`Error::Database`](crate::Error::Database) where another process, the disk or SQLite refuses.
    pub fn open_with<K: DictKey, V, C: Codec<V>>(
        self,
        path: impl AsRef<Path>,
        codec: C,
    ) -> Result<SqliteDict<K, V, C>> {
        SqliteDict::new(self, path.as_ref(), codec)
    }
}

//! How a queue is opened.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::head::Limits;
use super::queue::FileQueue;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::storage::{Disk, Storage};
use crate::{Durability, Error, Result};

/// The default of persist-queue 1.x.
const CHUNKSIZE: u64 = 100;

/// A segment that is not worth being ended, in bytes.
const SMALL_SEGMENT: u64 = 1024 * 1024;

/// How a queue is opened. The defaults are what [`Options::new`] says.
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) maxsize: u64,
    pub(super) limits: Limits,
    pub(super) autosave: bool,
    pub(super) durability: Durability,
    pub(super) mapped: bool,
    pub(super) storage: Arc<dyn Storage>,
    #[cfg(feature = "legacy")]
    pub(super) legacy_format: Option<Arc<dyn super::legacy::LegacyFormat>>,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// No size limit, segments of 100,000 records or 64 MiB, a take final with `task_done`, and
    /// [`Durability::Process`].
    pub fn new() -> Self {
        Self {
            maxsize: 0,
            limits: Limits { records: 100_000, least: 0, bytes: 64 << 20 },
            autosave: false,
            durability: Durability::Process,
            mapped: mapped_by_default(),
            storage: Arc::new(Disk),
            #[cfg(feature = "legacy")]
            legacy_format: None,
        }
    }

    /// The most items that may wait; 0, the default, for no limit. Holds for everything that is
    /// stored, by whichever process, also after reopening; each opener brings its own limit.
    #[must_use]
    pub fn maxsize(mut self, items: u64) -> Self {
        self.maxsize = items;
        self
    }

    /// How many records a segment takes before the next one is begun, 100,000 by default and at
    /// least 1. A segment is deleted when all of it is finished.
    #[must_use]
    pub fn chunk_records(mut self, records: u64) -> Self {
        self.limits.records = records;
        self
    }

    /// As [`Options::chunk_records`], for programs made for persist-queue 1.x, whose default is 100: from
    /// there on a segment of small items takes more of them, up to 1 MiB, since to begin one costs as
    /// much as a thousand puts. 0 is for 100.
    #[must_use]
    pub fn chunksize(mut self, items: u64) -> Self {
        let items = if items == 0 { CHUNKSIZE } else { items };
        self.limits.least = if items < CHUNKSIZE { 0 } else { SMALL_SEGMENT };
        self.chunk_records(items)
    }

    /// How many bytes a segment takes before the next one is begun, 64 MiB by default.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: u64) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// Whether a take is final at once. By default it is not: it becomes final with `task_done`.
    #[must_use]
    pub fn autosave(mut self, autosave: bool) -> Self {
        self.autosave = autosave;
        self
    }

    /// Whether a take is final at once.
    pub fn is_autosave(&self) -> bool {
        self.autosave
    }

    /// Whether a call that changes something waits for the disk.
    pub fn waits_for_disk(&self) -> bool {
        self.durability == Durability::Disk
    }

    /// What a finished call survives; [`Durability::Process`] by default.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Whether items are written through a mapping of the segment, which takes no system call for each:
    /// by default they are, unless the environment variable `PERSISTQUEUE_MAPPED` is 0. Where a file
    /// system does not suit (others than ext4, XFS, tmpfs and overlays of these), and for large items,
    /// they are written plainly all the same. What is stored is the same either way.
    #[must_use]
    pub fn mapped(mut self, mapped: bool) -> Self {
        self.mapped = mapped;
        self
    }

    /// What understands the bytes of a folder that persist-queue 1.x wrote, where its serializer was
    /// not one of the four that persist-queue brings (those are known by the codec's name).
    #[cfg(feature = "legacy")]
    #[must_use]
    pub fn legacy_format(mut self, format: Arc<dyn super::legacy::LegacyFormat>) -> Self {
        self.legacy_format = Some(format);
        self
    }

    /// Where the files are; the real disk by default.
    #[must_use]
    #[doc(hidden)]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = storage;
        self
    }

    /// Opens the queue in the folder `path`, which is made where it is missing, with the default
    /// codec, MessagePack.
    ///
    /// # Errors
    /// As [`Options::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open<T>(self, path: impl AsRef<Path>) -> Result<FileQueue<T>>
    where
        DefaultCodec: Codec<T>,
    {
        self.open_with(path, DefaultCodec::default())
    }

    /// Opens the queue in the folder `path`, which is made where it is missing.
    ///
    /// # Errors
    /// [`Error::CodecMismatch`] where the queue was written with another codec,
    /// [`Error::Unrecognised`] where the folder holds something else, [`Error::Invalid`] for an
    /// option that makes no sense, [`Error::Io`] where the disk refuses.
    pub fn open_with<T, C: Codec<T>>(
        self,
        path: impl AsRef<Path>,
        codec: C,
    ) -> Result<FileQueue<T, C>> {
        FileQueue::new(self, path.as_ref(), codec)
    }

    pub(super) fn check(&self) -> Result<()> {
        self.durability.check()?;
        if self.limits.records == 0 || self.limits.bytes == 0 {
            return Err(Error::Invalid(
                "a segment must take at least 1 record and 1 byte".to_owned(),
            ));
        }
        Ok(())
    }
}

fn mapped_by_default() -> bool {
    static BY_DEFAULT: OnceLock<bool> = OnceLock::new();
    *BY_DEFAULT.get_or_init(|| std::env::var_os("PERSISTQUEUE_MAPPED").is_none_or(|set| set != "0"))
}

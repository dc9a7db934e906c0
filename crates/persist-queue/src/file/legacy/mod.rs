//! Reads the folders that the Python library persist-queue wrote, and runs nothing of what it
//! finds there. A folder is an `info` file, which says where the unread items start and end, and
//! chunks `q00000`, `q00001`, … of items behind one another, all in one serializer's bytes.

mod cbor;
mod chunk;
mod chunks;
mod cursor;
mod framed;
mod info;
mod json;
mod msgpack;
mod opcodes;
mod pickle;
mod pieces;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::storage::{Access, Storage};

pub use chunk::Unread;
pub use chunks::Chunks;
pub use framed::{Cbor, MessagePack};
pub use info::{Info, Place};
pub use json::Json;
pub use pickle::Pickle;

/// The file that makes a folder one of persist-queue's.
pub const INFO: &str = "info";

/// In bytes. A real one takes about a hundred; a serializer of the user's own may need more.
const LONGEST_INFO: u64 = 64 * 1024;

/// Understands one serializer's bytes, without running anything in them.
pub trait LegacyFormat: Debug + Send + Sync {
    /// Reads the whole `info` file.
    fn info(&self, bytes: &[u8]) -> std::result::Result<Info, String>;

    /// Where the first item of `bytes` ends, and which part of it is the payload that a record of
    /// ours keeps.
    fn item(&self, bytes: &[u8]) -> std::result::Result<Item, String>;

    /// Where items may start behind bytes that are none, as far as this format can tell. Guesses
    /// may be wrong.
    fn starts(&self, _bytes: &[u8]) -> Vec<usize> {
        Vec::new()
    }

    /// Whether a payload that [`item`](Self::item) found is one whole value. One that is not is
    /// damage, but the item behind it may be whole again.
    fn check(&self, _payload: &[u8]) -> std::result::Result<(), String> {
        Ok(())
    }
}

/// One item in a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where the next one starts.
    pub length: usize,
    /// What a record keeps.
    pub payload: Range<usize>,
}

/// persist-queue's own serializers, by the names of their Python modules.
const FORMATS: [(&str, &dyn LegacyFormat); 4] =
    [("pickle", &Pickle), ("json", &Json), ("msgpack", &MessagePack), ("cbor2", &Cbor)];

/// The format of one of persist-queue's own serializers.
pub fn by_name(codec: &str) -> Option<&'static dyn LegacyFormat> {
    FORMATS.iter().find(|(name, _)| *name == codec).map(|(_, format)| *format)
}

/// Which of persist-queue's own serializers wrote this `info` file. Tells a user who asked for the
/// wrong one which is right.
pub fn detect(info: &[u8]) -> Option<&'static str> {
    FORMATS.iter().find(|(_, format)| format.info(info).is_ok()).map(|(name, _)| *name)
}

/// Whether persist-queue wrote the folder `dir`.
pub fn recognise(storage: &dyn Storage, dir: &Path) -> io::Result<bool> {
    storage.exists(&dir.join(INFO))
}

/// Reads the folder's `info` file.
pub fn read_info(storage: &dyn Storage, dir: &Path, format: &dyn LegacyFormat) -> Result<Info> {
    let path = dir.join(INFO);
    let bytes = read_start(storage, &path, LONGEST_INFO + 1).context("read", &path)?;
    let unrecognised = |reason| Error::Unrecognised { path: path.clone(), reason };
    if bytes.len() as u64 > LONGEST_INFO {
        return Err(unrecognised("persist-queue's info file is never this long".to_owned()));
    }
    format.info(&bytes).map_err(|reason| {
        let hint = detect(&bytes).map_or_else(
            || "restore it from a backup, or move it away to start an empty queue".to_owned(),
            |codec| format!("it was written by the serializer '{codec}': open it with that one"),
        );
        unrecognised(format!("{reason}; {hint}"))
    })
}

fn read_start(storage: &dyn Storage, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = storage.open(path, Access::Read)?;
    file.read_vec_at(file.size()?.min(limit) as usize, 0)
}

//! The few calls that touch a disk. Every file the log reads or writes goes through [`Storage`],
//! so that every one of those calls can be made to fail, or to be the last, in a test.

#[cfg(unix)]
mod bus_guard;
mod disk;
#[cfg(unix)]
mod mapped;
#[cfg(all(feature = "simulation", unix))]
mod simulated;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
pub(crate) mod system;

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use disk::Disk;
#[cfg(all(feature = "simulation", unix))]
pub use simulated::{Fault, SimulatedDisk};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A file that must not exist yet, for reading and writing.
    CreateNew,
}

/// A folder tree that files live in.
pub trait Storage: Send + Sync + Debug {
    /// Makes `dir` and what is missing above it.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// The names of the entries of `dir`, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StorageFile>>;
    /// Whether `path` exists.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Puts `from` in the place of `to`, at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the creation, renaming and removal of the entries of `dir` survive a dead machine.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// An absolute path that is the same for every spelling of `path`, which must exist.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;
    /// What tells this file from every other, even one made later under the same name.
    fn identity(&self, path: &Path) -> io::Result<(u64, u64)>;
    /// Whether other processes may see these files, so that kernel locks are needed.
    fn is_shared(&self) -> bool;
}

/// An open file with positioned reads and writes.
pub trait StorageFile: Send + Sync + Debug {
    /// Reads at `offset` until `buffer` is full or the file ends; says how many bytes were read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Reads `size` bytes at `offset`, or as many as there are.
    fn read_vec_at(&self, size: usize, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        let read = self.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }
    /// Writes all of `bytes` at `offset`. After an error any part of them may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// As [`StorageFile::write_all_at`] with all the pieces, one behind the other, in one call
    /// where the system has one.
    fn write_pieces_at(&self, pieces: &[&[u8]], offset: u64) -> io::Result<()> {
        self.write_all_at(&pieces.concat(), offset)
    }
    /// The file's length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Cuts the file, or fills it with zeros, to `size` bytes.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Makes the bytes and the length survive a dead machine.
    fn sync(&self) -> io::Result<()>;
    /// Fills the file with zeros to the end of `range`, where it is shorter, and gives that part of it,
    /// or the beginning of that part, as memory. What is written there is in the file at once, and survives this process; whether it
    /// survives a dead machine, [`StorageFile::sync`] decides as for all else. Nothing where that
    /// cannot be done, or not safely.
    fn map(&self, range: Range<u64>) -> Option<Box<dyn StorageMap>> {
        let _ = range;
        None
    }
}

/// A part of a file that is written as memory is.
pub trait StorageMap: Send + Sync + Debug {
    /// The part: what was asked for, perhaps with more on both sides, or less at the end.
    fn range(&self) -> Range<u64>;
    /// Writes at `offset`, a multiple of 8, the first 8 bytes last and in one piece: whoever finds
    /// those finds all of it, also where this process was killed meanwhile. After an error any part of
    /// it may have been written.
    fn publish(&mut self, frame: &[u8], offset: u64) -> io::Result<()>;
}

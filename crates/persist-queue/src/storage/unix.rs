//! What is done in another way on each system: here with the calls of Unix. `windows.rs` has the
//! same functions.

use std::fs::{File, Metadata};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::buffer::spare_capacity;
#[cfg(feature = "sqlite")]
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::{pread, pwritev, retry_on_intr};

use super::StorageMap;
use super::mapped::Map;

/// The error of a full disk.
#[cfg(feature = "sqlite")]
pub(crate) const DISK_FULL: i32 = libc::ENOSPC;
/// The error of a disk that is not to be written.
#[cfg(feature = "sqlite")]
pub(crate) const READ_ONLY: i32 = libc::EROFS;

/// Reads at `offset`, which may give less than there is.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    FileExt::read_at(file, buffer, offset)
}

/// Reads into memory that is not filled with zeros before.
pub(super) fn read_vec_at(file: &File, size: usize, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        let at = offset + bytes.len() as u64;
        if retry_on_intr(|| pread(file, spare_capacity(&mut bytes), at))? == 0 {
            break;
        }
    }
    bytes.truncate(size);
    Ok(bytes)
}

/// Writes all of `bytes` at `offset`.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    FileExt::write_all_at(file, bytes, offset)
}

/// Writes all of `pieces` at `offset`, one behind the other: in one call, where it is not interrupted.
pub(super) fn write_pieces_at(file: &File, pieces: &[&[u8]], mut offset: u64) -> io::Result<()> {
    let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut written = retry_on_intr(|| pwritev(file, &slices, offset))?;
    for piece in pieces {
        let done = written.min(piece.len());
        written -= done;
        write_all_at(file, &piece[done..], offset + done as u64)?;
        offset += piece.len() as u64;
    }
    Ok(())
}

/// What tells the file at `path` from every other.
pub(crate) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|metadata| numbers(&metadata))
}

/// What tells an open file from every other.
pub(crate) fn identity_of(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|metadata| numbers(&metadata))
}

fn numbers(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Makes the entries of a folder survive a dead machine.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A part of a file as memory, where that can be had.
pub(super) fn map(file: &File, range: Range<u64>) -> Option<Box<dyn StorageMap>> {
    Map::new(file, range).map(|map| Box::new(map) as Box<dyn StorageMap>)
}

/// How many bytes are free on the disk that `dir` is on.
#[cfg(feature = "sqlite")]
pub(crate) fn free_space(dir: &Path) -> Option<u64> {
    let disk = statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Gives an empty file its place on the disk.
#[cfg(feature = "sqlite")]
pub(crate) fn allocate(file: &File, size: u64) -> io::Result<()> {
    Ok(fallocate(file, FallocateFlags::empty(), 0, size)?)
}

//! What `unix.rs` has, with the calls of Windows.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::windows::fs::FileExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows_sys::Win32::Foundation;
use windows_sys::Win32::Storage::FileSystem::GetFileInformationByHandle;

use super::StorageMap;

#[cfg(feature = "sqlite")]
pub(crate) const DISK_FULL: i32 = Foundation::ERROR_DISK_FULL.cast_signed();
#[cfg(feature = "sqlite")]
pub(crate) const READ_ONLY: i32 = Foundation::ERROR_WRITE_PROTECT.cast_signed();

pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `pieces` at `offset`, one behind the other.
pub(super) fn write_pieces_at(file: &File, pieces: &[&[u8]], mut offset: u64) -> io::Result<()> {
    for piece in pieces {
        write_all_at(file, piece, offset)?;
        offset += piece.len() as u64;
    }
    Ok(())
}

pub(crate) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    identity_of(&File::open(path)?)
}

pub(crate) fn identity_of(file: &File) -> io::Result<(u64, u64)> {
    let mut information = MaybeUninit::zeroed();
    // SAFETY: the handle is open as long as `file` is, and the call writes into that place only.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), information.as_mut_ptr()) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeros are a valid value of this plain structure, which the call has filled.
    let information = unsafe { information.assume_init() };
    let index = u64::from(information.nFileIndexHigh) << 32 | u64::from(information.nFileIndexLow);
    Ok((u64::from(information.dwVolumeSerialNumber), index))
}

/// There is no call for that. NTFS keeps the entries of folders in order, as SQLite relies on, too.
#[expect(clippy::unnecessary_wraps, reason = "as it is on Unix")]
pub(super) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// A file that is mapped can be neither cut nor deleted there: files are written plainly.
pub(super) fn map(_file: &File, _range: Range<u64>) -> Option<Box<dyn StorageMap>> {
    None
}

/// Not asked for: queues in databases then fill the disk to its end.
#[cfg(feature = "sqlite")]
pub(crate) fn free_space(_dir: &Path) -> Option<u64> {
    None
}

#[cfg(feature = "sqlite")]
pub(crate) fn allocate(_file: &File, _size: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

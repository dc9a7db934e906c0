//! A lock that the kernel holds for a process and frees when the process dies, however it dies.
//!
//! Windows keeps everybody else from reading and writing what is locked. So what is locked is a byte
//! far behind the end of the file, whose first bytes stay open to all.
#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_LOCK_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;

use super::fork::NotInherited;
use crate::storage::system;

/// The upper half of the place of the byte that is locked.
const FAR: u32 = 0x4000_0000;

/// A lock file. Locking twice through one object is one lock.
#[derive(Debug)]
pub(crate) struct KernelLock {
    file: NotInherited,
    /// Windows would refuse a second lock through the same handle.
    held: Mutex<bool>,
}

impl KernelLock {
    /// Opens the lock file, and makes it where it is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Self::open_as(&options, path)
    }

    /// Opens a lock file that is there.
    #[cfg(feature = "sqlite")]
    pub(crate) fn open_existing(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        Self::open_as(&options, path)
    }

    fn open_as(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        Ok(Self { file: NotInherited::open(options, path)?, held: Mutex::new(false) })
    }

    /// Whether `path` still names the file that this object has.
    #[cfg(feature = "sqlite")]
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let (Ok(own), Ok(there)) = (system::identity_of(&self.file), system::identity(path)) else {
            return false;
        };
        own == there
    }

    /// Takes the lock for this process alone, if nobody has it.
    pub(crate) fn try_exclusive(&self) -> io::Result<bool> {
        let mut held = self.held();
        if !*held {
            *held = self.lock(LOCKFILE_EXCLUSIVE_LOCK)?;
        }
        Ok(*held)
    }

    /// Whether somebody holds the lock for himself through another object. This object must not.
    pub(crate) fn is_taken(&self) -> io::Result<bool> {
        let _held = self.held();
        if !self.lock(0)? {
            return Ok(true);
        }
        self.release()?;
        Ok(false)
    }

    /// Gives the lock back.
    pub(crate) fn unlock(&self) -> io::Result<()> {
        if std::mem::take(&mut *self.held()) { self.release() } else { Ok(()) }
    }

    fn held(&self) -> MutexGuard<'_, bool> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self, kind: u32) -> io::Result<bool> {
        let (flags, mut place) = (kind | LOCKFILE_FAIL_IMMEDIATELY, place());
        // SAFETY: the handle is open as long as `self.file` is, and was not opened for calls that go
        // on after they return: `place` is not used afterwards.
        if unsafe { LockFileEx(self.file.as_raw_handle(), flags, 0, 1, 0, &raw mut place) } != 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        let refusals = [ERROR_LOCK_VIOLATION, ERROR_IO_PENDING].map(u32::cast_signed);
        match error.raw_os_error() {
            Some(code) if refusals.contains(&code) => Ok(false),
            _ => Err(error),
        }
    }

    fn release(&self) -> io::Result<()> {
        let mut place = place();
        // SAFETY: as in `lock`.
        if unsafe { UnlockFileEx(self.file.as_raw_handle(), 0, 1, 0, &raw mut place) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Writes a number into the file at `place`.
    pub(crate) fn write_number(&self, number: u64, place: u64) -> io::Result<()> {
        system::write_all_at(&self.file, &number.to_le_bytes(), place)
    }

    /// The number that was written last at `place`, 0 where there is none.
    pub(crate) fn read_number(&self, place: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        let read = system::read_at(&self.file, &mut bytes, place)?;
        Ok(if read == bytes.len() { u64::from_le_bytes(bytes) } else { 0 })
    }
}

fn place() -> OVERLAPPED {
    let mut place = OVERLAPPED::default();
    place.Anonymous.Anonymous.OffsetHigh = FAR;
    place
}

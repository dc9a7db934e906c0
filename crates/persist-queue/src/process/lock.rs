//! A lock that the kernel holds for a process and frees when the process dies, however it dies.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::fork::NotInherited;
use crate::storage::system;

/// A lock file. Locking twice through one object is one lock.
#[derive(Debug)]
pub(crate) struct KernelLock {
    file: NotInherited,
}

impl KernelLock {
    /// Opens the lock file, and makes it where it is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Self { file: NotInherited::open(&options, path)? })
    }

    /// Opens a lock file that is there.
    pub(crate) fn open_existing(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        Ok(Self { file: NotInherited::open(&options, path)? })
    }

    /// Whether `path` still names the file that this object has.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let (Ok(own), Ok(there)) = (system::identity_of(&self.file), system::identity(path)) else {
            return false;
        };
        own == there
    }

    /// Takes the lock for this process alone, if nobody has it.
    pub(crate) fn try_exclusive(&self) -> io::Result<bool> {
        self.apply(FlockOperation::NonBlockingLockExclusive)
    }

    /// Whether somebody holds the lock for himself through another object. This object must not.
    pub(crate) fn is_taken(&self) -> io::Result<bool> {
        if !self.apply(FlockOperation::NonBlockingLockShared)? {
            return Ok(true);
        }
        self.unlock()?;
        Ok(false)
    }

    /// Gives the lock back.
    pub(crate) fn unlock(&self) -> io::Result<()> {
        self.apply(FlockOperation::NonBlockingUnlock).map(drop)
    }

    fn apply(&self, operation: FlockOperation) -> io::Result<bool> {
        loop {
            match flock(&*self.file, operation) {
                Ok(()) => return Ok(true),
                Err(Errno::WOULDBLOCK) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes a number into the file at `place`, which wakes whoever watches the file.
    pub(crate) fn write_number(&self, number: u64, place: u64) -> io::Result<()> {
        self.file.write_all_at(&number.to_le_bytes(), place)
    }

    /// The number that was written last at `place`, 0 where there is none.
    pub(crate) fn read_number(&self, place: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        let read = FileExt::read_at(&*self.file, &mut bytes, place)?;
        Ok(if read == bytes.len() { u64::from_le_bytes(bytes) } else { 0 })
    }
}

impl Drop for KernelLock {
    fn drop(&mut self) {
        // A child that is being forked right now may hold a copy of the descriptor, and with it the
        // lock; unlocking frees it whatever it holds.
        if self.file.is_open() {
            let _ = self.unlock();
        }
    }
}

//! The calls on an open file.

use std::io;
use std::ops::Range;
use std::sync::MutexGuard;

use super::content::Content;
use super::fault::{Call, Verdict};
use super::tree::error;
use super::{Inner, SimulatedDisk};
use crate::storage::{StorageFile, StorageMap};

/// How much of a file can be mapped at a time, in bytes: tests want to see several mappings.
const MAPPED: u64 = 1024;

/// An open file. It stays the same file when its name moves or goes.
#[derive(Debug)]
pub(super) struct Handle {
    disk: SimulatedDisk,
    inode: u64,
    writable: bool,
}

impl Handle {
    pub(super) fn new(disk: SimulatedDisk, inode: u64, writable: bool) -> Self {
        Self { disk, inode, writable }
    }

    fn enter_to_write(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.disk.enter()?;
        if self.writable { Ok(inner) } else { Err(error(libc::EBADF)) }
    }

    fn read<T>(&self, read: impl FnOnce(&Content) -> T) -> io::Result<T> {
        self.disk.read(|tree| {
            let file = tree.files.get(&self.inode).ok_or_else(|| error(libc::EBADF))?;
            Ok(read(file.live()))
        })
    }
}

impl StorageFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read(|content| content.read(buffer, offset))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.enter_to_write()?;
        let end = offset.checked_add(bytes.len() as u64).ok_or_else(|| error(libc::EFBIG))?;
        let size = inner.tree.file_mut(self.inode)?.live().size();
        let verdict = inner.faults.judge(if end > size { Call::Grow } else { Call::Change });
        let happens = &bytes[..verdict.bytes(bytes.len())];
        inner.tree.file_mut(self.inode)?.write(happens, offset);
        verdict.result()
    }

    fn size(&self) -> io::Result<u64> {
        self.read(Content::size)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut inner = self.enter_to_write()?;
        let grows = size > inner.tree.file_mut(self.inode)?.live().size();
        let verdict = inner.faults.judge(if grows { Call::Grow } else { Call::Change });
        if verdict.happens() {
            inner.tree.file_mut(self.inode)?.resize(size);
        }
        verdict.result()
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.enter()?;
        let verdict = inner.faults.judge(Call::Sync);
        let file = inner.tree.file_mut(self.inode)?;
        match verdict {
            Verdict::Fail { .. } => file.sync_failed(),
            _ if verdict.happens() => file.sync(),
            _ => {}
        }
        verdict.result()
    }

    fn map(&self, range: Range<u64>) -> Option<Box<dyn StorageMap>> {
        if !self.writable {
            return None;
        }
        let range = range.start..range.end.min(range.start + MAPPED);
        if self.size().ok()? < range.end {
            self.set_size(range.end).ok()?;
        }
        let file = Self::new(self.disk.clone(), self.inode, true);
        Some(Box::new(Map { file, range }))
    }
}

/// A part of a file as memory: a process may die between the two steps in which it is written.
#[derive(Debug)]
struct Map {
    file: Handle,
    range: Range<u64>,
}

impl StorageMap for Map {
    fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn publish(&mut self, frame: &[u8], offset: u64) -> io::Result<()> {
        let (first, rest) = frame.split_at_checked(8).ok_or(io::ErrorKind::InvalidInput)?;
        self.file.write_all_at(rest, offset + 8)?;
        self.file.write_all_at(first, offset)
    }
}

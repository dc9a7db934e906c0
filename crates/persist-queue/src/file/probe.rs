//! What a folder holds, told without opening anything.

use std::path::Path;

use super::control;
use super::segment;
use crate::Result;
use crate::error::Context;
use crate::storage::{Access, Disk, Storage};

/// What kind of queue a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// One of this format.
    Current,
    /// One that persist-queue 1.x wrote, and that is converted when it is opened.
    Legacy,
    /// Nothing that is known.
    Other,
}

/// Looks what the folder `dir` holds.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) where it cannot be looked into.
pub fn probe(dir: &Path) -> Result<Folder> {
    let storage = Disk;
    let exists = |name: &str| {
        let path = dir.join(name);
        storage.exists(&path).context("inspect", &path)
    };
    if !dir.is_dir() {
        return Ok(Folder::Other);
    }
    if exists(control::NAME)? {
        return Ok(Folder::Current);
    }
    if exists("info")? {
        return Ok(Folder::Legacy);
    }
    // The control file is a cache: a folder that lost it is a queue still. One whose first segment was only begun is
    // none yet: who makes it died over it.
    for number in segment::numbers(&storage, dir)? {
        let Some(found) = segment::open(&storage, dir, number, Access::Read)? else { continue };
        if !found.is_begun()? && !found.is_blank()? {
            return Ok(Folder::Current);
        }
    }
    Ok(Folder::Other)
}

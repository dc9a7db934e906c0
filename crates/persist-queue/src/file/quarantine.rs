//! Keeping damaged bytes, so that somebody can look at them.

use std::io;
use std::path::{Path, PathBuf};

use super::reader::Damage;
use crate::Result;
use crate::error::Context;
use crate::storage::{Access, Storage};

/// Copies damaged bytes to a file `damaged-<segment>-<offset>` in the queue's folder.
pub(super) fn keep(storage: &dyn Storage, dir: &Path, damage: &Damage) -> Result<Option<PathBuf>> {
    let segment = damage.path.file_name().unwrap_or_default().to_string_lossy();
    let path = dir.join(format!("damaged-{segment}-{}", damage.offset));
    if damage.bytes.is_empty() {
        // What a conversion left out it has put there.
        return Ok(storage.exists(&path).context("inspect", &path)?.then_some(path));
    }
    let file = match storage.open(&path, Access::CreateNew) {
        Ok(file) => file,
        // The same damage was found by an earlier opening.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Some(path)),
        Err(error) => return Err(error).context("create", &path),
    };
    if let Err(error) = file.write_all_at(&damage.bytes, 0) {
        let _ = storage.remove(&path);
        return Err(error).context("write", &path);
    }
    Ok(Some(path))
}

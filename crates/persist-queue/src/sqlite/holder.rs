//! Who holds items, and whether he lives: each open object of an acknowledged queue has a lock file
//! beside the database. The kernel frees the lock when its process dies, however it dies; a process
//! number could be somebody else's by then.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use super::connection::{Place, path_beside};
use crate::Result;
use crate::error::Context;
use crate::process::lock::KernelLock;

/// An object that can hold items.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) name: String,
    /// Nothing for a database in memory, whose only object this is.
    lock: Option<(KernelLock, PathBuf)>,
}

impl Holder {
    pub(super) fn new(place: &Place) -> Result<Self> {
        loop {
            let name = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
            let Place::File(database) = place else { return Ok(Self { name, lock: None }) };
            let path = lock_path(database, &name);
            let lock = KernelLock::open(&path).context("open", &path)?;
            // Whoever clears up takes files for dead ones' that are not locked yet.
            if lock.try_exclusive().context("lock", &path)? && lock.is_at(&path) {
                return Ok(Self { name, lock: Some((lock, path)) });
            }
        }
    }
}

impl Holder {
    /// What it holds is nobody's from now on.
    pub(super) fn leave(&self) {
        if let Some((lock, path)) = &self.lock
            && lock.is_at(path)
        {
            // Left behind it does no harm: it is not locked, so its holder is dead.
            let _ = std::fs::remove_file(path);
            let _ = lock.unlock();
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Whether the holder called `name` lives, here or in another process. Clears up behind one that
/// does not.
pub(super) fn is_alive(place: &Place, name: &str) -> bool {
    let Place::File(database) = place else { return true };
    let path = lock_path(database, name);
    let lock = match KernelLock::open_existing(&path) {
        Ok(lock) => lock,
        // Where it cannot be told, nothing is taken from anybody.
        Err(error) => return error.kind() != std::io::ErrorKind::NotFound,
    };
    match lock.try_exclusive() {
        Ok(true) => {
            let _ = std::fs::remove_file(&path);
            false
        }
        Ok(false) | Err(_) => true,
    }
}

fn lock_path(database: &Path, name: &str) -> PathBuf {
    path_beside(database, &format!("-holder-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_lives_until_it_is_dropped_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::File(dir.path().join("data.db"));
        let holder = Holder::new(&place).unwrap();
        let name = holder.name.clone();
        assert!(is_alive(&place, &name));
        drop(holder);
        assert!(!is_alive(&place, &name));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

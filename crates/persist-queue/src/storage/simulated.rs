//! A disk in memory that fails, or loses power, when a test says so.

mod content;
mod fault;
mod file;
mod handle;
mod power;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::fault::{Call, Faults};
use self::handle::Handle;
use self::tree::{EntryChange, Tree, error};
use super::{Access, Storage, StorageFile};

pub use self::fault::Fault;

/// A disk in memory. Copies made with `clone` are the same disk.
///
/// Paths start at `/`, relative ones too; `/` exists. There are no links. Renaming from one
/// folder to another is refused. Errors carry the error number that Linux gives.
///
/// # What a power loss leaves
///
/// * `sync` makes the bytes and the length of a file durable, **not** its name: POSIX promises no
///   more, whatever ext4 or XFS happen to do. `sync_dir` makes the names in a folder durable,
///   neither the files' bytes nor the name of the folder itself, which is in the folder above.
/// * Of the unsynced changes of a file **any subset** may have happened, in their order. That is
///   harsher than a disk where two writes share a sector: the second may be there without the
///   first.
/// * An unsynced write may be **torn** where sectors of 512 bytes meet: each sector it touches is
///   old or new. A sector is never half written.
/// * An unsynced write that made the file longer may leave the length and not the bytes at its
///   end, which are zeros then. So a file that was never synced may be empty, full of zeros or
///   partly written.
/// * Of the unsynced changes of a folder (create, rename, remove) **the first few** have happened,
///   from none to all. This assumes a file system that keeps metadata in order, as journalled
///   ones do. Different folders, and files, are independent. A rename happens whole or not at all
///   and says nothing of the bytes of the file.
/// * After a `sync` that failed nothing that was unsynced then is ever sure, though a later `sync`
///   succeeds: the kernel has dropped what it could not write. `sync_dir` may be tried again.
#[derive(Clone)]
pub struct SimulatedDisk {
    device: u64,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    tree: Tree,
    faults: Faults,
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::with(Tree::default())
    }

    fn with(tree: Tree) -> Self {
        // Files of different disks must not be taken for each other.
        static DEVICES: AtomicU64 = AtomicU64::new(1);
        let device = DEVICES.fetch_add(1, Ordering::Relaxed);
        Self { device, inner: Arc::new(Mutex::new(Inner { tree, faults: Faults::default() })) }
    }

    /// How many calls so far changed something or synced: `write_all_at`, `set_size`, `sync`,
    /// `open` with [`Access::CreateNew`], `rename`, `remove`, `sync_dir`, and `create_dir_all` if
    /// it created anything. A call that fails by itself (such as for a missing file) or is made by
    /// a dead process is not counted; one that a [`Fault`] fails is.
    pub fn calls(&self) -> u64 {
        self.lock().faults.calls
    }

    /// How many of all other calls were made, `is_shared` apart.
    pub fn reads(&self) -> u64 {
        self.lock().faults.reads
    }

    /// Lets a coming call fail, instead of what was armed before. A dead process lives again.
    pub fn arm(&self, fault: Fault) {
        self.lock().faults.arm(fault, false);
    }

    /// As [`arm`](Self::arm), but only `sync` and `sync_dir` are numbered and can fail: with `at`
    /// 1, the next sync.
    pub fn arm_syncs(&self, fault: Fault) {
        self.lock().faults.arm(fault, true);
    }

    /// Calls work again, also those of a process that died. What was lost stays lost.
    pub fn disarm(&self) {
        self.lock().faults.disarm();
    }

    /// Whether the armed fault has happened.
    pub fn fired(&self) -> bool {
        self.lock().faults.fired()
    }

    /// The disk as the next process finds it after this one was killed: everything that was
    /// written is there, for the page cache survives, but what was unsynced still is. Without
    /// faults; the counters are 0; inodes stay, the device is another.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        Self::with(self.lock().tree.clone())
    }

    /// Disks as a power loss may leave them, each without faults and with nothing unsynced.
    ///
    /// Each combination once if there are at most `limit`, which counts as 2 if it is less.
    /// Otherwise at most `limit` of them: nothing unsynced survives; everything does; then each
    /// change of a file alone, each one missing, each write that grew its file there as zeros
    /// only, each number of changes kept of each folder with all and with no changes of files;
    /// then random ones, a few less than `limit` if it is hard to find new ones. If even the
    /// single ones are too many, a random choice of them. The same `seed` gives the same states.
    pub fn power_loss_states(&self, limit: usize, seed: u64) -> Vec<Self> {
        let tree = self.lock().tree.clone();
        let losses = power::losses(&tree, limit, seed);
        losses.iter().map(|loss| Self::with(power::survivor(&tree, loss))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a call of a process that may be dead.
    fn enter(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.lock();
        inner.faults.alive()?;
        Ok(inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Tree) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.enter()?;
        inner.faults.reads += 1;
        read(&inner.tree)
    }

    fn handle(&self, inode: u64, writable: bool) -> Arc<dyn StorageFile> {
        Arc::new(Handle::new(self.clone(), inode, writable))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let mut inner = self.enter()?;
        let (folder, name) = inner.tree.place(path)?;
        if inner.tree.entry(folder, &name).is_some() {
            return Err(error(libc::EEXIST));
        }
        let verdict = inner.faults.judge(Call::Grow);
        let inode = verdict.happens().then(|| inner.tree.add_file(folder, name));
        verdict.result()?;
        inode.map(|inode| self.handle(inode, true)).ok_or_else(|| error(libc::EIO))
    }
}

impl Default for SimulatedDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SimulatedDisk {
    /// Without the content, which is long, and without the lock, which may be taken.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimulatedDisk")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Counts and judges a change of entries that is known to be possible, and makes it.
    fn change_entries(&mut self, folder: u64, change: EntryChange) -> io::Result<()> {
        let verdict = self.faults.judge(Call::Change);
        if verdict.happens() {
            self.tree.change(folder, change);
        }
        verdict.result()
    }
}

impl Storage for SimulatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.enter()?;
        let (folder, missing) = inner.tree.missing(dir)?;
        if missing.is_empty() {
            inner.faults.reads += 1;
            return Ok(());
        }
        let verdict = inner.faults.judge(Call::Grow);
        if verdict.happens() {
            inner.tree.add_folders(folder, missing);
        }
        verdict.result()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        // Backwards, for callers that count on an order to find out.
        self.read(|tree| Ok(tree.folder(dir)?.live().keys().rev().cloned().collect()))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        if access == Access::CreateNew {
            return self.create(path);
        }
        let inode = self.read(|tree| tree.file(path))?;
        Ok(self.handle(inode, access == Access::Write))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.read(|tree| tree.find(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            found => found.map(|_| true),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.enter()?;
        let (folder, from) = inner.tree.place(from)?;
        let (other, to) = inner.tree.place(to)?;
        let inode = inner.tree.entry(folder, &from).ok_or_else(|| error(libc::ENOENT))?;
        if folder != other {
            // Its two halves would have to survive together, and the log never does this.
            return Err(error(libc::EXDEV));
        }
        if let Some(replaced) = inner.tree.entry(other, &to) {
            inner.tree.check_rename(inode, replaced)?;
        }
        inner.change_entries(folder, EntryChange::Rename { from, to })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.enter()?;
        let (folder, name) = inner.tree.place(path)?;
        inner.tree.file(path)?;
        inner.change_entries(folder, EntryChange::Remove { name })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.enter()?;
        inner.tree.folder(dir)?;
        let verdict = inner.faults.judge(Call::Sync);
        if verdict.happens() {
            inner.tree.sync_folder(dir)?;
        }
        verdict.result()
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.read(|tree| tree.find(path).and_then(|_| tree::absolute(path)))
    }

    fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.read(|tree| Ok((self.device, tree.find(path)?)))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

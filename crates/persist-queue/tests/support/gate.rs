//! A disk whose syncs wait until a test lets them through, so that what happens during a flush can
//! be tried in order.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use persist_queue::storage::{Access, SimulatedDisk, Storage, StorageFile, StorageMap};

/// See the module. Copies are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct GatedDisk {
    pub(crate) disk: SimulatedDisk,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    held: bool,
    /// How many more may pass though it is held.
    permits: u64,
    waiting: u64,
}

/// Nothing here takes longer unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

impl GatedDisk {
    pub(crate) fn shared(&self) -> Arc<dyn Storage> {
        Arc::new(self.clone())
    }

    /// From now on syncs wait, until the gate is opened or forgotten: a test that fails must not
    /// leave its threads waiting.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.change(|state| state.held = true);
        Held(self)
    }

    /// Lets so many syncs through and holds the next.
    pub(crate) fn let_through(&self, syncs: u64) {
        self.change(|state| state.permits += syncs);
    }

    fn release(&self) {
        self.change(|state| *state = State { waiting: state.waiting, ..State::default() });
    }

    /// Waits until a sync waits.
    pub(crate) fn wait_for_sync(&self) {
        wait_until("a sync that waits", || self.gate.state.lock().unwrap().waiting > 0);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.gate.state.lock().unwrap());
        self.gate.changed.notify_all();
    }
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        while state.held && state.permits == 0 {
            state = self.changed.wait(state).unwrap();
        }
        state.permits = state.permits.saturating_sub(1);
        state.waiting -= 1;
    }
}

/// A gate that is held.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a GatedDisk);

impl Held<'_> {
    #[expect(clippy::unused_self, reason = "dropping it opens the gate")]
    pub(crate) fn open(self) {}
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Waits until something has come true in another thread.
pub(crate) fn wait_until(what: &str, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !come() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

impl Storage for GatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let file = Storage::open(&self.disk, path, access)?;
        Ok(Arc::new(GatedFile { file, gate: Arc::clone(&self.gate) }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.gate.pass();
        self.disk.sync_dir(dir)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.canonical(path)
    }

    fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.disk.identity(path)
    }

    fn is_shared(&self) -> bool {
        self.disk.is_shared()
    }
}

#[derive(Debug)]
struct GatedFile {
    file: Arc<dyn StorageFile>,
    gate: Arc<Gate>,
}

impl StorageFile for GatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.file.set_size(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.gate.pass();
        self.file.sync()
    }

    fn map(&self, range: Range<u64>) -> Option<Box<dyn StorageMap>> {
        self.file.map(range)
    }
}

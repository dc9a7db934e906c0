//! A queue that threads share, on a disk that holds its syncs until a test lets them through, so that
//! what happens during a flush happens in one order.

use std::path::Path;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use persist_queue::file::{FileStore, Patience};
use persist_queue::storage::Fault;
use persist_queue::wait::{Thread, now};
use persist_queue::{Durability, Error, Result, Wait};

use crate::support::gate::{GatedDisk, wait_until};
use crate::support::item::{identify, payload};
use crate::support::oracle::Setup;
use crate::support::subject::options;
use crate::support::survivors::{Promise, check_after_power_loss};

pub(crate) const PATH: &str = "/queue";

pub(crate) const SETUP: Setup = Setup::PLAIN.durable(Durability::Disk);

/// A queue on a gated disk that threads use.
pub(crate) struct Shared {
    pub(crate) disk: GatedDisk,
    pub(crate) store: Arc<FileStore>,
}

pub(crate) type Putting<'scope> = ScopedJoinHandle<'scope, Result<()>>;

impl Shared {
    pub(crate) fn new(setup: Setup) -> Self {
        let disk = GatedDisk::default();
        let options = options(disk.shared(), setup);
        let store = FileStore::open(Path::new(PATH), "bytes", options, Patience::Wait).unwrap();
        Self { disk, store: Arc::new(store) }
    }

    pub(crate) fn put(&self, id: u64) -> Result<()> {
        Ok(self.store.put(&mut Thread, &[payload(id)], Wait::No).now()?)
    }

    pub(crate) fn take(&self) -> Option<u64> {
        self.take_by(1)
    }

    pub(crate) fn take_by(&self, thread: u64) -> Option<u64> {
        let mut bytes = Vec::new();
        let taken = self.store.take(&mut Thread, thread, Wait::No, &mut bytes).now().unwrap();
        taken.map(|taken| {
            taken.keep();
            identify(&bytes)
        })
    }

    pub(crate) fn take_all(&self) -> Vec<u64> {
        std::iter::from_fn(|| self.take()).collect()
    }

    pub(crate) fn size(&self) -> u64 {
        now(self.store.size(&mut Thread)).unwrap()
    }

    /// Puts in another thread, as far as it gets: written, and held at the gate or behind somebody
    /// who is.
    pub(crate) fn start_put<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        id: u64,
    ) -> Putting<'scope> {
        let calls = self.disk.disk.calls();
        let putting = scope.spawn(move || self.put(id));
        wait_until("a write", || self.disk.disk.calls() > calls);
        self.settle_down();
        putting
    }

    /// A segment that is turned over takes several writes.
    pub(crate) fn settle_down(&self) {
        let mut before = 0;
        wait_until("the last write", || {
            std::thread::sleep(Duration::from_millis(5));
            let calls = self.disk.disk.calls();
            std::mem::replace(&mut before, calls) == calls
        });
    }

    pub(crate) fn fail_next_sync(&self) {
        let fault = Fault::Error { at: 1, errno: libc::EIO, part: 0, lasting: false };
        self.disk.disk.arm_syncs(fault);
    }

    pub(crate) fn survive(&self, promise: &Promise) {
        for state in self.disk.disk.power_loss_states(150, 1) {
            check_after_power_loss(&state, Path::new(PATH), promise, "after a power loss");
        }
    }
}

pub(crate) fn failed(putting: Putting<'_>) {
    let error = putting.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Io { action: "flush", .. }), "{error}");
}

pub(crate) fn worked(putting: Putting<'_>) {
    putting.join().unwrap().unwrap();
}

/// A waiter who is forgotten is woken by closing, so that the test can fail.
pub(crate) fn wakes_up<T>(shared: &Shared, waiter: &ScopedJoinHandle<'_, T>) {
    for _ in 0..1000 {
        if waiter.is_finished() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = shared.store.close();
    panic!("nobody woke the waiter");
}

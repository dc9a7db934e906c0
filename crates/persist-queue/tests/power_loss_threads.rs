//! What threads see of each other's flushes, at level disk. The disk holds its syncs until a test
//! lets them through, so each of these happens in one order.
#![cfg(feature = "simulation")]
// Helper functions outside of `#[test]` are not "in tests" for clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{Scope, ScopedJoinHandle, scope};
use std::time::{Duration, Instant};

use persist_queue::file::{FileStore, Patience};
use persist_queue::storage::Fault;
use persist_queue::wait::Thread;
use persist_queue::{Durability, Error, Result, Wait};

use support::gate::{GatedDisk, PATIENCE, wait_until};
use support::item::{identify, payload};
use support::oracle::Setup;
use support::subject::options;
use support::survivors::{Promise, check_after_power_loss, drain_damaged, open};

const PATH: &str = "/queue";
const SETUP: Setup = Setup::PLAIN.durable(Durability::Disk);

/// A queue on a gated disk that threads use.
struct Shared {
    disk: GatedDisk,
    store: Arc<FileStore>,
}

type Putting<'scope> = ScopedJoinHandle<'scope, Result<()>>;

impl Shared {
    fn new(setup: Setup) -> Self {
        let disk = GatedDisk::default();
        let options = options(disk.shared(), setup);
        let store = FileStore::open(Path::new(PATH), "bytes", options, Patience::Wait).unwrap();
        Self { disk, store: Arc::new(store) }
    }

    fn put(&self, id: u64) -> Result<()> {
        Ok(self.store.put(&mut Thread, &[payload(id)], Wait::No)?)
    }

    fn take(&self) -> Option<u64> {
        self.take_by(1)
    }

    fn take_by(&self, thread: u64) -> Option<u64> {
        let mut bytes = Vec::new();
        let taken = self.store.take(&mut Thread, thread, Wait::No, &mut bytes).unwrap();
        taken.map(|_| identify(&bytes))
    }

    fn take_all(&self) -> Vec<u64> {
        std::iter::from_fn(|| self.take()).collect()
    }

    fn size(&self) -> u64 {
        self.store.size(&mut Thread).unwrap()
    }

    /// Puts in another thread, as far as it gets: written, and held at the gate or behind somebody
    /// who is.
    fn start_put<'scope>(
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
    fn settle_down(&self) {
        let mut before = 0;
        wait_until("the last write", || {
            std::thread::sleep(Duration::from_millis(5));
            let calls = self.disk.disk.calls();
            std::mem::replace(&mut before, calls) == calls
        });
    }

    fn fail_next_sync(&self) {
        let fault = Fault::Error { at: 1, errno: libc::EIO, part: 0, lasting: false };
        self.disk.disk.arm_syncs(fault);
    }

    fn survive(&self, promise: &Promise) {
        for state in self.disk.disk.power_loss_states(150, 1) {
            check_after_power_loss(&state, Path::new(PATH), promise, "after a power loss");
        }
    }
}

fn failed(putting: Putting<'_>) {
    let error = putting.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Io { action: "flush", .. }), "{error}");
}

fn worked(putting: Putting<'_>) {
    putting.join().unwrap().unwrap();
}

/// A waiter who is forgotten is woken by closing, so that the test can fail.
fn wakes_up<T>(shared: &Shared, waiter: &ScopedJoinHandle<'_, T>) {
    for _ in 0..1000 {
        if waiter.is_finished() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = shared.store.close();
    panic!("nobody woke the waiter");
}

#[test]
fn who_waits_for_one_flush_gets_its_error() {
    let shared = Shared::new(SETUP);
    shared.put(0).unwrap();
    scope(|scope| {
        let gate = shared.disk.hold();
        let puts: Vec<_> = (1..=4).map(|id| shared.start_put(scope, id)).collect();
        shared.fail_next_sync();
        gate.open();
        puts.into_iter().for_each(failed);
    });
    assert_eq!(shared.take_all(), [0]);
    shared.survive(&Promise::exactly(&[0]));
    shared.put(5).unwrap();
    assert_eq!(shared.take_all(), [5]);
    shared.survive(&Promise::exactly(&[0, 5]));
}

#[test]
fn an_error_that_was_told_is_not_told_again() {
    let shared = Shared::new(SETUP);
    shared.fail_next_sync();
    assert!(shared.put(0).is_err());
    shared.store.flush(&mut Thread).unwrap();
    shared.store.close().unwrap();
}

#[test]
fn who_was_flushed_before_does_not_get_the_error_of_the_next_flush() {
    let shared = Shared::new(SETUP);
    scope(|scope| {
        let gate = shared.disk.hold();
        let first = shared.start_put(scope, 0);
        let others: Vec<_> = (1..=2).map(|id| shared.start_put(scope, id)).collect();
        shared.disk.let_through(1);
        worked(first);
        shared.disk.wait_for_sync();
        shared.fail_next_sync();
        gate.open();
        others.into_iter().for_each(failed);
    });
    assert_eq!(shared.size(), 1);
    shared.survive(&Promise::exactly(&[0]));
    assert_eq!(shared.take_all(), [0]);
}

#[test]
fn nobody_sees_an_item_before_it_is_flushed() {
    let shared = Shared::new(SETUP);
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        assert_eq!((shared.take(), shared.size()), (None, 0));
        gate.open();
        worked(put);
    });
    assert_eq!(shared.take(), Some(0));
}

/// The next segment has items that are not shown yet; they are no reason to read those from there.
#[test]
fn an_older_item_is_read_from_its_own_segment_while_the_next_one_waits_for_its_flush() {
    let shared = Shared::new(SETUP);
    shared.put(0).unwrap();
    shared.put(1).unwrap();
    scope(|scope| {
        let gate = shared.disk.hold();
        let puts: Vec<_> = (2..=5).map(|id| shared.start_put(scope, id)).collect();
        assert_eq!(shared.take_all(), [0, 1]);
        gate.open();
        puts.into_iter().for_each(worked);
    });
    assert_eq!(shared.take_all(), [2, 3, 4, 5]);
}

#[test]
fn what_fails_to_be_flushed_over_several_segments_is_taken_back() {
    let shared = Shared::new(SETUP);
    shared.put(0).unwrap();
    scope(|scope| {
        let gate = shared.disk.hold();
        let puts: Vec<_> = (1..=8).map(|id| shared.start_put(scope, id)).collect();
        shared.fail_next_sync();
        gate.open();
        puts.into_iter().for_each(failed);
    });
    assert_eq!(shared.size(), 1);
    shared.survive(&Promise::exactly(&[0]));
    shared.put(9).unwrap();
    shared.survive(&Promise::exactly(&[0, 9]));
    assert_eq!(shared.take_all(), [0, 9]);
}

#[test]
fn items_that_wait_for_their_flush_count_against_the_limit() {
    let shared = Shared::new(Setup { maxsize: 1, ..SETUP });
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        let second = scope.spawn(|| shared.put(1));
        wait_until("a refusal", || second.is_finished());
        let error = second.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
        gate.open();
        worked(put);
    });
}

#[test]
fn who_waits_for_all_to_be_done_is_told_when_the_last_put_fails() {
    let shared = Shared::new(SETUP);
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        let joined = scope.spawn(|| shared.store.join(&mut Thread, Wait::Forever));
        std::thread::sleep(Duration::from_millis(50));
        shared.fail_next_sync();
        gate.open();
        failed(put);
        wakes_up(&shared, &joined);
        assert!(joined.join().unwrap().unwrap());
    });
}

#[test]
fn who_waits_for_room_is_told_when_the_put_that_took_it_fails() {
    let shared = Shared::new(Setup { maxsize: 1, ..SETUP });
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        let waiting = scope.spawn(|| shared.store.put(&mut Thread, &[payload(1)], Wait::Forever));
        std::thread::sleep(Duration::from_millis(50));
        shared.fail_next_sync();
        gate.open();
        failed(put);
        wakes_up(&shared, &waiting);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(shared.take_all(), [1]);
}

/// A segment may go when the tail behind it is on the disk, not when some other flush is done.
#[test]
fn a_flush_that_began_before_does_not_remove_what_was_finished_since() {
    let shared = Shared::new(SETUP);
    (0..3).for_each(|id| shared.put(id).unwrap());
    assert_eq!(shared.take_all(), [0, 1, 2]);
    shared.put(3).unwrap();
    assert_eq!(shared.take_by(2), Some(3));
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 4);
        shared.disk.wait_for_sync();
        let calls = shared.disk.disk.calls();
        let done = scope.spawn(|| shared.store.task_done(&mut Thread, 1));
        wait_until("the control file", || shared.disk.disk.calls() > calls);
        shared.settle_down();
        shared.disk.let_through(1);
        worked(put);
        shared.disk.wait_for_sync();
        shared.survive(&Promise::between(&[0, 1, 2, 3, 4], &[3, 4]));
        gate.open();
        done.join().unwrap().unwrap();
    });
    shared.survive(&Promise::exactly(&[3, 4]));
}

// --- at any moment ------------------------------------------------------------------------------

/// What threads know of their items.
#[derive(Debug, Default)]
struct Known {
    /// Their puts returned.
    put: BTreeSet<u64>,
    /// Somebody is about to say that they are done.
    finishing: BTreeSet<u64>,
    /// Saying so returned.
    done: BTreeSet<u64>,
}

const EACH: u64 = 200;
const PRODUCERS: u64 = 3;

fn produce(shared: &Shared, known: &Mutex<Known>, producer: u64) {
    for id in (producer * EACH)..(producer + 1) * EACH {
        shared.put(id).unwrap();
        known.lock().unwrap().put.insert(id);
    }
}

/// Takes two at a time, so that not all is finished in order.
fn consume(shared: &Shared, known: &Mutex<Known>, thread: u64, until: u64) {
    let started = Instant::now();
    while (known.lock().unwrap().done.len() as u64) < until {
        let taken: Vec<u64> = (0..2).filter_map(|_| shared.take_by(thread)).collect();
        if taken.is_empty() {
            assert!(started.elapsed() < PATIENCE, "a producer failed");
            std::thread::yield_now();
            continue;
        }
        known.lock().unwrap().finishing.extend(&taken);
        shared.store.task_done(&mut Thread, thread).unwrap();
        known.lock().unwrap().done.extend(&taken);
    }
}

/// Cuts the power now and then, on copies of the disk.
fn watch(shared: &Shared, known: &Mutex<Known>, until: u64) {
    for seed in 0.. {
        let (put, done) = {
            let known = known.lock().unwrap();
            (known.put.clone(), known.done.clone())
        };
        let states = shared.disk.disk.power_loss_states(8, seed);
        let finishing = known.lock().unwrap().finishing.clone();
        for state in states {
            let mut survivor = open(&state, Path::new(PATH), "in the middle of it");
            let (found, _) = drain_damaged(&mut survivor, 3, "in the middle of it");
            let found: BTreeSet<u64> = found.into_iter().collect();
            let lost: Vec<_> =
                put.iter().filter(|id| !found.contains(id) && !finishing.contains(id)).collect();
            let back: Vec<_> = done.intersection(&found).collect();
            assert!(lost.is_empty() && back.is_empty(), "lost {lost:?}, came back {back:?}");
        }
        if done.len() as u64 == until {
            return;
        }
    }
}

#[test]
fn what_threads_were_told_holds_at_any_moment() {
    let shared = Shared::new(SETUP);
    let known = Mutex::<Known>::default();
    let until = PRODUCERS * EACH;
    scope(|scope| {
        let (shared, known) = (&shared, &known);
        for producer in 0..PRODUCERS {
            scope.spawn(move || produce(shared, known, producer));
        }
        for thread in 1..=2 {
            scope.spawn(move || consume(shared, known, thread, until));
        }
        watch(shared, known, until);
    });
    shared.survive(&Promise::exactly(&[]));
}

//! A machine that loses its power at any moment, at each level of durability.
#![cfg(feature = "simulation")]
// Helper functions outside of `#[test]` are not "in tests" for clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use persist_queue::storage::{Fault, SimulatedDisk};
use persist_queue::wait::Thread;
use persist_queue::{Durability, Error};

use support::oracle::{Op, Setup};
use support::run::Run;
use support::script;
use support::survivors::{Promise, check_after_power_loss, check_sound};

const INTERVAL: Durability = Durability::Interval(Duration::from_secs(3600));

/// How many states are tried after each operation, and where there are many operations.
const MANY: usize = 150;
const FEW: usize = 24;

fn each_state(disk: &SimulatedDisk, limit: usize, mut check: impl FnMut(&SimulatedDisk)) {
    // Another seed each time: another choice where there are too many.
    disk.power_loss_states(limit, disk.calls()).iter().for_each(&mut check);
}

fn check_each_state(run: &Run, limit: usize, promise: &Promise) {
    each_state(&run.disk, limit, |state| {
        check_after_power_loss(state, run.path, promise, &run.case());
    });
}

fn calls(operations: &[Op]) -> u64 {
    let mut run = Run::new();
    run.all(operations);
    run.disk.calls()
}

// --- level disk --------------------------------------------------------------------------------

#[test]
fn at_level_disk_nothing_that_returned_is_lost() {
    let mut run = Run::new();
    for op in script::full(Durability::Disk) {
        run.must(op);
        check_each_state(&run, MANY, &run.promise());
    }
}

/// Runs until the process dies in call `at`; then the power goes.
fn die_at(operations: &[Op], at: u64, part: usize) -> (Run, Promise) {
    let mut run = Run::new();
    run.case = format!("died in call {at} after {part} bytes");
    run.disk.arm(Fault::Die { at, part });
    for op in operations {
        let step = run.step(*op);
        if run.disk.fired() {
            // An item that was taken is given to its taker though its completion is not flushed.
            let delivered = matches!(op, Op::Take(_));
            return (run, if delivered { step.in_doubt } else { step.promise });
        }
    }
    panic!("call {at} was never made");
}

#[test]
fn at_level_disk_a_power_loss_within_any_call_keeps_what_was_promised() {
    let operations = script::short(Durability::Disk);
    for at in 1..=calls(&operations) {
        for part in [0, 40, usize::MAX] {
            let (run, mut promise) = die_at(&operations, at, part);
            if part == 40 {
                // Half a slot of the control file in the page cache, and the other one not synced.
                promise = promise.or_again(run.oracle.next_id());
            }
            check_each_state(&run, FEW, &promise);
        }
    }
}

/// What one process left unsynced must not hurt the next one, whose power is cut.
#[test]
fn at_level_disk_a_power_loss_while_opening_after_a_kill_loses_nothing() {
    let operations = script::short(Durability::Disk);
    for at in 1..=calls(&operations) {
        for next in 1.. {
            let (mut run, promise) = die_at(&operations, at, usize::MAX);
            run.die();
            run.case = format!("{}, then in call {next} of opening", run.case);
            run.disk.arm(Fault::Die { at: next, part: usize::MAX });
            run.step(Op::Open(Setup::PLAIN.durable(Durability::Disk)));
            let died = run.disk.fired();
            check_each_state(&run, FEW, &promise);
            if !died {
                break;
            }
        }
    }
}

#[test]
fn at_level_disk_a_new_folder_within_new_folders_is_not_lost() {
    let mut run = Run::at("/deep/down/queue");
    run.must(Op::Open(Setup::PLAIN.durable(Durability::Disk)));
    run.must(Op::Put(1));
    check_each_state(&run, MANY, &run.promise());
}

// --- syncs that fail ----------------------------------------------------------------------------

/// A run in which one sync fails.
struct Unflushed {
    run: Run,
    failed: bool,
    /// Final, but told that this may not survive.
    doubtful: BTreeSet<u64>,
}

impl Unflushed {
    fn new(at: u64) -> Self {
        let mut run = Run::new();
        run.case = format!("sync {at} fails");
        run.disk.arm_syncs(Fault::Error { at, errno: libc::EIO, part: 0, lasting: false });
        Self { run, failed: false, doubtful: BTreeSet::new() }
    }

    /// Says whether there was such a sync.
    fn goes_through(mut self, operations: &[Op]) -> bool {
        for op in operations {
            let before = self.run.oracle.stored();
            self.step(*op);
            self.failed |= self.run.disk.fired();
            if self.failed {
                // An item may be final without the caller knowing that it is not durably so.
                let after = self.run.oracle.stored();
                self.doubtful.extend(before.iter().filter(|id| !after.contains(id)));
                let promise = self.run.promise().or(&self.doubtful);
                check_each_state(&self.run, 6, &promise);
            }
        }
        self.failed
    }

    /// A put that failed has put nothing, and a take has taken nothing. What was done stays done while the process lives.
    fn step(&mut self, op: Op) {
        let step = self.run.step(op);
        if let Some(error) = step.error {
            assert!(matches!(&error, Error::Io { action: "flush", .. }), "{op:?}: {error}");
            match op {
                Op::Put(_) | Op::Take(_) => {}
                Op::Open(_) => self.run.must(op),
                // It may be final for this process, and not for the next after a power loss.
                _ => self.run.happened_perhaps(op),
            }
        }
        self.run.compare();
    }
}

#[test]
fn at_level_disk_a_put_that_could_not_be_flushed_is_never_delivered() {
    let operations = script::short(Durability::Disk);
    let failed = (1..10_000).take_while(|at| Unflushed::new(*at).goes_through(&operations)).count();
    assert!(failed > 80, "{failed} syncs");
}

// --- the other levels ---------------------------------------------------------------------------

#[test]
fn at_level_process_every_state_can_be_opened_and_used() {
    let mut run = Run::new();
    for op in script::full(Durability::Process) {
        run.must(op);
        each_state(&run.disk, FEW, |state| drop(check_sound(state, run.path, &run.case())));
    }
}

#[test]
fn at_level_interval_every_state_can_be_opened_and_used() {
    let mut run = Run::new();
    for op in script::full(INTERVAL) {
        run.must(op);
        each_state(&run.disk, FEW, |state| drop(check_sound(state, run.path, &run.case())));
    }
}

#[test]
fn at_level_process_a_power_loss_within_any_call_leaves_something_that_can_be_used() {
    let operations = script::short(Durability::Process);
    for at in 1..=calls(&operations) {
        for part in [0, 40] {
            let (run, _) = die_at(&operations, at, part);
            each_state(&run.disk, FEW, |state| drop(check_sound(state, run.path, &run.case())));
        }
    }
}

/// What a flush that was asked for makes sure, at a level that does not flush by itself.
fn a_flush_makes_everything_sure(level: Durability) {
    let mut run = Run::new();
    for (index, op) in script::full(level).into_iter().enumerate() {
        run.must(op);
        if index % 7 == 0 {
            run.subject.as_ref().unwrap().store.flush(&mut Thread).unwrap();
            check_each_state(&run, MANY, &run.promise());
        }
    }
}

#[test]
fn at_level_process_a_flush_makes_everything_sure() {
    a_flush_makes_everything_sure(Durability::Process);
}

#[test]
fn at_level_interval_a_flush_makes_everything_sure() {
    a_flush_makes_everything_sure(INTERVAL);
}

/// What was flushed stays, whatever was done afterwards.
#[test]
fn at_level_interval_what_was_flushed_stays() {
    let mut run = Run::new();
    let (mut flushed, mut until) = (Vec::new(), 0);
    for (index, op) in script::full(INTERVAL).into_iter().enumerate() {
        run.must(op);
        if index % 7 == 0 {
            run.subject.as_ref().unwrap().store.flush(&mut Thread).unwrap();
            flushed = run.oracle.stored();
            until = run.oracle.next_id();
        }
        let kept: Vec<u64> =
            run.oracle.stored().into_iter().filter(|id| flushed.contains(id)).collect();
        each_state(&run.disk, FEW, |state| {
            let found = check_sound(state, run.path, &run.case());
            let lost: Vec<_> = kept.iter().filter(|id| !found.contains(id)).collect();
            assert!(lost.is_empty(), "{}: lost {lost:?}", run.case());
            let back: Vec<_> =
                found.iter().filter(|id| **id < until && !flushed.contains(id)).collect();
            assert!(back.is_empty(), "{}: came back {back:?}", run.case());
        });
    }
}

//! Cutting the power.

use persist_queue::storage::{Fault, SimulatedDisk};

use crate::support::oracle::Op;
use crate::support::run::Run;
use crate::support::survivors::{Promise, check_after_power_loss};

/// How many states are tried after each operation, and where there are many operations.
pub(crate) const MANY: usize = 150;

pub(crate) const FEW: usize = 24;

pub(crate) fn each_state(
    disk: &SimulatedDisk,
    limit: usize,
    mut check: impl FnMut(&SimulatedDisk),
) {
    // Another seed each time: another choice where there are too many.
    disk.power_loss_states(limit, disk.calls()).iter().for_each(&mut check);
}

pub(crate) fn check_each_state(run: &Run, limit: usize, promise: &Promise) {
    each_state(&run.disk, limit, |state| {
        check_after_power_loss(state, run.path, promise, &run.case());
    });
}

pub(crate) fn calls(operations: &[Op]) -> u64 {
    let mut run = Run::new();
    run.all(operations);
    run.disk.calls()
}

/// Runs until the process dies in call `at`; then the power goes.
pub(crate) fn die_at(operations: &[Op], at: u64, part: usize) -> (Run, Promise) {
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

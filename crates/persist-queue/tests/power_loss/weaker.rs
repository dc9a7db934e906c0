//! Levels process and interval: whatever is left can be opened and used.

use std::time::Duration;

use persist_queue::Durability;

use crate::states::{FEW, calls, die_at, each_state};
use crate::support::run::Run;
use crate::support::script;
use crate::support::survivors::check_sound;

pub(crate) const INTERVAL: Durability = Durability::Interval(Duration::from_secs(3600));

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

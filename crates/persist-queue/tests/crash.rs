//! A process that dies in any of its calls to the disk, and a disk that refuses any of them.
#![cfg(feature = "simulation")]
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

#[path = "crash/deaths.rs"]
mod deaths;
#[path = "crash/refusals.rs"]
mod refusals;

use persist_queue::Durability;

use support::oracle::Op;
use support::run::Run;
use support::script;
use support::survivors::check_survivors;

fn operations() -> Vec<Op> {
    script::full(Durability::Process)
}

/// How many calls the whole script makes.
fn calls() -> u64 {
    let mut run = Run::new();
    run.all(&operations());
    run.disk.calls()
}

#[test]
fn the_script_is_rich() {
    let mut run = Run::new();
    run.all(&operations());
    assert!(operations().len() >= 200, "{}", operations().len());
    check_survivors(&run.disk.after_kill(), run.path, &run.promise(), &run.case());
}

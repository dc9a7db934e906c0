//! Levels process and interval: what was flushed survives.

use persist_queue::Durability;
use persist_queue::wait::{Thread, now};

use crate::states::{FEW, MANY, check_each_state, each_state};
use crate::support::run::Run;
use crate::support::script;
use crate::support::survivors::check_sound;
use crate::weaker::INTERVAL;

/// What a flush that was asked for makes sure, at a level that does not flush by itself.
fn a_flush_makes_everything_sure(level: Durability) {
    let mut run = Run::new();
    for (index, op) in script::full(level).into_iter().enumerate() {
        run.must(op);
        if index % 7 == 0 {
            now(run.subject.as_ref().unwrap().store.flush(&mut Thread)).unwrap();
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
            now(run.subject.as_ref().unwrap().store.flush(&mut Thread)).unwrap();
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

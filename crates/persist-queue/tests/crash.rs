//! A process that dies in any of its calls to the disk, and a disk that refuses any of them.
#![allow(clippy::struct_field_names)]
#![cfg(feature = "simulation")]
// Helper functions outside of `#[test]` are not "in tests" for clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use persist_queue::storage::Fault;
use persist_queue::{Durability, Error};

use support::oracle::{Op, Setup};
use support::run::Run;
use support::script;
use support::survivors::{Promise, check_survivors};

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

#[test]
fn a_kill_between_any_two_operations_loses_nothing() {
    let mut run = Run::new();
    for op in operations() {
        run.must(op);
        check_survivors(&run.disk.after_kill(), run.path, &run.promise(), &run.case());
    }
}

/// Runs the script until the process dies in call `at`, and gives what it had promised by then.
fn die_at(at: u64, part: usize) -> (Run, Promise) {
    let mut run = Run::new();
    run.case = format!("died in call {at} after {part} bytes");
    run.disk.arm(Fault::Die { at, part });
    for op in operations() {
        let step = run.step(op);
        if run.disk.fired() {
            return (run, step.promise);
        }
    }
    panic!("call {at} was never made");
}

fn a_death_in_each_call_keeps_what_was_promised(parts: &[usize]) {
    for at in 1..=calls() {
        for part in parts {
            let (run, promise) = die_at(at, *part);
            check_survivors(&run.disk.after_kill(), run.path, &promise, &run.case());
        }
    }
}

#[test]
fn a_death_before_any_call() {
    a_death_in_each_call_keeps_what_was_promised(&[0]);
}

#[test]
fn a_death_within_any_write() {
    a_death_in_each_call_keeps_what_was_promised(&[1, 10, 40, 150]);
}

#[test]
fn a_death_after_any_call() {
    a_death_in_each_call_keeps_what_was_promised(&[usize::MAX]);
}

/// The next process may die as well, while it opens what this one left.
#[test]
fn a_death_while_opening_after_a_death() {
    for at in 1..=calls() {
        for next in 1.. {
            let (mut run, promise) = die_at(at, usize::MAX);
            run.die();
            run.case = format!("{}, then in call {next} of opening", run.case);
            run.disk.arm(Fault::Die { at: next, part: 30 });
            run.step(Op::Open(Setup::PLAIN));
            check_survivors(&run.disk.after_kill(), run.path, &promise, &run.case());
            if !run.disk.fired() {
                break;
            }
        }
    }
}

/// A disk that refuses.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    errno: i32,
    lasting: bool,
    part: usize,
}

/// How many operations a lasting error lasts, and how many come afterwards before it is judged.
const LASTS: usize = 12;
const AFTERWARDS: usize = 25;

/// A run of the script on a disk that refuses call `at`.
struct Refused {
    run: Run,
    refusal: Refusal,
    refused: bool,
    /// What a kill may bring or take because it could not be undone on a disk that refuses all.
    doubtful: BTreeSet<u64>,
}

impl Refused {
    fn new(at: u64, refusal: Refusal) -> Self {
        let mut run = Run::new();
        let Refusal { errno, lasting, part } = refusal;
        run.disk.arm(Fault::Error { at, errno, part, lasting });
        run.case = format!("call {at}, {refusal:?}");
        Self { run, refusal, refused: false, doubtful: BTreeSet::new() }
    }

    fn goes_through(mut self) {
        let mut operations = operations().into_iter();
        for op in operations.by_ref() {
            self.step(op);
            if self.refused {
                break;
            }
        }
        assert!(self.refused, "{}: never made", self.run.case());
        self.survives_a_kill();
        if self.refusal.lasting {
            for op in operations.by_ref().take(LASTS) {
                if !self.may_be_followed_by(op) {
                    break;
                }
                self.step(op);
            }
            self.survives_a_kill();
        }
        self.run.disk.disarm();
        self.step_if_closed();
        for op in operations.take(AFTERWARDS) {
            if !self.may_be_followed_by(op) {
                break;
            }
            let before = self.run.oracle.stored();
            self.run.must(op);
            self.forget_doubts(&before);
        }
        self.survives_a_kill();
    }

    /// What is in doubt is decided when the queue is opened; the oracle cannot know how.
    fn may_be_followed_by(&self, op: Op) -> bool {
        self.doubtful.is_empty() || !matches!(op, Op::Open(_))
    }

    fn step(&mut self, op: Op) {
        let before = self.run.oracle.stored();
        let step = self.run.step(op);
        self.refused |= self.run.disk.fired();
        match step.error {
            None => self.forget_doubts(&before),
            Some(error) => {
                self.is_from_the_disk(&error);
                if self.refusal.lasting && self.refusal.errno != libc::ENOSPC {
                    self.doubtful.extend(step.promise.in_doubt());
                }
                self.step_if_closed();
            }
        }
        self.run.compare();
    }

    /// An opening that failed is tried again, for a lasting error when the disk is well.
    fn step_if_closed(&mut self) {
        if self.run.subject.is_none() {
            if self.refusal.lasting {
                self.run.disk.disarm();
            }
            self.run.must(Op::Open(Setup::PLAIN));
        }
    }

    /// The next put that works shuts out what could not be cut off before it.
    fn forget_doubts(&mut self, before: &[u64]) {
        let stored = self.run.oracle.stored();
        if stored.last() > before.last() {
            self.doubtful.retain(|id| stored.contains(id));
        }
    }

    fn is_from_the_disk(&self, error: &Error) {
        let Error::Io { path, source, .. } = error else { panic!("{}: {error}", self.run.case()) };
        assert_eq!(source.raw_os_error(), Some(self.refusal.errno), "{}", self.run.case());
        assert!(path.starts_with(self.run.path), "{}: {error}", self.run.case());
    }

    fn survives_a_kill(&self) {
        let promise = self.run.promise().or(&self.doubtful);
        check_survivors(&self.run.disk.after_kill(), self.run.path, &promise, &self.run.case());
    }
}

fn each_refused_call_has_no_effect(errno: i32, lasting: bool) {
    for at in 1..=calls() {
        for part in [0, 10, usize::MAX] {
            Refused::new(at, Refusal { errno, lasting, part }).goes_through();
        }
    }
}

#[test]
fn a_disk_that_is_full_once() {
    each_refused_call_has_no_effect(libc::ENOSPC, false);
}

#[test]
fn a_disk_that_stays_full() {
    each_refused_call_has_no_effect(libc::ENOSPC, true);
}

#[test]
fn a_disk_that_fails_once() {
    each_refused_call_has_no_effect(libc::EIO, false);
}

#[test]
fn a_disk_that_fails_for_a_while() {
    each_refused_call_has_no_effect(libc::EIO, true);
}

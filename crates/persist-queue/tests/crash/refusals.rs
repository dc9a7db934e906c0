//! A disk that refuses, once or for a while.

use std::collections::BTreeSet;

use persist_queue::Error;
use persist_queue::storage::Fault;

use crate::support::oracle::{Op, Setup};
use crate::support::run::Run;
use crate::support::survivors::check_survivors;
use crate::{calls, operations};

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
    hit: bool,
    /// What a kill may bring or take because it could not be undone on a disk that refuses all.
    doubtful: BTreeSet<u64>,
}

impl Refused {
    fn new(at: u64, refusal: Refusal) -> Self {
        let mut run = Run::new();
        let Refusal { errno, lasting, part } = refusal;
        run.disk.arm(Fault::Error { at, errno, part, lasting });
        run.case = format!("call {at}, {refusal:?}");
        Self { run, refusal, hit: false, doubtful: BTreeSet::new() }
    }

    fn goes_through(mut self) {
        let mut operations = operations().into_iter();
        for op in operations.by_ref() {
            self.step(op);
            if self.hit {
                break;
            }
        }
        assert!(self.hit, "{}: never made", self.run.case());
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
        self.hit |= self.run.disk.fired();
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

/// The cut is tried again before somebody looks who does not know that the put failed.
#[test]
fn a_put_that_could_not_be_undone_is_gone_when_the_disk_is_well_and_the_queue_closed() {
    let mut run = Run::new();
    run.all(&[Op::Open(Setup::PLAIN), Op::Put(1)]);
    let part = usize::MAX;
    run.disk.arm(Fault::Error { at: 1, errno: libc::EIO, part, lasting: true });
    assert!(run.step(Op::Put(1)).error.is_some());
    run.disk.disarm();
    run.must(Op::Open(Setup::PLAIN));
    check_survivors(&run.disk.after_kill(), run.path, &run.promise(), &run.case());
}

/// Its first step is to say that there will be marks, and that step moves the tail too.
#[test]
fn a_task_done_whose_mark_is_refused_finishes_nothing() {
    for at in 1..=2 {
        for part in [0, usize::MAX] {
            let mut run = Run::new();
            let takes = [Op::Take(1), Op::Take(2), Op::Take(1)];
            run.all(&[&[Op::Open(Setup::PLAIN), Op::Put(4)], takes.as_slice()].concat());
            run.case = format!("call {at} of it, {part} bytes");
            run.disk.arm(Fault::Error { at, errno: libc::EIO, part, lasting: false });
            assert!(run.step(Op::Done(1)).error.is_some());
            run.compare();
            check_survivors(&run.disk.after_kill(), run.path, &run.promise(), &run.case());
        }
    }
}

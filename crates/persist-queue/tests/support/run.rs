//! A queue on a simulated disk beside its oracle.

use std::path::Path;
use std::sync::Arc;

use persist_queue::Error;
use persist_queue::storage::{Fault, SimulatedDisk};

use super::oracle::{Op, Oracle};
use super::subject::Subject;
use super::survivors::Promise;

/// The oracle's name for the one object.
const OBJECT: u64 = 0;

/// See the module.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) disk: SimulatedDisk,
    pub(crate) path: &'static Path,
    pub(crate) subject: Option<Subject>,
    pub(crate) oracle: Oracle,
    /// What the test is at, for its messages.
    pub(crate) case: String,
    done: Vec<Op>,
}

/// What became of one operation.
#[derive(Debug)]
pub(crate) struct Step {
    /// What must be on the disk whatever happened to it.
    pub(crate) promise: Promise,
    /// The same where even an operation that said that it worked may have been cut short.
    pub(crate) in_doubt: Promise,
    /// Then the oracle did not move.
    pub(crate) error: Option<Error>,
}

impl Run {
    pub(crate) fn new() -> Self {
        Self::at("/queue")
    }

    pub(crate) fn at(path: &'static str) -> Self {
        Self {
            disk: SimulatedDisk::new(),
            path: Path::new(path),
            subject: None,
            oracle: Oracle::default(),
            case: String::new(),
            done: Vec::new(),
        }
    }

    /// Does one operation to both. Fails where the queue says that it worked and gives something
    /// else than the oracle.
    pub(crate) fn step(&mut self, op: Op) -> Step {
        self.done.push(op);
        let new = match op {
            Op::Put(count) => self.oracle.new_ids(count),
            _ => Vec::new(),
        };
        let mut after = self.oracle.clone();
        let expected = after.apply(OBJECT, op, &new);
        let promise = Promise::between(&self.oracle.stored(), &after.stored());
        match self.perform(op, &new) {
            Ok(outcome) => {
                assert_eq!(outcome, expected, "{}", self.case());
                self.oracle = after;
                Step { promise: self.promise(), in_doubt: promise, error: None }
            }
            Err(error) => Step { in_doubt: promise.clone(), promise, error: Some(error) },
        }
    }

    fn perform(&mut self, op: Op, new: &[u64]) -> Result<super::oracle::Outcome, Error> {
        if let Op::Open(setup) = op {
            self.subject = None;
            self.oracle.close(OBJECT);
            self.subject = Some(Subject::open(Arc::new(self.disk.clone()), self.path, setup)?);
        }
        let back = match op {
            Op::GiveBack(thread) => self.oracle.newest_held(OBJECT, thread),
            _ => None,
        };
        self.subject.as_mut().unwrap().perform(op, new, back)
    }

    /// Moves the oracle as if `op` had worked, if the queue says that it has.
    pub(crate) fn happened_perhaps(&mut self, op: Op) {
        let Some(subject) = &self.subject else { return };
        let mut after = self.oracle.clone();
        after.apply(OBJECT, op, &[]);
        if subject.store.unfinished().unwrap() == after.unfinished(OBJECT) {
            self.oracle = after;
        }
    }

    /// For messages: what the test is at, and the last operations.
    pub(crate) fn case(&self) -> String {
        let last = &self.done[self.done.len().saturating_sub(6)..];
        format!("{}, operation {}, behind {last:?}", self.case, self.done.len())
    }

    /// Does one operation to the queue alone, where it may know less than the oracle.
    pub(crate) fn step_alone(&mut self, op: Op) -> Result<(), Error> {
        self.done.push(op);
        let new = match op {
            Op::Put(count) => self.oracle.new_ids(count),
            _ => Vec::new(),
        };
        self.perform(op, &new).map(drop)
    }

    /// Does what must work.
    pub(crate) fn must(&mut self, op: Op) {
        let step = self.step(op);
        assert!(step.error.is_none(), "{}: {:?}", self.case(), step.error);
        self.compare();
    }

    pub(crate) fn all(&mut self, ops: &[Op]) {
        for op in ops {
            self.must(*op);
        }
    }

    /// Whether the queue in memory is what the oracle says.
    pub(crate) fn compare(&self) {
        let Some(subject) = &self.subject else { return };
        let case = self.case();
        assert_eq!(subject.size().unwrap(), self.oracle.size(OBJECT), "{case}: size");
        let unfinished = subject.store.unfinished().unwrap();
        assert_eq!(unfinished, self.oracle.unfinished(OBJECT), "{case}: unfinished");
        let next = self.oracle.clone().apply(OBJECT, Op::Peek, &[]);
        assert_eq!(super::oracle::Outcome::Item(subject.peek().unwrap()), next, "{case}: peek");
    }

    /// The process dies, and does nothing more to the disk.
    pub(crate) fn die(&mut self) {
        if !self.disk.fired() {
            self.disk.arm(Fault::Die { at: 1, part: 0 });
        }
        // A closing object tries to write; the fault fires then or is not needed.
        self.subject = None;
        self.oracle.close(OBJECT);
        self.disk.disarm();
    }

    /// The next process goes on with another disk, on which `found` was found.
    pub(crate) fn go_on_with(&mut self, disk: SimulatedDisk, found: &[u64]) {
        self.die();
        self.disk = disk;
        self.oracle.restart_with(found);
    }

    pub(crate) fn promise(&self) -> Promise {
        Promise::exactly(&self.oracle.stored())
    }
}

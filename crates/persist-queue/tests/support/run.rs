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
}

/// What became of one operation.
#[derive(Debug)]
pub(crate) struct Step {
    /// What must be on the disk whatever happened to it.
    pub(crate) promise: Promise,
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
        }
    }

    /// Does one operation to both. Fails where the queue says that it worked and gives something
    /// else than the oracle.
    pub(crate) fn step(&mut self, op: Op) -> Step {
        let new = match op {
            Op::Put(count) => self.oracle.new_ids(count),
            _ => Vec::new(),
        };
        let mut after = self.oracle.clone();
        let expected = after.apply(OBJECT, op, &new);
        let promise = Promise::between(&self.oracle.stored(), &after.stored());
        match self.perform(op, &new) {
            Ok(outcome) => {
                assert_eq!(outcome, expected, "{}: {op:?}", self.case);
                self.oracle = after;
                Step { promise: Promise::exactly(&self.oracle.stored()), error: None }
            }
            Err(error) => Step { promise, error: Some(error) },
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

    /// Does what must work.
    pub(crate) fn must(&mut self, op: Op) {
        let step = self.step(op);
        assert!(step.error.is_none(), "{}: {op:?}: {:?}", self.case, step.error);
        self.compare();
    }

    pub(crate) fn all(&mut self, ops: &[Op]) {
        ops.iter().for_each(|op| self.must(*op));
    }

    /// Whether the queue in memory is what the oracle says.
    pub(crate) fn compare(&self) {
        let Some(subject) = &self.subject else { return };
        let case = &self.case;
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

    pub(crate) fn promise(&self) -> Promise {
        Promise::exactly(&self.oracle.stored())
    }
}

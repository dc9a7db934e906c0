//! Several objects of one process on one folder.

use std::path::Path;
use std::sync::Arc;

use persist_queue::Error;
use persist_queue::storage::Disk;
use proptest::prelude::*;

use crate::programs::{cases, ops};
use crate::support::oracle::{Op, Oracle, Outcome, Setup};
use crate::support::subject::Subject;

/// How many objects have the folder open at the same time.
const OBJECTS: u64 = 3;

/// What a program of several objects may do besides.
#[derive(Debug, Clone)]
enum Step {
    Do(u64, Op),
    Close(u64),
    /// Gives back what is not held any more.
    GiveBackStale(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (0..OBJECTS, ops()).prop_map(|(object, op)| Step::Do(object, op)),
        1 => (0..OBJECTS).prop_map(Step::Close),
        1 => (0..OBJECTS).prop_map(Step::GiveBackStale),
    ];
    prop::collection::vec(step, 1..80)
}

struct Shared<'a> {
    path: &'a Path,
    oracle: Oracle,
    subjects: [Option<Subject>; OBJECTS as usize],
}

impl Shared<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Error> {
        match *step {
            Step::Do(object, op) => self.perform(object, op)?,
            Step::Close(object) => {
                self.subjects[object as usize] = None;
                self.oracle.close(object);
            }
            Step::GiveBackStale(object) => {
                let oracle = &self.oracle;
                if let Some(subject) = &mut self.subjects[object as usize] {
                    subject.give_back_stale(|thread, id| oracle.holds(object, thread, id));
                }
            }
        }
        self.compare(step);
        Ok(())
    }

    fn perform(&mut self, object: u64, op: Op) -> Result<(), Error> {
        let place = &mut self.subjects[object as usize];
        if let Op::Open(setup) = op {
            *place = None;
            *place = Some(Subject::open(Arc::new(Disk), self.path, setup)?);
        }
        let Some(subject) = place else { return Ok(()) };
        let (new, back) = match op {
            Op::Put(count) => (self.oracle.new_ids(count), None),
            Op::GiveBack(thread) => (Vec::new(), self.oracle.newest_held(object, thread)),
            _ => (Vec::new(), None),
        };
        let expected = self.oracle.apply(object, op, &new);
        assert_eq!(subject.perform(op, &new, back)?, expected, "{op:?}");
        Ok(())
    }

    /// Every object must agree with the oracle, whichever did something.
    fn compare(&self, step: &Step) {
        for (object, subject) in (0..).zip(&self.subjects) {
            let Some(subject) = subject else { continue };
            let case = format!("object {object} after {step:?}");
            assert_eq!(subject.size().unwrap(), self.oracle.size(object), "{case}: size");
            let unfinished = subject.store.unfinished().unwrap();
            assert_eq!(unfinished, self.oracle.unfinished(object), "{case}: unfinished");
            let next = self.oracle.clone().apply(object, Op::Peek, &[]);
            assert_eq!(Outcome::Item(subject.peek().unwrap()), next, "{case}: peek");
        }
    }

    /// What is left comes out in order.
    fn drain(mut self) {
        self.subjects = Default::default();
        let mut last = Subject::open(Arc::new(Disk), self.path, Setup::AUTOSAVE).unwrap();
        let left: Vec<u64> = std::iter::from_fn(|| last.take(0).unwrap()).collect();
        assert_eq!(left, self.oracle.stored());
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn several_objects_do_what_the_oracle_does(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut shared = Shared {
            path: folder.path(),
            oracle: Oracle::default(),
            subjects: Default::default(),
        };
        for step in &steps {
            shared.step(step).unwrap();
        }
        shared.drain();
    }
}

//! Random programs against the oracle: on the real disk with several objects and threads, and on a
//! simulated one where the process dies or the disk refuses at any moment.
#![cfg(feature = "simulation")]
// Helper functions outside of `#[test]` are not "in tests" for clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use persist_queue::storage::{Access, Disk, Fault, SimulatedDisk, Storage};
use persist_queue::{Durability, Error};
use proptest::prelude::*;

use support::oracle::{Op, Oracle, Outcome, Setup};
use support::run::Run;
use support::subject::Subject;
use support::survivors::{Promise, check_after_power_loss, check_sound, check_survivors, look};

/// How many objects have the folder open at the same time.
const OBJECTS: u64 = 3;
const THREADS: u64 = 3;

/// 200 in each run of the tests; `PERSIST_QUEUE_EXHAUSTIVE=1` makes them 5,000, and a larger number
/// that many.
fn cases() -> ProptestConfig {
    let asked = std::env::var("PERSIST_QUEUE_EXHAUSTIVE").ok().and_then(|asked| asked.parse().ok());
    let cases = match asked {
        None | Some(0) => 200,
        Some(1) => 5000,
        Some(number) => number,
    };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn setups() -> impl Strategy<Value = Setup> {
    (any::<bool>(), 0..4_u64, 1..5_u64).prop_map(|(autosave, maxsize, chunk_records)| Setup {
        autosave,
        maxsize,
        chunk_records,
        durability: Durability::Process,
    })
}

/// Steps of a program. The weights keep a few items in the queue.
fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => setups().prop_map(Op::Open),
        6 => (1..4_u64).prop_map(Op::Put),
        8 => (0..THREADS).prop_map(Op::Take),
        5 => (0..THREADS).prop_map(Op::Done),
        3 => (0..THREADS).prop_map(Op::GiveBack),
        1 => Just(Op::Peek),
        1 => Just(Op::Purge),
    ]
}

// --- several objects on one folder --------------------------------------------------------------

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
                    subject.give_back_stale(|thread, id| oracle.holds(object, thread, id))?;
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

// --- a process that dies, and a disk that refuses -----------------------------------------------

fn programs() -> impl Strategy<Value = Vec<Op>> {
    (setups(), prop::collection::vec(ops(), 1..60)).prop_map(|(setup, mut ops)| {
        ops.insert(0, Op::Open(setup));
        ops
    })
}

fn parts() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 1..300_usize, Just(usize::MAX)]
}

/// The same program at another level of durability.
fn at_level(ops: &[Op], level: Durability) -> Vec<Op> {
    let durable = |op: &Op| match *op {
        Op::Open(setup) => Op::Open(setup.durable(level)),
        op => op,
    };
    ops.iter().map(durable).collect()
}

// --- several processes, one after the other -----------------------------------------------------

/// How a process ends.
#[derive(Debug, Clone)]
struct Death {
    at: u64,
    part: usize,
    /// Which state the power leaves, where it goes too.
    power: Option<usize>,
    /// What is done to the disk before the next process.
    damages: Vec<(usize, Damage)>,
}

fn lives() -> impl Strategy<Value = Vec<(Vec<Op>, Death)>> {
    let power = prop::option::of(0..1000_usize);
    let damages = prop_oneof![4 => Just(Vec::new()), 1 => damages()];
    let death = (1..60_u64, parts(), power, damages);
    let death = death.prop_map(|(at, part, power, damages)| Death { at, part, power, damages });
    prop::collection::vec((programs(), death), 1..6)
}

/// Runs a program until the process dies in a call, or behind it.
fn live(run: &mut Run, ops: &[Op], death: &Death) -> Promise {
    run.disk.arm(Fault::Die { at: death.at, part: death.part });
    for op in ops {
        let step = run.step(*op);
        if run.disk.fired() {
            return step.in_doubt;
        }
        run.compare();
    }
    run.promise()
}

/// The disk that the next process finds.
fn rests(run: &Run, death: &Death) -> SimulatedDisk {
    let Some(choice) = death.power else { return run.disk.after_kill() };
    let mut states = run.disk.power_loss_states(12, choice as u64);
    states.swap_remove(choice % states.len())
}

// --- damage -------------------------------------------------------------------------------------

/// Somebody else's work on one file.
#[derive(Debug, Clone)]
enum Damage {
    /// Bytes are other ones; a number out of a million is where.
    Write {
        at: u64,
        bytes: Vec<u8>,
    },
    Flip {
        at: u64,
        bit: u8,
    },
    Cut {
        at: u64,
    },
    Append(Vec<u8>),
    Remove,
    /// It stands in the place of another file.
    Rename {
        to: usize,
    },
}

const MILLION: u64 = 1_000_000;

fn damages() -> impl Strategy<Value = Vec<(usize, Damage)>> {
    let bytes = prop::collection::vec(any::<u8>(), 1..600);
    let zeros = (1..600_usize).prop_map(|size| vec![0; size]);
    let bytes = prop_oneof![bytes, zeros];
    let damage = prop_oneof![
        3 => (0..MILLION, bytes.clone()).prop_map(|(at, bytes)| Damage::Write { at, bytes }),
        6 => (0..MILLION, 0..8_u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        2 => (0..MILLION).prop_map(|at| Damage::Cut { at }),
        2 => bytes.prop_map(Damage::Append),
        1 => Just(Damage::Remove),
        1 => (0..8_usize).prop_map(|to| Damage::Rename { to }),
    ];
    prop::collection::vec((0..8_usize, damage), 1..4)
}

fn harm(disk: &SimulatedDisk, path: &Path, file: usize, damage: &Damage) {
    let names = disk.list(path).unwrap_or_default();
    let Some(name) = names.get(file % names.len().max(1)) else { return };
    let file = path.join(name);
    let open = || Storage::open(disk, &file, Access::Write).unwrap();
    let size = open().size().unwrap();
    let place = |at: u64| at * size / MILLION;
    match damage {
        Damage::Write { at, bytes } => open().write_all_at(bytes, place(*at)).unwrap(),
        Damage::Flip { at, bit } => {
            let mut byte = [0];
            if open().read_at(&mut byte, place(*at)).unwrap() == 1 {
                open().write_all_at(&[byte[0] ^ 1 << bit], place(*at)).unwrap();
            }
        }
        Damage::Cut { at } => open().set_size(place(*at)).unwrap(),
        Damage::Append(bytes) => open().write_all_at(bytes, size).unwrap(),
        Damage::Remove => disk.remove(&file).unwrap(),
        Damage::Rename { to } => {
            disk.rename(&file, &path.join(&names[to % names.len()])).unwrap();
        }
    }
}

/// Whether what is left is not taken for a queue.
fn is_refused(disk: &SimulatedDisk, path: &Path) -> bool {
    match Subject::open(Arc::new(disk.after_kill()), path, Setup::AUTOSAVE) {
        Ok(_) => false,
        Err(Error::Unrecognised { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(cases())]

    /// It may be refused as no queue, where nothing is left that says so; else it goes on.
    #[test]
    fn damage_after_any_program(ops in programs(), damages in damages()) {
        let mut run = Run::new();
        run.all(&ops);
        let disk = run.disk.after_kill();
        for (file, damage) in &damages {
            harm(&disk, run.path, *file, damage);
        }
        if !is_refused(&disk, run.path) {
            check_sound(&disk, run.path, &run.case());
        }
    }

    #[test]
    fn several_processes_at_level_disk_that_all_die(lives in lives()) {
        let mut run = Run::new();
        let mut unsynced = BTreeSet::new();
        for (ops, death) in &lives {
            // A process that is killed within a write, and a power loss before it is synced: the
            // page cache held half a slot. See `power_loss.rs`.
            let part = if death.part == usize::MAX { usize::MAX } else { 0 };
            let death = Death { part, ..death.clone() };
            let promise = live(&mut run, &at_level(ops, Durability::Disk), &death);
            let disk = rests(&run, &death);
            check_after_power_loss(&disk, run.path, &promise.or_unsynced(&unsynced), &run.case());
            // The next process sees it, and it is not durable before that one has synced it.
            unsynced.extend(promise.in_doubt());
            // Until damage is told it counts, which the oracle does not know.
            let Some(found) = look(&disk, run.path, &run.case()) else { break };
            run.go_on_with(disk, &found);
        }
    }

    #[test]
    fn several_processes_at_level_process_that_are_all_killed(lives in lives()) {
        let mut run = Run::new();
        for (ops, death) in &lives {
            let death = Death { power: None, ..death.clone() };
            let promise = live(&mut run, ops, &death);
            let disk = rests(&run, &death);
            check_survivors(&disk, run.path, &promise, &run.case());
            // Until damage is told it counts, which the oracle does not know.
            let Some(found) = look(&disk, run.path, &run.case()) else { break };
            run.go_on_with(disk, &found);
        }
    }

    /// Nothing is promised but that it goes on, and that what is there is what was put.
    #[test]
    fn several_processes_at_level_process_that_lose_power_and_are_damaged(lives in lives()) {
        let mut run = Run::new();
        let mut damaged = false;
        for (ops, death) in &lives {
            run.disk.arm(Fault::Die { at: death.at, part: death.part });
            for op in ops {
                match run.step_alone(*op) {
                    Ok(()) | Err(Error::Corrupted { .. }) => {}
                    Err(_) if run.disk.fired() => break,
                    Err(error) => panic!("{}: {error}", run.case()),
                }
            }
            let disk = rests(&run, death);
            for (file, damage) in &death.damages {
                harm(&disk, run.path, *file, damage);
            }
            damaged |= !death.damages.is_empty();
            if damaged && is_refused(&disk, run.path) {
                break;
            }
            let found = check_sound(&disk, run.path, &run.case());
            run.go_on_with(disk, &found);
        }
    }

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

    #[test]
    fn a_death_at_any_call_of_any_program(ops in programs(), at in 1..150_u64, part in parts()) {
        let mut run = Run::new();
        run.disk.arm(Fault::Die { at, part });
        for op in ops {
            let step = run.step(op);
            if run.disk.fired() {
                check_survivors(&run.disk.after_kill(), run.path, &step.promise, &run.case());
                break;
            }
            run.compare();
        }
    }

    #[test]
    fn a_refusal_at_any_call_of_any_program(ops in programs(), at in 1..150_u64, part in parts()) {
        let mut run = Run::new();
        run.disk.arm(Fault::Error { at, errno: libc::EIO, part, lasting: false });
        for op in ops {
            if run.step(op).error.is_some() && run.subject.is_none() {
                run.must(op);
            }
            run.compare();
        }
        check_survivors(&run.disk.after_kill(), run.path, &run.promise(), &run.case());
    }

    #[test]
    fn a_power_loss_after_any_program(ops in programs(), seed in any::<u64>()) {
        let mut run = Run::new();
        run.all(&at_level(&ops, Durability::Disk));
        for state in run.disk.power_loss_states(20, seed) {
            check_after_power_loss(&state, run.path, &run.promise(), &run.case());
        }
    }
}

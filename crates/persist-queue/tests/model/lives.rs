//! Several processes, one after the other, each of which dies.

use std::collections::BTreeSet;

use persist_queue::storage::{Fault, SimulatedDisk};
use persist_queue::{Durability, Error};
use proptest::prelude::*;

use crate::damage::{Damage, damages, harm, is_refused};
use crate::programs::{at_level, cases, parts, programs};
use crate::support::oracle::Op;
use crate::support::run::Run;
use crate::support::survivors::{
    Promise, check_after_power_loss, check_sound, check_survivors, look,
};

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

proptest! {
    #![proptest_config(cases())]

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
}

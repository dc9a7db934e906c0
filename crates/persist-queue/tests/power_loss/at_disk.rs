//! Level disk: what returned survives.

use persist_queue::Durability;
use persist_queue::storage::Fault;

use crate::states::{FEW, MANY, calls, check_each_state, die_at};
use crate::support::oracle::{Op, Setup};
use crate::support::run::Run;
use crate::support::script;

#[test]
fn at_level_disk_nothing_that_returned_is_lost() {
    let mut run = Run::new();
    for op in script::full(Durability::Disk) {
        run.must(op);
        check_each_state(&run, MANY, &run.promise());
    }
}

#[test]
fn at_level_disk_a_power_loss_within_any_call_keeps_what_was_promised() {
    let operations = script::short(Durability::Disk);
    for at in 1..=calls(&operations) {
        for part in [0, 40, usize::MAX] {
            let (run, mut promise) = die_at(&operations, at, part);
            if part == 40 {
                // Half a slot of the control file in the page cache, and the other one not synced.
                promise = promise.or_again(run.oracle.next_id());
            }
            check_each_state(&run, FEW, &promise);
        }
    }
}

/// What one process left unsynced must not hurt the next one, whose power is cut.
#[test]
fn at_level_disk_a_power_loss_while_opening_after_a_kill_loses_nothing() {
    let operations = script::short(Durability::Disk);
    for at in 1..=calls(&operations) {
        for next in 1.. {
            let (mut run, promise) = die_at(&operations, at, usize::MAX);
            run.die();
            run.case = format!("{}, then in call {next} of opening", run.case);
            run.disk.arm(Fault::Die { at: next, part: usize::MAX });
            run.step(Op::Open(Setup::PLAIN.durable(Durability::Disk)));
            let died = run.disk.fired();
            check_each_state(&run, FEW, &promise);
            if !died {
                break;
            }
        }
    }
}

#[test]
fn at_level_disk_a_new_folder_within_new_folders_is_not_lost() {
    let mut run = Run::at("/deep/down/queue");
    run.must(Op::Open(Setup::PLAIN.durable(Durability::Disk)));
    run.must(Op::Put(1));
    check_each_state(&run, MANY, &run.promise());
}

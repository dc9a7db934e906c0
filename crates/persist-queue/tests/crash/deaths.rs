//! A process that dies.

use persist_queue::storage::{Access, Fault, Storage};

use crate::support::oracle::{Op, Setup};
use crate::support::run::Run;
use crate::support::survivors::{Promise, check_survivors};
use crate::{calls, operations};

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

/// Processes that die while they make the first segments leave their beginnings.
#[test]
fn segments_that_were_only_begun_do_not_stay() {
    let mut run = Run::new();
    run.disk.create_dir_all(run.path).unwrap();
    for (number, bytes) in [&b"P"[..], b"PQRSSEG1"].into_iter().enumerate() {
        let path = run.path.join(format!("q{number:05}"));
        let file = Storage::open(&run.disk, &path, Access::CreateNew).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }
    // The third gets as far as a whole header.
    run.disk.arm(Fault::Die { at: 2, part: usize::MAX });
    assert!(run.step(Op::Open(Setup::PLAIN)).error.is_some());
    run.die();
    check_survivors(&run.disk.after_kill(), run.path, &run.promise(), &run.case());
}

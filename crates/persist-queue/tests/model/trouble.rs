//! A process that dies, a disk that refuses, and a power loss.

use persist_queue::Durability;
use persist_queue::storage::Fault;
use proptest::prelude::*;

use crate::programs::{at_level, cases, parts, programs};
use crate::support::run::Run;
use crate::support::survivors::{check_after_power_loss, check_survivors};

proptest! {
    #![proptest_config(cases())]

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

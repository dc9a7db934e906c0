//! Level disk: syncs that fail.

use std::collections::BTreeSet;

use persist_queue::storage::Fault;
use persist_queue::{Durability, Error};

use crate::states::check_each_state;
use crate::support::oracle::Op;
use crate::support::run::Run;
use crate::support::script;

/// A run in which one sync fails.
struct Unflushed {
    run: Run,
    failed: bool,
    /// Final, but told that this may not survive.
    doubtful: BTreeSet<u64>,
}

impl Unflushed {
    fn new(at: u64) -> Self {
        let mut run = Run::new();
        run.case = format!("sync {at} fails");
        run.disk.arm_syncs(Fault::Error { at, errno: libc::EIO, part: 0, lasting: false });
        Self { run, failed: false, doubtful: BTreeSet::new() }
    }

    /// Says whether there was such a sync.
    fn goes_through(mut self, operations: &[Op]) -> bool {
        for op in operations {
            let before = self.run.oracle.stored();
            self.step(*op);
            self.failed |= self.run.disk.fired();
            if self.failed {
                // An item may be final without the caller knowing that it is not durably so.
                let after = self.run.oracle.stored();
                self.doubtful.extend(before.iter().filter(|id| !after.contains(id)));
                let promise = self.run.promise().or(&self.doubtful);
                check_each_state(&self.run, 6, &promise);
            }
        }
        self.failed
    }

    /// A put that failed has put nothing, and a take has taken nothing. What was done stays done while the process lives.
    fn step(&mut self, op: Op) {
        let step = self.run.step(op);
        if let Some(error) = step.error {
            assert!(matches!(&error, Error::Io { action: "flush", .. }), "{op:?}: {error}");
            match op {
                Op::Put(_) | Op::Take(_) => {}
                Op::Open(_) => self.run.must(op),
                // It may be final for this process, and not for the next after a power loss.
                _ => self.run.happened_perhaps(op),
            }
        }
        self.run.compare();
    }
}

#[test]
fn at_level_disk_a_put_that_could_not_be_flushed_is_never_delivered() {
    let operations = script::short(Durability::Disk);
    let failed = (1..10_000).take_while(|at| Unflushed::new(*at).goes_through(&operations)).count();
    assert!(failed > 80, "{failed} syncs");
}

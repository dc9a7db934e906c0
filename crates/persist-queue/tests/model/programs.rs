//! Random programs.

use persist_queue::Durability;
use proptest::prelude::*;

use crate::support::oracle::{Op, Setup};

pub(crate) const THREADS: u64 = 3;

/// 200 in each run of the tests; `PERSIST_QUEUE_EXHAUSTIVE=1` makes them 5,000, and a larger number
/// that many.
pub(crate) fn cases() -> ProptestConfig {
    let asked = std::env::var("PERSIST_QUEUE_EXHAUSTIVE").ok().and_then(|asked| asked.parse().ok());
    let cases = match asked {
        None | Some(0) => 200,
        Some(1) => 5000,
        Some(number) => number,
    };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn setups() -> impl Strategy<Value = Setup> {
    (any::<bool>(), 0..4_u64, 1..5_u64).prop_map(|(autosave, maxsize, chunk_records)| Setup {
        autosave,
        maxsize,
        chunk_records,
        durability: Durability::Process,
    })
}

/// Steps of a program. The weights keep a few items in the queue.
pub(crate) fn ops() -> impl Strategy<Value = Op> {
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

pub(crate) fn programs() -> impl Strategy<Value = Vec<Op>> {
    (setups(), prop::collection::vec(ops(), 1..60)).prop_map(|(setup, mut ops)| {
        ops.insert(0, Op::Open(setup));
        ops
    })
}

pub(crate) fn parts() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 1..300_usize, Just(usize::MAX)]
}

/// The same program at another level of durability.
pub(crate) fn at_level(ops: &[Op], level: Durability) -> Vec<Op> {
    let durable = |op: &Op| match *op {
        Op::Open(setup) => Op::Open(setup.durable(level)),
        op => op,
    };
    ops.iter().map(durable).collect()
}

//! Fixed scripts that go through everything a queue does, with small segments that turn over often.

use super::oracle::Op::{Done, GiveBack, Open, Peek, Purge, Put, Take};
use super::oracle::{Op, Setup};
use persist_queue::Durability;

/// In order, by one thread.
const ALONE: &[Op] = &[
    Put(1),
    Peek,
    Take(1),
    Done(1),
    Done(1),
    Put(1),
    Put(1),
    Take(1),
    Put(1),
    Take(1),
    Done(1),
    Peek,
    Take(1),
    Take(1),
    Done(1),
    Done(1),
];

/// Several threads hold items, and are done in another order than they took them.
const HOLDERS: &[Op] = &[
    Put(5),
    Take(1),
    Take(2),
    Take(3),
    Take(1),
    Done(2),
    Put(1),
    Done(3),
    Take(2),
    Done(2),
    Put(2),
    Done(1),
    Take(3),
    Take(1),
    Done(1),
    Take(2),
    Done(9),
    Done(9),
    Put(3),
    Take(1),
    Take(2),
    Take(3),
    Done(3),
    Done(2),
    Peek,
    Take(3),
    Done(1),
    Done(3),
];

/// Items come back to their places.
const BACK: &[Op] = &[
    Put(4),
    Take(1),
    Take(2),
    Take(1),
    GiveBack(1),
    Peek,
    Take(3),
    GiveBack(2),
    GiveBack(1),
    Peek,
    Take(2),
    Put(1),
    Done(3),
    Take(2),
    Done(2),
    GiveBack(7),
    Take(1),
    GiveBack(1),
    Take(1),
    Done(1),
];

/// Everything that waits goes, with and without items in flight.
const PURGES: &[Op] = &[
    Put(3),
    Purge,
    Purge,
    Put(2),
    Put(2),
    Take(1),
    Purge,
    Put(2),
    Take(2),
    Done(1),
    Done(2),
    Put(2),
    Take(1),
    Put(3),
    Take(2),
    GiveBack(1),
    Purge,
    Done(2),
    Put(1),
];

/// Takes that are final at once.
const AUTOSAVE: &[Op] = &[
    Put(1),
    Take(1),
    Put(4),
    Take(2),
    Take(1),
    Put(1),
    Peek,
    Take(1),
    Done(1),
    Put(3),
    Take(1),
    Purge,
    Put(2),
    Take(2),
    Put(7),
    Take(1),
    Take(1),
    Take(1),
];

/// Four items at most.
const BOUNDED: &[Op] = &[
    Purge,
    Put(1),
    Put(2),
    Put(2),
    Put(1),
    Put(1),
    Take(1),
    Put(1),
    Take(2),
    Done(2),
    Put(5),
    Put(1),
    Put(1),
    Take(1),
    Done(1),
    Take(1),
    GiveBack(1),
    Put(1),
];

/// Everything, at one level of durability; more than 200 operations.
pub(crate) fn full(level: Durability) -> Vec<Op> {
    let open = |setup: Setup| vec![Open(setup.durable(level))];
    let larger = Setup { chunk_records: 5, ..Setup::PLAIN };
    let single = Setup { chunk_records: 1, ..Setup::AUTOSAVE };
    [
        open(Setup::PLAIN),
        ALONE.to_vec(),
        HOLDERS.to_vec(),
        open(Setup::PLAIN),
        BACK.to_vec(),
        open(larger),
        HOLDERS.to_vec(),
        PURGES.to_vec(),
        open(Setup::AUTOSAVE),
        AUTOSAVE.to_vec(),
        open(Setup::BOUNDED),
        BOUNDED.to_vec(),
        open(Setup::PLAIN),
        HOLDERS.to_vec(),
        BACK.to_vec(),
        open(single),
        AUTOSAVE.to_vec(),
        open(Setup::BOUNDED),
        BOUNDED.to_vec(),
        ALONE.to_vec(),
        open(Setup::PLAIN),
    ]
    .concat()
}

/// The most telling part of it, for where each operation costs much.
pub(crate) fn short(level: Durability) -> Vec<Op> {
    let open = |setup: Setup| vec![Open(setup.durable(level))];
    [
        open(Setup::PLAIN),
        ALONE.to_vec(),
        HOLDERS.to_vec(),
        open(Setup::AUTOSAVE),
        AUTOSAVE.to_vec(),
        open(Setup::PLAIN),
        PURGES[..12].to_vec(),
        open(Setup::PLAIN),
    ]
    .concat()
}

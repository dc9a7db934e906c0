//! The checks, in the groups and the order of the table. What a queue must do is taken from the contract, not from the
//! code.

mod acks;
mod attempts;
mod bounds;
mod child;
mod damage;
mod kinds;
mod later;
mod order;
mod processes;
mod tasks;
mod transactions;
mod unfinished;
mod waiting;

use std::time::Duration;

use persist_queue::any::{self, Opening};
use persist_queue::sql::{Flavour, PutOptions};
use persist_queue::{Error, Wait};

pub(crate) use child::child;

use crate::backend::{Acks, Backend, Missing, Opened, Plain, Wanted};

/// A check has passed where it returns, and is broken where it panics.
pub(crate) type Checked = Opened<()>;

pub(crate) struct Check {
    /// The row of the table.
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Place<'_>) -> Checked,
}

pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) checks: &'static [Check],
}

pub(crate) const GROUPS: [Group; 12] = [
    order::GROUP,
    kinds::GROUP,
    waiting::GROUP,
    bounds::GROUP,
    unfinished::GROUP,
    acks::GROUP,
    later::GROUP,
    attempts::GROUP,
    transactions::GROUP,
    tasks::GROUP,
    damage::GROUP,
    processes::GROUP,
];

/// Nothing here takes longer, unless it hangs or the machine is stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who is woken is awake much sooner. Who is not sleeps for [`PATIENCE`].
const WOKEN: Duration = Duration::from_secs(20);

/// Where a check has its queues.
pub(crate) struct Place<'a> {
    pub(crate) backend: &'a dyn Backend,
    /// The name of a queue that no other check uses.
    pub(crate) queue: String,
}

impl Place<'_> {
    fn plain(&self) -> Opened<Box<dyn Plain>> {
        self.plain_with(Wanted::default())
    }

    fn plain_with(&self, wanted: Wanted) -> Opened<Box<dyn Plain>> {
        self.backend.plain(&self.queue, wanted)
    }

    fn acks(&self) -> Opened<Box<dyn Acks>> {
        self.acks_with(Wanted::default())
    }

    fn acks_with(&self, wanted: Wanted) -> Opened<Box<dyn Acks>> {
        self.backend.acks(&self.queue, wanted)
    }

    /// A second queue.
    fn other(&self) -> String {
        format!("{}_other", self.queue)
    }

    /// Where no type of the backend's has such an option, `any` can be asked for it all the same, and must say
    /// that it does not have it, and put nothing.
    fn refused_by_any(&self, options: PutOptions) -> Checked {
        let url = self.backend.url(&self.queue, Flavour::default());
        let mut queue = any::open(&url, &Opening::new().create(true).codec("msgpack")).unwrap();
        match queue.put(&[b"item".to_vec()], options, Wait::No) {
            Err(Error::Invalid(text)) => {
                assert!(queue.take(1, Wait::No).unwrap().items().is_empty(), "put all the same");
                Err(Missing::Refused(text))
            }
            other => panic!("an option that the queue does not have: {other:?}"),
        }
    }
}

/// Puts items, each of which must be stored.
fn fill(queue: &dyn Plain, items: &[&str]) {
    for item in items {
        assert!(queue.put(item, Wait::No).unwrap(), "{item} was not stored");
    }
}

/// Takes until nothing waits.
fn drain(queue: &dyn Plain) -> Vec<String> {
    std::iter::from_fn(|| queue.get(Wait::No).unwrap()).collect()
}

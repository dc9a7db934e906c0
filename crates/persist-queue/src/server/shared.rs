//! What the objects of a process share that use one table.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard};

use super::desk::Desk;
use super::lock;
use super::schema::Table;
use super::trip::Claimed;
use super::watch::Watch;
use crate::wait::Signals;

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) table: Table,
    /// How many bytes an item may have.
    pub(super) limit: AtomicUsize,
    pub(super) signals: Signals,
    /// Where those come who want the next row.
    pub(super) desk: Arc<Desk<Claimed>>,
    pub(super) watch: Watch,
    claims: Mutex<Claims>,
    /// For who counts before he puts.
    pub(super) room: Mutex<()>,
}

impl Shared {
    pub(super) fn new(table: Table, limit: usize) -> Self {
        Self {
            table,
            limit: AtomicUsize::new(limit),
            signals: Signals::default(),
            desk: Arc::default(),
            watch: Watch::default(),
            claims: Mutex::default(),
            room: Mutex::default(),
        }
    }

    pub(super) fn claims(&self) -> MutexGuard<'_, Claims> {
        lock(&self.claims)
    }

    /// The rows that nobody here shall take.
    pub(super) fn except(&self) -> Vec<i64> {
        self.claims().rows.keys().copied().collect()
    }
}

/// Rows that wait in the table and that nobody in this process shall take.
#[derive(Debug, Default)]
pub(super) struct Claims {
    rows: BTreeMap<i64, Claim>,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Somebody here has it, and it is not locked on the server.
    InHand(Owner),
    /// No item could be made of it; the object with this number does not try again.
    Aside(u64),
}

/// An open object, and a thread or a task of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) handle: u64,
    pub(super) thread: u64,
}

impl Claims {
    /// Says whether it was free.
    pub(super) fn claim(&mut self, id: i64, owner: Owner) -> bool {
        let free = !self.rows.contains_key(&id);
        if free {
            self.rows.insert(id, Claim::InHand(owner));
        }
        free
    }

    pub(super) fn release(&mut self, id: i64) {
        if matches!(self.rows.get(&id), Some(Claim::InHand(_))) {
            self.rows.remove(&id);
        }
    }

    pub(super) fn set_aside(&mut self, id: i64, handle: u64) {
        self.rows.insert(id, Claim::Aside(handle));
    }

    /// A row was mended.
    pub(super) fn take_up(&mut self, id: i64) {
        if matches!(self.rows.get(&id), Some(Claim::Aside(_))) {
            self.rows.remove(&id);
        }
    }

    /// What is in hand here.
    pub(super) fn in_hand(&self) -> Vec<i64> {
        let in_hand = |claim: &Claim| matches!(claim, Claim::InHand(_));
        self.rows.iter().filter(|(_, claim)| in_hand(claim)).map(|(id, _)| *id).collect()
    }

    /// Frees all that an object has.
    pub(super) fn leave(&mut self, handle: u64) {
        self.rows.retain(|_, claim| match claim {
            Claim::InHand(owner) => owner.handle != handle,
            Claim::Aside(by) => *by != handle,
        });
    }
}

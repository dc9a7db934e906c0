//! Rows that somebody in this process has and that still stand in the database: nobody else here
//! shall take them.

use std::collections::{BTreeSet, HashMap};

use super::ahead::Ahead;
use crate::sql::Row;

/// An open object, and a thread of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) handle: u64,
    pub(super) thread: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Claims {
    owners: HashMap<i64, Owner>,
    held: HashMap<Owner, BTreeSet<i64>>,
    /// Rows that could not be deserialized; nobody here tries again before the queue is opened anew.
    aside: HashMap<i64, u64>,
    returns: u64,
    pub(super) ahead: Ahead,
}

impl Claims {
    pub(super) fn is_free(&self, row: i64) -> bool {
        !self.owners.contains_key(&row) && !self.aside.contains_key(&row)
    }

    /// Whether somebody here has it; a row that was set aside is nobody's.
    pub(super) fn is_held(&self, row: i64) -> bool {
        self.owners.contains_key(&row)
    }

    /// A row was mended: whoever could not make an item of it may try again.
    pub(super) fn take_up(&mut self, row: i64) {
        self.aside.remove(&row);
        self.ahead.forget();
    }

    pub(super) fn len(&self) -> u64 {
        self.owners.len() as u64
    }

    /// How many rows nobody here looks for.
    pub(super) fn known(&self) -> u64 {
        (self.owners.len() + self.aside.len()) as u64
    }

    /// Another number whenever rows came or came back where somebody may have looked already.
    pub(super) fn returns(&self) -> u64 {
        self.returns
    }

    pub(super) fn note_returns(&mut self) -> u64 {
        self.ahead.forget();
        self.returns += 1;
        self.returns
    }

    /// Claims the next row that was read ahead for who has this turn.
    pub(super) fn claim_ahead(&mut self, owner: Owner, turn: u64) -> Option<Row> {
        let row = self.ahead.pop(turn)?;
        self.give(row.id, owner);
        Some(row)
    }

    pub(super) fn claim(&mut self, row: i64, owner: Owner) {
        self.ahead.remove(row);
        self.give(row, owner);
    }

    fn give(&mut self, row: i64, owner: Owner) {
        self.owners.insert(row, owner);
        self.held.entry(owner).or_default().insert(row);
    }

    /// It waits again.
    pub(super) fn release(&mut self, row: i64) {
        self.ahead.forget();
        self.settle(row);
    }

    /// It is not in the database any more.
    pub(super) fn settle(&mut self, row: i64) {
        let Some(owner) = self.owners.remove(&row) else { return };
        if let Some(held) = self.held.get_mut(&owner) {
            held.remove(&row);
            if held.is_empty() {
                self.held.remove(&owner);
            }
        }
    }

    pub(super) fn set_aside(&mut self, row: i64) {
        if let Some(owner) = self.owners.get(&row).copied() {
            self.settle(row);
            self.aside.insert(row, owner.handle);
        }
    }

    /// Frees all that an object has.
    pub(super) fn leave(&mut self, handle: u64) {
        self.ahead.forget();
        self.returns += 1;
        self.owners.retain(|_, owner| owner.handle != handle);
        self.held.retain(|owner, _| owner.handle != handle);
        self.aside.retain(|_, by| *by != handle);
    }
}

//! The items of a queue that Python holds: an item is known again by its identity, in constant time.

use std::collections::{HashMap, VecDeque};

use pyo3::prelude::*;

/// See the module. What leaves here is dropped by the caller, when nothing is locked any more: to drop
/// an item may run any code.
#[derive(Debug, Default)]
pub(crate) struct HeldItems {
    rows: HashMap<i64, HeldItem>,
    /// Rows by the address of their items, the oldest first: small numbers are one object each.
    by_identity: HashMap<usize, VecDeque<i64>>,
}

#[derive(Debug)]
pub(crate) struct HeldItem {
    /// Kept, so that no other object gets its address.
    item: Py<PyAny>,
    token: i64,
}

impl HeldItems {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Notes that a row's item is held. Gives what was held of the same row, before its lease ended.
    pub(crate) fn insert(&mut self, id: i64, token: i64, item: Py<PyAny>) -> Option<HeldItem> {
        let earlier = self.remove(id, None);
        self.by_identity.entry(address(&item)).or_default().push_back(id);
        self.rows.insert(id, HeldItem { item, token });
        earlier
    }

    /// Forgets a row's item, and only that of one delivery where its token is given: what was settled
    /// may have been taken again since, by another thread.
    pub(crate) fn remove(&mut self, id: i64, token: Option<i64>) -> Option<HeldItem> {
        if token.is_some_and(|token| self.token(id) != Some(token)) {
            return None;
        }
        let held = self.rows.remove(&id)?;
        let address = address(&held.item);
        if let Some(rows) = self.by_identity.get_mut(&address) {
            rows.retain(|row| *row != id);
            if rows.is_empty() {
                self.by_identity.remove(&address);
            }
        }
        Some(held)
    }

    /// The row of an item that is held.
    pub(crate) fn find(&self, item: &Bound<'_, PyAny>) -> Option<i64> {
        self.by_identity.get(&(item.as_ptr() as usize))?.front().copied()
    }

    pub(crate) fn token(&self, id: i64) -> Option<i64> {
        self.rows.get(&id).map(|held| held.token)
    }
}

fn address(item: &Py<PyAny>) -> usize {
    item.as_ptr() as usize
}

//! The items of a queue that Python holds: an item is known again by its identity, in constant time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::ids::{raw_parts, row_id_or_digits};

type Objects<'py> = Vec<Bound<'py, PyAny>>;

/// The held items of one queue.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<HeldItems>);

impl Held {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HeldItems> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows that items or numbers name; nothing for an item that is not held here.
    pub(crate) fn rows(
        &self,
        items: &[Bound<'_, PyAny>],
        ids: &[Bound<'_, PyAny>],
    ) -> PyResult<Vec<Option<i64>>> {
        let mut rows = Vec::with_capacity(items.len() + ids.len());
        for item in items {
            let known = self.lock().find(item);
            rows.push(match known {
                Some(id) => Some(id),
                None => raw_parts(item)?.map(|(id, _)| id),
            });
        }
        for id in ids {
            rows.push(Some(row_id_or_digits(id)?));
        }
        Ok(rows)
    }

    /// Rows, and their deliveries where this queue has them.
    pub(crate) fn deliveries(&self, rows: &[Option<i64>]) -> Vec<(i64, Option<i64>)> {
        let held = self.lock();
        rows.iter().flatten().map(|id| (*id, held.token(*id))).collect()
    }

    /// Forgets deliveries that were settled.
    pub(crate) fn forget(&self, deliveries: &[(i64, Option<i64>)]) {
        let gone: Vec<_> = {
            let mut held = self.lock();
            deliveries.iter().map(|(id, token)| held.remove(*id, *token)).collect()
        };
        drop(gone);
    }
}

/// Each row's number in its place; nothing where it was not settled, or not held here.
pub(crate) fn in_places(rows: Vec<Option<i64>>, settled: Vec<Option<i64>>) -> Vec<Option<i64>> {
    let mut settled = settled.into_iter();
    rows.into_iter().map(|row| row.and_then(|_| settled.next().flatten())).collect()
}

/// The one item, or its number, that a call is about.
pub(crate) fn one<'py>(
    item: Option<&Bound<'py, PyAny>>,
    id: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Objects<'py>, Objects<'py>)> {
    if item.is_some() == id.is_some() {
        return Err(PyValueError::new_err("name either the item or its id, and not both"));
    }
    Ok((item.cloned().into_iter().collect(), id.cloned().into_iter().collect()))
}

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

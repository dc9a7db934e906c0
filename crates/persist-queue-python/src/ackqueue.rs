//! The class behind the queues in SQLite databases that keep their items until they are acknowledged.

use std::sync::MutexGuard;
use std::time::Duration;

use persist_queue::Wait;
use persist_queue::sql::Status;
use persist_queue::sql::{PutOptions, Settlement, Which};
use persist_queue::sqlite;
use persist_queue::wait::now;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::errors::empty;
use crate::held::{Held, HeldItems, in_places, one};
use crate::host::Patient;
use crate::ids::{raw, row_id, row_id_or_digits};
use crate::options::{seconds, wait};
use crate::sqlqueue::SqliteQueue;

type Objects<'py> = Vec<Bound<'py, PyAny>>;

/// A queue in a table of a database, with acknowledgements.
#[pyclass(extends = SqliteQueue, subclass, frozen, module = "persistqueue._native")]
#[derive(Debug, Default)]
pub(crate) struct SqliteAckQueue {
    held: Held,
}

impl SqliteAckQueue {
    fn held(&self) -> MutexGuard<'_, HeldItems> {
        self.held.lock()
    }

    /// Forgets a delivery that was settled.
    pub(crate) fn forget(&self, id: i64, token: Option<i64>) {
        self.held.forget(&[(id, token)]);
    }
}

/// The row that an item or a number names, and its delivery where this object has it; nothing for an
/// item that is not held here.
pub(crate) fn named(
    slf: &Bound<'_, SqliteAckQueue>,
    item: Option<&Bound<'_, PyAny>>,
    id: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<(i64, Option<i64>)>> {
    let (items, ids) = one(item, id)?;
    let row = slf.get().held.rows(&items, &ids)?.into_iter().next().flatten();
    Ok(row.map(|id| (id, slf.get().held().token(id))))
}

/// Takes up to `most` rows and makes them into items. What cannot be made into one is let go.
fn take<'py>(
    slf: &Bound<'py, SqliteAckQueue>,
    wait: Wait,
    which: Which,
    lease: Option<Duration>,
    as_raw: bool,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let held = hold(slf, wait, which, lease, 1)?;
    let Some(held) = held.into_iter().next() else { return Ok(None) };
    deliver(slf, &held, as_raw).map(Some)
}

/// Takes up to `most` rows. What was taken for a green thread that was interrupted meanwhile waits
/// again: nobody would ever hear of it.
fn hold(
    slf: &Bound<'_, SqliteAckQueue>,
    wait: Wait,
    which: Which,
    lease: Option<Duration>,
    most: usize,
) -> PyResult<Vec<sqlite::Held>> {
    let py = slf.py();
    let base = slf.as_super().get();
    let open = base.open()?;
    let mut host = Patient::new(base.caller(py))?;
    let held = now(open.store.hold(&mut host, wait, which, lease, most))?;
    if let Err(interrupted) = host.interrupted() {
        if !held.is_empty() {
            let rows = held.iter().map(|held| (held.row.id, Some(held.token))).collect();
            now(open.store.settle(&mut host, rows, Settlement::Undone))?;
            base.notify(py)?;
        }
        return Err(interrupted);
    }
    Ok(held)
}

fn deliver<'py>(
    slf: &Bound<'py, SqliteAckQueue>,
    held: &sqlite::Held,
    as_raw: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let base = slf.as_super().get();
    let open = base.open()?;
    let item = match open.plan.codec.load(py, &held.row) {
        Ok(item) => item,
        Err(error) => {
            if error.is_instance_of::<PyException>(py) {
                open.store.let_go(held);
            } else {
                // Ctrl-C in the middle says nothing about the item.
                let row = (held.row.id, Some(held.token));
                now(open.store.settle(&mut base.caller(py), vec![row], Settlement::Undone))?;
            }
            return Err(error);
        }
    };
    // A raw item is known by what is in it.
    let earlier = slf.get().held().insert(held.row.id, held.token, item.clone().unbind());
    drop(earlier);
    if as_raw { raw(&held.row, &item) } else { Ok(item) }
}

/// Settles rows. Gives each one's number; nothing where it is not held here any more.
fn settle(
    slf: &Bound<'_, SqliteAckQueue>,
    rows: Vec<Option<i64>>,
    settlement: Settlement,
) -> PyResult<Vec<Option<i64>>> {
    let py = slf.py();
    let base = slf.as_super().get();
    let named = slf.get().held.deliveries(&rows);
    // What becomes of rows is settled even where a green thread is interrupted meanwhile.
    let mut host = Patient::new(base.caller(py))?;
    let settled = now(base.open()?.store.settle(&mut host, named.clone(), settlement))?;
    slf.get().held.forget(&named);
    base.notify(py)?;
    host.interrupted()?;
    Ok(in_places(rows, settled))
}

/// The item that a get is about.
pub(crate) fn which_held(
    id: Option<&Bound<'_, PyAny>>,
    next_in_order: Option<&Bound<'_, PyAny>>,
) -> PyResult<Which> {
    let wrong = |_| PyValueError::new_err("'next_in_order' must be True or False");
    let behind = next_in_order.map_or(Ok(false), |next| next.extract().map_err(wrong))?;
    Ok(match id {
        Some(id) if behind => Which::Behind(row_id_or_digits(id)?),
        Some(id) => Which::Id(row_id_or_digits(id)?),
        None if behind => {
            return Err(PyValueError::new_err(
                "'next_in_order' needs the 'id' that the item comes behind",
            ));
        }
        None => Which::Next,
    })
}

/// The status with a number.
pub(crate) fn status_with(number: i64) -> PyResult<Status> {
    Ok(match number {
        0 => Status::New,
        1 => Status::Ready,
        2 => Status::Held,
        3 => Status::Delayed,
        5 => Status::Acked,
        8 => Status::Dead,
        9 => Status::Failed,
        _ => return Err(PyValueError::new_err(format!("there is no status {number}"))),
    })
}

#[pymethods]
impl SqliteAckQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(SqliteQueue::closed()).add_subclass(Self::default())
    }

    #[pyo3(signature = (items, block, timeout, delay, ttl))]
    fn _put_work(
        slf: &Bound<'_, Self>,
        items: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
        delay: Option<f64>,
        ttl: Option<f64>,
    ) -> PyResult<Vec<Option<i64>>> {
        let base = slf.as_super().get();
        let open = base.open()?;
        let wait = wait(block, timeout)?;
        let (delay, ttl) = (delay.map(seconds).transpose()?, ttl.map(seconds).transpose()?);
        let options = PutOptions { delay, ttl, ..PutOptions::default() };
        let puts = items
            .try_iter()?
            .map(|item| open.plan.codec.dump(&item?, options))
            .collect::<PyResult<Vec<_>>>()?;
        let ids = now(open.store.put(&mut base.caller(slf.py()), puts, wait))?;
        base.notify(slf.py())?;
        Ok(ids)
    }

    #[pyo3(signature = (cursor, item, delay, ttl))]
    fn _put_work_in(
        slf: &Bound<'_, Self>,
        cursor: &Bound<'_, PyAny>,
        item: &Bound<'_, PyAny>,
        delay: Option<f64>,
        ttl: Option<f64>,
    ) -> PyResult<Option<i64>> {
        let (delay, ttl) = (delay.map(seconds).transpose()?, ttl.map(seconds).transpose()?);
        slf.as_super().get().put_in(
            cursor,
            item,
            PutOptions { delay, ttl, ..PutOptions::default() },
        )
    }

    #[pyo3(signature = (block = true, timeout = None, id = None, next_in_order = None, raw = false,
        *, lease = None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        block: bool,
        timeout: Option<f64>,
        id: Option<&Bound<'py, PyAny>>,
        next_in_order: Option<&Bound<'py, PyAny>>,
        raw: bool,
        lease: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (wait, lease) = (wait(block, timeout)?, lease.map(seconds).transpose()?);
        let which = which_held(id, next_in_order)?;
        loop {
            match take(slf, wait, which, lease, raw)? {
                Some(item) => return Ok(item),
                None if wait == Wait::Forever => {}
                None => return Err(empty(slf.py())),
            }
        }
    }

    #[pyo3(signature = (id = None, raw = false))]
    fn get_nowait<'py>(
        slf: &Bound<'py, Self>,
        id: Option<&Bound<'py, PyAny>>,
        raw: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::get(slf, false, None, id, None, raw, None)
    }

    /// Up to `max` items in one transaction: waits for the first one, and takes what else is there.
    #[pyo3(signature = (max, timeout = None, *, lease = None))]
    fn get_many<'py>(
        slf: &Bound<'py, Self>,
        max: usize,
        timeout: Option<f64>,
        lease: Option<f64>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let py = slf.py();
        if max == 0 {
            return Ok(Vec::new());
        }
        let (wait, lease) = (wait(true, timeout)?, lease.map(seconds).transpose()?);
        let held = loop {
            let held = hold(slf, wait, Which::Next, lease, max)?;
            match held.is_empty() {
                true if wait == Wait::Forever => {}
                true => return Err(empty(py)),
                false => break held,
            }
        };
        let mut items = Vec::with_capacity(held.len());
        let mut errors = Vec::new();
        for held in &held {
            match deliver(slf, held, false) {
                Ok(item) => items.push(item),
                Err(error) => errors.push(error),
            }
        }
        match errors.into_iter().next() {
            Some(error) if items.is_empty() => Err(error),
            // What was taken beside it is not lost to it.
            Some(error) => {
                error.write_unraisable(py, None);
                Ok(items)
            }
            None => Ok(items),
        }
    }

    #[pyo3(signature = (item = None, id = None))]
    fn _ack(
        slf: &Bound<'_, Self>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<i64>> {
        let (items, ids) = one(item, id)?;
        let settled = settle(slf, slf.get().held.rows(&items, &ids)?, Settlement::Acked)?;
        Ok(settled.into_iter().next().flatten())
    }

    #[pyo3(signature = (item = None, id = None))]
    fn _ack_failed(
        slf: &Bound<'_, Self>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<i64>> {
        let (items, ids) = one(item, id)?;
        let settled = settle(slf, slf.get().held.rows(&items, &ids)?, Settlement::Failed)?;
        Ok(settled.into_iter().next().flatten())
    }

    #[pyo3(signature = (item = None, id = None, delay = None, to_back = false))]
    fn _nack(
        slf: &Bound<'_, Self>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        delay: Option<f64>,
        to_back: bool,
    ) -> PyResult<Option<i64>> {
        let (items, ids) = one(item, id)?;
        let back = Settlement::Back { delay: delay.map(seconds).transpose()?, last: to_back };
        let settled = settle(slf, slf.get().held.rows(&items, &ids)?, back)?;
        Ok(settled.into_iter().next().flatten())
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python are made for the call")]
    fn _ack_many(
        slf: &Bound<'_, Self>,
        items: Objects<'_>,
        ids: Objects<'_>,
    ) -> PyResult<Vec<Option<i64>>> {
        settle(slf, slf.get().held.rows(&items, &ids)?, Settlement::Acked)
    }

    #[pyo3(signature = (lease, item = None, id = None))]
    fn _extend(
        slf: &Bound<'_, Self>,
        lease: f64,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let (items, ids) = one(item, id)?;
        let Some(Some(id)) = slf.get().held.rows(&items, &ids)?.into_iter().next() else {
            return Ok(false);
        };
        let token = slf.get().held().token(id);
        let base = slf.as_super().get();
        let lease = seconds(lease)?;
        Ok(now(base.open()?.store.extend(&mut base.caller(slf.py()), id, token, lease))?)
    }

    /// How many items this object holds.
    fn _held_count(&self) -> usize {
        self.held().len()
    }

    fn resume_unack_tasks(slf: &Bound<'_, Self>) -> PyResult<()> {
        let base = slf.as_super().get();
        now(base.open()?.store.resume(&mut base.caller(slf.py())))?;
        base.notify(slf.py())
    }

    /// How many rows have the status with this number.
    fn _count(slf: &Bound<'_, Self>, status: i64) -> PyResult<u64> {
        let status = status_with(status)?;
        let base = slf.as_super().get();
        Ok(now(base.open()?.store.count(&mut base.caller(slf.py()), status))?)
    }

    fn _clear_acked(
        slf: &Bound<'_, Self>,
        most: Option<u64>,
        keep: u64,
        failed: bool,
    ) -> PyResult<u64> {
        let base = slf.as_super().get();
        let store = &base.open()?.store;
        Ok(now(store.clear_acked(&mut base.caller(slf.py()), most, keep, failed))?)
    }

    /// The dead letters, as `get(raw=True)` gives items.
    fn dead_letters<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let base = slf.as_super().get();
        let open = base.open()?;
        let letters = PyList::empty(slf.py());
        for row in now(open.store.dead_letters(&mut base.caller(slf.py())))? {
            letters.append(raw(&row, &open.plan.codec.load(slf.py(), &row)?)?)?;
        }
        Ok(letters)
    }

    fn _dead_ids(slf: &Bound<'_, Self>) -> PyResult<Vec<i64>> {
        let base = slf.as_super().get();
        let letters = now(base.open()?.store.dead_letters(&mut base.caller(slf.py())))?;
        Ok(letters.iter().map(|row| row.id).collect())
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python are made for the call")]
    fn _requeue_dead(slf: &Bound<'_, Self>, ids: Objects<'_>) -> PyResult<u64> {
        let ids = ids.iter().map(row_id).collect::<PyResult<Vec<_>>>()?;
        let base = slf.as_super().get();
        let requeued = now(base.open()?.store.requeue_dead(&mut base.caller(slf.py()), ids))?;
        base.notify(slf.py())?;
        Ok(requeued)
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python are made for the call")]
    fn _drop_dead(slf: &Bound<'_, Self>, ids: Objects<'_>) -> PyResult<u64> {
        let ids = ids.iter().map(row_id).collect::<PyResult<Vec<_>>>()?;
        let base = slf.as_super().get();
        Ok(now(base.open()?.store.drop_dead(&mut base.caller(slf.py()), ids))?)
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        take(slf, Wait::No, Which::Next, None, false)
    }
}

//! The class behind the queues in SQLite databases.

use std::sync::{Arc, OnceLock};

use persist_queue::Wait;
use persist_queue::any::SqlStore;
use persist_queue::sql::{PutOptions, Row, Undecoded, Which};
use persist_queue::wait::{Host, now};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::cursor::DbCursor;
use crate::errors::{Raised, empty};
use crate::green::Green;
use crate::host::{Caller, Patient, this_thread};
use crate::ids::{named_item, raw, row_id, shown, which};
use crate::opening::{Given, Plan};
use crate::options::wait;
use crate::rows::RowCodec;
use crate::transaction::Transaction;

/// A queue in a table of a database.
#[pyclass(subclass, frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct SqliteQueue {
    open: OnceLock<Open>,
    green: Green,
}

#[derive(Debug)]
pub(crate) struct Open {
    // Shared with work that goes on in another thread while green threads run here.
    pub(crate) store: Arc<SqlStore>,
    pub(crate) plan: Plan,
}

impl SqliteQueue {
    pub(crate) fn closed() -> Self {
        Self { open: OnceLock::new(), green: Green::default() }
    }

    pub(crate) fn open(&self) -> PyResult<&Open> {
        let missing = || PyValueError::new_err("the queue was not opened: call its __init__ first");
        self.open.get().ok_or_else(missing)
    }

    pub(crate) fn caller<'a, 'py>(&'a self, py: Python<'py>) -> Caller<'a, 'py> {
        Caller { py, green: &self.green }
    }

    /// Wakes the green threads that wait.
    pub(crate) fn notify(&self, py: Python<'_>) -> PyResult<()> {
        self.green.notify(py)
    }

    fn take<'py>(
        &self,
        py: Python<'py>,
        wait: Wait,
        which: Which,
        as_raw: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let open = self.open()?;
        let thread = this_thread(py)?;
        let decode = |host: &mut Patient<'_, 'py>, row: &Row| {
            decode(py, host, &open.plan.codec, row, as_raw)
        };
        let mut host = Patient::new(self.caller(py))?;
        let taken = now(open.store.get(&mut host, thread, wait, which, decode))?;
        let taken = self.hand_over(py, &open.store, host, taken.into_iter().collect())?;
        Ok(taken.into_iter().next())
    }

    fn take_many<'py>(
        &self,
        py: Python<'py>,
        wait: Wait,
        most: usize,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let open = self.open()?;
        let thread = this_thread(py)?;
        let decode =
            |host: &mut Patient<'_, 'py>, row: &Row| decode(py, host, &open.plan.codec, row, false);
        let mut host = Patient::new(self.caller(py))?;
        let taken = now(open.store.get_many(&mut host, thread, wait, most, decode))?;
        self.hand_over(py, &open.store, host, taken)
    }

    /// Puts an item in the transaction that a driver's cursor is in.
    pub(crate) fn put_in(
        &self,
        cursor: &Bound<'_, PyAny>,
        item: &Bound<'_, PyAny>,
        options: PutOptions,
    ) -> PyResult<Option<i64>> {
        let open = self.open()?;
        let put = open.plan.codec.dump(item, options)?;
        let mut cursor = DbCursor::new(cursor);
        let done = open.store.put_in(&mut cursor, put);
        cursor.outcome(done)
    }

    /// Gives the items that were taken; puts them back where the caller was interrupted meanwhile.
    fn hand_over<'py>(
        &self,
        py: Python<'py>,
        store: &SqlStore,
        mut host: Patient<'_, 'py>,
        taken: Vec<Taken<'py>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        if let Err(interrupted) = host.interrupted() {
            let rows: Vec<_> = taken.into_iter().filter_map(|taken| taken.row).collect();
            if !rows.is_empty() {
                now(store.give_back(&mut host, rows))?;
                self.green.notify(py)?;
            }
            return Err(interrupted);
        }
        self.green.notify(py)?;
        Ok(taken.into_iter().map(|taken| taken.item).collect())
    }
}

/// An item that was taken.
struct Taken<'py> {
    item: Bound<'py, PyAny>,
    /// Its row, where somebody can be interrupted before the item has reached the caller.
    row: Option<Row>,
}

fn decode<'py>(
    py: Python<'py>,
    host: &mut Patient<'_, 'py>,
    codec: &RowCodec,
    row: &Row,
    as_raw: bool,
) -> Result<Taken<'py>, Undecoded<Raised>> {
    host.interrupted().map_err(|error| Undecoded::Interrupted(Raised::from(error)))?;
    match item(py, codec, row, as_raw) {
        Ok(item) => Ok(Taken { item, row: host.is_green().then(|| row.clone()) }),
        Err(error) if error.is_instance_of::<PyException>(py) => {
            Err(Undecoded::Broken(Raised::from(error)))
        }
        Err(error) => Err(Undecoded::Interrupted(Raised::from(error))),
    }
}

fn item<'py>(
    py: Python<'py>,
    codec: &RowCodec,
    row: &Row,
    as_raw: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let item = codec.load(py, row)?;
    if as_raw { raw(row, &item) } else { Ok(item) }
}

pub(crate) fn by_priority(priority: i64) -> PutOptions {
    PutOptions { priority, ..PutOptions::default() }
}

#[pymethods]
impl SqliteQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::closed()
    }

    fn _open(&self, py: Python<'_>, given: Given<'_>) -> PyResult<()> {
        let plan = Plan::new(given)?;
        let store = now(self.caller(py).offload(plan.opener()))?.map_err(Raised::from)?;
        plan.codec.note_table(&store)?;
        self.open
            .set(Open { store: Arc::new(store), plan })
            .map_err(|_| PyValueError::new_err("the queue is open already"))
    }

    #[pyo3(signature = (item, priority = 0, block = true, timeout = None))]
    fn _put(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        priority: i64,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Option<i64>> {
        let open = self.open()?;
        let wait = wait(block, timeout)?;
        let put = open.plan.codec.dump(item, by_priority(priority))?;
        let ids = now(open.store.put(&mut self.caller(py), vec![put], wait))?;
        self.green.notify(py)?;
        Ok(ids.into_iter().next().flatten())
    }

    #[pyo3(signature = (items, priority = 0, block = true, timeout = None))]
    fn _put_many(
        &self,
        py: Python<'_>,
        items: &Bound<'_, PyAny>,
        priority: i64,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Vec<Option<i64>>> {
        let open = self.open()?;
        let wait = wait(block, timeout)?;
        let puts = items
            .try_iter()?
            .map(|item| open.plan.codec.dump(&item?, by_priority(priority)))
            .collect::<PyResult<Vec<_>>>()?;
        let ids = now(open.store.put(&mut self.caller(py), puts, wait))?;
        self.green.notify(py)?;
        Ok(ids)
    }

    fn _put_in(
        &self,
        cursor: &Bound<'_, PyAny>,
        item: &Bound<'_, PyAny>,
        priority: i64,
    ) -> PyResult<Option<i64>> {
        self.put_in(cursor, item, by_priority(priority))
    }

    #[pyo3(signature = (block = true, timeout = None, id = None, raw = false))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        block: bool,
        timeout: Option<f64>,
        id: Option<&Bound<'py, PyAny>>,
        raw: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (wait, which) = (wait(block, timeout)?, which(id)?);
        loop {
            match self.take(py, wait, which, raw)? {
                Some(item) => return Ok(item),
                None if wait == Wait::Forever => {}
                None => return Err(empty(py)),
            }
        }
    }

    #[pyo3(signature = (id = None, raw = false))]
    fn get_nowait<'py>(
        &self,
        py: Python<'py>,
        id: Option<&Bound<'py, PyAny>>,
        raw: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.get(py, false, None, id, raw)
    }

    /// Up to `max` items in one transaction: waits for the first one, and takes what else is there.
    #[pyo3(signature = (max, timeout = None))]
    fn get_many<'py>(
        &self,
        py: Python<'py>,
        max: usize,
        timeout: Option<f64>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let wait = wait(true, timeout)?;
        loop {
            let items = self.take_many(py, wait, max)?;
            match items.is_empty() {
                true if wait == Wait::Forever => {}
                true => return Err(empty(py)),
                false => return Ok(items),
            }
        }
    }

    #[pyo3(signature = (id = None, raw = false))]
    fn peek<'py>(
        &self,
        py: Python<'py>,
        id: Option<&Bound<'py, PyAny>>,
        raw: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let open = self.open()?;
        match now(open.store.peek(&mut self.caller(py), which(id)?))? {
            Some(row) => item(py, &open.plan.codec, &row, raw),
            None => Err(empty(py)),
        }
    }

    /// The row's number; nothing where there is no such row.
    #[pyo3(signature = (item, id = None))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        item: &Bound<'py, PyAny>,
        id: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<i64>> {
        let open = self.open()?;
        let (id, item) = named_item(item, id)?;
        let put = open.plan.codec.dump(&item, PutOptions::default())?;
        let updated = now(open.store.update(&mut self.caller(py), id, put))?;
        self.green.notify(py)?;
        Ok(updated.then_some(id))
    }

    /// All rows, as dictionaries.
    fn queue<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let open = self.open()?;
        let rows = now(open.store.rows(&mut self.caller(py)))?;
        let list = PyList::empty(py);
        for (row, status) in &rows {
            let item = open.plan.codec.load(py, row)?;
            let status = open.store.acks().then_some(*status);
            list.append(shown(row, status, &item)?)?;
        }
        Ok(list)
    }

    /// Makes final what the calling thread has taken, and all puts durable, with `auto_commit=False`.
    fn task_done(&self, py: Python<'_>) -> PyResult<()> {
        let thread = this_thread(py)?;
        now(self.open()?.store.task_done(&mut self.caller(py), thread))?;
        self.green.notify(py)
    }

    /// Begins a transaction of several changes, in this queue and in others of the same database.
    fn transaction(slf: &Bound<'_, Self>) -> Transaction {
        Transaction::new(slf.clone().unbind())
    }

    fn join(&self, py: Python<'_>) -> PyResult<()> {
        now(self.open()?.store.join(&mut self.caller(py), Wait::Forever))?;
        Ok(())
    }

    #[getter]
    fn size(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(now(self.open()?.store.size(&mut self.caller(py)))?)
    }

    #[getter]
    fn total(&self, py: Python<'_>) -> PyResult<u64> {
        self.size(py)
    }

    #[getter]
    fn maxsize(&self) -> PyResult<u64> {
        Ok(self.open()?.plan.maxsize)
    }

    fn qsize(&self, py: Python<'_>) -> PyResult<u64> {
        self.size(py)
    }

    fn empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.size(py)? == 0)
    }

    fn full(&self, py: Python<'_>) -> PyResult<bool> {
        let limit = self.open()?.plan.maxsize;
        Ok(limit > 0 && self.size(py)? >= limit)
    }

    fn clear(&self, py: Python<'_>) -> PyResult<u64> {
        let cleared = now(self.open()?.store.purge(&mut self.caller(py)))?;
        self.green.notify(py)?;
        Ok(cleared)
    }

    fn purge(&self, py: Python<'_>) -> PyResult<u64> {
        self.clear(py)
    }

    fn shrink_disk_usage(&self, py: Python<'_>) -> PyResult<()> {
        Ok(now(self.open()?.store.shrink(&mut self.caller(py)))?)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(open) = self.open.get() else { return Ok(()) };
        let store = Arc::clone(&open.store);
        now(self.caller(py).offload(move || store.close()))?.map_err(Raised::from)?;
        self.green.notify(py)
    }

    /// Closes in a finalizer, where no other green thread may be given the turn.
    fn _leave(&self, py: Python<'_>) -> PyResult<()> {
        let Some(open) = self.open.get() else { return Ok(()) };
        Ok(py.detach(|| open.store.close()).map_err(Raised::from)?)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(usize::try_from(self.size(py)?).unwrap_or(usize::MAX))
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.take(py, Wait::No, Which::Next, false)
    }

    /// Whether the row with this number waits.
    fn __contains__(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let id = row_id(id)?;
        Ok(now(self.open()?.store.contains(&mut self.caller(py), id))?)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (_kind = None, _error = None, _traceback = None, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.close(py)
    }
}

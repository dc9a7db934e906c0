//! Several changes in queues of one database, in one commit.

use std::sync::{Arc, Mutex, PoisonError};

use persist_queue::sql::{PutOptions, Settlement};
use persist_queue::sqlite::Change;
use persist_queue::wait::now;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::ackqueue::{SqliteAckQueue, named};
use crate::errors::{Raised, not_held};
use crate::host::Patient;
use crate::options::seconds;
use crate::sqlqueue::SqliteQueue;

/// Changes in queues of one database, all of which are made when the block ends, or none.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct Transaction {
    home: Py<SqliteQueue>,
    /// Nothing when it is over.
    steps: Mutex<Option<Vec<Step>>>,
}

#[derive(Debug)]
struct Step {
    queue: Py<SqliteQueue>,
    change: Change,
}

impl Transaction {
    pub(crate) fn new(home: Py<SqliteQueue>) -> Self {
        Self { home, steps: Mutex::new(Some(Vec::new())) }
    }

    /// The queue that is named, or the one that the transaction is of.
    fn queue<'py>(
        &self,
        py: Python<'py>,
        named: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, SqliteQueue>> {
        let Some(named) = named else { return Ok(self.home.bind(py).clone()) };
        let queue = named.cast::<SqliteQueue>().map_err(|_| {
            let kind = named.get_type();
            PyValueError::new_err(format!(
                "a transaction changes queues in one SQLite database, and {kind} is none"
            ))
        })?;
        Ok(queue.clone())
    }

    fn add(&self, queue: Bound<'_, SqliteQueue>, change: Change) -> PyResult<()> {
        let (home, store) = (&self.home.get().open()?.store, &queue.get().open()?.store);
        home.check_change(store, &change).map_err(Raised::from)?;
        let step = Step { queue: queue.unbind(), change };
        let late = match &mut *self.steps.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(steps) => {
                steps.push(step);
                None
            }
            None => Some(step),
        };
        late.map_or(Ok(()), |_| Err(over()))
    }

    fn settle(
        &self,
        py: Python<'_>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        queue: Option<&Bound<'_, PyAny>>,
        settlement: Settlement,
    ) -> PyResult<()> {
        let queue = self.queue(py, queue)?;
        let (id, token) = match queue.cast::<SqliteAckQueue>() {
            Ok(queue) => named(queue, item, id)?.ok_or_else(|| not_held(py))?,
            // For the core to refuse.
            Err(_) => (0, None),
        };
        self.add(queue, Change::Settle { id, token, settlement })
    }

    /// What it was made of, the first time; it is over then.
    fn end(&self) -> Option<Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn make(&self, py: Python<'_>, steps: Vec<Step>) -> PyResult<Vec<Option<i64>>> {
        let mut stores = Vec::with_capacity(steps.len());
        let mut settled = Vec::new();
        for Step { queue, change } in &steps {
            stores.push(Arc::clone(&queue.get().open()?.store));
            if let (Change::Settle { id, token, .. }, Ok(queue)) =
                (change, queue.bind(py).cast::<SqliteAckQueue>())
            {
                settled.push((queue.clone(), *id, *token));
            }
        }
        let (queues, changes): (Vec<_>, Vec<_>) =
            steps.into_iter().map(|step| (step.queue, step.change)).unzip();
        let changes = stores.iter().map(|store| &**store).zip(changes).collect();
        let home = self.home.get();
        // What was committed is told to all, even where a green thread is interrupted meanwhile.
        let mut host = Patient::new(home.caller(py))?;
        let done = now(home.open()?.store.change_all(&mut host, changes))?;
        for (queue, id, token) in settled {
            queue.get().forget(id, token);
        }
        for queue in queues {
            queue.get().notify(py)?;
        }
        host.interrupted()?;
        Ok(done)
    }
}

pub(crate) fn over() -> PyErr {
    PyValueError::new_err("this transaction is over; begin another one with queue.transaction()")
}

#[pymethods]
impl Transaction {
    /// Puts an item into `queue`. It is serialized now and written with the rest.
    ///
    /// Without `queue` it goes into the one that the transaction is of. Where it waits already in a
    /// unique queue nothing is stored, and the transaction goes on.
    #[pyo3(signature = (item, queue = None, *, priority = 0, delay = None, ttl = None))]
    fn put(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        queue: Option<&Bound<'_, PyAny>>,
        priority: i64,
        delay: Option<f64>,
        ttl: Option<f64>,
    ) -> PyResult<()> {
        let queue = self.queue(py, queue)?;
        let (delay, ttl) = (delay.map(seconds).transpose()?, ttl.map(seconds).transpose()?);
        let put = queue.get().open()?.plan.codec.dump(item, PutOptions { priority, delay, ttl })?;
        self.add(queue, Change::Put(put))
    }

    /// The item, or the row with that id, is done.
    ///
    /// `NotHeldError`, here or from the commit, where it is not held any more.
    #[pyo3(signature = (item = None, id = None, queue = None))]
    fn ack(
        &self,
        py: Python<'_>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        queue: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.settle(py, item, id, queue, Settlement::Acked)
    }

    /// The item is given up. Else as `ack`.
    #[pyo3(signature = (item = None, id = None, queue = None))]
    fn ack_failed(
        &self,
        py: Python<'_>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        queue: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.settle(py, item, id, queue, Settlement::Failed)
    }

    /// The item waits again, as the queue's own `nack` has it. Else as `ack`.
    #[pyo3(signature = (item = None, id = None, queue = None, *, delay = None, to_back = false))]
    fn nack(
        &self,
        py: Python<'_>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        queue: Option<&Bound<'_, PyAny>>,
        delay: Option<f64>,
        to_back: bool,
    ) -> PyResult<()> {
        let back = Settlement::Back { delay: delay.map(seconds).transpose()?, last: to_back };
        self.settle(py, item, id, queue, back)
    }

    /// Makes all of the changes, or none, and ends the transaction. The end of the block does the same.
    ///
    /// Gives a row's number for each change, in their order; None for an item that waits already.
    fn commit(&self, py: Python<'_>) -> PyResult<Vec<Option<i64>>> {
        let steps = self.end().ok_or_else(over)?;
        self.make(py, steps)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (kind = None, _error = None, _traceback = None, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match self.end() {
            Some(steps) if kind.is_none() => self.make(py, steps).map(drop),
            _ => Ok(()),
        }
    }
}

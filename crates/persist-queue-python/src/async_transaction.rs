//! Several changes in asynchronous queues of one database, in one commit.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use persist_queue::any::SqlStore;
use persist_queue::sql::{PutOptions, Settlement};
use persist_queue::sqlite::Change;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::async_ackqueue::AsyncSqliteAckQueue;
use crate::async_sqlqueue::{AsyncSqliteQueue, Call, Open};
use crate::errors::{Raised, not_held};
use crate::held::one;
use crate::operation::{Operation, given, none};
use crate::options::seconds;
use crate::transaction::over;

/// Changes in asynchronous queues of one database, all of which are made when the block ends, or none.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct AsyncTransaction {
    home: Py<AsyncSqliteQueue>,
    steps: Arc<Steps>,
}

/// What it is made of; nothing when it is over.
#[derive(Debug)]
struct Steps(Mutex<Option<Vec<Step>>>);

#[derive(Debug)]
struct Step {
    queue: Py<AsyncSqliteQueue>,
    store: Arc<SqlStore>,
    change: Change,
}

impl Steps {
    fn add(&self, step: Step) -> PyResult<()> {
        let late = match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(steps) => {
                steps.push(step);
                None
            }
            None => Some(step),
        };
        late.map_or(Ok(()), |_| Err(over()))
    }

    /// The first time; it is over then.
    fn end(&self) -> Option<Vec<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl AsyncTransaction {
    pub(crate) fn new(home: Py<AsyncSqliteQueue>) -> Self {
        Self { home, steps: Arc::new(Steps(Mutex::new(Some(Vec::new())))) }
    }

    /// The queue that is named, or the one that the transaction is of.
    fn queue<'py>(
        &self,
        py: Python<'py>,
        named: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, AsyncSqliteQueue>> {
        let Some(named) = named else { return Ok(self.home.bind(py).clone()) };
        let queue = named.cast::<AsyncSqliteQueue>().map_err(|_| {
            let kind = named.get_type();
            PyValueError::new_err(format!(
                "a transaction of a task changes asynchronous queues in one SQLite database, and \
                 {kind} is none"
            ))
        })?;
        Ok(queue.clone())
    }

    /// A call that has `change` made in a queue.
    fn change<F>(
        &self,
        py: Python<'_>,
        queue: PyResult<Bound<'_, AsyncSqliteQueue>>,
        change: impl FnOnce(Arc<Call>) -> F,
    ) -> Operation
    where
        F: Future<Output = PyResult<Change>> + Send + 'static,
    {
        let home = self.home.bind(py);
        let steps = Arc::clone(&self.steps);
        let (queue, refused) = match queue {
            Ok(queue) => (queue, None),
            Err(error) => (home.clone(), Some(error)),
        };
        let (queue, named) = (queue.clone().unbind(), queue);
        AsyncSqliteQueue::begin(home, |home| {
            let call = Arc::new(home.of(named.unbind()));
            let changed = change(Arc::clone(&call));
            async move {
                if let Some(refused) = refused {
                    return Err(refused);
                }
                let change = changed.await?;
                let (home, store) = (home.open().await?.store, call.open().await?.store);
                home.check_change(&store, &change).map_err(Raised::from)?;
                steps.add(Step { queue, store, change })?;
                Ok(none())
            }
        })
    }

    fn settle(
        &self,
        py: Python<'_>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        queue: Option<&Bound<'_, PyAny>>,
        settlement: PyResult<Settlement>,
    ) -> Operation {
        let queue = self.queue(py, queue);
        let named = queue.as_ref().map_or(Ok((0, None)), |queue| named(queue, item, id));
        self.change(py, queue, |_| async move {
            let ((id, token), settlement) = (named?, settlement?);
            Ok(Change::Settle { id, token, settlement })
        })
    }
}

/// The row and the delivery that an item or a number names.
fn named(
    queue: &Bound<'_, AsyncSqliteQueue>,
    item: Option<&Bound<'_, PyAny>>,
    id: Option<&Bound<'_, PyAny>>,
) -> PyResult<(i64, Option<i64>)> {
    // For the core to refuse.
    let Ok(queue) = queue.cast::<AsyncSqliteAckQueue>() else { return Ok((0, None)) };
    let (items, ids) = one(item, id)?;
    let held = &queue.get().held;
    let rows = held.rows(&items, &ids)?;
    held.deliveries(&rows).into_iter().next().ok_or_else(|| not_held(queue.py()))
}

/// Makes all of the changes; gives a row's number for each.
async fn make(home: &Call, steps: Vec<Step>) -> PyResult<Vec<Option<i64>>> {
    let Open { store, mut host } = home.open().await?;
    let (mut stores, mut changes, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for Step { queue, store, change } in steps {
        if let Change::Settle { id, token, .. } = &change {
            settled.push((queue, *id, *token));
        }
        stores.push(store);
        changes.push(change);
    }
    let changes = stores.iter().map(|store| &**store).zip(changes).collect();
    let done = store.change_all(&mut host, changes).await?;
    Python::attach(|py| {
        for (queue, id, token) in settled {
            if let Ok(queue) = queue.bind(py).cast::<AsyncSqliteAckQueue>() {
                queue.get().held.forget(&[(id, token)]);
            }
        }
    });
    Ok(done)
}

#[pymethods]
impl AsyncTransaction {
    /// Puts an item into `queue`. It is serialized now and written with the rest.
    ///
    /// Without `queue` it goes into the one that the transaction is of. Where it waits already in a
    /// unique queue nothing is stored, and the transaction goes on.
    #[pyo3(signature = (item, queue = None, *, priority = 0, delay = None, ttl = None))]
    fn put(
        &self,
        py: Python<'_>,
        item: Py<PyAny>,
        queue: Option<&Bound<'_, PyAny>>,
        priority: i64,
        delay: Option<f64>,
        ttl: Option<f64>,
    ) -> Operation {
        self.change(py, self.queue(py, queue), |call| async move {
            let (delay, ttl) = (delay.map(seconds).transpose()?, ttl.map(seconds).transpose()?);
            let options = PutOptions { priority, delay, ttl };
            Ok(Change::Put(call.plan()?.codec.dump_later(&call.errands, item, options).await?))
        })
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
    ) -> Operation {
        self.settle(py, item, id, queue, Ok(Settlement::Acked))
    }

    /// The item is given up. Else as `ack`.
    #[pyo3(signature = (item = None, id = None, queue = None))]
    fn ack_failed(
        &self,
        py: Python<'_>,
        item: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        queue: Option<&Bound<'_, PyAny>>,
    ) -> Operation {
        self.settle(py, item, id, queue, Ok(Settlement::Failed))
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
    ) -> Operation {
        let delay = delay.map(seconds).transpose();
        let back = delay.map(|delay| Settlement::Back { delay, last: to_back });
        self.settle(py, item, id, queue, back)
    }

    /// Makes all of the changes, or none, and ends the transaction. The end of the block does the same.
    ///
    /// Gives a row's number for each change, in their order; None for an item that waits already.
    /// A call that is cancelled has made all of them or none.
    fn commit(&self, py: Python<'_>) -> Operation {
        let steps = Arc::clone(&self.steps);
        AsyncSqliteQueue::begin(self.home.bind(py), async move |home| {
            given(make(&home, steps.end().ok_or_else(over)?).await?)
        })
    }

    /// Opens the queue, too, so that what is wrong is known here.
    fn __aenter__(slf: &Bound<'_, Self>) -> Operation {
        let transaction = slf.clone().into_any().unbind();
        AsyncSqliteQueue::begin(slf.get().home.bind(slf.py()), async move |home| {
            home.open().await?;
            Ok(transaction)
        })
    }

    #[pyo3(signature = (kind = None, _error = None, _traceback = None, /))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> Operation {
        let (steps, good) = (Arc::clone(&self.steps), kind.is_none());
        AsyncSqliteQueue::begin(self.home.bind(py), async move |home| {
            match steps.end() {
                Some(steps) if good => drop(make(&home, steps).await?),
                _ => {}
            }
            Ok(none())
        })
    }
}

//! The class behind the asynchronous queues in SQLite databases that keep their items until they are
//! acknowledged.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use persist_queue::Wait;
use persist_queue::any::SqlStore;
use persist_queue::sql::{PutOptions, Settlement, Which};
use persist_queue::sqlite;
use persist_queue::wait::{Thread, Worker, now};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::ackqueue::{status_with, which_held};
use crate::async_sqlqueue::{AsyncSqliteQueue, Call, Open, all};
use crate::errors::empty;
use crate::held::{Held, in_places, one};
use crate::ids::{raw, row_id};
use crate::operation::{Given, Operation, given, none};
use crate::options::{seconds, wait};

/// A queue in a table of a database, with acknowledgements, for tasks.
#[pyclass(extends = AsyncSqliteQueue, subclass, frozen, module = "persistqueue._native")]
#[derive(Debug, Default)]
pub(crate) struct AsyncSqliteAckQueue {
    pub(crate) held: Arc<Held>,
}

/// Rows that were taken, and wait again where the call does not come to its end.
struct Undelivered {
    rows: Vec<(i64, Option<i64>)>,
    store: Arc<SqlStore>,
    worker: Arc<Worker>,
}

impl Drop for Undelivered {
    fn drop(&mut self) {
        let (rows, store) = (std::mem::take(&mut self.rows), Arc::clone(&self.store));
        if rows.is_empty() {
            return;
        }
        // Done also where nobody waits for it. A closed queue has given back everything.
        drop(self.worker.run(move || {
            let _ = now(store.settle(&mut Thread, rows, Settlement::Undone));
        }));
    }
}

/// Takes up to `most` rows and makes them into items. What cannot be made into one is let go.
async fn take(
    call: &Call,
    items: &Held,
    wait: Wait,
    which: Which,
    lease: Option<Duration>,
    most: usize,
    as_raw: bool,
) -> PyResult<Vec<Py<PyAny>>> {
    let Open { store, mut host } = call.open().await?;
    let held = loop {
        let held = store.hold(&mut host, wait, which, lease, most).await?;
        match held.is_empty() {
            true if wait == Wait::Forever => {}
            true => return Err(Python::attach(empty)),
            false => break held,
        }
    };
    let rows = held.iter().map(|held| (held.row.id, Some(held.token))).collect();
    let worker = store.worker().map_err(crate::errors::Raised::from)?;
    let mut undelivered = Undelivered { rows, store, worker };
    let (mut made, mut errors) = (Vec::new(), Vec::new());
    for held in held {
        match call.item(&held.row, false).await {
            Ok(item) => made.push((held, item)),
            Err(error) if Python::attach(|py| error.is_instance_of::<PyException>(py)) => {
                undelivered.store.let_go(&held);
                errors.push(error);
            }
            Err(interrupted) => return Err(interrupted),
        }
    }
    undelivered.rows.clear();
    Python::attach(|py| {
        let mut errors = errors.into_iter();
        if let Some(error) = errors.next() {
            if made.is_empty() {
                return Err(error);
            }
            // What was taken beside it is not lost to it.
            error.write_unraisable(py, None);
        }
        made.into_iter().map(|(held, item)| deliver(py, items, &held, item, as_raw)).collect()
    })
}

fn deliver(
    py: Python<'_>,
    items: &Held,
    held: &sqlite::Held,
    item: Py<PyAny>,
    as_raw: bool,
) -> Given {
    // A raw item is known by what is in it.
    let earlier = items.lock().insert(held.row.id, held.token, item.clone_ref(py));
    drop(earlier);
    if as_raw { Ok(raw(&held.row, item.bind(py))?.unbind()) } else { Ok(item) }
}

/// Settles rows. Gives each one's number; nothing where it is not held here any more.
async fn settle(
    call: &Call,
    items: &Held,
    rows: Vec<Option<i64>>,
    settlement: Settlement,
) -> PyResult<Vec<Option<i64>>> {
    let named = items.deliveries(&rows);
    let Open { store, mut host } = call.open().await?;
    let settled = store.settle(&mut host, named.clone(), settlement).await?;
    items.forget(&named);
    Ok(in_places(rows, settled))
}

impl AsyncSqliteAckQueue {
    /// A call that does `work` when it is awaited.
    fn begin<F>(slf: &Bound<'_, Self>, work: impl FnOnce(Call, Arc<Held>) -> F) -> Operation
    where
        F: Future<Output = Given> + Send + 'static,
    {
        let held = Arc::clone(&slf.get().held);
        AsyncSqliteQueue::begin(slf.as_super(), |call| work(call, held))
    }

    fn get_with(
        slf: &Bound<'_, Self>,
        wait: PyResult<Wait>,
        which: PyResult<Which>,
        lease: PyResult<Option<Duration>>,
        as_raw: bool,
    ) -> Operation {
        Self::begin(slf, async move |call, held| {
            let taken = take(&call, &held, wait?, which?, lease?, 1, as_raw).await?;
            taken.into_iter().next().ok_or_else(|| Python::attach(empty))
        })
    }

    /// Settles the one row that an item or a number names.
    fn settle_one(
        slf: &Bound<'_, Self>,
        item: Option<Py<PyAny>>,
        id: Option<Py<PyAny>>,
        settlement: PyResult<Settlement>,
    ) -> Operation {
        Self::begin(slf, async move |call, held| {
            let rows = named(&held, item, id)?;
            let settled = settle(&call, &held, rows, settlement?).await?;
            given(settled.into_iter().next().flatten())
        })
    }
}

fn named(
    held: &Held,
    item: Option<Py<PyAny>>,
    id: Option<Py<PyAny>>,
) -> PyResult<Vec<Option<i64>>> {
    Python::attach(|py| {
        let (item, id) = (item.map(|item| item.into_bound(py)), id.map(|id| id.into_bound(py)));
        let (items, ids) = one(item.as_ref(), id.as_ref())?;
        held.rows(&items, &ids)
    })
}

fn numbers(ids: &[Bound<'_, PyAny>]) -> PyResult<Vec<i64>> {
    ids.iter().map(row_id).collect()
}

#[pymethods]
impl AsyncSqliteAckQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(AsyncSqliteQueue::default()).add_subclass(Self::default())
    }

    #[pyo3(signature = (items, block, timeout, delay, ttl))]
    fn _put_work(
        slf: &Bound<'_, Self>,
        items: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
        delay: Option<f64>,
        ttl: Option<f64>,
    ) -> Operation {
        let (items, wait) = (all(items), wait(block, timeout));
        Self::begin(slf, async move |call, _| {
            let (delay, ttl) = (delay.map(seconds).transpose()?, ttl.map(seconds).transpose()?);
            let options = PutOptions { delay, ttl, ..PutOptions::default() };
            given(call.put_many(items?, options, wait?).await?)
        })
    }

    #[pyo3(signature = (block = true, timeout = None, id = None, next_in_order = None, raw = false,
        *, lease = None))]
    fn get(
        slf: &Bound<'_, Self>,
        block: bool,
        timeout: Option<f64>,
        id: Option<&Bound<'_, PyAny>>,
        next_in_order: Option<&Bound<'_, PyAny>>,
        raw: bool,
        lease: Option<f64>,
    ) -> Operation {
        let lease = lease.map(seconds).transpose();
        Self::get_with(slf, wait(block, timeout), which_held(id, next_in_order), lease, raw)
    }

    #[pyo3(signature = (id = None, raw = false))]
    fn get_nowait(slf: &Bound<'_, Self>, id: Option<&Bound<'_, PyAny>>, raw: bool) -> Operation {
        Self::get_with(slf, Ok(Wait::No), which_held(id, None), Ok(None), raw)
    }

    /// Up to `max` items in one transaction: waits for the first one, and takes what else is there.
    #[pyo3(signature = (max, timeout = None, *, lease = None))]
    fn get_many(
        slf: &Bound<'_, Self>,
        max: usize,
        timeout: Option<f64>,
        lease: Option<f64>,
    ) -> Operation {
        let wait = wait(true, timeout);
        Self::begin(slf, async move |call, held| {
            let lease = lease.map(seconds).transpose()?;
            if max == 0 {
                return given(Vec::<Py<PyAny>>::new());
            }
            given(take(&call, &held, wait?, Which::Next, lease, max, false).await?)
        })
    }

    #[pyo3(signature = (item = None, id = None))]
    fn _ack(slf: &Bound<'_, Self>, item: Option<Py<PyAny>>, id: Option<Py<PyAny>>) -> Operation {
        Self::settle_one(slf, item, id, Ok(Settlement::Acked))
    }

    #[pyo3(signature = (item = None, id = None))]
    fn _ack_failed(
        slf: &Bound<'_, Self>,
        item: Option<Py<PyAny>>,
        id: Option<Py<PyAny>>,
    ) -> Operation {
        Self::settle_one(slf, item, id, Ok(Settlement::Failed))
    }

    #[pyo3(signature = (item = None, id = None, delay = None, to_back = false))]
    fn _nack(
        slf: &Bound<'_, Self>,
        item: Option<Py<PyAny>>,
        id: Option<Py<PyAny>>,
        delay: Option<f64>,
        to_back: bool,
    ) -> Operation {
        let delay = delay.map(seconds).transpose();
        let back = delay.map(|delay| Settlement::Back { delay, last: to_back });
        Self::settle_one(slf, item, id, back)
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python are made for the call")]
    fn _ack_many(
        slf: &Bound<'_, Self>,
        items: Vec<Bound<'_, PyAny>>,
        ids: Vec<Bound<'_, PyAny>>,
    ) -> Operation {
        let rows = slf.get().held.rows(&items, &ids);
        Self::begin(slf, async move |call, held| {
            given(settle(&call, &held, rows?, Settlement::Acked).await?)
        })
    }

    #[pyo3(signature = (lease, item = None, id = None))]
    fn _extend(
        slf: &Bound<'_, Self>,
        lease: f64,
        item: Option<Py<PyAny>>,
        id: Option<Py<PyAny>>,
    ) -> Operation {
        Self::begin(slf, async move |call, held| {
            let rows = named(&held, item, id)?;
            let Some((id, token)) = held.deliveries(&rows).into_iter().next() else {
                return given(false);
            };
            let Open { store, mut host } = call.open().await?;
            given(store.extend(&mut host, id, token, seconds(lease)?).await?)
        })
    }

    /// How many items this object holds.
    fn _held_count(&self) -> usize {
        self.held.lock().len()
    }

    fn resume_unack_tasks(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call, _| {
            let Open { store, mut host } = call.open().await?;
            store.resume(&mut host).await?;
            Ok(none())
        })
    }

    /// How many rows have the status with this number.
    fn _count(slf: &Bound<'_, Self>, status: i64) -> Operation {
        Self::begin(slf, async move |call, _| {
            let Open { store, mut host } = call.open().await?;
            given(store.count(&mut host, status_with(status)?).await?)
        })
    }

    fn _clear_acked(
        slf: &Bound<'_, Self>,
        most: Option<u64>,
        keep: u64,
        failed: bool,
    ) -> Operation {
        Self::begin(slf, async move |call, _| {
            let Open { store, mut host } = call.open().await?;
            given(store.clear_acked(&mut host, most, keep, failed).await?)
        })
    }

    /// The dead letters, as `get(raw=True)` gives items.
    fn dead_letters(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call, _| {
            let Open { store, mut host } = call.open().await?;
            let mut letters = Vec::new();
            for row in store.dead_letters(&mut host).await? {
                letters.push(call.item(&row, true).await?);
            }
            given(letters)
        })
    }

    fn _dead_ids(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call, _| {
            let Open { store, mut host } = call.open().await?;
            let letters = store.dead_letters(&mut host).await?;
            given(letters.iter().map(|row| row.id).collect::<Vec<_>>())
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python are made for the call")]
    fn _requeue_dead(slf: &Bound<'_, Self>, ids: Vec<Bound<'_, PyAny>>) -> Operation {
        let ids = numbers(&ids);
        Self::begin(slf, async move |call, _| {
            let Open { store, mut host } = call.open().await?;
            given(store.requeue_dead(&mut host, ids?).await?)
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python are made for the call")]
    fn _drop_dead(slf: &Bound<'_, Self>, ids: Vec<Bound<'_, PyAny>>) -> Operation {
        let ids = numbers(&ids);
        Self::begin(slf, async move |call, _| {
            let Open { store, mut host } = call.open().await?;
            given(store.drop_dead(&mut host, ids?).await?)
        })
    }

    fn __anext__(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call, held| {
            let taken = take(&call, &held, Wait::Forever, Which::Next, None, 1, false).await;
            let item = taken
                .and_then(|taken| taken.into_iter().next().ok_or_else(|| Python::attach(empty)));
            call.or_end(item)
        })
    }
}

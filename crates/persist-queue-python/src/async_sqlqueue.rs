//! The class behind the asynchronous queues in SQLite databases. Its methods give awaitables: nothing
//! is done before they are awaited.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use persist_queue::Wait;
use persist_queue::any::SqlStore;
use persist_queue::sql::{Decode, PutOptions, Row, Undecoded, Which};
use persist_queue::wait::{Host, Task};
use pyo3::exceptions::{PyException, PyStopAsyncIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::async_transaction::AsyncTransaction;
use crate::errors::{Raised, empty};
use crate::event_loop::LoopClock;
use crate::first_call::FirstCall;
use crate::ids::{named_item, raw, row_id, shown, which};
use crate::opening;
use crate::opening::Plan;
use crate::operation::{Errands, Given, Operation, given, none};
use crate::options::wait;
use crate::owner::this_task;
use crate::sqlqueue::by_priority;

/// A queue in a table of a database, for tasks.
#[pyclass(subclass, frozen, module = "persistqueue._native")]
#[derive(Debug, Default)]
pub(crate) struct AsyncSqliteQueue {
    plan: OnceLock<Plan>,
    store: FirstCall<SqlStore>,
}

/// Who waits for the core here.
pub(crate) type Loop = Task<LoopClock, Raised>;

/// One call of it.
pub(crate) struct Call {
    queue: Py<AsyncSqliteQueue>,
    pub(crate) errands: Errands,
}

/// What a call works with.
pub(crate) struct Open {
    pub(crate) store: Arc<SqlStore>,
    pub(crate) host: Loop,
}

impl AsyncSqliteQueue {
    /// A call that does `work` when it is awaited.
    pub(crate) fn begin<F>(slf: &Bound<'_, Self>, work: impl FnOnce(Call) -> F) -> Operation
    where
        F: Future<Output = Given> + Send + 'static,
    {
        let queue = slf.clone().unbind();
        Operation::new(|errands| work(Call { queue, errands }))
    }

    fn plan(&self) -> PyResult<&Plan> {
        let missing = || PyValueError::new_err("the queue was not opened: call its __init__ first");
        self.plan.get().ok_or_else(missing)
    }

    /// Who holds what is taken: where each call is a transaction nobody does when it is over.
    fn owner(slf: &Bound<'_, Self>) -> PyResult<u64> {
        const NOBODY: u64 = 0;
        if slf.get().plan()?.auto_commit { Ok(NOBODY) } else { this_task(slf.py()) }
    }

    fn get_with(
        slf: &Bound<'_, Self>,
        wait: PyResult<Wait>,
        id: Option<&Bound<'_, PyAny>>,
        as_raw: bool,
    ) -> Operation {
        let (owner, which) = (Self::owner(slf), which(id));
        Self::begin(slf, async move |call| call.get(owner?, wait?, which?, as_raw).await)
    }
}

impl Call {
    /// A call of another queue that the same task awaits.
    pub(crate) fn of(&self, queue: Py<AsyncSqliteQueue>) -> Self {
        Self { queue, errands: self.errands.clone() }
    }

    pub(crate) fn plan(&self) -> PyResult<&Plan> {
        self.queue.get().plan()
    }

    /// The queue, which the first call opens.
    pub(crate) async fn open(&self) -> PyResult<Open> {
        let queue = self.queue.get();
        let plan = queue.plan()?;
        let Some(store) = queue.store.open(plan.opener()).await? else {
            return Err(Raised::from(plan.closed()).into());
        };
        plan.codec.note_table(&store)?;
        let worker = store.worker().map_err(Raised::from)?;
        Ok(Open { store, host: Task::new(LoopClock, worker) })
    }

    pub(crate) async fn put_many(
        &self,
        items: Vec<Py<PyAny>>,
        options: PutOptions,
        wait: Wait,
    ) -> PyResult<Vec<Option<i64>>> {
        let codec = &self.plan()?.codec;
        let mut puts = Vec::with_capacity(items.len());
        for item in items {
            puts.push(codec.dump_later(&self.errands, item, options).await?);
        }
        let Open { store, mut host } = self.open().await?;
        Ok(store.put(&mut host, puts, wait).await?)
    }

    pub(crate) async fn put(&self, item: Py<PyAny>, options: PutOptions, wait: Wait) -> Given {
        let ids = self.put_many(vec![item], options, wait).await?;
        given(ids.into_iter().next().flatten())
    }

    async fn get(&self, owner: u64, wait: Wait, which: Which, as_raw: bool) -> Given {
        // As in 1.1.0, where a row that is named is there or is not waited for.
        let wait = if which == Which::Next { wait } else { Wait::No };
        let Open { store, mut host } = self.open().await?;
        loop {
            let decoding = Decoding { call: self, as_raw };
            match store.get(&mut host, owner, wait, which, decoding).await? {
                Some(item) => return Ok(item),
                None if wait == Wait::Forever => {}
                None => return Err(Python::attach(empty)),
            }
        }
    }

    async fn get_many(&self, owner: u64, most: usize, wait: Wait) -> Given {
        if most == 0 {
            return given(Vec::<Py<PyAny>>::new());
        }
        let Open { store, mut host } = self.open().await?;
        loop {
            let decoding = Decoding { call: self, as_raw: false };
            let items = store.get_many(&mut host, owner, wait, most, decoding).await?;
            match items.is_empty() {
                true if wait == Wait::Forever => {}
                true => return Err(Python::attach(empty)),
                false => return given(items),
            }
        }
    }

    /// The item of a row, or what `get(raw=True)` gives of it.
    pub(crate) async fn item(&self, row: &Row, as_raw: bool) -> Given {
        let item = self.plan()?.codec.load_later(&self.errands, row).await?;
        if !as_raw {
            return Ok(item);
        }
        Python::attach(|py| Ok(raw(row, item.bind(py))?.unbind()))
    }

    async fn size(&self) -> PyResult<u64> {
        let Open { store, mut host } = self.open().await?;
        Ok(store.size(&mut host).await?)
    }

    /// All rows, as dictionaries.
    async fn rows(&self) -> Given {
        let Open { store, mut host } = self.open().await?;
        let mut list = Vec::new();
        for (row, status) in store.rows(&mut host).await? {
            let item = self.item(&row, false).await?;
            let status = store.acks().then_some(status);
            list.push(Python::attach(|py| {
                PyResult::Ok(shown(&row, status, item.bind(py))?.unbind())
            })?);
        }
        given(list)
    }

    async fn update(&self, item: Py<PyAny>, id: Option<Py<PyAny>>) -> Given {
        let (id, item) = Python::attach(|py| {
            let id = id.map(|id| id.into_bound(py));
            named_item(item.bind(py), id.as_ref()).map(|(id, item)| (id, item.unbind()))
        })?;
        let put = self.plan()?.codec.dump_later(&self.errands, item, PutOptions::default()).await?;
        let Open { store, mut host } = self.open().await?;
        given(store.update(&mut host, id, put).await?.then_some(id))
    }

    async fn close(&self) -> PyResult<()> {
        let Some(store) = self.queue.get().store.close().await? else { return Ok(()) };
        // What another call has closed has no worker any more.
        let Ok(worker) = store.worker() else { return Ok(()) };
        let mut host = Loop::new(LoopClock, worker);
        Ok(host.offload(move || store.close()).await?.map_err(Raised::from)?)
    }

    fn is_closed(&self) -> bool {
        let store = &self.queue.get().store;
        store.opened().map_or_else(|| store.is_closed(), |store| store.is_closed())
    }

    /// An item of `async for`: the end is where the queue is closed.
    pub(crate) fn or_end(&self, item: Given) -> Given {
        if item.is_err() && self.is_closed() {
            return Err(PyStopAsyncIteration::new_err(()));
        }
        item
    }
}

/// Makes items of rows, and awaits the user's functions where they are asynchronous.
struct Decoding<'a> {
    call: &'a Call,
    as_raw: bool,
}

impl Decode<Py<PyAny>, Loop> for Decoding<'_> {
    async fn decode(
        &mut self,
        _host: &mut Loop,
        row: &Row,
    ) -> Result<Py<PyAny>, Undecoded<Raised>> {
        self.call.item(row, self.as_raw).await.map_err(|error| {
            if Python::attach(|py| error.is_instance_of::<PyException>(py)) {
                Undecoded::Broken(Raised::from(error))
            } else {
                Undecoded::Interrupted(Raised::from(error))
            }
        })
    }
}

/// The items of an iterable.
pub(crate) fn all(items: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyAny>>> {
    items.try_iter()?.map(|item| Ok(item?.unbind())).collect()
}

#[pymethods]
impl AsyncSqliteQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    /// Notes how the queue is to be opened.
    fn _plan(&self, given: opening::Given<'_>) -> PyResult<()> {
        self.plan
            .set(Plan::new(given)?)
            .map_err(|_| PyValueError::new_err("the queue is open already"))
    }

    #[pyo3(signature = (item, priority = 0, block = true, timeout = None))]
    fn _put(
        slf: &Bound<'_, Self>,
        item: Py<PyAny>,
        priority: i64,
        block: bool,
        timeout: Option<f64>,
    ) -> Operation {
        let wait = wait(block, timeout);
        Self::begin(slf, async move |call| call.put(item, by_priority(priority), wait?).await)
    }

    #[pyo3(signature = (items, priority = 0, block = true, timeout = None))]
    fn _put_many(
        slf: &Bound<'_, Self>,
        items: &Bound<'_, PyAny>,
        priority: i64,
        block: bool,
        timeout: Option<f64>,
    ) -> Operation {
        let (items, wait) = (all(items), wait(block, timeout));
        Self::begin(slf, async move |call| {
            given(call.put_many(items?, by_priority(priority), wait?).await?)
        })
    }

    #[pyo3(signature = (block = true, timeout = None, id = None, raw = false))]
    fn get(
        slf: &Bound<'_, Self>,
        block: bool,
        timeout: Option<f64>,
        id: Option<&Bound<'_, PyAny>>,
        raw: bool,
    ) -> Operation {
        Self::get_with(slf, wait(block, timeout), id, raw)
    }

    #[pyo3(signature = (id = None, raw = false))]
    fn get_nowait(slf: &Bound<'_, Self>, id: Option<&Bound<'_, PyAny>>, raw: bool) -> Operation {
        Self::get_with(slf, Ok(Wait::No), id, raw)
    }

    /// Up to `max` items in one transaction: waits for the first one, and takes what else is there.
    #[pyo3(signature = (max, timeout = None))]
    fn get_many(slf: &Bound<'_, Self>, max: usize, timeout: Option<f64>) -> Operation {
        let (owner, wait) = (Self::owner(slf), wait(true, timeout));
        Self::begin(slf, async move |call| call.get_many(owner?, max, wait?).await)
    }

    #[pyo3(signature = (id = None, raw = false))]
    fn peek(slf: &Bound<'_, Self>, id: Option<&Bound<'_, PyAny>>, raw: bool) -> Operation {
        let which = which(id);
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            match store.peek(&mut host, which?).await? {
                Some(row) => call.item(&row, raw).await,
                None => Err(Python::attach(empty)),
            }
        })
    }

    /// The row's number; nothing where there is no such row.
    #[pyo3(signature = (item, id = None))]
    fn update(slf: &Bound<'_, Self>, item: Py<PyAny>, id: Option<Py<PyAny>>) -> Operation {
        Self::begin(slf, async move |call| call.update(item, id).await)
    }

    fn queue(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| call.rows().await)
    }

    /// Makes final what the calling task has taken, and all puts durable, with `auto_commit=False`.
    fn task_done(slf: &Bound<'_, Self>) -> Operation {
        let owner = Self::owner(slf);
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            store.task_done(&mut host, owner?).await?;
            Ok(none())
        })
    }

    /// Begins a transaction of several changes, in this queue and in others of the same database.
    fn transaction(slf: &Bound<'_, Self>) -> AsyncTransaction {
        AsyncTransaction::new(slf.clone().unbind())
    }

    fn join(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            store.join(&mut host, Wait::Forever).await?;
            Ok(none())
        })
    }

    #[getter]
    fn maxsize(&self) -> PyResult<u64> {
        Ok(self.plan()?.maxsize)
    }

    fn qsize(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| given(call.size().await?))
    }

    fn empty(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| given(call.size().await? == 0))
    }

    fn full(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let limit = call.plan()?.maxsize;
            given(limit > 0 && call.size().await? >= limit)
        })
    }

    /// Whether the row with this number waits.
    fn contains(slf: &Bound<'_, Self>, id: &Bound<'_, PyAny>) -> Operation {
        let id = row_id(id);
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            given(store.contains(&mut host, id?).await?)
        })
    }

    fn clear(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            given(store.purge(&mut host).await?)
        })
    }

    fn purge(slf: &Bound<'_, Self>) -> Operation {
        Self::clear(slf)
    }

    fn shrink_disk_usage(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            store.shrink(&mut host).await?;
            Ok(none())
        })
    }

    fn close(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            call.close().await?;
            Ok(none())
        })
    }

    /// Closes in a finalizer, where nobody awaits it.
    fn _leave(&self, py: Python<'_>) -> PyResult<()> {
        let Some(store) = self.store.opened() else { return Ok(()) };
        Ok(py.detach(|| store.close()).map_err(Raised::from)?)
    }

    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next item, also where it has to be waited for.
    fn __anext__(slf: &Bound<'_, Self>) -> Operation {
        let owner = Self::owner(slf);
        Self::begin(slf, async move |call| {
            let item = call.get(owner?, Wait::Forever, Which::Next, false).await;
            call.or_end(item)
        })
    }

    /// Opens it, too, so that what is wrong is known here.
    fn __aenter__(slf: &Bound<'_, Self>) -> Operation {
        let queue = slf.clone().into_any().unbind();
        Self::begin(slf, async move |call| {
            call.open().await?;
            Ok(queue)
        })
    }

    #[pyo3(signature = (_kind = None, _error = None, _traceback = None, /))]
    fn __aexit__(
        slf: &Bound<'_, Self>,
        _kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> Operation {
        Self::close(slf)
    }
}

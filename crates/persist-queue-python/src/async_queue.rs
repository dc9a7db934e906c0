//! The class behind `persistqueue.AsyncQueue`. Its methods give awaitables: nothing is done before
//! they are awaited.

use std::future::Future;
use std::sync::Arc;

use persist_queue::Wait;
use persist_queue::file::Fate;
use persist_queue::wait::{Host, Task, Thread, Worker};
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::errors::{Raised, empty};
use crate::event_loop::LoopClock;
use crate::folder::{FolderQueue, Open, fate};
use crate::operation::{Driven, Errands, Given, Operation, Start, given, none};
use crate::options::wait;
use crate::owner::this_task;

/// A first-in first-out queue in a folder, for tasks.
#[pyclass(extends = FolderQueue, subclass, frozen, module = "persistqueue._native")]
#[derive(Debug, Default)]
pub(crate) struct AsyncFileQueue {
    worker: Arc<Worker>,
}

/// One call of it.
struct Call {
    queue: Py<FolderQueue>,
    host: Task<LoopClock, Raised>,
    errands: Errands,
}

impl AsyncFileQueue {
    /// A call that does `work` when it is awaited.
    fn begin<F>(slf: &Bound<'_, Self>, work: impl FnOnce(Call) -> F) -> Operation
    where
        F: Future<Output = Given> + Send + 'static,
    {
        Operation::new(|errands| work(Call::new(slf, errands)))
    }

    /// Who holds what is taken: with autosave nobody does when the call is over.
    fn owner(slf: &Bound<'_, Self>) -> PyResult<u64> {
        const NOBODY: u64 = 0;
        let autosave =
            slf.as_super().get().open().is_ok_and(|open| open.store.options().is_autosave());
        if autosave { Ok(NOBODY) } else { this_task(slf.py()) }
    }

    fn get_with(slf: &Bound<'_, Self>, wait: PyResult<Wait>) -> Operation {
        let (queue, owner) = (slf.clone().unbind(), Self::owner(slf));
        Operation::starting(Box::new(Get { queue, owner, wait }))
    }

    fn put_with(slf: &Bound<'_, Self>, item: Py<PyAny>, wait: PyResult<Wait>) -> Operation {
        let queue = slf.clone().unbind();
        Operation::starting(Box::new(Put { queue, item, dumped: None, wait }))
    }
}

/// A put that was not awaited yet.
struct Put {
    queue: Py<AsyncFileQueue>,
    item: Py<PyAny>,
    dumped: Option<Py<PyBytes>>,
    wait: PyResult<Wait>,
}

impl Start for Put {
    fn at_once(&mut self, py: Python<'_>) -> Option<Given> {
        let open = self.queue.bind(py).as_super().get().open().ok()?;
        if self.wait.is_err() || !open.serializer.is_pickle() {
            return None;
        }
        let dumped = match open.serializer.dump(self.item.bind(py)) {
            Ok(dumped) => dumped,
            Err(error) => return Some(Err(error)),
        };
        match open.store.put_at_once(&[dumped.as_bytes()]) {
            Ok(true) => Some(Ok(py.None())),
            Ok(false) => {
                self.dumped = Some(dumped.unbind());
                None
            }
            Err(error) => Some(Err(Raised::from(*error).into())),
        }
    }

    fn begin(self: Box<Self>, errands: Errands) -> Driven {
        let Self { queue, item, dumped, wait } = *self;
        let mut call = Python::attach(|py| Call::new(queue.bind(py), errands));
        Box::pin(async move {
            let wait = wait?;
            let dumped = match dumped {
                Some(dumped) => dumped,
                None => call.dump(item).await?,
            };
            call.put(&dumped, wait).await
        })
    }
}

/// A get that was not awaited yet.
struct Get {
    queue: Py<AsyncFileQueue>,
    owner: PyResult<u64>,
    wait: PyResult<Wait>,
}

impl Start for Get {
    fn at_once(&mut self, py: Python<'_>) -> Option<Given> {
        let open = self.queue.bind(py).as_super().get().open().ok()?;
        let owner = *self.owner.as_ref().ok()?;
        let options = open.store.options();
        // With autosave what was delivered has to be stored.
        let stores = options.is_autosave() && options.waits_for_disk();
        if self.wait.is_err() || !open.serializer.is_pickle() || stores {
            return None;
        }
        let mut payload = Vec::new();
        let taken = match open.store.take_at_once(owner, &mut payload) {
            Ok(taken) => taken?,
            Err(error) => return Some(Err(Raised::from(*error).into())),
        };
        let item = open.serializer.load(py, &payload);
        match taken.settle(&mut Thread, fate(py, &item)).now() {
            Ok(()) => Some(item.map(Bound::unbind)),
            Err(error) => Some(Err(Raised::from(*error).into())),
        }
    }

    fn begin(self: Box<Self>, errands: Errands) -> Driven {
        let Self { queue, owner, wait } = *self;
        let mut call = Python::attach(|py| Call::new(queue.bind(py), errands));
        Box::pin(async move { call.get(owner?, wait?).await })
    }
}

impl Call {
    fn new(queue: &Bound<'_, AsyncFileQueue>, errands: Errands) -> Self {
        let host = Task::new(LoopClock, Arc::clone(&queue.get().worker));
        Self { queue: queue.as_super().clone().unbind(), host, errands }
    }

    fn open(queue: &Py<FolderQueue>) -> PyResult<&Open> {
        queue.get().open()
    }

    async fn dump(&self, item: Py<PyAny>) -> PyResult<Py<PyBytes>> {
        let dumped = Self::open(&self.queue)?.serializer.dump_later(&self.errands, item).await?;
        Python::attach(|py| Ok(dumped.into_bound(py).cast_into::<PyBytes>()?.unbind()))
    }

    async fn load(&self, payload: &[u8]) -> Given {
        let open = Self::open(&self.queue)?;
        open.serializer.load_later(&self.errands, payload).await
    }

    async fn put(&mut self, dumped: &Py<PyBytes>, wait: Wait) -> Given {
        let bytes = Python::attach(|py| dumped.as_bytes(py));
        let open = Self::open(&self.queue)?;
        open.store.put(&mut self.host, &[bytes], wait).later().await?;
        Ok(none())
    }

    async fn put_many(&mut self, items: PyResult<Vec<Py<PyAny>>>, wait: Wait) -> Given {
        let mut dumped = Vec::new();
        for item in items? {
            dumped.push(self.dump(item).await?);
        }
        let payloads: Vec<&[u8]> =
            dumped.iter().map(|dumped| Python::attach(|py| dumped.as_bytes(py))).collect();
        let open = Self::open(&self.queue)?;
        open.store.put(&mut self.host, &payloads, wait).later().await?;
        Ok(none())
    }

    async fn take(&mut self, owner: u64, wait: Wait) -> PyResult<Option<Py<PyAny>>> {
        let open = Self::open(&self.queue)?;
        let mut payload = Vec::new();
        let taken = open.store.take(&mut self.host, owner, wait, &mut payload).later().await?;
        let Some(taken) = taken else { return Ok(None) };
        let item = self.load(&payload).await;
        let fate = Python::attach(|py| fate(py, &item));
        taken.settle(&mut self.host, fate).later().await?;
        item.map(Some)
    }

    async fn get(&mut self, owner: u64, wait: Wait) -> Given {
        loop {
            match self.take(owner, wait).await? {
                Some(item) => return Ok(item),
                None if wait == Wait::Forever => {}
                None => return Err(Python::attach(empty)),
            }
        }
    }

    /// As of the synchronous queue. All are in flight until the last is there: a call that is
    /// cancelled takes none.
    async fn get_many(&mut self, owner: u64, max: usize, wait: Wait) -> Given {
        let queue = Python::attach(|py| self.queue.clone_ref(py));
        let open = Self::open(&queue)?;
        let mut taken = Vec::new();
        while taken.len() < max {
            let wait = if taken.is_empty() { wait } else { Wait::No };
            let mut payload = Vec::new();
            let next = open.store.take(&mut self.host, owner, wait, &mut payload).later().await;
            match next {
                Ok(Some(next)) => match self.load(&payload).await {
                    Ok(item) => taken.push((next, item)),
                    Err(error) => {
                        let fate =
                            Python::attach(|py| fate(py, &Err::<(), _>(error.clone_ref(py))));
                        next.settle(&mut self.host, fate).later().await?;
                        // A cancellation ends the call, and what it took goes back.
                        if taken.is_empty() || fate == Fate::GivenBack {
                            return Err(error);
                        }
                        Python::attach(|py| error.write_unraisable(py, None));
                        break;
                    }
                },
                Ok(None) if taken.is_empty() && wait == Wait::Forever => {}
                Ok(None) if taken.is_empty() => return Err(Python::attach(empty)),
                Ok(None) => break,
                Err(error) if taken.is_empty() => return Err(error.into()),
                // What was taken is not lost to it: the error comes again, or was told once.
                Err(error) => {
                    Python::attach(|py| PyErr::from(error).write_unraisable(py, None));
                    break;
                }
            }
        }
        for (one, _) in &mut taken {
            one.promise(&mut self.host).await?;
        }
        // From here on without a pause in which the call could be cancelled: what it needs is the
        // log's lock, no more.
        let mut items = Vec::new();
        for (one, item) in taken {
            match one.settle(&mut Thread, Fate::Delivered).now() {
                Ok(()) => items.push(item),
                Err(error) if items.is_empty() => return Err(Raised::from(*error).into()),
                Err(error) => {
                    let error = PyErr::from(Raised::from(*error));
                    Python::attach(|py| error.write_unraisable(py, None));
                    break;
                }
            }
        }
        given(items)
    }

    async fn size(&mut self) -> PyResult<u64> {
        let open = Self::open(&self.queue)?;
        Ok(open.store.size(&mut self.host).await?)
    }

    async fn close(&mut self) -> PyResult<()> {
        let Ok(open) = Self::open(&self.queue) else { return Ok(()) };
        let store = Arc::clone(&open.store);
        let host = &mut self.host;
        let closed = host.offload(move || store.close()).await?;
        Ok(closed.map_err(Raised::from)?)
    }
}

#[pymethods]
impl AsyncFileQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(FolderQueue::default()).add_subclass(Self::default())
    }

    #[pyo3(signature = (item, block = true, timeout = None))]
    fn put(slf: &Bound<'_, Self>, item: Py<PyAny>, block: bool, timeout: Option<f64>) -> Operation {
        Self::put_with(slf, item, wait(block, timeout))
    }

    fn put_nowait(slf: &Bound<'_, Self>, item: Py<PyAny>) -> Operation {
        Self::put_with(slf, item, Ok(Wait::No))
    }

    #[pyo3(signature = (items, block = true, timeout = None))]
    fn put_many(
        slf: &Bound<'_, Self>,
        items: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
    ) -> Operation {
        let items = items
            .try_iter()
            .and_then(|items| items.map(|item| Ok(item?.unbind())).collect::<PyResult<Vec<_>>>());
        let wait = wait(block, timeout);
        Self::begin(slf, async move |mut call| call.put_many(items, wait?).await)
    }

    #[pyo3(signature = (block = true, timeout = None))]
    fn get(slf: &Bound<'_, Self>, block: bool, timeout: Option<f64>) -> Operation {
        Self::get_with(slf, wait(block, timeout))
    }

    fn get_nowait(slf: &Bound<'_, Self>) -> Operation {
        Self::get_with(slf, Ok(Wait::No))
    }

    #[pyo3(signature = (max, timeout = None))]
    fn get_many(slf: &Bound<'_, Self>, max: usize, timeout: Option<f64>) -> Operation {
        let (owner, wait) = (Self::owner(slf), wait(true, timeout));
        Self::begin(slf, async move |mut call| call.get_many(owner?, max, wait?).await)
    }

    fn peek(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |mut call| {
            let mut payload = Vec::new();
            let open = Call::open(&call.queue)?;
            match open.store.peek(&mut call.host, &mut payload).await? {
                Some(_) => call.load(&payload).await,
                None => Err(Python::attach(empty)),
            }
        })
    }

    fn task_done(slf: &Bound<'_, Self>) -> Operation {
        let owner = this_task(slf.py());
        Self::begin(slf, async move |mut call| {
            let open = Call::open(&call.queue)?;
            open.store.task_done(&mut call.host, owner?).later().await?;
            Ok(none())
        })
    }

    fn join(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |mut call| {
            Call::open(&call.queue)?.store.join(&mut call.host, Wait::Forever).await?;
            Ok(none())
        })
    }

    fn qsize(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |mut call| given(call.size().await?))
    }

    fn empty(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |mut call| given(call.size().await? == 0))
    }

    fn full(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |mut call| {
            let limit = Call::open(&call.queue)?.given.limit();
            given(limit > 0 && call.size().await? >= limit)
        })
    }

    fn clear(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |mut call| {
            let open = Call::open(&call.queue)?;
            given(open.store.purge(&mut call.host).await?)
        })
    }

    fn purge(slf: &Bound<'_, Self>) -> Operation {
        Self::clear(slf)
    }

    fn close(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |mut call| {
            call.close().await?;
            Ok(none())
        })
    }

    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next item, also where it has to be waited for; the end is where the queue is closed.
    fn __anext__(slf: &Bound<'_, Self>) -> Operation {
        let owner = Self::owner(slf);
        Self::begin(slf, async move |mut call| {
            let item = call.get(owner?, Wait::Forever).await;
            let closed = item.is_err() && Call::open(&call.queue)?.store.is_closed();
            if closed { Err(PyStopAsyncIteration::new_err(())) } else { item }
        })
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> Operation {
        let queue = slf.clone().into_any().unbind();
        Self::begin(slf, async move |_| Ok(queue))
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

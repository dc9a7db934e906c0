//! Going through a dictionary with `async for`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use persist_queue::sqlite::{Entry, Position, Walk};
use pyo3::exceptions::{PyException, PyRuntimeError, PyStopAsyncIteration};
use pyo3::prelude::*;

use crate::async_dict::{AsyncSqliteDict, Call, Open};
use crate::dict::{Part, from_key};
use crate::operation::{Given, Operation, given};

/// What a dictionary holds, one after the other.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct AsyncDictIterator {
    dict: Py<AsyncSqliteDict>,
    part: Part,
    read: Arc<Mutex<Read>>,
}

#[derive(Debug)]
struct Read {
    /// The first one is what comes next.
    entries: VecDeque<Entry>,
    /// Where the next page starts, if there is one.
    next: Option<Position>,
    /// A call goes on.
    busy: bool,
}

impl AsyncDictIterator {
    pub(crate) fn new(dict: &Bound<'_, AsyncSqliteDict>, part: Part) -> Self {
        let read = Read { entries: VecDeque::new(), next: Some(Position::default()), busy: false };
        Self { dict: dict.clone().unbind(), part, read: Arc::new(Mutex::new(read)) }
    }
}

fn lock(read: &Mutex<Read>) -> MutexGuard<'_, Read> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call of an iterator. Where it is cancelled the next one gives what it would have given.
struct Turn(Arc<Mutex<Read>>);

impl Turn {
    fn begin(read: Arc<Mutex<Read>>) -> PyResult<Self> {
        if std::mem::replace(&mut lock(&read).busy, true) {
            return Err(PyRuntimeError::new_err(
                "another task waits for this iterator: give each task one of its own",
            ));
        }
        Ok(Self(read))
    }

    /// The entry that comes next, which stays the next one.
    async fn first(&self, call: &Call, part: Part) -> PyResult<Option<Entry>> {
        let start = {
            let read = lock(&self.0);
            if let Some(entry) = read.entries.front() {
                return Ok(Some(entry.clone()));
            }
            read.next.clone()
        };
        let Some(start) = start else { return Ok(None) };
        let walk = Walk { values: part != Part::Keys, backwards: false };
        let Open { store, mut host } = call.open().await?;
        let page = store.page(&mut host, walk, start).await?;
        let mut read = lock(&self.0);
        read.entries = page.entries.into();
        read.next = page.next;
        Ok(read.entries.front().cloned())
    }

    async fn give(self, call: &Call, part: Part) -> Given {
        let Some(entry) = self.first(call, part).await? else {
            return Err(PyStopAsyncIteration::new_err(()));
        };
        let given = shown(call, part, &entry).await;
        let over = |error: &PyErr| !Python::attach(|py| error.is_instance_of::<PyException>(py));
        if !given.as_ref().is_err_and(over) {
            lock(&self.0).entries.pop_front();
        }
        given
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.0).busy = false;
    }
}

async fn shown(call: &Call, part: Part, entry: &Entry) -> Given {
    let key = || Python::attach(|py| from_key(py, &entry.key).map(Bound::unbind));
    match part {
        Part::Keys => key(),
        Part::Values => call.load(&entry.data).await,
        Part::Items => given((key()?, call.load(&entry.data).await?)),
    }
}

#[pymethods]
impl AsyncDictIterator {
    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(slf: &Bound<'_, Self>) -> Operation {
        let Self { dict, part, read } = slf.get();
        let (part, read) = (*part, Arc::clone(read));
        AsyncSqliteDict::begin(dict.bind(slf.py()), async move |call| {
            Turn::begin(read)?.give(&call, part).await
        })
    }
}

//! The class behind the asynchronous dictionary. Its methods give awaitables: nothing is done before
//! they are awaited.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use persist_queue::sqlite::{DictStore, Found, Key, Position, Walk};
use persist_queue::wait::{Host, Task};
use persist_queue::{DictOptions, Error};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::async_dict_walk::AsyncDictIterator;
use crate::async_sqlqueue::Loop;
use crate::dict::{Part, as_bytes, codec, from_key, missing, options, storable, to_key};
use crate::errors::Raised;
use crate::event_loop::LoopClock;
use crate::first_call::FirstCall;
use crate::items::ItemCodec;
use crate::operation::{Errands, Given, Operation, given, none};

/// A dictionary in a database, for tasks.
#[pyclass(subclass, frozen, module = "persistqueue._native")]
#[derive(Debug, Default)]
pub(crate) struct AsyncSqliteDict {
    plan: OnceLock<Plan>,
    store: FirstCall<DictStore>,
}

/// All that it takes to open it.
#[derive(Debug)]
struct Plan {
    path: PathBuf,
    options: DictOptions,
    serializer: ItemCodec,
}

/// One call of it.
pub(crate) struct Call {
    dict: Py<AsyncSqliteDict>,
    errands: Errands,
}

/// What a call works with.
pub(crate) struct Open {
    pub(crate) store: Arc<DictStore>,
    pub(crate) host: Loop,
}

impl AsyncSqliteDict {
    /// A call that does `work` when it is awaited.
    pub(crate) fn begin<F>(slf: &Bound<'_, Self>, work: impl FnOnce(Call) -> F) -> Operation
    where
        F: Future<Output = Given> + Send + 'static,
    {
        let dict = slf.clone().unbind();
        Operation::new(|errands| work(Call { dict, errands }))
    }
}

impl Call {
    fn plan(&self) -> PyResult<&Plan> {
        let missing =
            || PyValueError::new_err("the dictionary was not opened: call its __init__ first");
        self.dict.get().plan.get().ok_or_else(missing)
    }

    /// The dictionary, which the first call opens.
    pub(crate) async fn open(&self) -> PyResult<Open> {
        let Plan { path, options, .. } = self.plan()?;
        let (file, options) = (path.clone(), options.clone());
        let opener = move || DictStore::open(&file, options);
        let Some(store) = self.dict.get().store.open(opener).await? else {
            return Err(Raised::from(Error::Closed { path: path.clone() }).into());
        };
        let worker = store.worker().map_err(Raised::from)?;
        Ok(Open { store, host: Task::new(LoopClock, worker) })
    }

    async fn dump(&self, value: Py<PyAny>) -> PyResult<Vec<u8>> {
        let dumped = self.plan()?.serializer.dump_later(&self.errands, value).await?;
        Python::attach(|py| as_bytes(dumped.bind(py)))
    }

    pub(crate) async fn load(&self, data: &[u8]) -> Given {
        self.plan()?.serializer.load_later(&self.errands, data).await
    }

    /// The value of a key, if it is there.
    async fn find(&self, key: Option<Key>) -> PyResult<Option<Py<PyAny>>> {
        let Open { store, mut host } = self.open().await?;
        let Some(key) = key else { return Ok(None) };
        match store.get(&mut host, key).await? {
            Some(found) => Ok(Some(self.load(&found.data).await?)),
            None => Ok(None),
        }
    }

    async fn set(&self, pairs: Vec<(Key, Py<PyAny>)>) -> Given {
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            entries.push((key, self.dump(value).await?));
        }
        let Open { store, mut host } = self.open().await?;
        if !entries.is_empty() {
            store.set(&mut host, entries).await?;
        }
        Ok(none())
    }

    async fn set_default(&self, key: Key, default: Py<PyAny>) -> Given {
        // Most calls find the key, and need no transaction for that.
        if let Some(value) = self.find(Some(key.clone())).await? {
            return Ok(value);
        }
        let data = self.dump(Python::attach(|py| default.clone_ref(py))).await?;
        let Open { store, mut host } = self.open().await?;
        match store.set_default(&mut host, key, data).await? {
            Some(found) => self.load(&found.data).await,
            None => Ok(default),
        }
    }

    /// The value of a key, which is removed.
    async fn pop(&self, key: Option<Key>) -> PyResult<Option<Py<PyAny>>> {
        let Open { store, mut host } = self.open().await?;
        let Some(key) = key else { return Ok(None) };
        while let Some(found) = store.get(&mut host, key.clone()).await? {
            let value = self.load(&found.data).await?;
            if store.remove_as_read(&mut host, key.clone(), found).await? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The key that was set last, and its value; nothing where there is none.
    async fn pop_last(&self) -> Given {
        let Open { store, mut host } = self.open().await?;
        let last = Walk { values: true, backwards: true };
        loop {
            let page = store.page(&mut host, last, Position::default()).await?;
            let Some(entry) = page.entries.into_iter().next() else { return Ok(none()) };
            let value = self.load(&entry.data).await?;
            let key = Python::attach(|py| from_key(py, &entry.key).map(Bound::unbind))?;
            let found = Found { row: entry.row, data: entry.data };
            if store.remove_as_read(&mut host, entry.key, found).await? {
                return given((key, value));
            }
        }
    }

    async fn close(&self) -> PyResult<()> {
        let Some(store) = self.dict.get().store.close().await? else { return Ok(()) };
        // What another call has closed has no worker any more.
        let Ok(worker) = store.worker() else { return Ok(()) };
        Ok(Loop::new(LoopClock, worker).offload(move || store.close()).await?)
    }
}

/// What is raised for a key that is not there.
fn not_there(key: &Py<PyAny>) -> PyErr {
    Python::attach(|py| missing(key.bind(py)))
}

#[pymethods]
impl AsyncSqliteDict {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    /// Notes how the dictionary is to be opened.
    fn _plan(
        &self,
        path: PathBuf,
        name: String,
        serializer: &Bound<'_, PyAny>,
        serializer_name: &str,
        durability: &Bound<'_, PyAny>,
        timeout: f64,
    ) -> PyResult<()> {
        let serializer = codec(serializer, serializer_name, &name, &path)?;
        let options = options(name, durability, timeout)?;
        self.plan
            .set(Plan { path, options, serializer })
            .map_err(|_| PyValueError::new_err("the dictionary is open already"))
    }

    /// The value of a key, or `default`.
    #[pyo3(signature = (key, default = None))]
    fn get(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, default: Option<Py<PyAny>>) -> Operation {
        let stored = to_key(key);
        Self::begin(slf, async move |call| {
            let value = call.find(stored?).await?.or(default);
            Ok(value.unwrap_or_else(none))
        })
    }

    /// `await d[key]`: the value of a key; `KeyError` where it is missing.
    fn __getitem__(slf: &Bound<'_, Self>, key: Bound<'_, PyAny>) -> Operation {
        let (stored, key) = (to_key(&key), key.unbind());
        Self::begin(slf, async move |call| call.find(stored?).await?.ok_or_else(|| not_there(&key)))
    }

    /// Whether a key is there.
    fn contains(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> Operation {
        let stored = to_key(key);
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            match stored? {
                Some(key) => given(store.contains(&mut host, key).await?),
                None => given(false),
            }
        })
    }

    /// Sets a value, whether the key is there or not.
    fn set(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: Py<PyAny>) -> Operation {
        let stored = storable(key);
        Self::begin(slf, async move |call| call.set(vec![(stored?, value)]).await)
    }

    /// Sets all pairs in one transaction.
    fn _set_many(slf: &Bound<'_, Self>, pairs: Vec<(Bound<'_, PyAny>, Py<PyAny>)>) -> Operation {
        let pairs = pairs.into_iter().map(|(key, value)| Ok((storable(&key)?, value)));
        let pairs: PyResult<Vec<_>> = pairs.collect();
        Self::begin(slf, async move |call| call.set(pairs?).await)
    }

    /// The value of a key, after setting it to `default` where it was missing.
    ///
    /// Of several that find it missing at the same time, one sets it.
    #[pyo3(signature = (key, default = None))]
    fn setdefault(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> Operation {
        let stored = storable(key);
        Self::begin(slf, async move |call| {
            call.set_default(stored?, default.unwrap_or_else(none)).await
        })
    }

    /// Removes a key; `KeyError` where it is missing.
    fn delete(slf: &Bound<'_, Self>, key: Bound<'_, PyAny>) -> Operation {
        let (stored, key) = (to_key(&key), key.unbind());
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            let removed = match stored? {
                Some(stored) => store.remove(&mut host, stored).await?,
                None => false,
            };
            if removed { Ok(none()) } else { Err(not_there(&key)) }
        })
    }

    /// Removes a key and gives its value, or `default`; of several callers, one gets it.
    ///
    /// A call that is cancelled has removed nothing.
    #[pyo3(signature = (key, *default))]
    fn pop(
        slf: &Bound<'_, Self>,
        key: Bound<'_, PyAny>,
        default: &Bound<'_, PyTuple>,
    ) -> Operation {
        let (stored, key) = (to_key(&key), key.unbind());
        let count = 1 + default.len();
        let default = default.iter().next().map(Bound::unbind);
        Self::begin(slf, async move |call| {
            if count > 2 {
                let text = format!("pop expected at most 2 arguments, got {count}");
                return Err(PyTypeError::new_err(text));
            }
            call.pop(stored?).await?.or(default).ok_or_else(|| not_there(&key))
        })
    }

    /// The key that was set last, and its value; None where there is none.
    fn _pop_last(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| call.pop_last().await)
    }

    /// Removes all keys.
    fn clear(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            store.clear(&mut host).await?;
            Ok(none())
        })
    }

    /// How many keys there are, whoever set them.
    fn size(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            given(store.len(&mut host).await?)
        })
    }

    /// Whether there is no key.
    fn empty(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            given(store.is_empty(&mut host).await?)
        })
    }

    /// Gives the bytes of what is gone back to the file system.
    fn shrink_disk_usage(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            let Open { store, mut host } = call.open().await?;
            store.shrink(&mut host).await?;
            Ok(none())
        })
    }

    /// For `async for`: the keys, in the order in which they were first set.
    fn keys(slf: &Bound<'_, Self>) -> AsyncDictIterator {
        AsyncDictIterator::new(slf, Part::Keys)
    }

    /// For `async for`: the values.
    fn values(slf: &Bound<'_, Self>) -> AsyncDictIterator {
        AsyncDictIterator::new(slf, Part::Values)
    }

    /// For `async for`: the pairs of key and value.
    fn items(slf: &Bound<'_, Self>) -> AsyncDictIterator {
        AsyncDictIterator::new(slf, Part::Items)
    }

    fn __aiter__(slf: &Bound<'_, Self>) -> AsyncDictIterator {
        Self::keys(slf)
    }

    /// Refuses all calls from now on. What was set is stored already.
    fn close(slf: &Bound<'_, Self>) -> Operation {
        Self::begin(slf, async move |call| {
            call.close().await?;
            Ok(none())
        })
    }

    /// Opens it, too, so that what is wrong is known here.
    fn __aenter__(slf: &Bound<'_, Self>) -> Operation {
        let dict = slf.clone().into_any().unbind();
        Self::begin(slf, async move |call| {
            call.open().await?;
            Ok(dict)
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

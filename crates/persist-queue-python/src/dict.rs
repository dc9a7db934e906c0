//! The handle behind `persistqueue.pdict.PDict`, which has to be a Python subclass of `dict` and cannot
//! be this class itself.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use persist_queue::DictOptions;
use persist_queue::sqlite::{DictStore, Entry, Found, Key, Position, Walk};
use persist_queue::wait::now;
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyModule, PyString, PyTuple};

use crate::errors::Raised;
use crate::green::Green;
use crate::host::Caller;
use crate::items::ItemCodec;
use crate::options::level;
use crate::serializer::Serializer;

/// A dictionary in a database.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct SqliteDict {
    store: DictStore,
    serializer: ItemCodec,
    green: Green,
}

impl SqliteDict {
    fn caller<'a, 'py>(&'a self, py: Python<'py>) -> Caller<'a, 'py> {
        Caller { py, green: &self.green }
    }

    fn find(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<Found>> {
        match to_key(key)? {
            Some(stored) => Ok(now(self.store.get(&mut self.caller(key.py()), stored))?),
            None => Ok(None),
        }
    }

    fn load<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.serializer.load(py, data)
    }

    fn dump(&self, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
        as_bytes(&self.serializer.dump_as_given(value)?)
    }
}

#[pymethods]
impl SqliteDict {
    #[new]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        name: String,
        serializer: &Bound<'_, PyAny>,
        serializer_name: &str,
        durability: &Bound<'_, PyAny>,
        timeout: f64,
    ) -> PyResult<Self> {
        let serializer = codec(serializer, serializer_name, &name, &path)?;
        let options = options(name, durability, timeout)?;
        let store = py.detach(move || DictStore::open(&path, options)).map_err(Raised::from)?;
        Ok(Self { store, serializer, green: Green::default() })
    }

    fn fetch<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.find(key)? {
            Some(found) => self.load(key.py(), &found.data),
            None => Err(missing(key)),
        }
    }

    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.find(key)? {
            Some(found) => self.load(key.py(), &found.data),
            None => Ok(default),
        }
    }

    fn contains(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        match to_key(key)? {
            Some(stored) => Ok(now(self.store.contains(&mut self.caller(key.py()), stored))?),
            None => Ok(false),
        }
    }

    fn set(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let entry = (storable(key)?, self.dump(value)?);
        Ok(now(self.store.set(&mut self.caller(key.py()), vec![entry]))?)
    }

    /// Sets all pairs in one transaction.
    fn set_many(&self, py: Python<'_>, pairs: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut entries = Vec::new();
        for pair in pairs.try_iter()? {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            entries.push((storable(&key)?, self.dump(&value)?));
        }
        if entries.is_empty() {
            return Ok(());
        }
        Ok(now(self.store.set(&mut self.caller(py), entries))?)
    }

    fn set_default<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let stored = storable(key)?;
        // Most calls find the key, and need no transaction for that.
        if let Some(found) = now(self.store.get(&mut self.caller(py), stored.clone()))? {
            return self.load(py, &found.data);
        }
        let data = self.dump(&default)?;
        match now(self.store.set_default(&mut self.caller(py), stored, data))? {
            Some(found) => self.load(py, &found.data),
            None => Ok(default),
        }
    }

    fn remove(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let removed = match to_key(key)? {
            Some(stored) => now(self.store.remove(&mut self.caller(key.py()), stored))?,
            None => false,
        };
        if removed { Ok(()) } else { Err(missing(key)) }
    }

    #[pyo3(signature = (key, *default))]
    fn pop<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        if let Some(stored) = to_key(key)? {
            while let Some(found) = now(self.store.get(&mut self.caller(py), stored.clone()))? {
                let value = self.load(py, &found.data)?;
                let caller = &mut self.caller(py);
                if now(self.store.remove_as_read(caller, stored.clone(), found))? {
                    return Ok(value);
                }
            }
        }
        default.iter().next().ok_or_else(|| missing(key))
    }

    /// The key that was set last, and its value.
    fn pop_last<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let last = Walk { values: true, backwards: true };
        loop {
            let page = now(self.store.page(&mut self.caller(py), last, Position::default()))?;
            let Some(Entry { row, key, data }) = page.entries.into_iter().next() else {
                return Ok(None);
            };
            let popped = (from_key(py, &key)?, self.load(py, &data)?);
            if now(self.store.remove_as_read(&mut self.caller(py), key, Found { row, data }))? {
                return Ok(Some(popped));
            }
        }
    }

    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        Ok(now(self.store.clear(&mut self.caller(py)))?)
    }

    fn is_empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(now(self.store.is_empty(&mut self.caller(py)))?)
    }

    fn shrink(&self, py: Python<'_>) -> PyResult<()> {
        Ok(now(self.store.shrink(&mut self.caller(py)))?)
    }

    fn close(&self) {
        self.store.close();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.store.is_closed()
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let count = now(self.store.len(&mut self.caller(py)))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    #[pyo3(signature = (backwards = false))]
    fn keys(slf: Bound<'_, Self>, backwards: bool) -> DictIterator {
        DictIterator::new(slf, Part::Keys, backwards)
    }

    #[pyo3(signature = (backwards = false))]
    fn values(slf: Bound<'_, Self>, backwards: bool) -> DictIterator {
        DictIterator::new(slf, Part::Values, backwards)
    }

    #[pyo3(signature = (backwards = false))]
    fn items(slf: Bound<'_, Self>, backwards: bool) -> DictIterator {
        DictIterator::new(slf, Part::Items, backwards)
    }
}

/// How the values of a dictionary are serialized.
pub(crate) fn codec(
    serializer: &Bound<'_, PyAny>,
    serializer_name: &str,
    name: &str,
    path: &Path,
) -> PyResult<ItemCodec> {
    let serializer = Arc::new(Serializer::for_rows(serializer, serializer_name)?);
    Ok(ItemCodec::new(serializer, format!("{name} in {}", path.display())))
}

/// What the serializer made of a value.
pub(crate) fn as_bytes(dumped: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let bytes = dumped.cast::<PyBytes>().map_err(|_| {
        let kind = dumped.get_type();
        PyTypeError::new_err(format!("a dictionary's serializer must give bytes, and gave {kind}"))
    })?;
    Ok(bytes.as_bytes().to_vec())
}

/// How a dictionary is to be opened.
pub(crate) fn options(
    name: String,
    durability: &Bound<'_, PyAny>,
    timeout: f64,
) -> PyResult<DictOptions> {
    let timeout = match timeout {
        seconds if seconds >= 0.0 => {
            // A time that is too long to be counted is for ever.
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        }
        _ => return Err(PyValueError::new_err("'timeout' must be a non-negative number")),
    };
    Ok(DictOptions::new().name(name).durability(level(durability)?).timeout(timeout))
}

/// What an iteration gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Keys,
    Values,
    Items,
}

/// What a dictionary holds, one after the other.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct DictIterator {
    dict: Py<SqliteDict>,
    part: Part,
    walk: Walk,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    entries: VecDeque<Entry>,
    /// Where the next page starts, if there is one.
    next: Option<Position>,
}

impl DictIterator {
    fn new(dict: Bound<'_, SqliteDict>, part: Part, backwards: bool) -> Self {
        let read = Mutex::new(Read { entries: VecDeque::new(), next: Some(Position::default()) });
        let walk = Walk { values: part != Part::Keys, backwards };
        Self { dict: dict.unbind(), part, walk, read }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_entry(&self, py: Python<'_>) -> PyResult<Option<Entry>> {
        let next = {
            let mut read = self.read();
            if let Some(entry) = read.entries.pop_front() {
                return Ok(Some(entry));
            }
            read.next.take()
        };
        let Some(start) = next else { return Ok(None) };
        let dict = self.dict.get();
        let page = now(dict.store.page(&mut dict.caller(py), self.walk, start))?;
        let mut read = self.read();
        read.entries = page.entries.into();
        read.next = page.next;
        Ok(read.entries.pop_front())
    }
}

#[pymethods]
impl DictIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(entry) = self.next_entry(py)? else { return Ok(None) };
        let dict = self.dict.get();
        Ok(Some(match self.part {
            Part::Keys => from_key(py, &entry.key)?,
            Part::Values => dict.load(py, &entry.data)?,
            Part::Items => {
                let pair = [from_key(py, &entry.key)?, dict.load(py, &entry.data)?];
                PyTuple::new(py, pair)?.into_any()
            }
        }))
    }
}

/// As 1.1.0 says it.
pub(crate) fn missing(key: &Bound<'_, PyAny>) -> PyErr {
    match key.call_method1(intern!(key.py(), "__format__"), ("",)) {
        Ok(text) => PyKeyError::new_err(format!("Key: {text} not exists.")),
        Err(error) => error,
    }
}

/// The key as it is stored; nothing for one that cannot be, and so is not there.
pub(crate) fn to_key(key: &Bound<'_, PyAny>) -> PyResult<Option<Key>> {
    if let Ok(text) = key.cast::<PyString>()
        // Lone surrogates are no UTF-8.
        && let Ok(text) = text.to_str()
    {
        return Ok(Some(Key::Text(text.to_owned())));
    }
    if let Ok(bytes) = key.cast::<PyBytes>() {
        return Ok(Some(Key::Bytes(bytes.as_bytes().to_vec())));
    }
    let spelled = keys(key.py())?.call_method1(intern!(key.py(), "spell"), (key,))?;
    let spelled: Option<(bool, String)> = spelled.extract()?;
    Ok(spelled.map(|(literal, text)| if literal { Key::Literal(text) } else { Key::Text(text) }))
}

pub(crate) fn storable(key: &Bound<'_, PyAny>) -> PyResult<Key> {
    let kind = key.get_type();
    to_key(key)?.ok_or_else(|| {
        PyTypeError::new_err(format!(
            "a key cannot be {kind}: only text, bytes, numbers (no NaN), None, dates, and tuples of \
             the first four"
        ))
    })
}

pub(crate) fn from_key<'py>(py: Python<'py>, key: &Key) -> PyResult<Bound<'py, PyAny>> {
    Ok(match key {
        Key::Text(text) => PyString::new(py, text).into_any(),
        Key::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Key::Literal(text) => match text.parse::<i64>() {
            Ok(number) => number.into_pyobject(py)?.into_any(),
            Err(_) => keys(py)?.call_method1(intern!(py, "value"), (text,))?,
        },
    })
}

fn keys(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("persistqueue._keys").map(Bound::unbind);
    Ok(MODULE.get_or_try_init(py, import)?.bind(py))
}

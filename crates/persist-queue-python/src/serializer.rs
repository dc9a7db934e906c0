//! Serializing through Python: the package's own serializers by their `dumps` and `loads`, any other
//! object by `dump(value, fp)` and `load(fp)`.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyModule};

use crate::plain_pickle;

/// See the module.
#[derive(Debug)]
pub(crate) enum Serializer {
    /// The standard library's `pickle`, called with the protocol that it is stored in. `plain` is
    /// whether that is the one that plain values are written in without it.
    Pickle { dumps: Py<PyAny>, loads: Py<PyAny>, protocol: Py<PyAny>, plain: bool },
    /// A serializer module of this package.
    Own { dumps: Py<PyAny>, loads: Py<PyAny> },
    /// The user's.
    Custom { dump: Py<PyAny>, load: Py<PyAny> },
}

/// The package's serializers, by the name that a queue remembers.
pub(crate) const OWN: [&str; 4] = ["pickle", "json", "msgpack", "cbor2"];

impl Serializer {
    pub(crate) fn new(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        let py = object.py();
        if !is_own(object, name)? {
            let method = |name| object.getattr(name).map(Bound::unbind);
            return Ok(Self::Custom { dump: method("dump")?, load: method("load")? });
        }
        if name == "pickle" {
            let pickle = py.import("pickle")?;
            let protocol = object.getattr("protocol")?;
            return Ok(Self::Pickle {
                dumps: pickle.getattr("dumps")?.unbind(),
                loads: pickle.getattr("loads")?.unbind(),
                plain: protocol.eq(plain_pickle::PROTOCOL)?,
                protocol: protocol.unbind(),
            });
        }
        let function = |name| object.getattr(name).map(Bound::unbind);
        Ok(Self::Own { dumps: function("dumps")?, loads: function("loads")? })
    }

    /// As [`Serializer::new`], for rows of a database: there persist-queue 1.x calls `dumps` and
    /// `loads`, so an object that has them need not have the other two.
    pub(crate) fn for_rows(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        if is_own(object, name)? {
            return Self::new(object, name);
        }
        match (object.getattr_opt("dumps")?, object.getattr_opt("loads")?) {
            (Some(dumps), Some(loads)) => {
                Ok(Self::Own { dumps: dumps.unbind(), loads: loads.unbind() })
            }
            _ => Self::new(object, name),
        }
    }

    /// Whether it is the user's own.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self, Self::Custom { .. })
    }

    /// Whether it is Python's pickle, of which nothing has to be awaited.
    pub(crate) fn is_pickle(&self) -> bool {
        matches!(self, Self::Pickle { .. })
    }

    /// The item's bytes.
    pub(crate) fn dump<'py>(&self, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(self.dump_as_given(item)?.cast_into::<PyBytes>()?)
    }

    /// What the serializer makes of the item: bytes, or, where it is a user's, text or anything.
    pub(crate) fn dump_as_given<'py>(
        &self,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = item.py();
        match self {
            Self::Pickle { dumps, protocol, plain, .. } => {
                match plain.then(|| plain_pickle::dumps(item)).flatten() {
                    Some(pickle) => Ok(pickle.into_any()),
                    None => dumps.bind(py).call1((item, protocol)),
                }
            }
            Self::Own { dumps, .. } => ended(dumps.bind(py).call1((item,))?),
            Self::Custom { dump, .. } => {
                let file = bytes_io(py)?.call0()?;
                ended(dump.bind(py).call1((item, &file))?)?;
                file.call_method0(intern!(py, "getvalue"))
            }
        }
    }

    /// The item of `bytes`.
    pub(crate) fn load<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Pickle { loads, .. } => match plain_pickle::loads(py, bytes) {
                Some(item) => Ok(item),
                None => loads.bind(py).call1((PyBytes::new(py, bytes),)),
            },
            Self::Own { .. } | Self::Custom { .. } => {
                self.load_as_given(PyBytes::new(py, bytes).into_any())
            }
        }
    }

    /// The item of `bytes`, or of the text that the serializer made.
    pub(crate) fn load_as_given<'py>(
        &self,
        bytes: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = bytes.py();
        match self {
            Self::Pickle { loads, .. } => {
                let plain = bytes.cast::<PyBytes>().ok();
                match plain.and_then(|plain| plain_pickle::loads(py, plain.as_bytes())) {
                    Some(item) => Ok(item),
                    None => loads.bind(py).call1((bytes,)),
                }
            }
            Self::Own { loads, .. } => ended(loads.bind(py).call1((bytes,))?),
            Self::Custom { load, .. } => {
                ended(load.bind(py).call1((bytes_io(py)?.call1((bytes,))?,))?)
            }
        }
    }
}

pub(crate) fn is_awaitable(returned: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(!returned.is_none() && returned.get_type().hasattr(intern!(returned.py(), "__await__"))?)
}

/// What a user's function returned. Nobody here would await it.
fn ended(returned: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if is_awaitable(&returned)? {
        // So that Python does not warn of it, too.
        if let Some(close) = returned.getattr_opt(intern!(returned.py(), "close"))? {
            close.call0()?;
        }
        return Err(PyTypeError::new_err(
            "the serializer is asynchronous: use it in an AsyncQueue or another asynchronous class",
        ));
    }
    Ok(returned)
}

fn is_own(object: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    if !OWN.contains(&name) {
        return Ok(false);
    }
    let module = object.py().import("persistqueue.serializers")?.getattr(name)?;
    Ok(object.is_instance_of::<PyModule>() && object.is(&module))
}

pub(crate) fn bytes_io(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static BYTES_IO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    BYTES_IO.import(py, "io", "BytesIO")
}

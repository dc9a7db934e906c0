//! Errors of the core as the exceptions of `persistqueue.exceptions` and of Python itself.

use persist_queue::Error;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};

/// An exception on its way to Python.
#[derive(Debug)]
pub(crate) struct Raised(PyErr);

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<Raised> for PyErr {
    fn from(raised: Raised) -> Self {
        raised.0
    }
}

impl From<Error> for Raised {
    fn from(error: Error) -> Self {
        Self(Python::attach(|py| exception(py, error).unwrap_or_else(|error| error)))
    }
}

/// `persistqueue.exceptions.Empty`.
pub(crate) fn empty(py: Python<'_>) -> PyErr {
    own(py, "Empty", "nothing waits in the queue", None).unwrap_or_else(|error| error)
}

/// `persistqueue.exceptions.NotHeldError`, for an item that names no row.
pub(crate) fn not_held(py: Python<'_>) -> PyErr {
    let text = "this item is not held here: it was settled before, or never was this queue's";
    own(py, "NotHeldError", text, None).unwrap_or_else(|error| error)
}

/// `persistqueue.exceptions.UndecodableError`, for a row that the serializer could not read.
pub(crate) fn undecodable(py: Python<'_>, place: &str, id: i64, cause: PyErr) -> PyResult<PyErr> {
    let kind = cause.get_type(py);
    let name = kind.name()?;
    let text = format!(
        "row {id} of {place} cannot be deserialized ({name}: {cause}); it stays, and is not tried \
         again here before update(item, id={id}) mends it or the queue is opened anew"
    );
    let details = PyDict::new(py);
    details.set_item("id", id)?;
    let error = own(py, "UndecodableError", &text, Some(&details))?;
    error.set_cause(py, Some(cause));
    Ok(error)
}

fn exception(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    let text = error.to_string();
    match error {
        Error::Io { action, path, source } => Ok(match source.raw_os_error() {
            Some(code) => {
                let reason = format!("cannot {action}: {source}");
                PyOSError::new_err((code, reason, path))
            }
            None => PyOSError::new_err(text),
        }),
        Error::Corrupted { path, offset, bytes, records, kept } => {
            let details = PyDict::new(py);
            details.set_item("path", path.as_os_str())?;
            details.set_item("offset", offset)?;
            details.set_item("bytes", bytes)?;
            details.set_item("records", records)?;
            details.set_item("kept", kept.map(std::path::PathBuf::into_os_string))?;
            own(py, "CorruptedError", &text, Some(&details))
        }
        Error::ConsumedElsewhere { path, pid } => {
            let details = PyDict::new(py);
            details.set_item("path", path.as_os_str())?;
            details.set_item("pid", pid)?;
            own(py, "ConsumedElsewhereError", &text, Some(&details))
        }
        Error::NotHeld { id, .. } => {
            let details = PyDict::new(py);
            details.set_item("id", id)?;
            own(py, "NotHeldError", &text, Some(&details))
        }
        Error::NotFound { path, reason } => {
            // This number makes it a FileNotFoundError.
            let code = rustix::io::Errno::NOENT.raw_os_error();
            Ok(PyOSError::new_err((code, format!("there is no queue: {reason}"), path)))
        }
        Error::GetUnknown { rows, .. } => {
            let details = PyDict::new(py);
            details.set_item("rows", rows)?;
            own(py, "GetUnknownError", &text, Some(&details))
        }
        Error::PutUnknown { .. } => own(py, "PutUnknownError", &text, None),
        Error::Connect { .. } => own(py, "ConnectError", &text, None),
        Error::Database { .. } => own(py, "DatabaseError", &text, None),
        Error::CodecMismatch { .. } => own(py, "SerializerMismatchError", &text, None),
        Error::Unrecognised { .. } => own(py, "UnrecognisedError", &text, None),
        Error::Locked { .. } => own(py, "LockedError", &text, None),
        Error::Closed { .. } => own(py, "ClosedError", &text, None),
        Error::Full { .. } => own(py, "Full", &text, None),
        Error::NothingUnfinished { .. }
        | Error::TooLarge { .. }
        | Error::DoesNotFit { .. }
        | Error::Invalid(_) => Ok(PyValueError::new_err(text)),
        _ => Ok(PyRuntimeError::new_err(text)),
    }
}

fn own(
    py: Python<'_>,
    name: &str,
    text: &str,
    details: Option<&Bound<'_, PyDict>>,
) -> PyResult<PyErr> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("persistqueue.exceptions").map(Bound::unbind);
    let module = MODULE.get_or_try_init(py, import)?.bind(py);
    Ok(PyErr::from_value(module.getattr(name)?.call((text,), details)?))
}

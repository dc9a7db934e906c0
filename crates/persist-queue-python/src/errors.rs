//! Errors of the core as the exceptions of `persistqueue.exceptions` and of Python itself.

use persist_queue::Error;
use persist_queue::codec::{Envelope, Untrusted};
use persist_queue::sql::Row;
use pyo3::exceptions::{PyException, PyOSError, PyRuntimeError, PyValueError};
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

/// `persistqueue.exceptions.UndecodableError`, for a row that the serializer could not read; it comes
/// again by itself where its lease ends.
pub(crate) fn undecodable(
    py: Python<'_>,
    place: &str,
    row: &Row,
    cause: PyErr,
    leased: bool,
) -> PyResult<PyErr> {
    let id = row.id;
    let hint = hint(&row.data);
    let next = if leased {
        "comes again when its lease is over".to_owned()
    } else {
        format!(
            "is not tried again here before update(item, id={id}) mends it or the queue is opened anew"
        )
    };
    let text =
        format!("row {id} of {place} cannot be deserialized ({cause}{hint}); it stays, and {next}");
    raised_from(py, &text, Some(id), cause)
}

/// The error of a serializer that could not read an item of `place`: with the place, where it was not
/// trusted, or is signed or encrypted; as it is otherwise.
pub(crate) fn explained(py: Python<'_>, place: &str, bytes: &[u8], cause: PyErr) -> PyErr {
    let text = if is_untrusted(py, &cause) {
        format!("an item of {place} was refused: {}", cause.value(py))
    } else if Envelope::of(bytes).is_some() && cause.is_instance_of::<PyException>(py) {
        format!("an item of {place} cannot be deserialized{}", hint(bytes))
    } else {
        return cause;
    };
    raised_from(py, &text, None, cause).unwrap_or_else(|error| error)
}

/// `persistqueue.exceptions.UntrustedError`.
pub(crate) fn untrusted(py: Python<'_>, refusal: &Untrusted) -> PyResult<PyErr> {
    let (reason, key) = match refusal {
        Untrusted::UnknownKey { key, .. } => ("unknown key", Some(key)),
        Untrusted::Forged { key, .. } => ("forged", Some(key)),
        _ => ("unprotected", None),
    };
    let details = PyDict::new(py);
    details.set_item("reason", reason)?;
    details.set_item("key", key)?;
    own(py, "UntrustedError", &refusal.to_string(), Some(&details))
}

fn is_untrusted(py: Python<'_>, error: &PyErr) -> bool {
    class(py, "UntrustedError").is_ok_and(|class| error.is_instance(py, &class))
}

/// What to do about an item that was signed or encrypted, and read as if it was not.
fn hint(bytes: &[u8]) -> String {
    Envelope::of(bytes).map_or_else(String::new, |envelope| {
        format!("; the item is {envelope}: open it with persistqueue.serializers.Signed or Encrypted, as it was put")
    })
}

/// An `UndecodableError`, or an `UntrustedError` that says of `cause` what that says.
fn raised_from(py: Python<'_>, text: &str, id: Option<i64>, cause: PyErr) -> PyResult<PyErr> {
    let details = PyDict::new(py);
    details.set_item("id", id.unwrap_or(0))?;
    let mut name = "UndecodableError";
    if is_untrusted(py, &cause) {
        name = "UntrustedError";
        for detail in ["reason", "key"] {
            details.set_item(detail, cause.value(py).getattr(detail)?)?;
        }
    }
    let error = own(py, name, text, Some(&details))?;
    error.set_cause(py, Some(cause));
    Ok(error)
}

fn exception(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    let text = error.to_string();
    match error {
        Error::Io { action, path, source } => Ok(match source.raw_os_error() {
            Some(code) => {
                let reason = format!("cannot {action}: {source}");
                PyOSError::new_err((code, reason, path.into_os_string()))
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
            Ok(PyOSError::new_err((
                code,
                format!("there is no queue: {reason}"),
                path.into_os_string(),
            )))
        }
        Error::GetUnknown { rows, .. } => {
            let details = PyDict::new(py);
            details.set_item("rows", rows)?;
            own(py, "GetUnknownError", &text, Some(&details))
        }
        Error::PutInPart { stored, unknown, count, .. } => {
            let details = PyDict::new(py);
            details.set_item("stored", stored)?;
            details.set_item("unknown", unknown)?;
            details.set_item("count", count)?;
            own(py, "PutInPartError", &text, Some(&details))
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
    Ok(PyErr::from_value(class(py, name)?.call((text,), details)?))
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("persistqueue.exceptions").map(Bound::unbind);
    MODULE.get_or_try_init(py, import)?.bind(py).getattr(name)
}

//! Rows as Python names them: by a number, or by the dictionary that `get(raw=True)` gives.

use persist_queue::sql::{Row, Which};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};

/// The number of a row. Nothing else than a number leaves here, so that no caller's text can become
/// part of a statement.
pub(crate) fn row_id(id: &Bound<'_, PyAny>) -> PyResult<i64> {
    let py = id.py();
    let given = match id.cast::<PyDict>() {
        Ok(raw) => raw.get_item(intern!(py, "pqid"))?.ok_or_else(|| {
            PyValueError::new_err("this dictionary names no row: it has no key 'pqid'")
        })?,
        Err(_) => id.clone(),
    };
    let wrong = || {
        let kind = given.get_type();
        PyTypeError::new_err(format!(
            "a row is named by a number or by what get(raw=True) gave, not by {kind}"
        ))
    };
    if given.is_instance_of::<PyFloat>() {
        return Err(wrong());
    }
    given.extract::<i64>().map_err(|error| {
        if error.is_instance_of::<pyo3::exceptions::PyOverflowError>(py) {
            PyValueError::new_err(format!("{given} is no row's number"))
        } else {
            wrong()
        }
    })
}

/// As [`row_id`], where persist-queue 1.x also takes a number that is written in digits.
pub(crate) fn row_id_or_digits(id: &Bound<'_, PyAny>) -> PyResult<i64> {
    if let Ok(text) = id.cast::<PyString>()
        && let Ok(text) = text.to_cow()
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        let wrong = |_| PyValueError::new_err(format!("{text} is no row's number"));
        return text.parse().map_err(wrong);
    }
    row_id(id)
}

/// What `get(raw=True)` gives.
pub(crate) fn raw<'py>(row: &Row, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = item.py();
    let raw = PyDict::new(py);
    raw.set_item(intern!(py, "pqid"), row.id)?;
    raw.set_item(intern!(py, "data"), item)?;
    raw.set_item(intern!(py, "timestamp"), row.timestamp)?;
    Ok(raw.into_any())
}

/// The number and the item of a value that `get(raw=True)` gave; nothing for any other value, also
/// where a user's own dictionary has a key of the same name.
pub(crate) fn raw_parts<'py>(
    value: &Bound<'py, PyAny>,
) -> PyResult<Option<(i64, Bound<'py, PyAny>)>> {
    let Ok(raw) = value.cast::<PyDict>() else { return Ok(None) };
    if raw.contains(intern!(value.py(), "timestamp"))? { named_parts(value) } else { Ok(None) }
}

/// As [`raw_parts`], also where the time is left out: for what is of no use unless it names a row.
fn named_parts<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<(i64, Bound<'py, PyAny>)>> {
    let py = value.py();
    let Ok(raw) = value.cast::<PyDict>() else { return Ok(None) };
    let (Some(id), Some(item)) =
        (raw.get_item(intern!(py, "pqid"))?, raw.get_item(intern!(py, "data"))?)
    else {
        return Ok(None);
    };
    Ok(Some((row_id(&id)?, item)))
}

/// The item that a get is about.
pub(crate) fn which(id: Option<&Bound<'_, PyAny>>) -> PyResult<Which> {
    id.map_or(Ok(Which::Next), |id| row_id(id).map(Which::Id))
}

/// The row that is to be updated, and its new item.
pub(crate) fn named_item<'py>(
    item: &Bound<'py, PyAny>,
    id: Option<&Bound<'py, PyAny>>,
) -> PyResult<(i64, Bound<'py, PyAny>)> {
    let parts = if id.is_none() { named_parts(item)? } else { raw_parts(item)? };
    let id = match (id, &parts) {
        (Some(id), _) => row_id(id)?,
        (None, Some((id, _))) => *id,
        (None, None) => {
            return Err(PyValueError::new_err(
                "update() needs the row's id, or an item as get(raw=True) gave it",
            ));
        }
    };
    Ok((id, parts.map_or_else(|| item.clone(), |(_, item)| item)))
}

/// A row as `queue()` lists it; with a status where items are acknowledged.
pub(crate) fn shown<'py>(
    row: &Row,
    status: Option<i64>,
    item: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(item.py());
    shown.set_item("id", row.id)?;
    shown.set_item("data", item)?;
    shown.set_item("timestamp", row.timestamp)?;
    if let Some(status) = status {
        shown.set_item("status", status)?;
    }
    Ok(shown)
}

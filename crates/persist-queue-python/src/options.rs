//! Arguments that all queues have, as the core takes them.

use std::time::Duration;

use persist_queue::{Durability, Wait};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pub(crate) fn wait(block: bool, timeout: Option<f64>) -> PyResult<Wait> {
    match timeout {
        _ if !block => Ok(Wait::No),
        None => Ok(Wait::Forever),
        Some(seconds) if seconds >= 0.0 => {
            // A time that is too long to be counted is for ever.
            Ok(Duration::try_from_secs_f64(seconds).map_or(Wait::Forever, Wait::For))
        }
        Some(_) => Err(PyValueError::new_err("'timeout' must be a non-negative number")),
    }
}

pub(crate) fn level(durability: &Bound<'_, PyAny>) -> PyResult<Durability> {
    let wrong = || {
        PyValueError::new_err("durability must be 'process', 'disk' or a number of seconds above 0")
    };
    if let Ok(name) = durability.extract::<String>() {
        return match name.as_str() {
            "process" => Ok(Durability::Process),
            "disk" => Ok(Durability::Disk),
            _ => Err(wrong()),
        };
    }
    let seconds = durability.extract::<f64>().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(Durability::Interval(time)),
        _ => Err(wrong()),
    }
}

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

/// A time in seconds.
pub(crate) fn seconds(time: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(time)
        .map_err(|_| PyValueError::new_err("a time must be a number of seconds, not below 0"))
}

/// What only acknowledged queues have.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct WorkOptions {
    pub(crate) auto_resume: bool,
    pub(crate) keep_acked: bool,
    pub(crate) lease: Option<f64>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) backoff: f64,
    pub(crate) ttl: Option<f64>,
}

/// Adds what only acknowledged queues have to the options of whichever database.
macro_rules! add_work {
    ($options:ident, $work:expr) => {
        match $work {
            None => $options,
            Some(work) => {
                let mut options = $options
                    .auto_resume(work.auto_resume)
                    .keep_acked(work.keep_acked)
                    .backoff($crate::options::seconds(work.backoff)?);
                if let Some(lease) = work.lease {
                    options = options.lease($crate::options::seconds(lease)?);
                }
                if let Some(attempts) = work.max_attempts {
                    options = options.max_attempts(attempts);
                }
                if let Some(ttl) = work.ttl {
                    options = options.ttl($crate::options::seconds(ttl)?);
                }
                options
            }
        }
    };
}
pub(crate) use add_work;

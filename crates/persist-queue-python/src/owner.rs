//! Who holds what was taken: for asynchronous queues it is the task that calls.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::host::{next_owner, this_thread};

struct Known {
    task: Py<PyWeakrefReference>,
    number: u64,
}

/// Tasks by their address. Another one may come to have it when one is gone.
static TASKS: Mutex<Option<HashMap<usize, Known>>> = Mutex::new(None);

/// A number for the calling task that no other one ever has; outside of tasks, for the thread.
pub(crate) fn this_task(py: Python<'_>) -> PyResult<u64> {
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let task = match CURRENT.import(py, "asyncio", "current_task")?.call0() {
        Ok(task) if !task.is_none() => task,
        // No loop runs, or none of its tasks.
        _ => return this_thread(py),
    };
    let address = task.as_ptr() as usize;
    let known = TASKS.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|tasks| {
        let known = tasks.get(&address)?;
        Some((known.task.clone_ref(py), known.number))
    });
    if let Some((known, number)) = known
        && known.bind(py).upgrade().is_some_and(|known| known.is(&task))
    {
        return Ok(number);
    }
    let number = next_owner();
    let reference = PyWeakrefReference::new(&task)?.unbind();
    remember(py, address, Known { task: reference, number });
    Ok(number)
}

fn remember(py: Python<'_>, address: usize, known: Known) {
    let mut guard = TASKS.lock().unwrap_or_else(PoisonError::into_inner);
    let tasks = guard.get_or_insert_default();
    let mut gone = Vec::new();
    // Whenever the table would have to grow.
    if tasks.len() == tasks.capacity() {
        let is_gone = |_: &usize, known: &mut Known| known.task.bind(py).upgrade().is_none();
        gone.extend(tasks.extract_if(is_gone));
    }
    gone.extend(tasks.insert(address, known).map(|before| (address, before)));
    drop(guard);
    // Now that nothing is locked any more.
    drop(gone);
}

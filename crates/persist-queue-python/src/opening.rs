//! How queues in databases are opened, for callers that block and for tasks.

use std::path::PathBuf;
use std::time::Duration;

use persist_queue::sql::Kind;
use persist_queue::sqlite::{SqliteOptions, SqliteStore};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::options::{WorkOptions, level};
use crate::rows::RowCodec;

/// What the constructor of a Python class was given.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Given<'py> {
    path: PathBuf,
    kind: String,
    name: String,
    timeout: f64,
    auto_commit: bool,
    serializer: Bound<'py, PyAny>,
    serializer_name: String,
    spell: Option<Py<PyAny>>,
    durability: Bound<'py, PyAny>,
    maxsize: i64,
    /// Goes on in the table that asynchronous classes of 1.1.0 use.
    joins_nameless: bool,
    work: Option<WorkOptions>,
}

/// All that it takes to open a queue.
#[derive(Debug)]
pub(crate) struct Plan {
    path: PathBuf,
    options: SqliteOptions,
    acks: bool,
    pub(crate) auto_commit: bool,
    pub(crate) codec: RowCodec,
    pub(crate) maxsize: u64,
}

impl Plan {
    pub(crate) fn new(given: Given<'_>) -> PyResult<Self> {
        let path = given.path.display().to_string();
        let codec = RowCodec::new(&given.serializer, &given.serializer_name, given.spell, path)?;
        let maxsize = u64::try_from(given.maxsize).unwrap_or(0);
        // As the sqlite3 module takes it: less than nothing is no patience, and no number is none.
        let patience = Duration::try_from_secs_f64(given.timeout.max(0.0)).unwrap_or(Duration::MAX);
        let (kind, acks) = kind(&given.kind)?;
        let options = SqliteOptions::new()
            .kind(kind)
            .name(given.name)
            .timeout(patience)
            .auto_commit(given.auto_commit)
            .durability(level(&given.durability)?)
            .joins_nameless(given.joins_nameless)
            .maxsize(maxsize);
        let options = match given.work {
            Some(work) => work.add_to(options)?,
            None => options,
        };
        let (path, auto_commit) = (given.path, given.auto_commit);
        Ok(Self { path, options, acks, auto_commit, codec, maxsize })
    }

    /// What opens it, in any thread.
    pub(crate) fn opener(
        &self,
    ) -> impl FnOnce() -> persist_queue::Result<SqliteStore> + Send + use<> {
        let (path, options, acks) = (self.path.clone(), self.options.clone(), self.acks);
        move || SqliteStore::open(&path, options, acks)
    }

    /// What a call gets that comes behind `close`.
    pub(crate) fn closed(&self) -> persist_queue::Error {
        persist_queue::Error::Closed { path: self.path.clone() }
    }
}

/// The kind, and whether items are kept until they are acknowledged.
fn kind(name: &str) -> PyResult<(Kind, bool)> {
    match name {
        "queue" => Ok((Kind::Fifo, false)),
        "filo_queue" => Ok((Kind::Filo, false)),
        "unique_queue" => Ok((Kind::Unique, false)),
        "priority_queue" => Ok((Kind::Priority, false)),
        "ack_queue" => Ok((Kind::Fifo, true)),
        "ack_filo_queue" => Ok((Kind::Filo, true)),
        "ack_unique_queue" => Ok((Kind::Unique, true)),
        _ => Err(PyValueError::new_err(format!("there is no kind of queue '{name}'"))),
    }
}

//! The one error type. Each says which file, where, why, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with a queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a call. What was stored stays, and the queue works on when the
    /// cause is gone.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The database refused a call. What was stored stays.
    #[error("cannot {action} {}: {source}", path.display())]
    Database {
        /// What was tried, as a verb.
        action: &'static str,
        /// The database.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no connection to the server. Nothing was changed.
    #[error("cannot connect to {}: {reason}", path.display())]
    Connect {
        /// The database, without a password.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The connection broke while an item was being put: it may be stored or not. Nothing was put
    /// twice.
    #[error(
        "the connection to {} broke while an item was put: it may be stored or not; look for it \
         before you put it again ({source})",
        path.display()
    )]
    PutUnknown {
        /// The database, without a password.
        path: PathBuf,
        /// How the connection broke.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Some of many items were stored, on a server that has no transactions. Those that were not came back.
    #[error(
        "{stored} of {count} items are stored{}; those that are not come back with this error: {source}",
        if *unknown == 0 { String::new() } else { format!(", and {unknown} may be") }
    )]
    PutInPart {
        /// How many are stored.
        stored: usize,
        /// How many may be stored or not; they came back too.
        unknown: usize,
        /// How many there were.
        count: usize,
        /// Why the first of the others is not stored.
        source: Box<Error>,
    },
    /// The connection broke while items were being taken, and they are gone: most likely they were taken
    /// here, and they are in this error; but somebody else may have taken them meanwhile.
    #[error(
        "the connection to {} broke while {} item(s) were taken that are not there any more (number \
         {}): this error holds them; somebody else may have taken them too ({source})",
        path.display(),
        rows.len(),
        rows.first().map_or(0, |(id, _)| *id)
    )]
    GetUnknown {
        /// The database, without a password.
        path: PathBuf,
        /// The rows' numbers, and the serialized items.
        rows: Vec<(i64, Vec<u8>)>,
        /// How the connection broke.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table or the server takes no item of this size. Nothing was stored.
    #[error("an item of {size} bytes does not fit into {}, which takes {limit}: {remedy}", path.display())]
    DoesNotFit {
        /// The database, without a password.
        path: PathBuf,
        /// The size of the serialized item.
        size: usize,
        /// The largest size.
        limit: usize,
        /// What to do.
        remedy: String,
    },
    /// Stored bytes fail their checksum, or are missing. Told once: the next take goes on behind
    /// them.
    #[error(
        "{} is damaged at byte {offset}: {records} record(s) lost in {bytes} damaged byte(s){}; \
         the next take goes on with the next whole record",
        path.display(),
        kept.as_ref().map_or_else(String::new, |kept| format!(", kept in {}", kept.display()))
    )]
    Corrupted {
        /// The damaged file.
        path: PathBuf,
        /// Where the damage starts, in bytes from the start of the file.
        offset: u64,
        /// How many bytes were skipped.
        bytes: u64,
        /// How many records were in them.
        records: u64,
        /// Where the skipped bytes are kept.
        kept: Option<PathBuf>,
    },
    /// The folder holds something that this version does not understand. Nothing was changed.
    #[error("{} cannot be opened as a queue: {reason}", path.display())]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// There is no queue where one was looked for. Nothing was made.
    #[error("there is no queue in {}: {reason}", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
        /// What is there instead.
        reason: String,
    },
    /// The queue was written with another serializer. No item was touched.
    #[error(
        "{} was written with the serializer '{stored}' and cannot be opened with '{asked}'; \
         open it with '{stored}', or drain it and use another folder",
        path.display()
    )]
    CodecMismatch {
        /// The queue's folder.
        path: PathBuf,
        /// The serializer that the queue remembers.
        stored: String,
        /// The serializer that it was opened with.
        asked: String,
    },
    /// Another process consumes this queue without `autosave`.
    #[error(
        "{} is consumed by process {} (autosave off), and only one process at a time can; let it \
         close its queue, open the queue with autosave in every consumer, or use an ack queue",
        path.display(),
        pid.map_or_else(|| "another".to_owned(), |pid| pid.to_string())
    )]
    ConsumedElsewhere {
        /// The queue's folder.
        path: PathBuf,
        /// The process that consumes it, as it is called where it runs.
        pid: Option<u32>,
    },
    /// Another process kept the queue's lock for longer than the caller would wait.
    #[error(
        "{} is held by another process that does not answer (stopped, or stuck in a disk call)",
        path.display()
    )]
    Locked {
        /// The queue's folder.
        path: PathBuf,
    },
    /// The queue is full, and stayed full for as long as the caller would wait.
    #[error("{} is full: it holds {limit} item(s)", path.display())]
    Full {
        /// The queue's folder.
        path: PathBuf,
        /// The limit that it was opened with.
        limit: u64,
    },
    /// This object was closed.
    #[error("the queue {} is closed; open it again", path.display())]
    Closed {
        /// The queue's folder.
        path: PathBuf,
    },
    /// The queue was opened for inspection only.
    #[error("the queue {} can only be read here", path.display())]
    ReadOnly {
        /// The queue's folder.
        path: PathBuf,
    },
    /// `task_done` was called more often than there were items.
    #[error("task_done() was called more often than items were put in {}", path.display())]
    NothingUnfinished {
        /// The queue's folder.
        path: PathBuf,
    },
    /// Somebody settled an item that he does not hold any more: its lease was over, or it was settled
    /// before. Nothing was changed.
    #[error(
        "item {id} of {} is not held here any more: its lease was over, or it was settled before",
        path.display()
    )]
    NotHeld {
        /// The database.
        path: PathBuf,
        /// The row's number.
        id: i64,
    },
    /// One item is larger than a record can be.
    #[error("an item of {size} bytes is too large: a record holds at most {limit} bytes")]
    TooLarge {
        /// The size of the serialized item.
        size: usize,
        /// The largest size.
        limit: usize,
    },
    /// An option has a value that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The item could not be serialized. Nothing was stored.
    #[error("cannot serialize the item: {0}")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stored bytes are whole but are not what was asked for. The item is not lost: it stays in
    /// flight and comes back when the queue is opened again.
    #[error("cannot deserialize item {sequence} of {}: {source}", path.display())]
    Decode {
        /// The queue's folder.
        path: PathBuf,
        /// The item's sequence number.
        sequence: u64,
        /// What the codec said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A result for the paths that every record takes: an [`enum@Error`] is large, and a result of its
/// size costs more to hand from call to call than all else that a call does.
pub(crate) type Slim<T> = std::result::Result<T, Box<Error>>;

impl From<Box<Error>> for Error {
    fn from(error: Box<Error>) -> Self {
        *error
    }
}

/// Adds to an I/O error what was tried, and on which file.
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}

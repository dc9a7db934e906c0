//! How a command ends.

use std::fmt;
use std::io::{self, Write};

use persist_queue::Error;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It went wrong.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// There was nothing to get.
    Empty = 3,
    /// There was no room to put.
    Full = 4,
    /// There is no such queue.
    NotFound = 5,
    /// The queue is damaged.
    Damaged = 6,
    /// The terminal went away: 128 and the number of SIGHUP.
    HungUp = 129,
    /// Somebody interrupted it: 128 and the number of SIGINT.
    Interrupted = 130,
    /// Somebody asked it to end: 128 and the number of SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    words: String,
    /// Whoever read the output went away: that is his right.
    closed_pipe: bool,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(exit: Exit, words: impl fmt::Display) -> Self {
        Self { exit, words: words.to_string(), closed_pipe: false }
    }

    pub(crate) fn failed(words: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, words)
    }

    pub(crate) fn usage(words: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, words)
    }

    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    /// As it is, with more words behind it.
    pub(crate) fn and(mut self, words: impl fmt::Display) -> Self {
        self.words = format!("{}; {words}", self.words);
        self
    }

    /// Says why, and gives the exit code.
    pub(crate) fn tell(&self, err: &mut dyn Write) -> Exit {
        if self.closed_pipe {
            return Exit::Done;
        }
        // Where nobody listens the exit code says it.
        let _ = writeln!(err, "persistq: {}", self.words);
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Full { .. } => Exit::Full,
            Error::NotFound { .. } => Exit::NotFound,
            Error::Corrupted { .. } | Error::Unrecognised { .. } => Exit::Damaged,
            Error::Invalid(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        Self { closed_pipe, ..Self::failed(format!("cannot write the output: {error}")) }
    }
}

//! What a finished call survives.

use std::time::Duration;

use crate::{Error, Result};

/// What a finished call survives. Each level survives a process that dies at any moment, however
/// it dies; they differ in what a dead machine (power cut, kernel crash) may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A dead machine may take what the kernel had not written back by itself, commonly the last
    /// 30 seconds. The default, as in persist-queue.
    #[default]
    Process,
    /// A dead machine takes nothing: each call waits until the disk has it. Calls of several
    /// threads that wait at the same time share one flush.
    Disk,
    /// A dead machine takes at most what was done in about this time.
    Interval(Duration),
}

impl Durability {
    pub(crate) fn check(self) -> Result<Self> {
        match self {
            Self::Interval(time) if time.is_zero() => Err(Error::Invalid(
                "the durability interval must be longer than 0 seconds; for no loss at all use \
                 the level 'disk'"
                    .to_owned(),
            )),
            level => Ok(level),
        }
    }
}

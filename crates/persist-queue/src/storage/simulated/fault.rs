//! Counting the calls, and failing the one a test chose.

use std::io;

use super::tree::error;

/// What goes wrong, and at which call. Only calls that change something or sync are numbered
/// (see [`SimulatedDisk::calls`](super::SimulatedDisk::calls)), from 1, from when the fault is
/// armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies in call `at`: that call and every later one, reads too, give an error
    /// of kind [`io::ErrorKind::Other`] until [`disarm`](super::SimulatedDisk::disarm).
    Die {
        /// The number of the call.
        at: u64,
        /// How many bytes of a write still happen. Any other kind of call still happens, whole,
        /// unless this is 0.
        part: usize,
    },
    /// Call `at` gives an error and the process lives. Nothing happens but `part` of a write.
    ///
    /// A file sync that fails is as on Linux: what was unsynced stays readable, but no later
    /// sync of the file makes it durable. Only writing it again does.
    Error {
        /// The number of the call.
        at: u64,
        /// The error, such as `libc::EIO`.
        errno: i32,
        /// How many bytes of a write happen before it fails.
        part: usize,
        /// Whether later calls fail too, with no effect. With `ENOSPC` or `EDQUOT` those are
        /// the ones that make a file longer or create something; with any other error all that
        /// change something or sync.
        lasting: bool,
    },
}

/// What a call does to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Needs new space.
    Grow,
    /// Changes something within the space there is.
    Change,
    Sync,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    Die { part: usize },
    Fail { part: usize, errno: i32 },
}

impl Verdict {
    /// How many of the bytes of a write happen.
    pub(super) fn bytes(self, len: usize) -> usize {
        match self {
            Self::Go => len,
            Self::Die { part } | Self::Fail { part, .. } => part.min(len),
        }
    }

    /// Whether a call that is not a write happens.
    pub(super) fn happens(self) -> bool {
        match self {
            Self::Go => true,
            Self::Die { part } => part > 0,
            Self::Fail { .. } => false,
        }
    }

    pub(super) fn result(self) -> io::Result<()> {
        match self {
            Self::Go => Ok(()),
            Self::Die { .. } => Err(dead()),
            Self::Fail { errno, .. } => Err(error(errno)),
        }
    }
}

fn dead() -> io::Error {
    io::Error::other("the process that used this simulated disk is dead")
}

/// The counters, and the fault that waits for its call.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) calls: u64,
    pub(super) reads: u64,
    armed: Option<Armed>,
}

struct Armed {
    fault: Fault,
    only_syncs: bool,
    seen: u64,
}

impl Armed {
    fn at(&self) -> u64 {
        match self.fault {
            Fault::Die { at, .. } | Fault::Error { at, .. } => at,
        }
    }

    fn fired(&self) -> bool {
        self.at() > 0 && self.seen >= self.at()
    }

    fn is_dead(&self) -> bool {
        self.fired() && matches!(self.fault, Fault::Die { .. })
    }

    fn judge(&mut self, call: Call) -> Verdict {
        if self.only_syncs && call != Call::Sync {
            return Verdict::Go;
        }
        let later = self.fired();
        self.seen += 1;
        match self.fault {
            Fault::Die { part, .. } if self.fired() => Verdict::Die { part },
            Fault::Error { errno, part, .. } if self.fired() && !later => {
                Verdict::Fail { part, errno }
            }
            Fault::Error { errno, lasting: true, .. } if later && is_hit(errno, call) => {
                Verdict::Fail { part: 0, errno }
            }
            _ => Verdict::Go,
        }
    }
}

/// Whether a lasting error concerns this call.
fn is_hit(errno: i32, call: Call) -> bool {
    call == Call::Grow || (errno != libc::ENOSPC && errno != libc::EDQUOT)
}

impl Faults {
    pub(super) fn arm(&mut self, fault: Fault, only_syncs: bool) {
        self.armed = Some(Armed { fault, only_syncs, seen: 0 });
    }

    pub(super) fn disarm(&mut self) {
        self.armed = None;
    }

    pub(super) fn fired(&self) -> bool {
        self.armed.as_ref().is_some_and(Armed::fired)
    }

    /// Every call begins with this: a dead process makes none.
    pub(super) fn alive(&self) -> io::Result<()> {
        if self.armed.as_ref().is_some_and(Armed::is_dead) { Err(dead()) } else { Ok(()) }
    }

    pub(super) fn judge(&mut self, call: Call) -> Verdict {
        self.calls += 1;
        self.armed.as_mut().map_or(Verdict::Go, |armed| armed.judge(call))
    }
}

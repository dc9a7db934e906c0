//! Kinds of queue, and what becomes of an item, as values.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// In which order items come out, and which may stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// First in, first out.
    #[default]
    Fifo,
    /// First in, last out.
    Filo,
    /// First in, first out; an item that waits already is not put again.
    Unique,
    /// The lowest priority first; first in, first out within one priority.
    Priority,
}

impl Kind {
    /// What the table of a queue of this kind is called.
    pub(crate) fn table_name(self, acks: bool, queue: &str) -> String {
        format!("{}_{queue}", self.table_prefix(acks))
    }

    /// How the names of tables of this kind begin.
    pub(crate) fn table_prefix(self, acks: bool) -> &'static str {
        match (self, acks) {
            (Self::Fifo, false) => "queue",
            (Self::Filo, false) => "filo_queue",
            (Self::Unique, false) => "unique_queue",
            (Self::Priority, false) => "priority_queue",
            (Self::Fifo, true) => "ack_queue",
            (Self::Filo, true) => "ack_filo_queue",
            (Self::Unique, true) => "ack_unique_queue",
            (Self::Priority, true) => "ack_priority_queue",
        }
    }
}

/// Where an item of an acknowledged queue stands, by the number that its row holds. Those up to
/// [`Status::Failed`] that persist-queue 1.x knows have its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Status {
    /// Waits, and was never taken.
    New = 0,
    /// Waits again.
    Ready = 1,
    /// Somebody holds it.
    Held = 2,
    /// Waits for its time.
    Delayed = 3,
    /// Done.
    Acked = 5,
    /// Was tried too often, or came too late.
    Dead = 8,
    /// Its holder gave it up.
    Failed = 9,
}

impl Status {
    /// How the numbers of those that wait compare: they are below this.
    pub(crate) const WAITING_BELOW: Self = Self::Held;
}

/// A kind of queue, with or without acknowledgements, as it is spelled in URLs: `fifo`, `filo`, `unique`,
/// `priority`; `ack`, `ack-filo`, `ack-unique`, `ack-priority`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flavour {
    /// The order of its items.
    pub kind: Kind,
    /// Whether they are kept until they are acknowledged.
    pub acks: bool,
}

impl Flavour {
    /// All that there are.
    pub const ALL: [Self; 8] = [
        Self { kind: Kind::Fifo, acks: false },
        Self { kind: Kind::Filo, acks: false },
        Self { kind: Kind::Unique, acks: false },
        Self { kind: Kind::Priority, acks: false },
        Self { kind: Kind::Fifo, acks: true },
        Self { kind: Kind::Filo, acks: true },
        Self { kind: Kind::Unique, acks: true },
        Self { kind: Kind::Priority, acks: true },
    ];

    /// As it is spelled.
    pub fn name(self) -> &'static str {
        match (self.kind, self.acks) {
            (Kind::Fifo, false) => "fifo",
            (Kind::Filo, false) => "filo",
            (Kind::Unique, false) => "unique",
            (Kind::Priority, false) => "priority",
            (Kind::Fifo, true) => "ack",
            (Kind::Filo, true) => "ack-filo",
            (Kind::Unique, true) => "ack-unique",
            (Kind::Priority, true) => "ack-priority",
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Flavour {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|flavour| flavour.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::Invalid(format!("there is no kind of queue '{text}'; there are {known}"))
        })
    }
}

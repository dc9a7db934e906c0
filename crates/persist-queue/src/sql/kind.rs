//! Kinds of queue, and what becomes of an item, as values.

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

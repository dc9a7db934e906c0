//! What the calls that are measured survive.

use persist_queue::Durability;

/// What a call survives that has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Process,
    Disk,
    Memory,
}

impl Level {
    pub(super) const ALL: [Self; 3] = [Self::Process, Self::Disk, Self::Memory];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Disk => "disk",
            Self::Memory => "memory",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Process => "survives a killed process",
            Self::Disk => "survives a dead machine",
            Self::Memory => "kept in memory only",
        }
    }

    /// In memory a flush has nothing to do.
    pub(super) fn durability(self) -> Durability {
        match self {
            Self::Disk => Durability::Disk,
            Self::Process | Self::Memory => Durability::Process,
        }
    }
}

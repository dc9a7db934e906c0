//! What is measured.

use super::level::Level;
use super::stage::Stage;
use super::{dict, file, limit, sqlite};
use crate::failure::Result;

/// A kind of queue, or what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Subject {
    #[value(skip)]
    Limit,
    File,
    SqliteFifo,
    SqliteFilo,
    SqliteUnique,
    SqlitePriority,
    SqliteAck,
    SqliteDict,
}

impl Subject {
    const ALL: [Self; 8] = [
        Self::Limit,
        Self::File,
        Self::SqliteFifo,
        Self::SqliteFilo,
        Self::SqliteUnique,
        Self::SqlitePriority,
        Self::SqliteAck,
        Self::SqliteDict,
    ];

    /// Its name in results and for `--only`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::File => "file",
            Self::SqliteFifo => "sqlite-fifo",
            Self::SqliteFilo => "sqlite-filo",
            Self::SqliteUnique => "sqlite-unique",
            Self::SqlitePriority => "sqlite-priority",
            Self::SqliteAck => "sqlite-ack",
            Self::SqliteDict => "sqlite-dict",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Limit => "This machine's limits",
            Self::File => "File queue",
            Self::SqliteFifo => "SQLite queue, first in, first out",
            Self::SqliteFilo => "SQLite queue, first in, last out",
            Self::SqliteUnique => "SQLite queue of unique items",
            Self::SqlitePriority => "SQLite queue with priorities",
            Self::SqliteAck => "SQLite queue with acknowledgements",
            Self::SqliteDict => "SQLite dictionary",
        }
    }

    /// At which levels it is measured, and whether by many threads at once.
    fn settings(self) -> &'static [(Level, bool)] {
        use Level::{Disk, Memory, Process};
        match self {
            Self::Limit => &[(Process, false), (Disk, false)],
            Self::File => &[(Process, false), (Process, true), (Disk, false), (Disk, true)],
            Self::SqliteFifo | Self::SqliteAck => {
                &[(Process, false), (Disk, false), (Disk, true), (Memory, false)]
            }
            _ => &[(Process, false), (Disk, false), (Memory, false)],
        }
    }
}

/// One subject at one level, by so many threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) subject: Subject,
    pub(super) level: Level,
    pub(super) threads: u64,
}

impl Scene {
    /// Whether its calls take so little that to look at the clock takes time beside them.
    pub(super) fn is_fast(self) -> bool {
        self.level == Level::Process && matches!(self.subject, Subject::Limit | Subject::File)
    }

    pub(super) fn play(self, stage: &Stage<'_>) -> Result<()> {
        match self.subject {
            Subject::Limit => limit::play(self.level, stage),
            Subject::File => file::play(self.level, stage),
            Subject::SqliteAck => sqlite::play_acknowledged(self.level, stage),
            Subject::SqliteDict => dict::play(self.level, stage),
            Subject::SqliteFifo
            | Subject::SqliteFilo
            | Subject::SqliteUnique
            | Subject::SqlitePriority => sqlite::play(self.subject, self.level, stage),
        }
    }
}

/// The machine's limits and all that was chosen; nothing chosen is everything.
pub(super) fn chosen(only: &[Subject], threads: u64) -> Vec<Scene> {
    let is_chosen =
        |subject: &Subject| *subject == Subject::Limit || only.is_empty() || only.contains(subject);
    let mut scenes = Vec::new();
    for subject in Subject::ALL.into_iter().filter(is_chosen) {
        for &(level, many) in subject.settings() {
            let threads = if many { threads } else { 1 };
            if !many || threads > 1 {
                scenes.push(Scene { subject, level, threads });
            }
        }
    }
    scenes
}

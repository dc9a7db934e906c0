//! What can be counted of a queue without changing it.

use std::path::Path;
use std::time::Duration;

use super::file_view::FolderView;
use super::sql_view::SqlView;
use crate::Result;
use crate::error::Context;
use crate::sql::{QueueTable, Status};

/// How much there is of what. What the queue does not know is nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stats {
    /// How many items wait; in a folder, and on a server in a queue without acknowledgements, those
    /// that somebody has and did not finish among them.
    pub depth: u64,
    /// How long the oldest of them has waited.
    pub oldest: Option<Duration>,
    /// What the queue takes on the disk: a folder's files, or the items in a table.
    pub bytes: u64,
    /// How many files of records there are.
    pub segments: Option<u64>,
    /// How many items somebody holds; on NATS those that wait again among them.
    pub in_flight: Option<u64>,
    /// How many items wait for their time.
    pub delayed: Option<u64>,
    /// How many acknowledged items are kept.
    pub acked: Option<u64>,
    /// How many items were given up by their holder.
    pub failed: Option<u64>,
    /// How many dead letters there are.
    pub dead: Option<u64>,
}

impl Stats {
    pub(super) fn of_folder(view: &FolderView, dir: &Path) -> Result<Self> {
        let (mut bytes, mut segments) = (0, 0);
        for entry in std::fs::read_dir(dir).context("list", dir)? {
            let entry = entry.context("list", dir)?;
            // One that was removed meanwhile takes no room.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                bytes += metadata.len();
                segments += u64::from(is_segment(&entry.file_name().to_string_lossy()));
            }
        }
        Ok(Self { depth: view.len(), bytes, segments: Some(segments), ..Self::default() })
    }

    pub(super) fn of_table(view: &SqlView, table: &QueueTable) -> Result<Self> {
        let counts = view.counts(table)?;
        let of = |status: Status| -> u64 {
            counts.iter().filter(|(found, _)| *found == status as i64).map(|(_, count)| count).sum()
        };
        let acks = |status| (table.flavour.acks && view.knows(status)).then(|| of(status));
        let (oldest, bytes) = view.age_and_size(table)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let age =
            |time: f64| Duration::try_from_secs_f64(time).ok().map(|time| now.saturating_sub(time));
        Ok(Self {
            depth: of(Status::New) + of(Status::Ready),
            oldest: oldest.and_then(age),
            bytes,
            segments: None,
            in_flight: (table.flavour.acks || view.sees_taken()).then(|| of(Status::Held)),
            delayed: acks(Status::Delayed),
            acked: acks(Status::Acked),
            failed: acks(Status::Failed),
            dead: acks(Status::Dead),
        })
    }
}

fn is_segment(name: &str) -> bool {
    name.strip_prefix('q').is_some_and(|number| {
        number.len() >= 5 && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

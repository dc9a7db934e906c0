//! How many rows have which status: counted once, and counted on for as long as nobody else writes.

use rusqlite::Connection;

use super::schema::Table;
use crate::sql::Status;

/// See the module. In a queue without acknowledgements all rows count as new.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    rows: [u64; STATUSES],
}

const STATUSES: usize = Status::Failed as usize + 1;

impl Counts {
    pub(super) fn count(connection: &Connection, table: &Table) -> rusqlite::Result<Self> {
        let mut counts = Self::default();
        let mut statement = connection.prepare_cached(&table.counts)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let status: i64 = row.get::<_, Option<i64>>(0)?.unwrap_or(0);
            if let Some(count) = usize::try_from(status).ok().and_then(|at| counts.rows.get_mut(at))
            {
                *count = row.get::<_, i64>(1)?.unsigned_abs();
            }
        }
        Ok(counts)
    }

    pub(super) fn of(&self, status: Status) -> u64 {
        self.rows[status as usize]
    }

    pub(super) fn waiting(&self) -> u64 {
        self.of(Status::New) + self.of(Status::Ready)
    }

    /// All that is not finished.
    pub(super) fn stored(&self) -> u64 {
        self.waiting() + self.of(Status::Held) + self.of(Status::Delayed)
    }

    pub(super) fn add(&mut self, status: Status, rows: usize) {
        self.rows[status as usize] += rows as u64;
    }

    pub(super) fn remove(&mut self, status: Status, rows: usize) {
        let count = &mut self.rows[status as usize];
        *count = count.saturating_sub(rows as u64);
    }
}

//! Numbers for new rows, taken in blocks.
//!
//! AUTOINCREMENT keeps the highest number in a table of its own, so that each put changes a page more than
//! its row needs. Where this process alone puts, the highest number is set ahead, and the rows after
//! that change nothing there. Whoever else puts goes on behind the block, so before each use of a
//! number it is asked whether somebody did: rows are numbered in the order in which they are put.
//! What is left of a block is given back when the database is closed.

use rusqlite::{Connection, OptionalExtension, params};

/// The highest number that was ever given: the table's name.
const HIGHEST: &str = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
/// Says what it is from now on: the table's name, the number.
pub(super) const SET_HIGHEST: &str = "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1";
/// Gives numbers back where nobody took one since: name, number, as it was noted.
pub(super) const GIVE_BACK: &str =
    "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1 AND seq = ?3";
/// The largest block, and the largest gap that a killed process leaves.
const MOST: i64 = 64;

/// The numbers of one table; see the module.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    next: i64,
    /// The last one of the block.
    last: i64,
    size: i64,
}

impl Numbers {
    /// The number of the next row; nothing where SQLite is to give it. To be called in the transaction that
    /// inserts the row, followed by [`Numbers::note`].
    pub(super) fn next(
        &mut self,
        connection: &Connection,
        table: &str,
    ) -> rusqlite::Result<Option<i64>> {
        let highest: Option<i64> =
            connection.prepare_cached(HIGHEST)?.query_row([table], |row| row.get(0)).optional()?;
        if highest.is_none_or(|highest| self.size == 0 || highest != self.last) {
            *self = Self::default();
            return Ok(None);
        }
        if self.next > self.last {
            let size = (self.size * 2).min(MOST);
            let Some(last) = self.last.checked_add(size) else { return Ok(None) };
            connection.prepare_cached(SET_HIGHEST)?.execute(params![table, last])?;
            (self.last, self.size) = (last, size);
        }
        Ok(Some(self.next))
    }

    /// A row has this number now.
    pub(super) fn note(&mut self, number: i64) {
        if self.size == 0 {
            (self.last, self.size) = (number, 1);
        }
        self.next = number.saturating_add(1);
    }

    /// Whether something is left to be given back.
    pub(super) fn are_left(self) -> bool {
        self.next <= self.last && self.size > 0
    }

    /// Gives back what is left, where nobody took a number since.
    pub(super) fn give_back(self, connection: &Connection, table: &str) -> rusqlite::Result<()> {
        let values = params![table, self.next - 1, self.last];
        connection.prepare_cached(GIVE_BACK)?.execute(values).map(drop)
    }
}

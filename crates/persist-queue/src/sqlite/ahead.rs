//! Rows that will be taken next, read by whoever took the ones before: the next get need not begin with a
//! look of its own.
//!
//! They are nobody's yet, and the database may have changed since. So a row is deleted only as it was
//! read, and whoever finds it changed or gone looks for himself.

use std::collections::VecDeque;

use rusqlite::Connection;

use super::database::Shared;
use super::get::read;
use crate::sql::{Kind, Row};

/// Larger rows are not read before somebody wants them.
const LARGEST: usize = 16 * 1024;
/// How many rows are read ahead at once, where many wait for one.
const MOST: usize = 64;
/// How many takes by this process go by without reading ahead when another one took what was.
const PAUSE: u32 = 100;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// In the order of their numbers.
    rows: VecDeque<Row>,
    pause: u32,
}

impl Ahead {
    pub(super) fn pop(&mut self) -> Option<Row> {
        self.rows.pop_front()
    }

    /// Somebody has it now.
    pub(super) fn remove(&mut self, id: i64) {
        self.rows.retain(|row| row.id != id);
    }

    /// A row came back, perhaps before these.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
    }

    /// Another process takes from this queue too.
    pub(super) fn missed(&mut self) {
        self.forget();
        self.pause = PAUSE;
    }
}

/// Reads some more rows ahead, after `taken`.
pub(super) fn read_ahead(
    connection: &Connection,
    shared: &Shared,
    taken: &Row,
    count: usize,
) -> rusqlite::Result<()> {
    // Of the other kinds a row that is put may come before those that wait.
    let in_order = matches!(shared.table.kind, Kind::Fifo | Kind::Unique);
    if !in_order || count == 0 || taken.data.len() > LARGEST {
        return Ok(());
    }
    let behind = {
        let ahead = &mut shared.claims().ahead;
        ahead.pause = ahead.pause.saturating_sub(1);
        if ahead.pause > 0 {
            return Ok(());
        }
        ahead.rows.back().map_or(i64::MIN, |last| last.id)
    };
    let mut statement = connection.prepare_cached(&shared.table.waiting_behind)?;
    let mut rows = statement.query([behind])?;
    let mut left = count.min(MOST);
    while left > 0
        && let Some(row) = rows.next()?
    {
        let id = row.get(0)?;
        if !shared.claims().is_free(id) {
            continue;
        }
        let row = read(row)?;
        if row.data.len() > LARGEST {
            break;
        }
        let mut claims = shared.claims();
        if claims.is_free(id) && claims.ahead.rows.back().is_none_or(|last| last.id < id) {
            claims.ahead.rows.push_back(row);
        }
        left -= 1;
    }
    Ok(())
}

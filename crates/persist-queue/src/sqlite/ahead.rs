//! Rows that will be taken next, read by whoever took the ones before: the next get need not begin with a
//! look of its own.
//!
//! They are nobody's yet, and the database may have changed since. So a row is deleted only as it was
//! read, and whoever finds it changed or gone looks for himself.
//!
//! Of the kinds where a row that is put may come before those that wait, rows are read ahead only for those
//! who asked before they were read: to them it came too late.

use std::collections::VecDeque;

use rusqlite::Connection;

use super::database::Shared;
use super::get::read_waiting;
use crate::sql::{Kind, Row};

/// Larger rows are not read before somebody wants them.
const LARGEST: usize = 16 * 1024;
/// How many rows are read ahead at once, where many wait for one, and how many bytes.
const MOST: usize = 1024;
const MOST_BYTES: usize = 1 << 20;
/// How many takes by this process go by without reading ahead when another one took what was.
const PAUSE: u32 = 100;

/// See the module.
#[derive(Debug)]
pub(super) struct Ahead {
    /// In the order in which they are to be taken.
    rows: VecDeque<Row>,
    /// For whom they are: whose turn is not above this.
    good_for: u64,
    /// How many asked for a row until now; each has a turn.
    asked: u64,
    pause: u32,
    /// The rows up to this number are here, or somebody has them: many may, and need not be gone through
    /// again with each take.
    passed: i64,
    /// After so many takes they are gone through once more: another process may have put a row among
    /// them. Not more often than pays for those that were gone through.
    trusted: u64,
    /// Another number whenever all of this became uncertain.
    doubts: u64,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            rows: VecDeque::new(),
            good_for: 0,
            asked: 0,
            pause: 0,
            passed: i64::MIN,
            trusted: 0,
            doubts: 0,
        }
    }
}

/// The turn of who has not asked yet.
pub(super) const UNASKED: u64 = u64::MAX;

impl Ahead {
    /// To be called by who is about to look for a row: gives him a turn.
    pub(super) fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    pub(super) fn pop(&mut self, turn: u64) -> Option<Row> {
        if turn > self.good_for { None } else { self.rows.pop_front() }
    }

    /// Somebody has it now.
    pub(super) fn remove(&mut self, id: i64) {
        if let Some(place) = self.rows.iter().position(|row| row.id == id) {
            self.rows.remove(place);
        }
    }

    /// A row came back, perhaps before these.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.passed = i64::MIN;
        self.doubts += 1;
    }

    /// Another process takes from this queue too.
    pub(super) fn missed(&mut self) {
        self.forget();
        self.pause = PAUSE;
    }

    /// Whether another process was here a moment ago.
    fn pauses(&mut self) -> bool {
        self.pause = self.pause.saturating_sub(1);
        self.pause > 0
    }

    /// Behind which row to read; `claimed` rows are somebody's.
    fn begin(&mut self, claimed: u64) -> i64 {
        if self.trusted == 0 {
            self.passed = i64::MIN;
            self.trusted = claimed;
        }
        self.trusted = self.trusted.saturating_sub(1);
        self.rows.back().map_or(self.passed, |last| last.id.max(self.passed))
    }
}

/// Whether each row that is put comes behind those that wait.
fn is_in_order(kind: Kind) -> bool {
    matches!(kind, Kind::Fifo | Kind::Unique)
}

/// Reads some more rows ahead, after `taken`, for whoever comes.
pub(super) fn read_ahead(
    connection: &Connection,
    shared: &Shared,
    taken: &Row,
    count: usize,
) -> rusqlite::Result<()> {
    let table = &shared.table;
    if !is_in_order(table.kind) || count == 0 || taken.data.len() > LARGEST {
        return Ok(());
    }
    let (behind, doubts) = {
        let mut claims = shared.claims();
        let claimed = claims.known();
        if claims.ahead.pauses() {
            return Ok(());
        }
        (claims.ahead.begin(claimed), claims.ahead.doubts)
    };
    let mut statement = connection.prepare_cached(&table.waiting_behind)?;
    let mut rows = statement.query([behind])?;
    let (mut left, mut bytes, mut passed) = (count.min(MOST), 0, behind);
    while left > 0
        && bytes < MOST_BYTES
        && let Some(row) = rows.next()?
    {
        let id = row.get(0)?;
        if shared.claims().is_free(id) {
            let row = read_waiting(row, table)?;
            if row.data.len() > LARGEST {
                break;
            }
            bytes += row.data.len();
            left -= 1;
            let mut claims = shared.claims();
            if claims.ahead.doubts != doubts {
                return Ok(());
            }
            if claims.is_free(id) && claims.ahead.rows.back().is_none_or(|last| last.id < id) {
                claims.ahead.rows.push_back(row);
            }
        }
        passed = id;
    }
    let ahead = &mut shared.claims().ahead;
    if ahead.doubts == doubts {
        ahead.passed = ahead.passed.max(passed);
        ahead.good_for = UNASKED;
    }
    Ok(())
}

/// Reads rows for those who asked behind `turn`, where [`read_ahead`] does not.
pub(super) fn read_for_others(
    connection: &Connection,
    shared: &Shared,
    turn: u64,
) -> rusqlite::Result<()> {
    let table = &shared.table;
    let (asked, doubts) = {
        let mut claims = shared.claims();
        if is_in_order(table.kind) || claims.ahead.asked <= turn || claims.ahead.pauses() {
            return Ok(());
        }
        (claims.ahead.asked, claims.ahead.doubts)
    };
    let most = usize::try_from(asked - turn).map_or(MOST, |others| others.min(MOST));
    let mut statement = connection.prepare_cached(&table.waiting)?;
    let mut rows = statement.query([])?;
    let (mut read, mut bytes) = (VecDeque::new(), 0);
    while read.len() < most
        && bytes < MOST_BYTES
        && let Some(row) = rows.next()?
    {
        if shared.claims().is_free(row.get(0)?) {
            let row = read_waiting(row, table)?;
            if row.data.len() > LARGEST {
                break;
            }
            bytes += row.data.len();
            read.push_back(row);
        }
    }
    let mut claims = shared.claims();
    if claims.ahead.doubts == doubts {
        // Some may have been taken meanwhile.
        read.retain(|row| claims.is_free(row.id));
        (claims.ahead.rows, claims.ahead.good_for) = (read, asked);
    }
    Ok(())
}

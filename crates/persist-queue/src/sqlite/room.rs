//! Room on the disk. Even a take writes, to the write-ahead log first; so puts stop while there is
//! still room to take everything out again, and a small reserve is given up when somebody else has
//! filled the disk. A log that only grows is cut.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::connection::{Place, keep_waiting, path_beside, wait_for_lock};
use crate::storage::system;

/// What puts leave free beside what the log needs to be emptied, in bytes.
const MARGIN: u64 = 256 << 10;
/// The largest reserve, in bytes; on a small disk it is a part of what is free.
const RESERVE: u64 = 1 << 20;
const RESERVE_PART: u64 = 16;
/// With more than this free, in bytes, it is looked at only now and then.
const PLENTY: u64 = 256 << 20;
/// How many transactions lie between two looks then.
const SELDOM: u32 = 64;
/// From which size on the log is cut, in bytes. SQLite begins it again only in a moment in which nobody
/// reads, and many processes together may leave none.
const LONG_LOG: u64 = 64 << 20;
/// How long a cut waits for those who write and read.
const PATIENCE_TO_CUT: Duration = Duration::from_millis(100);
/// How many transactions lie between two tries at most, where one always reads.
const MOST_SELDOM: u32 = 64 * SELDOM;

/// See the module.
#[derive(Debug)]
pub(super) struct Room {
    files: Option<Files>,
    unlooked: u32,
    /// How many transactions there are until the log is measured, and how many lie between two of that.
    unmeasured: u32,
    seldom: u32,
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    log: PathBuf,
    reserve: PathBuf,
}

impl Room {
    pub(super) fn new(place: &Place) -> Self {
        let room = Self { files: None, unlooked: 0, unmeasured: SELDOM, seldom: SELDOM };
        let Place::File(path) = place else { return room };
        let files = Files {
            folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
            log: path_beside(path, "-wal"),
            reserve: reserve(path),
        };
        files.make_reserve();
        Self { files: Some(files), ..room }
    }

    /// Cuts a log that has become long, behind a transaction. Each try that fails makes the next one
    /// rarer: it may be that one reader stays for long.
    pub(super) fn cut_long_log(&mut self, connection: &Connection) {
        let Some(files) = &self.files else { return };
        if self.unmeasured > 0 {
            self.unmeasured -= 1;
            return;
        }
        let good = files.log_size() < LONG_LOG || cut_log(connection);
        self.seldom = if good { SELDOM } else { MOST_SELDOM.min(2 * self.seldom) };
        self.unmeasured = self.seldom;
    }

    /// Whether something may be put, outside a transaction. Empties the log where that makes room.
    pub(super) fn has_room(&mut self, connection: &Connection) -> bool {
        let Some(files) = &self.files else { return true };
        if self.unlooked > 0 {
            self.unlooked -= 1;
            return true;
        }
        let Some(free) = files.free() else { return true };
        if free > PLENTY {
            self.unlooked = SELDOM;
            return true;
        }
        // The log's pages may all be new ones of the database.
        if free >= 2 * files.log_size() + MARGIN {
            return true;
        }
        empty_log(connection);
        let Some(free) = files.free() else { return true };
        // What is put where something was taken out makes the database no larger.
        let reused = free >= MARGIN / 2 && free_pages(connection) >= MARGIN;
        reused || free >= files.log_size() + MARGIN
    }

    /// Makes room for a take on a full disk, outside a transaction. Says whether there is a point in
    /// trying again, for the time that `again` counts.
    pub(super) fn make_some(&mut self, connection: &Connection, again: u32) -> bool {
        self.unlooked = 0;
        let Some(files) = &self.files else { return false };
        if empty_log(connection) && again == 0 {
            return true;
        }
        let given_up = std::fs::remove_file(&files.reserve).is_ok();
        if given_up {
            empty_log(connection);
        }
        given_up
    }
}

impl Files {
    fn free(&self) -> Option<u64> {
        system::free_space(&self.folder)
    }

    fn log_size(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |metadata| metadata.len())
    }

    fn make_reserve(&self) {
        let Some(free) = self.free() else { return };
        // Who has no room for it, or no right to it, does without.
        let Ok(file) = File::create_new(&self.reserve) else { return };
        let size = RESERVE.min(free / RESERVE_PART);
        if system::allocate(&file, size).is_err() {
            let _ = std::fs::remove_file(&self.reserve);
        }
    }
}

/// Gives the reserve of a database up that cannot be opened without. Says whether there was one.
pub(super) fn give_up_reserve(place: &Place) -> bool {
    match place {
        Place::File(path) => std::fs::remove_file(reserve(path)).is_ok(),
        Place::Memory => false,
    }
}

fn reserve(database: &Path) -> PathBuf {
    path_beside(database, "-reserve")
}

/// The bytes of pages in the database that hold nothing.
fn free_pages(connection: &Connection) -> u64 {
    let number = |pragma| connection.query_row(pragma, [], |row| row.get::<_, u32>(0));
    let pages = number("PRAGMA freelist_count").unwrap_or(0);
    u64::from(pages) * u64::from(number("PRAGMA page_size").unwrap_or(0))
}

/// Moves what is in the log into the database. Says whether all of it was.
fn empty_log(connection: &Connection) -> bool {
    let moved = connection
        .prepare_cached("PRAGMA wal_checkpoint(TRUNCATE)")
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)));
    moved == Ok(0)
}

/// Empties the log, also where others are busy with it: SQLite gives up at once where somebody else
/// copies it just now.
fn cut_log(connection: &Connection) -> bool {
    wait_for_lock(PATIENCE_TO_CUT);
    for tries in 0.. {
        if empty_log(connection) {
            return true;
        }
        if !keep_waiting(tries) {
            break;
        }
    }
    false
}

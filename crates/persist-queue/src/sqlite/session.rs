//! The connection that writes, with what is known of its tables, as a piece of work sees it inside a
//! transaction.

use std::collections::HashMap;

use rusqlite::Connection;

use super::counts::Counts;
use super::room::Room;
use super::schema::Table;
use crate::sql::Status;

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    counts: HashMap<String, Counts>,
    /// What `PRAGMA data_version` said when the counts were right: it changes when somebody else
    /// writes.
    version: i64,
    /// Whether a commit waits for the disk, as the connection is set.
    pub(super) full: Option<bool>,
    pub(super) room: Room,
}

impl Session {
    pub(super) fn new(connection: Connection, room: Room) -> Self {
        Self { connection, counts: HashMap::new(), version: -1, full: None, room }
    }

    /// How many rows there are, whoever put them.
    pub(super) fn counts(&mut self, table: &Table) -> rusqlite::Result<Counts> {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get::<_, i64>(0))?;
        if version != self.version {
            self.counts.clear();
            self.version = version;
        }
        if let Some(counts) = self.counts.get(&table.name) {
            return Ok(*counts);
        }
        let counts = Counts::count(&self.connection, table)?;
        self.counts.insert(table.name.clone(), counts);
        Ok(counts)
    }

    /// Notes rows that this session made. Where somebody else made some too, that is noticed when
    /// the counts are asked for.
    pub(super) fn add(&mut self, table: &Table, status: Status, rows: usize) {
        if let Some(counts) = self.counts.get_mut(&table.name) {
            counts.add(status, rows);
        }
    }

    /// As [`Session::add`], for rows that it took away.
    pub(super) fn remove(&mut self, table: &Table, status: Status, rows: usize) {
        if let Some(counts) = self.counts.get_mut(&table.name) {
            counts.remove(status, rows);
        }
    }

    /// Forgets what was counted, behind changes that were taken back.
    pub(super) fn forget(&mut self) {
        self.counts.clear();
    }
}

//! The connection that writes, with what is known of its tables, as a piece of work sees it inside a
//! transaction.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::connection::wait_for_lock;
use super::counts::Counts;
use super::numbers::Numbers;
use super::room::Room;
use super::schema::Table;
use crate::sql::Status;

/// How long the last one waits for other processes, only to spare numbers.
const PATIENCE_AT_LAST: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    counts: HashMap<String, Counts>,
    numbers: HashMap<String, Numbers>,
    /// What `PRAGMA data_version` said when the counts were right: it changes when somebody else
    /// writes.
    version: i64,
    /// Whether a commit waits for the disk, as the connection is set.
    pub(super) full: Option<bool>,
    pub(super) room: Room,
}

impl Session {
    pub(super) fn new(connection: Connection, room: Room) -> Self {
        Self {
            connection,
            counts: HashMap::new(),
            numbers: HashMap::new(),
            version: -1,
            full: None,
            room,
        }
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

    /// Has a row get the next number: it is told to `work` where it is known already. `number_of` says
    /// which one the row got, if any.
    pub(super) fn number<R>(
        &mut self,
        table: &Table,
        work: impl FnOnce(&Connection, Option<i64>) -> rusqlite::Result<R>,
        number_of: impl FnOnce(&R) -> Option<i64>,
    ) -> rusqlite::Result<R> {
        let numbers = self.numbers.entry(table.name.clone()).or_default();
        let number = numbers.next(&self.connection, &table.name)?;
        let done = work(&self.connection, number)?;
        if let Some(number) = number_of(&done) {
            numbers.note(number);
        }
        Ok(done)
    }

    /// Forgets what was counted, behind changes whose number is not known.
    pub(super) fn forget_counts(&mut self) {
        self.counts.clear();
    }

    /// Forgets what is known of the tables, behind changes that were taken back.
    pub(super) fn forget(&mut self) {
        self.forget_counts();
        self.numbers.clear();
    }

    fn give_numbers_back(&mut self) -> rusqlite::Result<()> {
        self.numbers.retain(|_, numbers| numbers.are_left());
        if self.numbers.is_empty() {
            return Ok(());
        }
        wait_for_lock(PATIENCE_AT_LAST);
        // That the disk has it is not worth a flush.
        self.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        for (table, numbers) in &self.numbers {
            numbers.give_back(&transaction, table)?;
        }
        transaction.commit()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Err(error) = self.give_numbers_back() {
            tracing::debug!(%error, "numbers that were not used are left out");
        }
    }
}

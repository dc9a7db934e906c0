//! The tables and all SQL text. Tables, columns and status numbers are persist-queue 1.x's, so that it
//! can use the same file; what is added are columns and indexes that it does not see.

use std::collections::HashSet;

use rusqlite::{Connection, TransactionBehavior};

use super::schema_ack::AckStatements;
use super::schema_batch::BatchStatements;
use crate::sql::{Kind, Status};

/// A queue's table, and the statements on it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kind: Kind,
    /// Items are kept until they are acknowledged.
    pub(super) acks: bool,
    /// The name as it stands in the database.
    pub(super) name: String,
    /// A row: data, time, priority, status, due, expires.
    pub(super) insert: String,
    /// Changes nothing, and has a transaction take the lock that changes need.
    pub(super) begin_to_write: String,
    /// Frees a value that is acknowledged, so that it can be put again.
    pub(super) forget_acked: String,
    /// A row with this data.
    pub(super) with_data: String,
    /// Those that wait, in their order: number, data, time, and priority where there is one.
    pub(super) waiting: String,
    /// As `waiting`, for one row.
    pub(super) waiting_behind: String,
    pub(super) waiting_one: String,
    pub(super) all: String,
    pub(super) delete: String,
    /// Number and data: only if nobody changed it.
    pub(super) delete_as_read: String,
    pub(super) update: String,
    pub(super) purge: String,
    /// Status and how many have it.
    pub(super) counts: String,
    /// How many rows are not finished, counted up to a number.
    pub(super) stored: String,
    /// For what is kept until it is acknowledged.
    pub(super) ack: AckStatements,
    /// For what is kept in memory for a while.
    pub(super) batch: BatchStatements,
}

/// Columns of the acknowledged queues that persist-queue 1.x does not have. Times are milliseconds since
/// 1970; `due` is when a lease ends or a delay does.
const ADDED: [(&str, &str); 5] = [
    ("due", "INTEGER"),
    ("expires", "INTEGER"),
    ("attempts", "INTEGER"),
    ("holder", "TEXT"),
    ("token", "INTEGER"),
];

pub(super) const WAITING_BELOW: i64 = Status::WAITING_BELOW as i64;

impl Table {
    pub(super) fn new(kind: Kind, acks: bool, queue: &str) -> Self {
        Self::with_name(kind, acks, kind.table_name(acks, queue))
    }

    /// The one of queues without acknowledgements whose name was forgotten.
    pub(super) fn nameless(kind: Kind) -> Self {
        Self::with_name(kind, false, kind.table_prefix(false).to_owned())
    }

    fn with_name(kind: Kind, acks: bool, name: String) -> Self {
        let table = quote(&name);
        let order = match kind {
            Kind::Fifo | Kind::Unique => "_id",
            Kind::Filo => "_id DESC",
            Kind::Priority => "priority, _id",
        };
        let which = if acks { format!("status < {WAITING_BELOW}") } else { "1".to_owned() };
        let unique = if kind == Kind::Unique { "OR IGNORE " } else { "" };
        let (columns, values) = match (kind, acks) {
            (Kind::Priority, false) => ("data, timestamp, priority", "?1, ?2, ?3"),
            (Kind::Priority, true) => {
                ("data, timestamp, priority, status, due, expires", "?1, ?2, ?3, ?4, ?5, ?6")
            }
            (_, false) => ("data, timestamp", "?1, ?2"),
            (_, true) => ("data, timestamp, status, due, expires", "?1, ?2, ?4, ?5, ?6"),
        };
        let number = "_id, data, timestamp";
        // Whoever puts a row back needs to know where it stood.
        let place = if kind == Kind::Priority { ", priority" } else { "" };
        let status = if acks { ", status" } else { "" };
        Self {
            insert: format!("INSERT {unique}INTO {table} (_id, {columns}) VALUES (?7, {values})"),
            begin_to_write: format!("DELETE FROM {table} WHERE 0"),
            forget_acked: format!(
                "DELETE FROM {table} WHERE data = ?1 AND status = {}",
                Status::Acked as i64
            ),
            with_data: format!("SELECT 1 FROM {table} WHERE data = ?1"),
            waiting: format!("SELECT {number}{place} FROM {table} WHERE {which} ORDER BY {order}"),
            waiting_behind: format!(
                "SELECT {number} FROM {table} WHERE _id > ?1 AND {which} ORDER BY _id"
            ),
            waiting_one: format!("SELECT {number}{place} FROM {table} WHERE _id = ?1 AND {which}"),
            all: format!("SELECT {number}{status} FROM {table} ORDER BY _id"),
            delete: format!("DELETE FROM {table} WHERE _id = ?1"),
            delete_as_read: format!("DELETE FROM {table} WHERE _id = ?1 AND data IS ?2"),
            update: format!("UPDATE {table} SET data = ?2 WHERE _id = ?1"),
            purge: format!("DELETE FROM {table} WHERE {which}"),
            counts: if acks {
                format!("SELECT status, COUNT(*) FROM {table} GROUP BY status")
            } else {
                format!("SELECT 0, COUNT(*) FROM {table}")
            },
            stored: if acks {
                // In the words of the indexes, so that they are used.
                format!(
                    "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {table} WHERE {which} LIMIT ?1)) \
                     + (SELECT COUNT(*) FROM (SELECT 1 FROM {table} \
                     WHERE status >= {WAITING_BELOW} AND status <= {} LIMIT ?1))",
                    Status::Delayed as i64
                )
            } else {
                format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT ?1)")
            },
            ack: AckStatements::new(kind, &name),
            batch: BatchStatements::new(kind, &name),
            kind,
            acks,
            name,
        }
    }

    /// Makes what is missing. Needs the write lock only where something is.
    pub(super) fn create(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let missing = self.missing(connection)?;
        if missing.is_empty() {
            return Ok(());
        }
        // Others may be making it at the same time.
        let alone = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for statement in self.missing(&alone)? {
            alone.execute_batch(&statement)?;
        }
        alone.commit()
    }

    /// The statements that make what is missing.
    fn missing(&self, connection: &Connection) -> rusqlite::Result<Vec<String>> {
        // Asked by statements: what the connection remembers of the tables may be out of date, and
        // only a statement has it look again.
        let names = |statement: &str| -> rusqlite::Result<HashSet<String>> {
            let mut statement = connection.prepare(statement)?;
            let names = statement.query_map([&self.name], |row| row.get(0))?;
            names.collect()
        };
        // As SQLite compares them.
        let made =
            names("SELECT lower(name) FROM sqlite_master WHERE lower(tbl_name) = lower(?1)")?;
        let is_made = |name: &str| made.contains(&name.to_ascii_lowercase());
        let table = quote(&self.name);
        let mut missing = Vec::new();
        if !is_made(&self.name) {
            missing.push(self.creation());
        }
        if self.acks {
            let columns = names("SELECT name FROM pragma_table_info(?1)")?;
            for (column, kind) in ADDED.iter().filter(|(column, _)| !columns.contains(*column)) {
                missing.push(format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"));
            }
            if !is_made(&self.ack.trigger_name) {
                missing.push(self.ack.trigger.clone());
            }
        }
        for (index, on) in self.indexes() {
            let index = format!("{}__{index}", self.name);
            if !is_made(&index) {
                missing.push(format!("CREATE INDEX {} ON {table} {on}", quote(&index)));
            }
        }
        Ok(missing)
    }

    /// As persist-queue 1.x writes it, so that both make the same table.
    fn creation(&self) -> String {
        let priority = if self.kind == Kind::Priority { ", priority INTEGER" } else { "" };
        let status = if self.acks { ", status INTEGER" } else { "" };
        let unique = if self.kind == Kind::Unique { ", UNIQUE (data)" } else { "" };
        format!(
            "CREATE TABLE IF NOT EXISTS {} (_id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB, \
             timestamp FLOAT{priority}{status}{unique})",
            quote(&self.name)
        )
    }

    /// What keeps a get flat from a thousand rows to ten million, beside a million acknowledged ones.
    fn indexes(&self) -> Vec<(&'static str, String)> {
        let mut indexes = Vec::new();
        let waiting = format!("WHERE status < {WAITING_BELOW}");
        match (self.kind, self.acks) {
            (Kind::Priority, false) => indexes.push(("order", "(priority, _id)".to_owned())),
            (Kind::Priority, true) => indexes.push(("order", format!("(priority, _id) {waiting}"))),
            (_, true) => indexes.push(("waiting", format!("(_id) {waiting}"))),
            (_, false) => {}
        }
        if self.acks {
            indexes.push(("status", "(status, _id) WHERE status >= 2".to_owned()));
            indexes.push(("due", "(due) WHERE due IS NOT NULL".to_owned()));
            indexes.push(("expires", "(expires) WHERE expires IS NOT NULL".to_owned()));
        }
        indexes
    }
}

/// A name as SQL takes it, whatever is in it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out() {
        let mut connection = Connection::open_in_memory().unwrap();
        let name = "x` \"; DROP TABLE queue_x; --";
        for acks in [false, true] {
            for kind in [Kind::Fifo, Kind::Filo, Kind::Unique, Kind::Priority] {
                Table::new(kind, acks, name).create(&mut connection).unwrap();
                Table::new(kind, acks, name).create(&mut connection).unwrap();
            }
        }
        let tables =
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name LIKE '%_x` %'";
        assert_eq!(connection.query_row(tables, [], |row| row.get::<_, i64>(0)), Ok(8));
    }
}

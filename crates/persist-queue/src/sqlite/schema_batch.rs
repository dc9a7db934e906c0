//! The statements of queues that keep their changes in memory for a while.

use super::schema::quote;
use crate::sql::Kind;

/// See the module. A row is its number, data, time and priority.
#[derive(Debug)]
pub(super) struct BatchStatements {
    /// All rows, in their order.
    pub(super) first: String,
    /// Those behind a row, in their order: its number, and its priority where the kind has one; then
    /// of that priority only.
    pub(super) after: String,
    /// Those of higher priorities, in their order: the priority.
    pub(super) after_priority: String,
    /// The row with a number.
    pub(super) one: String,
    /// Number and priority of the rows above a number, the lowest first, so many at most.
    pub(super) newer: String,
    /// The highest number.
    pub(super) newest: String,
    /// The number of the row that holds a value.
    pub(super) holding: String,
    /// The highest number that was ever given, as AUTOINCREMENT sees it: the table's name.
    pub(super) last_number: String,
    pub(super) add_number: &'static str,
}

impl BatchStatements {
    pub(super) fn new(kind: Kind, name: &str) -> Self {
        let table = quote(name);
        let (order, behind) = match kind {
            Kind::Fifo | Kind::Unique => ("_id", "_id > ?1"),
            Kind::Filo => ("_id DESC", "_id < ?1"),
            Kind::Priority => ("priority, _id", "priority = ?2 AND _id > ?1"),
        };
        let priority = if kind == Kind::Priority { "priority" } else { "0" };
        let row = format!("SELECT _id, data, timestamp, {priority} FROM {table}");
        Self {
            first: format!("{row} ORDER BY {order}"),
            after: format!("{row} WHERE {behind} ORDER BY {order}"),
            // Apart from `after`, since SQLite uses no more than the priority of an index for
            // `(priority, _id) > (?, ?)`.
            after_priority: format!("{row} WHERE priority > ?1 ORDER BY {order}"),
            one: format!("{row} WHERE _id = ?1"),
            newer: format!(
                "SELECT _id, {priority} FROM {table} WHERE _id > ?1 ORDER BY _id LIMIT ?2"
            ),
            newest: format!("SELECT coalesce(max(_id), 0) FROM {table}"),
            holding: format!("SELECT _id FROM {table} WHERE data = ?1"),
            last_number: format!(
                "SELECT max(coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = ?1), 0), \
                 coalesce((SELECT max(_id) FROM {table}), 0))"
            ),
            add_number: "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
        }
    }
}

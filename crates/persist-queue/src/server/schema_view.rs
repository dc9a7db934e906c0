//! The statements of who only looks.

use super::schema::{Table, told_status};
use crate::sql::Kind;

impl Table {
    /// Rows behind a number, whatever becomes of them: number, data, time, status, priority.
    pub(super) fn behind(&self, id: i64, most: usize) -> String {
        self.seen("", &format!("_id > {id}"), "_id", most)
    }

    /// Rows that wait, in their order: number, data, time, status, priority.
    pub(super) fn first(&self, most: usize) -> String {
        self.seen(self.dialect.hint(self), &self.waits(), self.order(), most)
    }

    fn seen(&self, hint: &str, which: &str, order: &str, most: usize) -> String {
        let status = if self.acks { told_status() } else { "0".to_owned() };
        let priority = if self.kind == Kind::Priority { "priority" } else { "0" };
        format!(
            "SELECT _id, data, timestamp, {status}, {priority} FROM {}{hint} WHERE {which} \
             ORDER BY {order} LIMIT {most}",
            self.quoted
        )
    }

    /// When the oldest row that waits was put, and how many bytes all items have.
    pub(super) fn age_and_size(&self) -> String {
        let (quoted, whole) = (&self.quoted, self.dialect.texts().whole_number);
        let waits = self.waits();
        format!(
            "SELECT (SELECT MIN(timestamp) FROM {quoted} WHERE {waits}), \
             (SELECT CAST(COALESCE(SUM(OCTET_LENGTH(data)), 0) AS {whole}) FROM {quoted})"
        )
    }
}

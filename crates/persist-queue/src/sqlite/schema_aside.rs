//! The statements on the table of the rows that are taken aside, of all queues of a database.

use rusqlite::Connection;

pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS persistq_aside (queue TEXT, \
     row INTEGER, data BLOB, timestamp FLOAT, priority INTEGER, holder TEXT, \
     PRIMARY KEY (queue, row))";
const IS_MADE: &str =
    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'persistq_aside'";
/// A row: queue, number, data, time, priority, holder.
pub(super) const REMEMBER: &str = "INSERT INTO persistq_aside VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Those of a queue and holder: number, data, time, priority.
pub(super) const REMEMBERED: &str = "SELECT row, data, timestamp, priority FROM persistq_aside \
     WHERE queue = ?1 AND holder = ?2 ORDER BY row";
pub(super) const FORGET: &str = "DELETE FROM persistq_aside WHERE queue = ?1 AND holder = ?2";
/// Who has rows of a queue.
pub(super) const HOLDERS: &str = "SELECT DISTINCT holder FROM persistq_aside WHERE queue = ?1";
/// How many rows of a queue are aside.
pub(super) const COUNT: &str = "SELECT COUNT(*) FROM persistq_aside WHERE queue = ?1";

pub(super) fn is_made(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached(IS_MADE)?.exists([])
}

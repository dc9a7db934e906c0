//! The statements of the acknowledged queues.

use super::schema::{WAITING_BELOW, quote};
use crate::sql::{Kind, Status};

const READY: i64 = Status::Ready as i64;
const HELD: i64 = Status::Held as i64;
const DELAYED: i64 = Status::Delayed as i64;
const ACKED: i64 = Status::Acked as i64;
const DEAD: i64 = Status::Dead as i64;
const FAILED: i64 = Status::Failed as i64;

/// See the module. Times are milliseconds since 1970.
#[derive(Debug)]
pub(super) struct AckStatements {
    /// What comes next: number, data, time, attempts, token.
    pub(super) next: String,
    /// The same behind a number, in the queue's order.
    pub(super) next_behind: String,
    pub(super) one: String,
    /// Whether anything waits, or will at this time.
    pub(super) anything: String,
    /// When the next one will wait by itself.
    pub(super) next_due: String,
    /// Whether anything is due or too old.
    pub(super) is_due: String,
    /// Makes a row held: holder, token, attempts, due, number.
    pub(super) hold: String,
    /// What is known of one row: status, holder, token, attempts, due.
    pub(super) state: String,
    /// Gives a row another status: status, due, number. What is over is never too old any more.
    pub(super) settle: String,
    /// Forgets a delivery that reached nobody: number.
    pub(super) undo: String,
    pub(super) drop_row: String,
    /// Gives a row another number: new number, number.
    pub(super) move_back: String,
    /// Delayed ones whose time has come wait again: now.
    pub(super) promote: String,
    /// Held ones whose lease is over: now. Number, attempts.
    pub(super) overdue: String,
    /// Those that wait and are too old are dead: now.
    pub(super) expire: String,
    /// Held rows by holder.
    pub(super) holders: String,
    /// Held rows of one holder: holder. Number, attempts.
    pub(super) held_of: String,
    pub(super) extend: String,
    pub(super) dead: String,
    /// Brings a dead or failed row back: number.
    pub(super) requeue: String,
    pub(super) drop_dead: String,
    /// Removes acknowledged rows: also failed ones (0 or 1), most, how many of the latest to keep.
    pub(super) clear: String,
    /// What keeps persist-queue 1.x, which knows neither holders nor times, from leaving wrong ones
    /// behind.
    pub(super) trigger: String,
    pub(super) trigger_name: String,
}

impl AckStatements {
    pub(super) fn new(kind: Kind, name: &str) -> Self {
        let table = quote(name);
        let waits = format!("status < {WAITING_BELOW}");
        let (order, behind) = match kind {
            Kind::Fifo | Kind::Unique => ("_id", "_id > ?1"),
            Kind::Filo => ("_id DESC", "_id < ?1"),
            Kind::Priority => (
                "priority, _id",
                "(priority, _id) > (SELECT priority, _id FROM {table} WHERE _id = ?1)",
            ),
        };
        let behind = behind.replace("{table}", &table);
        let row = "_id, data, timestamp, attempts, token, status";
        let trigger_name = format!("{name}__holder");
        Self {
            next: format!("SELECT {row} FROM {table} WHERE {waits} ORDER BY {order} LIMIT 1"),
            next_behind: format!(
                "SELECT {row} FROM {table} WHERE {waits} AND {behind} ORDER BY {order} LIMIT 1"
            ),
            one: format!("SELECT {row} FROM {table} WHERE {waits} AND _id = ?1"),
            anything: format!(
                "SELECT EXISTS (SELECT 1 FROM {table} WHERE {waits}) \
                 OR EXISTS (SELECT 1 FROM {table} WHERE due <= ?1)"
            ),
            next_due: format!("SELECT MIN(due) FROM {table} WHERE due IS NOT NULL"),
            is_due: format!(
                "SELECT EXISTS (SELECT 1 FROM {table} WHERE due <= ?1) \
                 OR EXISTS (SELECT 1 FROM {table} WHERE expires <= ?1)"
            ),
            hold: format!(
                "UPDATE {table} SET status = {HELD}, holder = ?1, token = ?2, attempts = ?3, \
                 due = ?4 WHERE _id = ?5"
            ),
            state: format!(
                "SELECT status, holder, token, attempts, due FROM {table} WHERE _id = ?1"
            ),
            settle: format!(
                "UPDATE {table} SET status = ?1, due = ?2, holder = NULL, \
                 expires = CASE WHEN ?1 >= {ACKED} THEN NULL ELSE expires END WHERE _id = ?3"
            ),
            undo: format!("UPDATE {table} SET attempts = attempts - 1 WHERE _id = ?1"),
            drop_row: format!("DELETE FROM {table} WHERE _id = ?1"),
            move_back: format!("UPDATE {table} SET _id = ?1 WHERE _id = ?2"),
            promote: format!(
                "UPDATE {table} SET status = {READY}, due = NULL \
                 WHERE status = {DELAYED} AND due <= ?1"
            ),
            overdue: format!(
                "SELECT _id, attempts FROM {table} WHERE status = {HELD} AND due <= ?1"
            ),
            expire: format!(
                "UPDATE {table} SET status = {DEAD}, due = NULL, expires = NULL \
                 WHERE expires <= ?1 AND (status < {WAITING_BELOW} OR status = {DELAYED})"
            ),
            holders: format!("SELECT DISTINCT holder FROM {table} WHERE status = {HELD}"),
            held_of: format!(
                "SELECT _id, attempts FROM {table} WHERE status = {HELD} AND holder IS ?1"
            ),
            extend: format!("UPDATE {table} SET due = ?1 WHERE _id = ?2"),
            dead: format!(
                "SELECT _id, data, timestamp, attempts, token FROM {table} \
                 WHERE status = {DEAD} ORDER BY _id"
            ),
            requeue: format!(
                "UPDATE {table} SET status = {READY}, attempts = 0, due = NULL, expires = NULL \
                 WHERE _id = ?1 AND status = {DEAD}"
            ),
            drop_dead: format!("DELETE FROM {table} WHERE _id = ?1 AND status = {DEAD}"),
            clear: format!(
                "DELETE FROM {table} WHERE _id IN (SELECT _id FROM {table} \
                 WHERE status = {ACKED} OR (?1 AND status = {FAILED}) \
                 ORDER BY _id DESC LIMIT ?2 OFFSET ?3)"
            ),
            trigger: format!(
                "CREATE TRIGGER {} AFTER UPDATE OF status ON {table} \
                 WHEN (NEW.holder IS NOT NULL AND NEW.status <> {HELD}) \
                 OR (NEW.due IS NOT NULL AND NEW.holder IS NULL AND NEW.status <> {DELAYED}) \
                 OR (NEW.expires IS NOT NULL AND NEW.status >= {ACKED}) \
                 BEGIN UPDATE {table} SET holder = NULL, due = NULL, \
                 expires = CASE WHEN NEW.status >= {ACKED} THEN NULL ELSE expires END \
                 WHERE _id = NEW._id; END",
                quote(&trigger_name)
            ),
            trigger_name,
        }
    }
}

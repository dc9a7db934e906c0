//! The statements of the acknowledged queues. Times are the server's, in milliseconds since 1970.

use super::schema::{NOW, Table, list};
use crate::sql::Status;

const NEW: i64 = Status::New as i64;
const HELD: i64 = Status::Held as i64;
const DELAYED: i64 = Status::Delayed as i64;
const ACKED: i64 = Status::Acked as i64;
const DEAD: i64 = Status::Dead as i64;
const FAILED: i64 = Status::Failed as i64;

/// What the connection begins with that holds the locks of holders.
pub(super) const HOLDERS_SETTINGS: &str = "SET SESSION wait_timeout = 60";
/// Takes a lock that is not held here yet: name, three times. 1 where it is held then.
pub(super) const LOCK: &str = "SELECT IF(IS_USED_LOCK(CONCAT('persistqueue-', ?)) = CONNECTION_ID(), 1, \
     IF(IS_FREE_LOCK(CONCAT('persistqueue-', ?)), GET_LOCK(CONCAT('persistqueue-', ?), 0), 0))";
pub(super) const UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT('persistqueue-', ?))";
pub(super) const FREE_LOCK: &str = "SELECT IS_FREE_LOCK(CONCAT('persistqueue-', ?))";
/// For how many seconds the server has been up: a name, and that.
pub(super) const UPTIME: &str = "SHOW GLOBAL STATUS LIKE 'Uptime'";

/// Whose delivery a settlement is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivered<'a> {
    pub(super) id: i64,
    pub(super) holder: &'a str,
    /// Whichever delivery to this holder where it is not given.
    pub(super) token: Option<i64>,
}

impl Delivered<'_> {
    fn is_held(&self) -> String {
        let Self { id, holder, token } = self;
        let token = token.map_or_else(String::new, |token| format!(" AND token = {token}"));
        format!(
            "_id = {id} AND status = {HELD} AND holder = '{holder}'{token} \
             AND (due IS NULL OR due > {NOW})"
        )
    }
}

impl Table {
    /// Whether anything is due or too old.
    pub(super) fn is_due(&self) -> String {
        let Self { quoted, .. } = self;
        format!(
            "SELECT EXISTS (SELECT 1 FROM {quoted} WHERE due <= {NOW}) \
             OR EXISTS (SELECT 1 FROM {quoted} WHERE expires <= {NOW})"
        )
    }

    /// In how many milliseconds the next row will wait by itself.
    pub(super) fn next_due(&self) -> String {
        format!("SELECT MIN(due) - {NOW} FROM {} WHERE due IS NOT NULL", self.quoted)
    }

    /// Does what time has brought, for at most so many rows: delays and leases end, and what waited too
    /// long is dead.
    pub(super) fn sweep(&self, max_attempts: Option<u32>, most: usize) -> String {
        let Self { quoted, .. } = self;
        let (status, expires) = given_back(max_attempts);
        format!(
            "UPDATE {quoted} SET status = {DEAD}, due = NULL, expires = NULL \
             WHERE expires <= {NOW} AND status IN ({NEW}, {DELAYED}) LIMIT {most}; \
             UPDATE {quoted} SET status = {NEW}, due = NULL \
             WHERE due <= {NOW} AND status = {DELAYED} LIMIT {most}; \
             UPDATE {quoted} SET expires = {expires}, status = {status}, due = NULL, holder = NULL \
             WHERE due <= {NOW} AND status = {HELD} LIMIT {most}"
        )
    }

    /// Takes a row that still waits as it was read.
    pub(super) fn hold(&self, id: i64, token: i64, holder: &str, lease: Option<i64>) -> String {
        let due = lease.map_or_else(|| "NULL".to_owned(), |lease| format!("{NOW} + {lease}"));
        format!(
            "UPDATE {} SET status = {HELD}, holder = '{holder}', token = {token} + 1, \
             attempts = attempts + 1, due = {due} \
             WHERE _id = {id} AND status = {NEW} AND token = {token}",
            self.quoted
        )
    }

    /// Which of these rows a holder has: number, token. Waits for a transaction that is not over.
    pub(super) fn held_by(&self, ids: &[i64], holder: &str) -> String {
        format!(
            "SELECT _id, token FROM {} WHERE _id IN ({}) AND status = {HELD} \
             AND holder = '{holder}' FOR UPDATE",
            self.quoted,
            list(ids)
        )
    }

    /// Gives a held row an end.
    pub(super) fn finish(&self, delivered: Delivered<'_>, status: Status) -> String {
        format!(
            "UPDATE {} SET status = {}, due = NULL, expires = NULL, holder = NULL WHERE {}",
            self.quoted,
            status as i64,
            delivered.is_held()
        )
    }

    pub(super) fn drop_held(&self, delivered: Delivered<'_>) -> String {
        format!("DELETE FROM {} WHERE {}", self.quoted, delivered.is_held())
    }

    /// Has a held row wait again after `rest` milliseconds (an expression may say it by the row's
    /// attempts), or makes it a dead letter.
    pub(super) fn give_back(
        &self,
        delivered: Delivered<'_>,
        rest: &str,
        max_attempts: Option<u32>,
    ) -> String {
        let over = attempts_are_over(max_attempts);
        format!(
            "UPDATE {} SET due = IF({over} OR {rest} <= 0, NULL, {NOW} + {rest}), \
             expires = IF({over}, NULL, expires), holder = NULL, \
             status = IF({over}, {DEAD}, IF({rest} <= 0, {NEW}, {DELAYED})) WHERE {}",
            self.quoted,
            delivered.is_held()
        )
    }

    /// Forgets a delivery that reached nobody.
    pub(super) fn undo(&self, delivered: Delivered<'_>) -> String {
        format!(
            "UPDATE {} SET status = {NEW}, due = NULL, holder = NULL, attempts = attempts - 1 \
             WHERE {}",
            self.quoted,
            delivered.is_held()
        )
    }

    /// Gives a row a number behind all others, in a transaction: the last result is that number. A row
    /// that is put and removed again has the server give one out.
    pub(super) fn move_back(&self, id: i64) -> String {
        let Self { quoted, .. } = self;
        format!(
            "INSERT INTO {quoted} (status) VALUES ({ACKED}); \
             DELETE FROM {quoted} WHERE _id = LAST_INSERT_ID(); \
             UPDATE {quoted} SET _id = LAST_INSERT_ID() WHERE _id = {id}; \
             SELECT LAST_INSERT_ID()"
        )
    }

    pub(super) fn extend(&self, delivered: Delivered<'_>, lease: i64) -> String {
        format!("UPDATE {} SET due = {NOW} + {lease} WHERE {}", self.quoted, delivered.is_held())
    }

    /// What is known of a row: status, token.
    pub(super) fn state(&self, id: i64) -> String {
        format!("SELECT status, token FROM {} WHERE _id = {id} FOR UPDATE", self.quoted)
    }

    /// Who holds a row: number.
    pub(super) fn holder_of(&self, id: i64) -> String {
        format!("SELECT holder FROM {} WHERE _id = {id} AND status = {HELD}", self.quoted)
    }

    /// Those who hold rows.
    pub(super) fn holders(&self) -> String {
        format!("SELECT DISTINCT holder FROM {} WHERE status = {HELD}", self.quoted)
    }

    /// Has all rows of a holder wait again, or makes them dead letters.
    pub(super) fn resume(&self, holder: &str, max_attempts: Option<u32>) -> String {
        let (status, expires) = given_back(max_attempts);
        format!(
            "UPDATE {} SET expires = {expires}, status = {status}, due = NULL, holder = NULL \
             WHERE status = {HELD} AND holder = '{holder}'",
            self.quoted
        )
    }

    /// Dead letters: number, data, time.
    pub(super) fn dead(&self) -> String {
        format!(
            "SELECT _id, data, timestamp FROM {} WHERE status = {DEAD} ORDER BY _id",
            self.quoted
        )
    }

    pub(super) fn requeue(&self, ids: &[i64]) -> String {
        format!(
            "UPDATE {} SET status = {NEW}, attempts = 0, due = NULL, expires = NULL \
             WHERE status = {DEAD} AND _id IN ({})",
            self.quoted,
            list(ids)
        )
    }

    pub(super) fn drop_dead(&self, ids: &[i64]) -> String {
        format!("DELETE FROM {} WHERE status = {DEAD} AND _id IN ({})", self.quoted, list(ids))
    }

    /// Removes acknowledged rows, and failed ones where asked for: at most so many, and none of the
    /// latest.
    pub(super) fn clear(&self, failed: bool, most: u64, keep: u64) -> String {
        let Self { quoted, .. } = self;
        let which = if failed { format!("{ACKED}, {FAILED}") } else { ACKED.to_string() };
        format!(
            "DELETE FROM {quoted} WHERE _id IN (SELECT _id FROM (SELECT _id FROM {quoted} \
             WHERE status IN ({which}) ORDER BY _id DESC LIMIT {most} OFFSET {keep}) AS old)"
        )
    }
}

/// The status and the end of life of a row that goes back.
fn given_back(max_attempts: Option<u32>) -> (String, String) {
    let over = attempts_are_over(max_attempts);
    (format!("IF({over}, {DEAD}, {NEW})"), format!("IF({over}, NULL, expires)"))
}

fn attempts_are_over(max_attempts: Option<u32>) -> String {
    max_attempts.map_or_else(|| "FALSE".to_owned(), |most| format!("attempts >= {most}"))
}

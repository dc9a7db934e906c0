//! The statements of the acknowledged queues. Times are the server's, in milliseconds since 1970.

use super::schema::{Table, either, list};
use crate::sql::Status;

const NEW: i64 = Status::New as i64;
const HELD: i64 = Status::Held as i64;
const DELAYED: i64 = Status::Delayed as i64;
const ACKED: i64 = Status::Acked as i64;
const DEAD: i64 = Status::Dead as i64;
const FAILED: i64 = Status::Failed as i64;

/// Whose delivery a settlement is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivered<'a> {
    pub(super) id: i64,
    pub(super) holder: &'a str,
    /// Whichever delivery to this holder where it is not given.
    pub(super) token: Option<i64>,
}

impl Delivered<'_> {
    fn is_held(&self, table: &Table) -> String {
        let (Self { id, holder, token }, now) = (self, table.now());
        let token = token.map_or_else(String::new, |token| format!(" AND token = {token}"));
        format!(
            "_id = {id} AND status = {HELD} AND holder = '{holder}'{token} \
             AND (due IS NULL OR due > {now})"
        )
    }
}

impl Table {
    /// Whether anything is due or too old. Asked for the first in an index: for any, a server that knows nothing
    /// of the table yet reads all of it.
    pub(super) fn is_due(&self) -> String {
        let (quoted, now) = (&self.quoted, self.now());
        let is_due = format!(
            "(SELECT MIN(due) FROM {quoted}) <= {now} OR (SELECT MIN(expires) FROM {quoted}) <= {now}"
        );
        format!("SELECT {}", either(&is_due, "1", "0"))
    }

    /// In how many milliseconds the next row will wait by itself.
    pub(super) fn next_due(&self) -> String {
        format!("SELECT MIN(due) - {} FROM {} WHERE due IS NOT NULL", self.now(), self.quoted)
    }

    /// Does what time has brought, for at most so many rows: delays and leases end, and what waited too
    /// long is dead.
    pub(super) fn sweep(&self, max_attempts: Option<u32>, most: usize) -> String {
        let (quoted, now) = (&self.quoted, self.now());
        let (status, expires) = given_back(max_attempts);
        let some = |condition: String| self.dialect.some_of(self, &condition, most);
        let too_old = some(format!("expires <= {now} AND status IN ({NEW}, {DELAYED})"));
        let delayed = some(format!("due <= {now} AND status = {DELAYED}"));
        let leased = some(format!("due <= {now} AND status = {HELD}"));
        format!(
            "UPDATE {quoted} SET status = {DEAD}, due = NULL, expires = NULL {too_old}; \
             UPDATE {quoted} SET status = {NEW}, due = NULL {delayed}; \
             UPDATE {quoted} SET expires = {expires}, status = {status}, due = NULL, holder = NULL \
             {leased}"
        )
    }

    /// Takes a row that still waits as it was read.
    pub(super) fn hold(&self, id: i64, token: i64, holder: &str, lease: Option<i64>) -> String {
        let due =
            lease.map_or_else(|| "NULL".to_owned(), |lease| format!("{} + {lease}", self.now()));
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
            delivered.is_held(self)
        )
    }

    pub(super) fn drop_held(&self, delivered: Delivered<'_>) -> String {
        format!("DELETE FROM {} WHERE {}", self.quoted, delivered.is_held(self))
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
        let rests = either(&format!("{rest} <= 0"), &NEW.to_string(), &DELAYED.to_string());
        let (status, expires) =
            (either(&over, &DEAD.to_string(), &rests), either(&over, "NULL", "expires"));
        let (over, until) = (format!("{over} OR {rest} <= 0"), format!("{} + {rest}", self.now()));
        format!(
            "UPDATE {} SET due = {}, expires = {expires}, holder = NULL, status = {status} WHERE {}",
            self.quoted,
            either(&over, "NULL", &until),
            delivered.is_held(self)
        )
    }

    /// Forgets a delivery that reached nobody.
    pub(super) fn undo(&self, delivered: Delivered<'_>) -> String {
        format!(
            "UPDATE {} SET status = {NEW}, due = NULL, holder = NULL, attempts = attempts - 1 \
             WHERE {}",
            self.quoted,
            delivered.is_held(self)
        )
    }

    pub(super) fn extend(&self, delivered: Delivered<'_>, lease: i64) -> String {
        format!(
            "UPDATE {} SET due = {} + {lease} WHERE {}",
            self.quoted,
            self.now(),
            delivered.is_held(self)
        )
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
            "{}UPDATE {} SET expires = {expires}, status = {status}, due = NULL, holder = NULL \
             WHERE status = {HELD} AND holder = '{holder}'",
            self.telling(),
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
            "{}UPDATE {} SET status = {NEW}, attempts = 0, due = NULL, expires = NULL \
             WHERE status = {DEAD} AND _id IN ({})",
            self.telling(),
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
        // As many as a server can count.
        let (most, keep) = (most.min(i64::MAX as u64), keep.min(i64::MAX as u64));
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
    let status = either(&over, &DEAD.to_string(), &NEW.to_string());
    (status, either(&over, "NULL", "expires"))
}

fn attempts_are_over(max_attempts: Option<u32>) -> String {
    max_attempts.map_or_else(|| "FALSE".to_owned(), |most| format!("attempts >= {most}"))
}

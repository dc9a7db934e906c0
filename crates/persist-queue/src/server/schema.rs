//! The tables and statements of queues without acknowledgements, and what all tables share.
//!
//! Numbers stand in the text of a statement, items in its parameters: most calls are one text, and so
//! one round trip, whatever is in it.

use std::fmt::Write;

use super::dialect::Dialect;
use crate::sql::{Kind, Status};

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// A queue's table.
#[derive(Debug)]
pub struct Table {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) kind: Kind,
    pub(crate) acks: bool,
    pub(crate) name: String,
    /// As SQL takes it.
    pub(crate) quoted: String,
}

/// Which rows a look is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pick<'a> {
    pub(super) most: usize,
    /// Only this one.
    pub(super) only: Option<i64>,
    /// Only what comes behind this one.
    pub(super) behind: Option<i64>,
    /// None of these.
    pub(super) except: &'a [i64],
    /// Locks them for the transaction, and passes those that others have locked.
    pub(super) lock: bool,
}

impl Table {
    pub(super) fn new(dialect: &'static dyn Dialect, kind: Kind, acks: bool, name: String) -> Self {
        Self { dialect, kind, acks, quoted: dialect.quote(&name), name }
    }

    /// What stands before a change that others may wait for, in the same transaction.
    pub(super) fn telling(&self) -> String {
        match self.dialect.tell(self) {
            tell if tell.is_empty() => tell,
            tell => tell + "; ",
        }
    }

    /// Milliseconds since 1970, by the server's clock.
    pub(super) fn now(&self) -> &'static str {
        self.dialect.texts().now
    }

    /// What a waiting row is.
    pub(super) fn waits(&self) -> String {
        if self.acks { format!("status = {}", Status::New as i64) } else { "TRUE".to_owned() }
    }

    pub(super) fn order(&self) -> &'static str {
        match self.kind {
            Kind::Fifo | Kind::Unique => "_id",
            Kind::Filo => "_id DESC",
            Kind::Priority => "priority, _id",
        }
    }

    /// Rows that wait, in their order: number, data, time, then priority (without acknowledgements), or
    /// attempts and token (with them).
    pub(super) fn select(&self, pick: Pick<'_>) -> String {
        let Self { quoted, .. } = self;
        let hint = if pick.only.is_some() { "" } else { self.dialect.hint(self) };
        let mut text = format!(
            "SELECT _id, data, timestamp{} FROM {quoted}{hint} WHERE {}",
            self.more_columns(),
            self.waits()
        );
        if let Some(id) = pick.only {
            let _ = write!(text, " AND _id = {id}");
        }
        if let Some(id) = pick.behind {
            let _ = match self.kind {
                Kind::Fifo | Kind::Unique => write!(text, " AND _id > {id}"),
                Kind::Filo => write!(text, " AND _id < {id}"),
                Kind::Priority => write!(
                    text,
                    " AND (priority, _id) > \
                     (SELECT priority, _id FROM {quoted} AS given WHERE given._id = {id})"
                ),
            };
        }
        text.push_str(&not_in("AND", pick.except));
        let _ = write!(text, " ORDER BY {} LIMIT {}", self.order(), pick.most);
        if pick.lock {
            text.push_str(" FOR UPDATE SKIP LOCKED");
        }
        text
    }

    fn more_columns(&self) -> &'static str {
        match (self.acks, self.kind) {
            (true, _) => ", attempts, token",
            (false, Kind::Priority) => ", priority",
            (false, _) => "",
        }
    }

    /// Puts rows: data, time, and by kind priority, then milliseconds of delay and of life.
    pub(super) fn insert(&self, rows: usize) -> String {
        let now = self.now();
        let mut columns = vec!["data", "timestamp"];
        if self.kind == Kind::Priority {
            columns.push("priority");
        }
        if self.acks {
            columns.extend(["status", "due", "expires"]);
        }
        let value = |column: &str, mark: String| match column {
            "due" | "expires" => format!("{now} + {mark}"),
            _ => mark,
        };
        self.dialect.insert(self, self.insertion(&columns, rows, value))
    }

    /// Puts rows that have their numbers: number, data, time, and by kind priority.
    pub(super) fn insert_numbered(&self, rows: usize) -> String {
        let mut columns = vec!["_id", "data", "timestamp"];
        if self.kind == Kind::Priority {
            columns.push("priority");
        }
        self.dialect.insert(self, self.insertion(&columns, rows, |_, mark| mark))
    }

    fn insertion(
        &self,
        columns: &[&str],
        rows: usize,
        value: impl Fn(&str, String) -> String,
    ) -> String {
        let mut number = 0;
        let mut row = || {
            let values = columns.iter().map(|column| {
                number += 1;
                value(column, self.dialect.mark(number))
            });
            format!("({})", values.collect::<Vec<_>>().join(", "))
        };
        let rows = (0..rows).map(|_| row()).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {} ({}) VALUES {rows}", self.quoted, columns.join(", "))
    }

    /// Locks rows that are there and that nobody else has locked.
    pub(super) fn lock_again(&self, ids: &[i64]) -> String {
        format!(
            "SELECT _id FROM {} WHERE _id IN ({}) FOR UPDATE SKIP LOCKED",
            self.quoted,
            list(ids)
        )
    }

    /// Whether an equal item is there: data.
    pub(super) fn with_data(&self) -> String {
        let hash = self.dialect.hash(&self.dialect.mark(1));
        format!("SELECT 1 FROM {} WHERE hash = {hash}", self.quoted)
    }

    pub(super) fn delete(&self, id: i64) -> String {
        format!("DELETE FROM {} WHERE _id = {id}", self.quoted)
    }

    /// Which of these rows are there; waits for who is about to delete them.
    pub(super) fn still_there(&self, ids: &[i64]) -> String {
        format!("SELECT _id FROM {} WHERE _id IN ({}) FOR UPDATE", self.quoted, list(ids))
    }

    /// Replaces the data of a row: data, number.
    pub(super) fn update(&self) -> String {
        let (data, id) = (self.dialect.mark(1), self.dialect.mark(2));
        let text = format!("UPDATE {} SET data = {data} WHERE _id = {id}", self.quoted);
        self.dialect.telling(self, text)
    }

    /// Whether a row is there, waiting.
    pub(super) fn is_there(&self, id: i64) -> String {
        format!("SELECT 1 FROM {} WHERE _id = {id} AND {}", self.quoted, self.waits())
    }

    pub(super) fn exists(&self, id: i64) -> String {
        format!("SELECT 1 FROM {} WHERE _id = {id}", self.quoted)
    }

    /// All rows: number, data, time, status.
    pub(super) fn all(&self) -> String {
        let status = if self.acks { told_status() } else { "0".to_owned() };
        format!("SELECT _id, data, timestamp, {status} FROM {} ORDER BY _id", self.quoted)
    }

    pub(super) fn purge(&self, except: &[i64]) -> String {
        let except = not_in("AND", except);
        format!("DELETE FROM {} WHERE {}{except}", self.quoted, self.waits())
    }

    /// Statuses and how many rows have them, without some.
    pub(super) fn counts(&self, except: &[i64]) -> String {
        let status = if self.acks { told_status() } else { "0".to_owned() };
        let Self { quoted, .. } = self;
        let which = not_in("WHERE", except);
        format!("SELECT {status}, COUNT(*) FROM {quoted}{which} GROUP BY 1")
    }

    /// How many rows are not finished, counted up to a number.
    pub(super) fn stored(&self, most: u64) -> String {
        let Self { quoted, .. } = self;
        let which = if self.acks {
            format!("status <= {}", Status::Delayed as i64)
        } else {
            "TRUE".to_owned()
        };
        format!("SELECT COUNT(*) FROM (SELECT 1 FROM {quoted} WHERE {which} LIMIT {most}) AS rows_")
    }

    /// How many rows wait, counted up to a number.
    pub(super) fn waiting(&self, most: usize, except: &[i64]) -> String {
        let (quoted, waits) = (&self.quoted, self.waits());
        let except = not_in("AND", except);
        format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM {quoted} WHERE {waits}{except} LIMIT {most}) \
             AS rows_"
        )
    }

    /// The columns that must be there.
    pub(super) fn columns(&self) -> Vec<&'static str> {
        let mut columns = vec!["_id", "data", "timestamp"];
        if self.kind == Kind::Priority {
            columns.push("priority");
        }
        if self.kind == Kind::Unique {
            columns.push("hash");
        }
        if self.acks {
            columns.extend(["status", "due", "expires", "attempts", "holder", "token"]);
        }
        columns
    }
}

/// The status of a row, as callers are told it: one that waits again is [`Status::Ready`]. In the table it
/// is [`Status::New`], so that all that wait stand together in an index.
pub(super) fn told_status() -> String {
    let (new, ready) = (Status::New as i64, Status::Ready as i64);
    either(&format!("status = {new} AND attempts > 0"), &ready.to_string(), "status")
}

/// One or the other.
pub(super) fn either(condition: &str, then: &str, otherwise: &str) -> String {
    format!("CASE WHEN {condition} THEN {then} ELSE {otherwise} END")
}

/// Leaves rows out of a statement.
fn not_in(word: &str, ids: &[i64]) -> String {
    if ids.is_empty() { String::new() } else { format!(" {word} _id NOT IN ({})", list(ids)) }
}

pub(super) fn list(ids: &[i64]) -> String {
    let mut text = String::new();
    for id in ids {
        if !text.is_empty() {
            text.push(',');
        }
        let _ = write!(text, "{id}");
    }
    text
}

//! The tables and statements of queues without acknowledgements, and what all tables share.
//!
//! Numbers stand in the text of a statement, items in its parameters: most calls are one text, and so
//! one round trip, whatever is in it.

use std::fmt::Write;

use crate::sql::{Kind, Status};

/// What each connection begins with. In strict mode an item that is too large is refused and not cut
/// off; the time zone has no hour that comes twice; a connection that is left alone is closed, and
/// with it goes what a machine holds that vanished.
pub(super) const SETTINGS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
     innodb_lock_wait_timeout = 5, wait_timeout = 120";

/// What a connection begins with that keeps rows locked between calls, and what it ends with.
pub(super) const BATCH_SETTINGS: &str = "SET SESSION wait_timeout = 600";
pub(super) const PLAIN_SETTINGS: &str = "SET SESSION wait_timeout = 120";

/// Version, the largest packet, and the distance of two numbers in a row.
pub(super) const ABILITIES: &str =
    "SELECT VERSION(), @@max_allowed_packet, @@auto_increment_increment";

/// The columns of a table and their types: table.
pub(super) const COLUMNS: &str = "SELECT column_name, data_type FROM information_schema.columns \
     WHERE table_schema = DATABASE() AND table_name = ?";

/// Milliseconds since 1970, by the server's clock.
pub(super) const NOW: &str = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// A queue's table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kind: Kind,
    pub(super) acks: bool,
    pub(super) name: String,
    /// As SQL takes it.
    pub(super) quoted: String,
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
    pub(super) fn new(kind: Kind, acks: bool, name: String) -> Self {
        Self { kind, acks, quoted: quote(&name), name }
    }

    /// What a waiting row is.
    pub(super) fn waits(&self) -> String {
        if self.acks { format!("status = {}", Status::New as i64) } else { "1".to_owned() }
    }

    pub(super) fn order(&self) -> &'static str {
        match self.kind {
            Kind::Fifo | Kind::Unique => "_id",
            Kind::Filo => "_id DESC",
            Kind::Priority => "priority, _id",
        }
    }

    /// The index that has waiting rows in their order. Left to itself, the server may walk over all that
    /// is acknowledged.
    pub(super) fn hint(&self) -> &'static str {
        match (self.acks, self.kind) {
            (false, Kind::Priority) => " FORCE INDEX (in_order)",
            (false, _) => "",
            (true, _) => " FORCE INDEX (waiting)",
        }
    }

    /// Rows that wait, in their order: number, data, time, then priority (without acknowledgements), or
    /// attempts and token (with them).
    pub(super) fn select(&self, pick: Pick<'_>) -> String {
        let Self { quoted, .. } = self;
        let hint = if pick.only.is_some() { "" } else { self.hint() };
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
        let Self { quoted, .. } = self;
        let (mut columns, mut values) = ("data, timestamp".to_owned(), "?, ?".to_owned());
        if self.kind == Kind::Priority {
            columns.push_str(", priority");
            values.push_str(", ?");
        }
        if self.acks {
            columns.push_str(", status, due, expires");
            let _ = write!(values, ", ?, {NOW} + ?, {NOW} + ?");
        }
        let row = format!("({values})");
        let rows = vec![row; rows].join(", ");
        format!("INSERT INTO {quoted} ({columns}) VALUES {rows}")
    }

    /// Puts rows that have their numbers: number, data, time, and by kind priority.
    pub(super) fn insert_numbered(&self, rows: usize) -> String {
        let Self { quoted, .. } = self;
        let (columns, row) = if self.kind == Kind::Priority {
            ("_id, data, timestamp, priority", "(?, ?, ?, ?)")
        } else {
            ("_id, data, timestamp", "(?, ?, ?)")
        };
        format!("INSERT INTO {quoted} ({columns}) VALUES {}", vec![row; rows].join(", "))
    }

    /// Has the server give so many numbers out, and never again: the last result is the first of them.
    pub(super) fn give_numbers(&self, count: u8) -> String {
        let rows = vec!["(NULL)"; usize::from(count)].join(", ");
        format!(
            "{BEGIN}; INSERT INTO {} (data) VALUES {rows}; {ROLLBACK}; SELECT LAST_INSERT_ID()",
            self.quoted
        )
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
        format!("SELECT 1 FROM {} WHERE hash = UNHEX(SHA2(?, 256))", self.quoted)
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
        format!("UPDATE {} SET data = ? WHERE _id = ?", self.quoted)
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
            "1".to_owned()
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

    /// Has the table take larger items.
    pub(super) fn widen(&self) -> String {
        format!("ALTER TABLE {} MODIFY data LONGBLOB", self.quoted)
    }

    pub(super) fn shrink(&self) -> String {
        format!("OPTIMIZE TABLE {}", self.quoted)
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

    pub(super) fn creation(&self) -> String {
        let mut parts = vec![
            "_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY".to_owned(),
            "data LONGBLOB".to_owned(),
            "timestamp DOUBLE".to_owned(),
        ];
        let mut part = |text: &str| parts.push(text.to_owned());
        if self.kind == Kind::Priority {
            part("priority BIGINT NOT NULL DEFAULT 0");
        }
        if self.acks {
            part("status TINYINT NOT NULL DEFAULT 0");
            part("due BIGINT");
            part("expires BIGINT");
            part("attempts INT UNSIGNED NOT NULL DEFAULT 0");
            part("holder VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin");
            part("token BIGINT NOT NULL DEFAULT 0");
            part(match self.kind {
                Kind::Priority => "INDEX waiting (status, priority, _id)",
                _ => "INDEX waiting (status, _id)",
            });
            part("INDEX due (due)");
            part("INDEX expires (expires)");
        } else if self.kind == Kind::Priority {
            part("INDEX in_order (priority, _id)");
        }
        if self.kind == Kind::Unique {
            // A value that is acknowledged may be queued again, and NULL is equal to nothing.
            let hash = "UNHEX(SHA2(data, 256))";
            let hash = if self.acks {
                format!("IF(status = {}, NULL, {hash})", Status::Acked as i64)
            } else {
                hash.to_owned()
            };
            part(&format!("hash BINARY(32) AS ({hash}) STORED"));
            part("UNIQUE INDEX once (hash)");
        }
        format!("CREATE TABLE IF NOT EXISTS {} ({}) ENGINE=InnoDB", self.quoted, parts.join(", "))
    }
}

/// The status of a row, as callers are told it: one that waits again is [`Status::Ready`]. In the table it
/// is [`Status::New`], so that all that wait stand together in an index.
pub(super) fn told_status() -> String {
    let (new, ready) = (Status::New as i64, Status::Ready as i64);
    format!("IF(status = {new} AND attempts > 0, {ready}, status)")
}

/// How many bytes a column of this type takes.
pub(super) fn capacity(data_type: &str) -> usize {
    match data_type.to_ascii_lowercase().as_str() {
        "tinyblob" | "tinytext" => 0xff,
        "mediumblob" | "mediumtext" => 0xff_ffff,
        "longblob" | "longtext" | "json" => u32::MAX as usize,
        _ => 0xffff,
    }
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

/// A name as SQL takes it, whatever is in it.
pub(super) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

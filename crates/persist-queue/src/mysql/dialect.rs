//! The SQL of MySQL and MariaDB.

use crate::server::{Dialect, Table, Texts};
use crate::sql::{Kind, Status};

/// What each connection begins with. In strict mode an item that is too large is refused and not cut
/// off; the time zone has no hour that comes twice; a connection that is left alone is closed, and
/// with it goes what a machine holds that vanished.
pub(super) const SETTINGS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
     innodb_lock_wait_timeout = 5, wait_timeout = 120";

const TEXTS: Texts = Texts {
    batch_settings: "SET SESSION wait_timeout = 600",
    plain_settings: "SET SESSION wait_timeout = 120",
    holders_settings: "SET SESSION wait_timeout = 60",
    columns: "SELECT column_name, data_type FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = ?",
    tables: "SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position",
    now: "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
    whole_number: "SIGNED",
    lock: "SELECT IF(IS_USED_LOCK(name) = CONNECTION_ID(), 1, \
         IF(IS_FREE_LOCK(name), GET_LOCK(name, 0), 0)) \
         FROM (SELECT CONCAT('persistqueue-', ?) AS name) AS given",
    unlock: "SELECT RELEASE_LOCK(CONCAT('persistqueue-', ?))",
    free_lock: "SELECT IS_FREE_LOCK(CONCAT('persistqueue-', ?))",
    uptime: "SHOW GLOBAL STATUS LIKE 'Uptime'",
    increment: "SELECT @@auto_increment_increment",
    create_notes: "CREATE TABLE IF NOT EXISTS persistq_resume \
         (queue VARBINARY(256) NOT NULL, name VARBINARY(255) NOT NULL, done BIGINT UNSIGNED NOT NULL, \
         finished BOOLEAN NOT NULL, PRIMARY KEY (queue, name)) ENGINE=InnoDB",
    begin_noting: "INSERT INTO persistq_resume VALUES (?, ?, 0, FALSE) \
         ON DUPLICATE KEY UPDATE done = done",
};

/// See the module.
#[derive(Debug)]
pub(super) struct MySqlDialect;

impl Dialect for MySqlDialect {
    fn texts(&self) -> &'static Texts {
        &TEXTS
    }

    fn quote(&self, name: &str) -> String {
        format!("`{}`", name.replace('`', "``"))
    }

    fn mark(&self, _number: usize) -> String {
        "?".to_owned()
    }

    fn hash(&self, bytes: &str) -> String {
        format!("UNHEX(SHA2({bytes}, 256))")
    }

    fn creation(&self, table: &Table) -> String {
        let mut parts = vec![
            "_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY".to_owned(),
            "data LONGBLOB".to_owned(),
            "timestamp DOUBLE".to_owned(),
        ];
        let mut part = |text: &str| parts.push(text.to_owned());
        if table.kind == Kind::Priority {
            part("priority BIGINT NOT NULL DEFAULT 0");
        }
        if table.acks {
            part("status TINYINT NOT NULL DEFAULT 0");
            part("due BIGINT");
            part("expires BIGINT");
            part("attempts INT UNSIGNED NOT NULL DEFAULT 0");
            part("holder VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin");
            part("token BIGINT NOT NULL DEFAULT 0");
            part(match table.kind {
                Kind::Priority => "INDEX waiting (status, priority, _id)",
                _ => "INDEX waiting (status, _id)",
            });
            part("INDEX due (due)");
            part("INDEX expires (expires)");
        } else if table.kind == Kind::Priority {
            part("INDEX in_order (priority, _id)");
        }
        if table.kind == Kind::Unique {
            // A value that is acknowledged may be queued again, and NULL is equal to nothing.
            let hash = "UNHEX(SHA2(data, 256))";
            let hash = if table.acks {
                format!("IF(status = {}, NULL, {hash})", Status::Acked as i64)
            } else {
                hash.to_owned()
            };
            part(&format!("hash BINARY(32) AS ({hash}) STORED"));
            part("UNIQUE INDEX once (hash)");
        }
        format!("CREATE TABLE IF NOT EXISTS {} ({}) ENGINE=InnoDB", table.quoted, parts.join(", "))
    }

    fn capacity(&self, data_type: &str) -> usize {
        match data_type.to_ascii_lowercase().as_str() {
            "tinyblob" | "tinytext" => 0xff,
            "mediumblob" | "mediumtext" => 0xff_ffff,
            "longblob" | "longtext" | "json" => u32::MAX as usize,
            _ => 0xffff,
        }
    }

    fn widen(&self, table: &Table) -> String {
        format!("make the column wider: ALTER TABLE {} MODIFY data LONGBLOB", table.quoted)
    }

    fn larger_packets(&self, needed: usize) -> String {
        format!(
            "have the server take larger packets, SET GLOBAL max_allowed_packet = {needed}, and start \
             this program again"
        )
    }

    fn insert(&self, table: &Table, text: String) -> String {
        self.telling(table, text)
    }

    fn give_numbers(&self, table: &Table, count: u8) -> String {
        let rows = vec!["(NULL)"; usize::from(count)].join(", ");
        format!(
            "BEGIN; INSERT INTO {} (data) VALUES {rows}; ROLLBACK; SELECT LAST_INSERT_ID()",
            table.quoted
        )
    }

    /// Left to itself, the server may walk over all that is acknowledged.
    fn hint(&self, table: &Table) -> &'static str {
        match (table.acks, table.kind) {
            (false, Kind::Priority) => " FORCE INDEX (in_order)",
            (false, _) => "",
            (true, _) => " FORCE INDEX (waiting)",
        }
    }

    fn some_of(&self, _table: &Table, condition: &str, most: usize) -> String {
        format!("WHERE {condition} LIMIT {most}")
    }

    /// A row that is put and removed again has the server give a number out.
    fn move_back(&self, table: &Table, id: i64) -> String {
        let (quoted, acked) = (&table.quoted, Status::Acked as i64);
        format!(
            "INSERT INTO {quoted} (status) VALUES ({acked}); \
             DELETE FROM {quoted} WHERE _id = LAST_INSERT_ID(); \
             UPDATE {quoted} SET _id = LAST_INSERT_ID() WHERE _id = {id}; \
             SELECT LAST_INSERT_ID()"
        )
    }

    fn shrink(&self, table: &Table) -> String {
        format!("OPTIMIZE TABLE {}", table.quoted)
    }

    fn check(&self, table: &Table) -> String {
        format!("CHECK TABLE {}", table.quoted)
    }
}

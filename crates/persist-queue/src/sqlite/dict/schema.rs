//! The table of a dictionary, and all SQL text. Columns are persist-queue 1.x's, and one that it does
//! not see: `form` is 1 in rows that we made, whose key is exactly what it says, and NULL in rows of
//! 1.x, where the text `1` may have been the number.

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::sqlite::schema::quote;

/// See the module.
#[derive(Debug)]
pub(super) struct DictTable {
    name: String,
    /// By key: number and data.
    pub(super) find: String,
    /// As `find`, among the rows that 1.x made.
    pub(super) find_of_1x: String,
    /// Key and data. The row keeps its place where there is one.
    pub(super) set: String,
    /// Number and data.
    pub(super) replace: String,
    pub(super) remove: String,
    /// Number, key and data: only if nobody changed it. Gives its key and form.
    pub(super) remove_as_read: String,
    /// Number, or none for a new one, key, data, form: unless the key is there again, or the number is.
    pub(super) put_back: String,
    pub(super) clear: String,
    pub(super) count: String,
    pub(super) any: String,
    /// The number of a key's row.
    pub(super) locate: String,
    /// Those behind a number, in their order, and those before it, backwards: number, key.
    pub(super) keys: [String; 2],
    /// As `keys`, and data.
    pub(super) items: [String; 2],
}

/// What changes when the tables do, and when VACUUM gives all rows new numbers.
pub(super) const SCHEMA_VERSION: &str = "PRAGMA schema_version";

impl DictTable {
    pub(super) fn new(dictionary: &str) -> Self {
        let name = format!("dict_{dictionary}");
        let table = quote(&name);
        let find = format!("SELECT rowid, data FROM {table} WHERE key = ?1");
        let walk = |columns: &str| {
            // 1.x stores None as NULL, any number of times, and never finds it again.
            let from = format!("SELECT rowid, {columns} FROM {table} WHERE key IS NOT NULL AND");
            [
                format!("{from} rowid > ?1 ORDER BY rowid"),
                format!("{from} rowid < ?1 ORDER BY rowid DESC"),
            ]
        };
        Self {
            find_of_1x: format!("{find} AND form IS NULL"),
            find,
            set: format!(
                "INSERT INTO {table} (key, data, form) VALUES (?1, ?2, 1) \
                 ON CONFLICT (key) DO UPDATE SET data = excluded.data"
            ),
            replace: format!("UPDATE {table} SET data = ?2 WHERE rowid = ?1"),
            remove: format!("DELETE FROM {table} WHERE rowid = ?1"),
            remove_as_read: format!(
                "DELETE FROM {table} WHERE rowid = ?1 AND key = ?2 \
                 AND IFNULL(CAST(data AS BLOB), x'') = ?3 RETURNING key, form"
            ),
            put_back: format!(
                "INSERT OR IGNORE INTO {table} (rowid, key, data, form) VALUES (?1, ?2, ?3, ?4)"
            ),
            clear: format!("DELETE FROM {table}"),
            count: format!("SELECT COUNT(key) FROM {table}"),
            any: format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE key IS NOT NULL)"),
            locate: format!("SELECT rowid FROM {table} WHERE key = ?1"),
            keys: walk("key"),
            items: walk("key, data"),
            name,
        }
    }

    /// Makes what is missing. Needs the write lock only where something is.
    pub(super) fn create(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        if self.is_complete(connection)? {
            return Ok(());
        }
        // Others may be making it at the same time.
        let alone = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let table = quote(&self.name);
        alone.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {table} (key TEXT PRIMARY KEY, data BLOB)"
        ))?;
        if !self.is_complete(&alone)? {
            alone.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN form INTEGER"))?;
        }
        alone.commit()
    }

    /// Asked by a statement: what the connection remembers of the tables may be out of date, and only
    /// a statement has it look again.
    fn is_complete(&self, connection: &Connection) -> rusqlite::Result<bool> {
        match connection.prepare(&format!("SELECT form FROM {}", quote(&self.name))) {
            Ok(_) => Ok(true),
            // No such column.
            Err(rusqlite::Error::SqlInputError { .. }) => Ok(false),
            // No such table.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

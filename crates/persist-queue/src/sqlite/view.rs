//! Looking at the queues of a database without changing it: no table made, no row taken, no write lock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::connection::{explain, path_beside, prepare};
use super::get::read;
use super::schema::{WAITING_BELOW, quote};
use super::schema_aside;
use crate::Result;
use crate::error::Context;
use crate::sql::{Kind, QueueTable, Seen, Status};

/// How long a look waits for somebody who has the whole database locked.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database that can only be looked at.
#[derive(Debug)]
pub struct SqliteView {
    path: PathBuf,
    connection: Connection,
}

impl SqliteView {
    /// Opens the database file `path`.
    ///
    /// # Errors
    /// [`Error::Unrecognised`](crate::Error::Unrecognised) where it is no database,
    /// [`Error::Io`](crate::Error::Io), [`Error::Database`](crate::Error::Database).
    pub fn open(path: &Path) -> Result<Self> {
        let path = path.canonicalize().context("open", path)?;
        prepare(&path)?;
        let connection = match open_as(&path, OpenFlags::SQLITE_OPEN_READ_ONLY) {
            // A process that was killed has left a log that must be taken up first.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
                open_as(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            }
            // Beside it nothing can be made, as on a read-only file system: nobody changes it there.
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && !has_log(&path) =>
            {
                open_as(&unchanging(&path), OpenFlags::SQLITE_OPEN_READ_ONLY)
            }
            opened => opened,
        };
        let connection = connection.map_err(|error| explain("open", &path, error))?;
        Ok(Self { path, connection })
    }

    /// The database, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn explained<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| explain("read", &self.path, error))
    }

    /// The queues in it, in the order of their names.
    ///
    /// # Errors
    /// As [`SqliteView::open`].
    pub fn queues(&self) -> Result<Vec<QueueTable>> {
        self.explained(queues(&self.connection))
    }

    /// The rows of a queue behind the number `behind`, in the order of their numbers, at most `most`.
    ///
    /// # Errors
    /// As [`SqliteView::open`].
    pub fn rows(&self, table: &QueueTable, behind: i64, most: usize) -> Result<Vec<Seen>> {
        self.explained(self.select(table, &format!("_id > {behind}"), "_id", most))
    }

    /// The rows that wait, in the order in which they would come out, at most `most`.
    ///
    /// # Errors
    /// As [`SqliteView::open`].
    pub fn waiting(&self, table: &QueueTable, most: usize) -> Result<Vec<Seen>> {
        let waits = format!("status < {WAITING_BELOW}");
        let which = if table.flavour.acks { waits.as_str() } else { "1" };
        let order = match table.flavour.kind {
            Kind::Fifo | Kind::Unique => "_id",
            Kind::Filo => "_id DESC",
            Kind::Priority => "priority, _id",
        };
        self.explained(self.select(table, which, order, most))
    }

    fn select(
        &self,
        table: &QueueTable,
        which: &str,
        order: &str,
        most: usize,
    ) -> rusqlite::Result<Vec<Seen>> {
        let status = if table.flavour.acks { "status" } else { "0" };
        let priority = if table.flavour.kind == Kind::Priority { "priority" } else { "0" };
        let text = format!(
            "SELECT _id, data, timestamp, {status}, {priority} FROM {} WHERE {which} \
             ORDER BY {order} LIMIT {most}",
            quote(&table.table())
        );
        let mut statement = self.connection.prepare_cached(&text)?;
        let rows = statement.query_map([], |row| {
            Ok(Seen {
                row: read(row)?,
                status: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
                priority: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
            })
        })?;
        rows.collect()
    }

    /// How many rows have which status. In a queue without acknowledgements those that somebody took
    /// aside count as held.
    ///
    /// # Errors
    /// As [`SqliteView::open`].
    pub fn counts(&self, table: &QueueTable) -> Result<Vec<(i64, u64)>> {
        let counted = || {
            let name = quote(&table.table());
            let text = if table.flavour.acks {
                format!("SELECT ifnull(status, 0), COUNT(*) FROM {name} GROUP BY 1")
            } else {
                format!("SELECT 0, COUNT(*) FROM {name}")
            };
            let mut statement = self.connection.prepare(&text)?;
            let counts = statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?;
            let mut counts: Vec<(i64, u64)> = counts.collect::<rusqlite::Result<_>>()?;
            if !table.flavour.acks && schema_aside::is_made(&self.connection)? {
                let aside =
                    self.connection
                        .query_row(schema_aside::COUNT, [table.table()], |row| count(row, 0))?;
                counts.push((Status::Held as i64, aside));
            }
            Ok(counts)
        };
        self.explained(counted())
    }

    /// When the oldest row that waits was put, in seconds since 1970, and how many bytes the items of
    /// all rows have.
    ///
    /// # Errors
    /// As [`SqliteView::open`].
    pub fn age_and_size(&self, table: &QueueTable) -> Result<(Option<f64>, u64)> {
        let waits = format!("status < {WAITING_BELOW}");
        let which = if table.flavour.acks { waits.as_str() } else { "1" };
        let text = format!(
            "SELECT (SELECT MIN(timestamp) FROM {0} WHERE {which}), \
             (SELECT ifnull(SUM(length(data)), 0) FROM {0})",
            quote(&table.table())
        );
        let read = self.connection.query_row(&text, [], |row| Ok((row.get(0)?, count(row, 1)?)));
        self.explained(read)
    }

    /// What SQLite's own check of the whole file finds wrong.
    ///
    /// # Errors
    /// As [`SqliteView::open`].
    pub fn check(&self) -> Result<Vec<String>> {
        let check = || {
            let mut statement = self.connection.prepare("PRAGMA integrity_check(1000)")?;
            let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
            let lines: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
            Ok(lines.into_iter().filter(|line| line != "ok").collect())
        };
        self.explained(check())
    }
}

/// Whether there may be something that is not in the database itself yet.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(path_beside(path, "-wal")).is_ok_and(|metadata| metadata.len() > 0)
}

/// As a URL that says that nobody changes the file.
#[cfg(windows)]
fn unchanging(path: &Path) -> PathBuf {
    let path = path.to_string_lossy();
    // What `canonicalize` puts in front is for Windows alone.
    let path = path.strip_prefix(r"\\?\").unwrap_or(&path).replace('\\', "/");
    let path = path.replace('%', "%25").replace('#', "%23").replace('?', "%3f");
    format!("file:///{path}?immutable=1").into()
}

/// As a URL that says that nobody changes the file.
#[cfg(unix)]
fn unchanging(path: &Path) -> PathBuf {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;

    let mut url = OsString::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' => url.push("%25"),
            b'#' => url.push("%23"),
            b'?' => url.push("%3f"),
            byte => url.push(OsStr::from_bytes(&[*byte])),
        }
    }
    url.push("?immutable=1");
    url.into()
}

fn open_as(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
    )?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    // Only this reads the file.
    connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn queues(connection: &Connection) -> rusqlite::Result<Vec<QueueTable>> {
    // The columns tell a queue from whatever else is called like one.
    let text = "SELECT name, (SELECT group_concat(c.name) FROM pragma_table_info(m.name) c) \
                FROM sqlite_master m WHERE type = 'table' ORDER BY name";
    let mut statement = connection.prepare(text)?;
    let tables = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
    })?;
    let mut queues = Vec::new();
    for table in tables {
        let (table, columns) = table?;
        let has = |wanted: &str| columns.split(',').any(|column| column == wanted);
        let Some(queue) = QueueTable::of(&table) else { continue };
        let fits = has("_id")
            && has("data")
            && has("timestamp")
            && (has("status") || !queue.flavour.acks)
            && (has("priority") || queue.flavour.kind != Kind::Priority);
        if fits {
            queues.push(queue);
        }
    }
    Ok(queues)
}

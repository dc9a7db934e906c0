//! One connection: how it is opened, how it waits for a lock, and what its errors say.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::room::give_up_reserve;
#[cfg(unix)]
use super::system_calls;
use crate::storage::system::{DISK_FULL, READ_ONLY};
use crate::{Error, Result};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    File(PathBuf),
    /// In memory, for one object.
    Memory,
}

impl Place {
    /// What errors name.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory => Path::new(":memory:"),
        }
    }
}

thread_local! {
    /// When this thread's current call stops waiting for a lock.
    static LOCK_DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The pauses between two tries for a lock; the last one is repeated.
const PAUSES: [u64; 6] = [50, 100, 200, 500, 1000, 2000];

/// Lets this thread wait for the database's lock for so long from now.
pub(super) fn wait_for_lock(time: Duration) {
    LOCK_DEADLINE.set(Instant::now().checked_add(time));
}

/// Pauses before the next try for a lock. Says whether there is time for one.
pub(super) fn keep_waiting(tries: i32) -> bool {
    if LOCK_DEADLINE.get().is_some_and(|deadline| Instant::now() >= deadline) {
        return false;
    }
    let step = usize::try_from(tries).unwrap_or(0).min(PAUSES.len() - 1);
    std::thread::sleep(Duration::from_micros(PAUSES[step]));
    true
}

/// Opens a connection. Whoever uses it calls [`wait_for_lock`] before.
pub(super) fn open(place: &Place) -> Result<Connection> {
    prepare(place.path())?;
    if let Place::File(path) = place {
        make_file(path);
    }
    let opened = match open_raw(place) {
        Err(error) if is_disk_full(&error) && give_up_reserve(place) => open_raw(place),
        opened => opened,
    };
    opened.map_err(|error| explain("open", place.path(), error))
}

/// To be called before any connection to a database file is opened.
#[cfg(unix)]
pub(super) fn prepare(path: &Path) -> Result<()> {
    let failed = |reason: &'static str| Error::Database {
        action: "open",
        path: path.to_owned(),
        source: reason.into(),
    };
    system_calls::install().map_err(failed)
}

/// On Windows locks belong to whoever opened the file, so that SQLite's own calls do.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "as it is on Unix")]
pub(super) fn prepare(_path: &Path) -> Result<()> {
    Ok(())
}

/// Makes the database's file, where there is none, with the rights that the umask leaves. SQLite would
/// keep other users from writing, and gives what it makes later the rights that this file has.
#[cfg(unix)]
pub(super) fn make_file(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let (kind, rights) = (FileType::RegularFile, Mode::from_raw_mode(0o666));
    // Made and not opened: closing it would end locks that another thread has got on it meanwhile. Where
    // it cannot be made so, or is there already, SQLite makes or opens it as ever, or says why not.
    let _made = mknodat(CWD, path, kind, rights, 0);
}

/// On Windows a new file has the rights of its folder.
#[cfg(windows)]
pub(super) fn make_file(_path: &Path) {}

fn open_raw(place: &Place) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = match place {
        Place::File(path) => Connection::open_with_flags(path, flags)?,
        Place::Memory => Connection::open_in_memory()?,
    };
    connection.busy_handler(Some(keep_waiting))?;
    connection.set_prepared_statement_cache_capacity(64);
    if matches!(place, Place::File(_)) {
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        if mode != "wal" {
            switch_to_log(&connection)?;
        }
    }
    Ok(connection)
}

/// Whether there was no room on the disk, be it for the log's index.
pub(super) fn is_disk_full(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE};
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| {
        [SQLITE_FULL, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE].contains(&code)
    })
}

/// A file beside the database whose name is the database's and `suffix`.
pub(super) fn path_beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Many processes may do this on a fresh file at once, and SQLite does not wait for a lock then.
fn switch_to_log(connection: &Connection) -> rusqlite::Result<()> {
    for tries in 0.. {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && keep_waiting(tries) => {}
            switched => return switched,
        }
    }
    Ok(())
}

/// What an error of SQLite's means to the caller.
pub(super) fn explain(action: &'static str, path: &Path, error: rusqlite::Error) -> Error {
    let path = path.to_owned();
    let refused = |code: i32| Error::Io {
        action,
        path: path.clone(),
        source: io::Error::from_raw_os_error(code),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Locked { path },
        _ if is_disk_full(&error) => refused(DISK_FULL),
        Some(ErrorCode::ReadOnly) => refused(READ_ONLY),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Error::Unrecognised {
            path,
            reason: format!("{error}; 'persistq repair' writes it anew from what can be read"),
        },
        _ => Error::Database { action, path, source: Box::new(error) },
    }
}

/// Whether a call failed because the disk is full.
pub(super) fn found_no_room(error: &Error) -> bool {
    let Error::Io { source, .. } = error else { return false };
    source.raw_os_error() == Some(DISK_FULL)
}

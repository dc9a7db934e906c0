//! The asynchronous classes of persist-queue 1.1.0 forget the name of a queue, whatever it is, and use the
//! tables `queue`, `filo_queue` and `unique_queue`. Who is to go on there opens such a table where it has
//! rows.

use rusqlite::ErrorCode;

use super::database::Database;
use super::options::SqliteOptions;
use super::schema::Table;
use crate::Result;
use crate::sql::Kind;

/// Which table a queue without acknowledgements has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Nameless {
    /// That of its name.
    #[default]
    Never,
    /// The nameless one where somebody uses that: to be decided when the queue is opened.
    WhereUsed,
    /// The nameless one.
    Always,
}

impl Nameless {
    /// Decides it once, and not anew in a forked child: what is empty then was in use before.
    pub(super) fn decide(
        self,
        database: &Database,
        options: &SqliteOptions,
        acks: bool,
    ) -> Result<Self> {
        let was_there = !acks && matches!(options.kind, Kind::Fifo | Kind::Filo | Kind::Unique);
        match self {
            Self::WhereUsed if was_there && is_used(database, options)? => Ok(Self::Always),
            Self::WhereUsed => Ok(Self::Never),
            decided => Ok(decided),
        }
    }
}

/// Whether the nameless table has rows, or an object of this process has it open: those that come later
/// join it, also where it is empty for a moment.
fn is_used(database: &Database, options: &SqliteOptions) -> Result<bool> {
    let table = Table::nameless(options.kind);
    if database.has_open(&table.name) {
        return Ok(true);
    }
    database.read(options.timeout, |connection| match connection.prepare(&table.all) {
        Ok(mut all) => all.exists([]),
        // One of another program's, with other columns.
        Err(rusqlite::Error::SqlInputError { .. }) => Ok(false),
        // No such table.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Ok(false),
        Err(error) => Err(error),
    })
}

//! Going through a dictionary a page at a time, in the order in which its keys were first set. Between
//! two pages nothing is held, so that writers go on and a million rows need no memory.
//!
//! A key that is there all the time is met once. One that comes or goes meanwhile is met or not.

use rusqlite::{Connection, OptionalExtension};

use super::key::Key;
use super::schema::{DictTable, SCHEMA_VERSION};
use super::store::{DictStore, read_data};
use crate::wait::Host;
use crate::{Error, Result};

/// What is read, and in which direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walk {
    /// Whether the values are read too.
    pub values: bool,
    /// The newest key first.
    pub backwards: bool,
}

/// A key, and its value where that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The row's number.
    pub row: i64,
    /// The key.
    pub key: Key,
    /// The serialized value; nothing where it was not asked for.
    pub data: Vec<u8>,
}

/// Some entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In their order. Empty at the end.
    pub entries: Vec<Entry>,
    /// From where to go on; nothing at the end.
    pub next: Option<Position>,
}

/// Where a page starts: at the beginning by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position(Option<Behind>);

/// Behind which row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Behind {
    row: i64,
    key: Key,
    schema: i64,
}

/// The most rows of a page.
const ROWS: usize = 256;
/// A page ends with the row that makes it this large.
const BYTES: usize = 1 << 20;

impl DictStore {
    /// The page that starts at a position.
    ///
    /// # Errors
    /// As [`DictStore::get`]; [`Error::Invalid`] where the file was rebuilt (VACUUM) since the last
    /// page and the key that this ended with is gone, so that the place is lost.
    pub async fn page<H: Host>(
        &self,
        host: &mut H,
        walk: Walk,
        start: Position,
    ) -> Result<Page, H::Error>
    where
        H::Error: From<Error>,
    {
        let page =
            self.read(host, move |connection, table| read(connection, table, walk, start)).await?;
        page.ok_or_else(|| {
            let path = self.path().display();
            Error::Invalid(format!("{path} was rebuilt while it was iterated over; start again"))
                .into()
        })
    }
}

/// Nothing where the place is lost.
fn read(
    connection: &Connection,
    table: &DictTable,
    walk: Walk,
    start: Position,
) -> rusqlite::Result<Option<Page>> {
    // So that the version and the rows are of one moment.
    let moment = connection.unchecked_transaction()?;
    let schema = moment.prepare_cached(SCHEMA_VERSION)?.query_row([], |row| row.get(0))?;
    let start = match start.0 {
        None if walk.backwards => i64::MAX,
        None => i64::MIN,
        Some(behind) if behind.schema == schema => behind.row,
        Some(behind) => {
            let mut locate = moment.prepare_cached(&table.locate)?;
            let row = locate.query_row([behind.key.stored()], |row| row.get(0)).optional()?;
            let Some(row) = row else { return Ok(None) };
            row
        }
    };
    let statements = if walk.values { &table.items } else { &table.keys };
    let mut statement = moment.prepare_cached(&statements[usize::from(walk.backwards)])?;
    let mut rows = statement.query([start])?;
    let (mut page, mut bytes) = (Page::default(), 0);
    while let Some(row) = rows.next()? {
        let data = if walk.values { read_data(row, 2)? } else { Vec::new() };
        bytes += data.len();
        let key = Key::read(row.get_ref(1)?);
        page.entries.push(Entry { row: row.get(0)?, key, data });
        if page.entries.len() >= ROWS || bytes >= BYTES {
            page.next = page.entries.last().map(|last| {
                Position(Some(Behind { row: last.row, key: last.key.clone(), schema }))
            });
            break;
        }
    }
    Ok(Some(page))
}

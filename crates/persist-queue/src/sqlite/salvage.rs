//! A damaged database, written anew from all of its rows that can be read.
//!
//! Damage is in pages. A table is read from its beginning up to the first page that cannot be read, and
//! from its end down to the last one; what is between the two is halved, and each half is read in the
//! same way.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row, params_from_iter};

use super::connection::{explain, make_file, prepare};
use super::schema::quote;
use crate::Result;

/// How many halves of a table are tried. One page has a few hundred rows at most, so that this is enough for
/// a hundred damaged pages.
const MOST_HALVES: u32 = 100_000;
/// How far numbers are looked for behind the last that was read, where nothing says how far there are any.
const FAR: i64 = 100_000;

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// The table.
    pub table: String,
    /// How many of its rows are in the new database.
    pub rows: u64,
    /// Why not all of them are, as SQLite says it.
    pub damage: Option<String>,
}

/// Writes what can be read of the database `from` to a new one, `to`; changes nothing in `from` but that
/// its log is moved into it. It must not be open anywhere.
///
/// # Errors
/// [`Error::Locked`](crate::Error::Locked) where somebody has it open;
/// [`Error::Unrecognised`](crate::Error::Unrecognised) where not even its list of tables can be read;
/// [`Error::Io`](crate::Error::Io), [`Error::Database`](crate::Error::Database) where the new one
/// cannot be written.
pub fn salvage(from: &Path, to: &Path) -> Result<Vec<Salvaged>> {
    prepare(from)?;
    let old = open_alone(from).map_err(|error| explain("read", from, error))?;
    let schema = Schema::read(&old).map_err(|error| explain("read", from, error))?;
    write(&old, &schema, to).map_err(|error| explain("write", to, error))
}

fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Works only for the last one who has it open. The log may be damaged too.
    match connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())) {
        Err(error) if !is_damage(&error) => return Err(error),
        _ => {}
    }
    Ok(connection)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// How the tables, and what belongs to them, are made.
struct Schema {
    tables: Vec<(String, String)>,
    /// Indices and the like.
    others: Vec<String>,
}

impl Schema {
    fn read(old: &Connection) -> rusqlite::Result<Self> {
        let mut schema = Self { tables: Vec::new(), others: Vec::new() };
        let mut statement = old.prepare(
            "SELECT type, name, sql FROM sqlite_master \
             WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let sql = row.get(2)?;
            match row.get::<_, String>(0)?.as_str() {
                "table" => schema.tables.push((row.get(1)?, sql)),
                _ => schema.others.push(sql),
            }
        }
        Ok(schema)
    }
}

fn write(old: &Connection, schema: &Schema, to: &Path) -> rusqlite::Result<Vec<Salvaged>> {
    make_file(to);
    let new = Connection::open(to)?;
    let transaction = new.unchecked_transaction()?;
    let mut salvaged = Vec::new();
    for (table, sql) in &schema.tables {
        new.execute(sql, [])?;
        salvaged.push(copy(old, &new, table)?);
        copy_highest_number(old, &new, table)?;
    }
    for sql in &schema.others {
        new.execute(sql, [])?;
    }
    transaction.commit()?;
    Ok(salvaged)
}

/// The highest number that a row of the table ever had, where the table remembers it.
fn highest_number(old: &Connection, table: &str) -> Option<i64> {
    let read = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    old.query_row(read, [table], |row| row.get(0)).ok()
}

/// Numbers of rows that are gone are not given again.
fn copy_highest_number(old: &Connection, new: &Connection, table: &str) -> rusqlite::Result<()> {
    let Some(highest) = highest_number(old, table) else { return Ok(()) };
    let update = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
    if new.execute(update, (table, highest))? == 0 {
        new.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, highest))?;
    }
    Ok(())
}

fn copy(old: &Connection, new: &Connection, table: &str) -> rusqlite::Result<Salvaged> {
    let mut copying = Copying { old, new, table, rows: 0, damage: None, halves: 0 };
    copying.all()?;
    let Copying { rows, damage, .. } = copying;
    Ok(Salvaged { table: table.to_owned(), rows, damage })
}

struct Copying<'a> {
    old: &'a Connection,
    new: &'a Connection,
    table: &'a str,
    rows: u64,
    damage: Option<String>,
    halves: u32,
}

/// How far rows could be read.
enum Until {
    End,
    /// The number of the last one before the damage, if there was one.
    Damage(Option<i64>),
}

impl Copying<'_> {
    fn all(&mut self) -> rusqlite::Result<()> {
        if self.has_no_numbers()? {
            let select = format!("SELECT 0, * FROM {}", quote(self.table));
            return self.until_damage(&select, ()).map(drop);
        }
        let Until::Damage(up) = self.ascending(i64::MIN, i64::MAX)? else { return Ok(()) };
        // Numbers begin at 1.
        let first = up.map_or(0, |up| up.saturating_add(1));
        let Until::Damage(down) = self.descending(first, i64::MAX)? else { return Ok(()) };
        let last = down.or_else(|| Some(highest_number(self.old, self.table)?.saturating_add(1)));
        self.halve(first, last.map_or(first.saturating_add(FAR), |last| last.saturating_sub(1)))
    }

    fn has_no_numbers(&self) -> rusqlite::Result<bool> {
        let read = "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
        self.old.query_row(read, [self.table], |row| row.get(0))
    }

    /// Copies the rows whose numbers are in this range, as far as they can be read.
    fn range(&mut self, first: i64, last: i64) -> rusqlite::Result<()> {
        let Until::Damage(up) = self.ascending(first, last)? else { return Ok(()) };
        let first = up.map_or(first, |up| up.saturating_add(1));
        let Until::Damage(down) = self.descending(first, last)? else { return Ok(()) };
        self.halve(first, down.map_or(last, |down| down.saturating_sub(1)))
    }

    fn halve(&mut self, first: i64, last: i64) -> rusqlite::Result<()> {
        self.halves += 1;
        if first >= last || self.halves > MOST_HALVES {
            return Ok(());
        }
        let middle = first.midpoint(last);
        self.range(first, middle)?;
        self.range(middle + 1, last)
    }

    fn ascending(&mut self, first: i64, last: i64) -> rusqlite::Result<Until> {
        self.until_damage(&self.select("ASC"), (first, last))
    }

    fn descending(&mut self, first: i64, last: i64) -> rusqlite::Result<Until> {
        self.until_damage(&self.select("DESC"), (first, last))
    }

    fn select(&self, order: &str) -> String {
        format!(
            "SELECT rowid, * FROM {} WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid {order}",
            quote(self.table)
        )
    }

    /// Copies rows up to the first that cannot be read.
    fn until_damage(&mut self, select: &str, range: impl Params) -> rusqlite::Result<Until> {
        let mut reached = None;
        let mut statement = self.old.prepare_cached(select)?;
        let mut rows = statement.query(range)?;
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    reached = Some(row.get(0)?);
                    self.insert(row)?;
                }
                Ok(None) => return Ok(Until::End),
                Err(error) if is_damage(&error) => {
                    self.damage.get_or_insert_with(|| error.to_string());
                    return Ok(Until::Damage(reached));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn insert(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let statement = row.as_ref();
        let names: Vec<String> = statement.column_names().skip(1).map(quote).collect();
        let values = (1..=names.len()).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>()?;
        let marks = vec!["?"; values.len()].join(", ");
        let (table, names) = (quote(self.table), names.join(", "));
        // A row that damage shows twice is there once.
        let insert = format!("INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})");
        let stored = self.new.prepare_cached(&insert)?.execute(params_from_iter(values))?;
        self.rows += stored as u64;
        Ok(())
    }
}

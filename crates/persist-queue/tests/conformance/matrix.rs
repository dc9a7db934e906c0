//! The table in docs/features.md: read, compared, and written anew where `PERSISTQUEUE_WRITE_MATRIX` is set.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;

use crate::backends::NAMES;
use crate::checks::GROUPS;

pub(crate) const YES: &str = "yes";
pub(crate) const NONE: &str = "—";
pub(crate) const REFUSED: &str = "refused";
/// Never stands in the table: the test fails before.
pub(crate) const BROKEN: &str = "BROKEN";
/// Where nothing was run yet.
const UNKNOWN: &str = "?";

const BEGIN: &str = "<!-- made by `./dev matrix` -->\n\n";
const END: &str = "\n<!-- end of what `./dev matrix` makes -->\n";
const WRITE: &str = "PERSISTQUEUE_WRITE_MATRIX";

/// Cells by the titles of their column and row.
type Cells = HashMap<(String, String), String>;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/features.md")
}

fn writes() -> bool {
    std::env::var_os(WRITE).is_some()
}

/// What is before the table, the table, and what is behind it.
fn split(page: &str) -> [&str; 3] {
    let (before, rest) =
        page.split_once(BEGIN).expect("docs/features.md has lost the begin of its table");
    let (table, behind) =
        rest.split_once(END).expect("docs/features.md has lost the end of its table");
    [before, table, behind]
}

fn cells(table: &str) -> Cells {
    let row = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = table.lines().map(row);
    let names = lines.next().unwrap_or_default();
    let with_names = |row: Vec<String>| {
        let title = row[0].clone();
        let cells = names.iter().cloned().zip(row).skip(1);
        cells.map(move |(name, cell)| ((name, title.clone()), cell)).collect::<Vec<_>>()
    };
    lines.flat_map(with_names).collect()
}

fn render(cells: &Cells) -> String {
    let mut table = format!(
        "| what was tried | {} |\n| --- |{}\n",
        NAMES.join(" | "),
        " --- |".repeat(NAMES.len())
    );
    for group in &GROUPS {
        writeln!(table, "| **{}** |{}", group.title, " |".repeat(NAMES.len())).unwrap();
        for check in group.checks {
            let cell = |name: &str| cells.get(&(name.to_owned(), check.title.to_owned()));
            let row = NAMES.map(|name| cell(name).map_or(UNKNOWN, String::as_str));
            writeln!(table, "| {} | {} |", check.title, row.join(" | ")).unwrap();
        }
    }
    table
}

/// Compares what a backend's checks gave with its column, or writes that.
pub(crate) fn compare(name: &str, column: &[(&str, &str)]) {
    let key = |title: &str| (name.to_owned(), title.to_owned());
    if writes() {
        let lock = File::open(path()).unwrap();
        // Each backend's test is a process of its own, and writes its column.
        lock.lock().unwrap();
        let page = fs::read_to_string(path()).unwrap();
        let [before, table, behind] = split(&page);
        let mut cells = cells(table);
        cells.extend(column.iter().map(|(title, cell)| (key(title), (*cell).to_owned())));
        fs::write(path(), [before, BEGIN, &render(&cells), END, behind].concat()).unwrap();
        return;
    }
    let page = fs::read_to_string(path()).unwrap();
    let stands = cells(split(&page)[1]);
    let mut different = String::new();
    for (title, cell) in column {
        let stands = stands.get(&key(title)).map_or("nothing", String::as_str);
        if stands != *cell {
            writeln!(different, "  {title}: the table says {stands}, this run {cell}").unwrap();
        }
    }
    assert!(
        different.is_empty(),
        "docs/features.md says something else of {name}:\n{different}`./dev matrix` writes the table anew"
    );
}

/// Fails where a row or a column is missing, one is there too much, or the form is another one.
pub(crate) fn is_whole() {
    if writes() {
        return;
    }
    let page = fs::read_to_string(path()).unwrap();
    let table = split(&page)[1];
    let wanted = render(&cells(table));
    assert!(
        table == wanted && !table.contains("| ? "),
        "`./dev matrix` writes the table anew:\n{wanted}"
    );
}

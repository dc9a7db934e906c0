//! The times as a table.

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;

use super::Report;
use super::measure::Row;
use super::time::shown;

/// What the columns are.
pub(super) const HEAD: [&str; 8] = [
    "queue",
    "level",
    "threads",
    "operation",
    "an item",
    "least to most",
    "items a second",
    "items",
];
/// From here on columns are numbers.
const NUMBERS: usize = 4;

pub(super) fn cells(row: &Row) -> [String; 8] {
    [
        row.scene.subject.name().to_owned(),
        row.scene.level.name().to_owned(),
        row.scene.threads.to_string(),
        row.operation.to_owned(),
        shown(row.median),
        format!("{} to {}", shown(row.least), shown(row.most)),
        HumanCount(whole(row.per_second())).to_string(),
        HumanCount(row.items).to_string(),
    ]
}

#[expect(clippy::cast_sign_loss, reason = "there are no fewer than no items a second")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// Whether a column is one of numbers, which stand at its right end.
pub(super) fn is_number(column: usize) -> bool {
    column == 2 || column >= NUMBERS
}

pub(super) fn of(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEAD);
    for row in &report.rows {
        table.add_row(cells(row));
    }
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if is_number(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}

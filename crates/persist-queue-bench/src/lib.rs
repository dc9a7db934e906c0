//! What a benchmark found: rows of one shape, which all benchmarks write as JSON.

use std::fmt::{self, Display};
use std::path::Path;

use serde::Serialize;

/// What a put that returned survives.
pub const NOTHING: &str = "nothing";
/// As [`NOTHING`], but the process may be killed.
pub const PROCESS: &str = "killed process";
/// As [`NOTHING`], but the machine may lose its power.
pub const MACHINE: &str = "dead machine";

/// One figure, with the spread over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Which table it belongs to.
    pub table: String,
    /// What was measured.
    pub name: String,
    /// [`NOTHING`], [`PROCESS`] or [`MACHINE`].
    pub survives: &'static str,
    /// In which case it was measured: a size, a depth, a call.
    pub case: String,
    /// `ns` or `bytes`.
    pub unit: &'static str,
    /// In the middle of all rounds.
    pub median: f64,
    /// In the best round.
    pub least: f64,
    /// In the worst round.
    pub most: f64,
}

impl Row {
    /// What rounds took, in nanoseconds.
    ///
    /// # Panics
    ///
    /// Panics where there was no round.
    #[must_use]
    pub fn times(
        table: &str,
        name: &str,
        survives: &'static str,
        case: impl Display,
        times: Vec<f64>,
    ) -> Self {
        Self::new(table, name, survives, case, "ns", times)
    }

    /// As [`Row::times`], for each of the names.
    #[must_use]
    pub fn many<const N: usize>(
        table: &str,
        names: [&str; N],
        survives: &'static str,
        case: impl Display + Copy,
        times: [Vec<f64>; N],
    ) -> [Self; N] {
        let mut names = names.into_iter();
        times.map(|times| {
            let name = names.next().unwrap_or_default();
            Self::times(table, name, survives, case, times)
        })
    }

    /// How much memory was taken, in bytes.
    #[must_use]
    pub fn memory(table: &str, name: &str, case: impl Display, bytes: f64) -> Self {
        Self::new(table, name, NOTHING, case, "bytes", vec![bytes])
    }

    fn new(
        table: &str,
        name: &str,
        survives: &'static str,
        case: impl Display,
        unit: &'static str,
        mut values: Vec<f64>,
    ) -> Self {
        let (table, name) = (table.to_owned(), name.to_owned());
        let median = median(&mut values);
        let (least, most) = (values[0], values[values.len() - 1]);
        Self { table, name, survives, case: case.to_string(), unit, median, least, most }
    }
}

/// Sorts the values, and gives the one in the middle.
///
/// # Panics
///
/// Panics where there is none.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Median, least and most.
impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} ({:.0} to {:.0})", self.median, self.least, self.most)
    }
}

/// Writes the rows as JSON.
///
/// # Errors
///
/// Where the file cannot be written.
pub fn write_json(file: &Path, rows: &[Row]) -> std::io::Result<()> {
    #[derive(Serialize)]
    struct Found<'a> {
        rows: &'a [Row],
    }
    std::fs::write(file, serde_json::to_string_pretty(&Found { rows })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_the_middle_and_both_ends_in_json() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rows.json");
        let row = Row::times("calls", "put", PROCESS, "100 bytes", vec![3.0, 9.0, 1.0]);
        write_json(&file, &[row]).unwrap();
        let read: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let wanted = serde_json::json!({"rows": [{
            "table": "calls", "name": "put", "survives": "killed process", "case": "100 bytes",
            "unit": "ns", "median": 3.0, "least": 1.0, "most": 9.0,
        }]});
        assert_eq!(read, wanted);
    }
}

//! The times as a page that needs nothing else: the picture, the table, and what was measured.

use std::fmt::Write as _;

use super::markup::escape;
use super::stage::BATCH;
use super::{Report, plot, table};
use crate::failure::Result;

const PAGE: &str = include_str!("page.html");

pub(super) fn of(report: &Report) -> Result<String> {
    let mut facts = String::new();
    for (name, fact) in report.machine.facts() {
        let (name, fact) = (name.replace('_', " "), escape(&fact));
        let _ = writeln!(facts, "<dt>{name}</dt><dd>{fact}</dd>");
    }
    let extent = report.extent;
    let words = format!(
        "Times are of one item of {} bytes, medians of {} interleaved rounds; {BATCH} items are in one \
         call of put_many, get_many and ack_many. What threads did together was timed from the first \
         start to the last end, and shared out to the items.",
        extent.size, extent.rounds
    );
    let mut rows = String::new();
    for row in &report.rows {
        let _ = writeln!(rows, "<tr>{}</tr>", cells("td", &table::cells(row)));
    }
    let page = PAGE
        .replacen("{plot}", &plot::of(report)?, 1)
        .replacen("{facts}", &facts, 1)
        .replacen("{words}", &words, 1)
        .replacen("{head}", &cells("th", &table::HEAD.map(str::to_owned)), 1)
        .replacen("{rows}", &rows, 1);
    Ok(page)
}

fn cells(tag: &str, texts: &[String]) -> String {
    let cell = |(column, text): (usize, &String)| {
        let class = if table::is_number(column) { " class=\"number\"" } else { "" };
        format!("<{tag}{class}>{}</{tag}>", escape(text))
    };
    texts.iter().enumerate().map(cell).collect()
}

//! The times as a picture: a bar for each row, on a scale of powers of ten.

use std::fmt::Write as _;
use std::io;

use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Report;
use super::level::Level;
use super::markup::escape;
use super::measure::Row;
use super::palette::{self, GRID, Ink, PAPER, QUIET, TEXT};
use super::scene::Subject;
use super::time::{power, shown};
use crate::failure::{Failure, Result};

const TITLE: &str = "persistq bench: how long one item takes";
const WIDTH: u32 = 960;
/// Room for what is written left and right of the bars.
const LABELS: u32 = 230;
const VALUES: u32 = 210;
/// Room for title and legend, for the scale, and for what is under it.
const TOP: u32 = 112;
const SCALE: u32 = 26;
const BOTTOM: u32 = 12;
const HEADING: u32 = 36;
const ROW: u32 = 20;
/// From one bar to the next.
const GAP: f64 = 5.0;
const MARGIN: i32 = 18;

type Backend<'a> = SVGBackend<'a>;
type Whole<'a> = DrawingArea<Backend<'a>, Shift>;
type Bars<'a> = DrawingArea<Backend<'a>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;
type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

pub(super) fn of(report: &Report) -> Result<String> {
    let mut svg = String::new();
    draw(&mut svg, report).map_err(|error| Failure::failed(format!("cannot draw: {error}")))?;
    Ok(described(&svg, report))
}

fn draw(svg: &mut String, report: &Report) -> Drawn {
    let (lines, body) = lines(&report.rows);
    let size = (WIDTH, TOP + 2 * SCALE + body + BOTTOM);
    let whole = SVGBackend::with_string(svg, size).into_drawing_area();
    whole.fill(&PAPER.light)?;
    draw_head(&whole, report)?;
    let mut chart = ChartBuilder::on(&whole)
        .margin_top(TOP)
        .margin_bottom(BOTTOM)
        .margin_left(LABELS)
        .margin_right(VALUES)
        .set_label_area_size(LabelAreaPosition::Top, SCALE)
        .set_label_area_size(LabelAreaPosition::Bottom, SCALE)
        .build_cartesian_2d(scale(&report.rows).log_scale(), f64::from(body)..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .axis_style(GRID.light)
        .bold_line_style(GRID.light)
        .light_line_style(TRANSPARENT)
        .x_label_style(font(12).color(&QUIET.light))
        .x_label_formatter(&|time| power(*time))
        .draw()?;
    let bars = chart.plotting_area();
    for limit in report.rows.iter().filter(|row| row.scene.subject == Subject::Limit) {
        let ends = [(limit.median, 0.0), (limit.median, f64::from(body))];
        bars.draw(&PathElement::new(ends, palette::of(limit.scene.level).light.stroke_width(1)))?;
    }
    for (at, line) in lines {
        match line {
            Line::Heading(subject) => draw_heading(&whole, at, subject)?,
            Line::Bar(row) => draw_bar(bars, at, row)?,
        }
    }
    whole.present()
}

/// What stands in a line of the picture.
enum Line<'a> {
    Heading(Subject),
    Bar(&'a Row),
}

/// Each line with how far down it begins, and how far down the last one ends.
fn lines(rows: &[Row]) -> (Vec<(u32, Line<'_>)>, u32) {
    let (mut lines, mut at, mut before) = (Vec::new(), 0, None);
    for row in rows {
        let subject = row.scene.subject;
        if before != Some(subject) {
            lines.push((at, Line::Heading(subject)));
            at += HEADING;
        }
        lines.push((at, Line::Bar(row)));
        at += ROW;
        before = Some(subject);
    }
    (lines, at + HEADING - ROW)
}

/// From the power of ten below all bars to the one above.
fn scale(rows: &[Row]) -> std::ops::Range<f64> {
    let least = rows.iter().map(|row| row.least).fold(f64::INFINITY, f64::min);
    let most = rows.iter().map(|row| row.most).fold(0.0, f64::max);
    // A bar that ended where the scale begins could not be seen.
    let first = 10_f64.powf((least * 0.8).log10().floor());
    first..10_f64.powf(most.log10().ceil())
}

fn font(size: u32) -> FontDesc<'static> {
    ("system-ui, sans-serif", size).into_font()
}

/// Text beside a point: left-bound behind it or right-bound before it, at half of its height.
fn beside(font: &FontDesc<'static>, ink: &'static Ink, side: HPos) -> TextStyle<'static> {
    font.color(&ink.light).pos(Pos::new(side, VPos::Center))
}

fn draw_head(whole: &Whole<'_>, report: &Report) -> Drawn {
    let bold = font(22).style(FontStyle::Bold);
    whole.draw(&Text::new(TITLE, (MARGIN, 28), beside(&bold, &TEXT, HPos::Left)))?;
    let (extent, machine) = (report.extent, &report.machine);
    let what = format!(
        "Items of {} bytes, medians of {} rounds, least to most. The two lines are this machine's limits.",
        extent.size, extent.rounds
    );
    let on = format!(
        "{}, {} cores, {}, {}",
        machine.processor, machine.cores, machine.kernel, machine.file_system
    );
    for (words, at) in [(what, 52), (on, 70)] {
        whole.draw(&Text::new(words, (MARGIN, at), beside(&font(13), &QUIET, HPos::Left)))?;
    }
    for (number, level) in (0..).zip(Level::ALL) {
        let at = MARGIN + 6 + number * 270;
        whole.draw(&Circle::new((at, 96), 6, palette::of(level).light.filled()))?;
        let words = format!("{}: {}", level.name(), level.meaning());
        whole.draw(&Text::new(words, (at + 14, 96), beside(&font(14), &TEXT, HPos::Left)))?;
    }
    Ok(())
}

fn draw_heading(whole: &Whole<'_>, at: u32, subject: Subject) -> Drawn {
    let middle = (TOP + SCALE + at + HEADING - 11).cast_signed();
    let bold = font(15).style(FontStyle::Bold);
    whole.draw(&Text::new(subject.title(), (MARGIN, middle), beside(&bold, &TEXT, HPos::Left)))
}

fn draw_bar(bars: &Bars<'_>, at: u32, row: &Row) -> Drawn {
    let (top, bottom) = (f64::from(at) + GAP / 2.0, f64::from(at + ROW) - GAP / 2.0);
    let middle = f64::midpoint(top, bottom);
    let first = bars.get_x_range().start;
    let ink = palette::of(row.scene.level);
    bars.draw(&Rectangle::new([(first, top), (row.median, bottom)], ink.light.filled()))?;
    let spread = [(row.least, middle), (row.most, middle)];
    bars.draw(&PathElement::new(spread, TEXT.light.stroke_width(1)))?;
    let write = |x: f64, off: i32, text: String, style: TextStyle<'static>| {
        bars.draw(&(EmptyElement::at((x, middle)) + Text::new(text, (off, 0), style)))
    };
    let end = row.most.max(row.median);
    write(first, -8, label(row), beside(&font(14), &TEXT, HPos::Right))?;
    write(end, 8, shown(row.median), beside(&font(14), &TEXT, HPos::Left))?;
    let spread = format!("{} to {}", shown(row.least), shown(row.most));
    write(end, 68, spread, beside(&font(12), &QUIET, HPos::Left))
}

fn label(row: &Row) -> String {
    let level = row.scene.level.name();
    match row.scene.threads {
        1 => format!("{} · {level}", row.operation),
        threads => format!("{} · {level} · {threads} threads", row.operation),
    }
}

/// The picture with what a reader who does not see it is told, and with its colours for dark screens.
fn described(svg: &str, report: &Report) -> String {
    let Some((start, rest)) = svg.split_once('>') else { return svg.to_owned() };
    let mut words = String::from("Bars on a scale of powers of ten.");
    for row in &report.rows {
        let _ =
            write!(words, " {}: {}, {}.", row.scene.subject.title(), label(row), shown(row.median));
    }
    let (title, words, style) = (escape(TITLE), escape(&words), palette::style_sheet());
    format!(
        "{start} role=\"img\" aria-labelledby=\"bench-title bench-words\">\n\
         <title id=\"bench-title\">{title}</title>\n<desc id=\"bench-words\">{words}</desc>\n\
         <style>\n{style}</style>{rest}"
    )
}

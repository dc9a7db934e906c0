//! The colours of the picture, by day and by night.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::level::Level;

/// A colour, and what stands for it where the reader's screen is dark.
pub(super) struct Ink {
    pub(super) light: RGBColor,
    dark: RGBColor,
}

pub(super) const PAPER: Ink =
    Ink { light: RGBColor(0xff, 0xff, 0xff), dark: RGBColor(0x0d, 0x11, 0x17) };
pub(super) const TEXT: Ink =
    Ink { light: RGBColor(0x1f, 0x23, 0x28), dark: RGBColor(0xe6, 0xed, 0xf3) };
pub(super) const QUIET: Ink =
    Ink { light: RGBColor(0x63, 0x6c, 0x76), dark: RGBColor(0x91, 0x98, 0xa1) };
pub(super) const GRID: Ink =
    Ink { light: RGBColor(0xdd, 0xe1, 0xe6), dark: RGBColor(0x2d, 0x33, 0x3b) };
const PROCESS: Ink = Ink { light: RGBColor(0x3b, 0x78, 0xc3), dark: RGBColor(0x58, 0x95, 0xe0) };
const DISK: Ink = Ink { light: RGBColor(0xd0, 0x6a, 0x1f), dark: RGBColor(0xe0, 0x82, 0x3d) };
const MEMORY: Ink = Ink { light: RGBColor(0x4a, 0x9a, 0x86), dark: RGBColor(0x53, 0xac, 0x96) };

/// Lines behind a text are not to cross its letters.
const HALO: &str = "paint-order: stroke; stroke-width: 4px; stroke-linejoin: round;";

pub(super) fn of(level: Level) -> &'static Ink {
    match level {
        Level::Process => &PROCESS,
        Level::Disk => &DISK,
        Level::Memory => &MEMORY,
    }
}

/// Makes a picture that was drawn in the light colours dark where the reader wants that: a style sheet is
/// stronger than the attributes that the picture is drawn with.
pub(super) fn style_sheet() -> String {
    let mut rules = format!("svg text {{ {HALO} stroke: {}; }}\n", code(PAPER.dark));
    for Ink { light, dark } in [&PAPER, &TEXT, &QUIET, &GRID, &PROCESS, &DISK, &MEMORY] {
        for attribute in ["fill", "stroke"] {
            let (light, dark) = (code(*light), code(*dark));
            let _ = writeln!(rules, "svg [{attribute}=\"{light}\"] {{ {attribute}: {dark}; }}");
        }
    }
    let halo = format!("svg text {{ {HALO} stroke: {}; }}", code(PAPER.light));
    format!("{halo}\n@media (prefers-color-scheme: dark) {{\n{rules}}}\n")
}

/// As plotters writes it.
fn code(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

//! How times are shown.

/// Nanoseconds in a unit that suits them, with three digits.
pub(super) fn shown(nanoseconds: f64) -> String {
    let (number, unit) = in_unit(nanoseconds);
    let digits = match number {
        number if number < 9.995 => 2,
        number if number < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {unit}")
}

/// As [`shown`], for a power of ten on a scale.
pub(super) fn power(nanoseconds: f64) -> String {
    let (number, unit) = in_unit(nanoseconds);
    format!("{number} {unit}")
}

fn in_unit(nanoseconds: f64) -> (f64, &'static str) {
    match nanoseconds {
        time if time < 999.5 => (time, "ns"),
        time if time < 999.5e3 => (time / 1e3, "µs"),
        time if time < 999.5e6 => (time / 1e6, "ms"),
        time => (time / 1e9, "s"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_time_has_three_digits_and_the_unit_that_suits() {
        for (nanoseconds, text) in [
            (0.5, "0.50 ns"),
            (71.26, "71.3 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 µs"),
            (99_960.0, "100 µs"),
            (12_340_000.0, "12.3 ms"),
            (2e9, "2.00 s"),
        ] {
            assert_eq!(shown(nanoseconds), text);
        }
    }
}

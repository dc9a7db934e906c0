//! Lengths of time as arguments.

use std::time::Duration;

use persist_queue::{Durability, Wait};

/// Seconds, also parts of one.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|_| "it must be a number of seconds".to_owned())
}

/// Seconds, or `inf`.
pub(crate) fn wait(text: &str) -> Result<Wait, String> {
    if text == "inf" {
        return Ok(Wait::Forever);
    }
    let time = duration(text).map_err(|error| format!("{error}, or 'inf'"))?;
    Ok(if time.is_zero() { Wait::No } else { Wait::For(time) })
}

pub(crate) fn durability(text: &str) -> Result<Durability, String> {
    match text {
        "process" => Ok(Durability::Process),
        "disk" => Ok(Durability::Disk),
        _ => duration(text)
            .map(Durability::Interval)
            .map_err(|_| "it must be 'process', 'disk' or a number of seconds".to_owned()),
    }
}

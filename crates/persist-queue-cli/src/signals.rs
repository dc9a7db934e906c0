//! The signals by which somebody asks this process to end.

use std::ffi::c_int;
use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::{Exit, Failure, Result};

const ENDING: [(c_int, Exit); 3] =
    [(SIGHUP, Exit::HungUp), (SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)];

/// From now on, has a thread say with which exit code this process is to end, instead of its being
/// ended. A second signal ends it all the same.
pub(crate) fn on_ending(say: impl Fn(Exit) + Send + 'static) -> Result<()> {
    let failed = |error| Failure::failed(format!("cannot listen to signals: {error}"));
    let ignored = ignored().map_err(failed)?;
    // Who started this with `nohup`, or a script in its background, wants none of them.
    let heard = ENDING.iter().map(|(signal, _)| *signal).filter(|signal| !ignored(*signal));
    let mut signals = Signals::new(heard).map_err(failed)?;
    std::thread::spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked {
                // Nothing else is left to be done where even this fails.
                let _ = emulate_default_handler(signal);
            }
            asked = true;
            ENDING.iter().filter(|(number, _)| *number == signal).for_each(|(_, exit)| say(*exit));
        }
    });
    Ok(())
}

/// Whether this process ignores a signal.
fn ignored() -> io::Result<impl Fn(c_int) -> bool> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    Ok(move |signal| mask >> (signal - 1) & 1 == 1)
}

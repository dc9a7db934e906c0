//! How this program is started again: by its file, or in the manner of whoever hosts it.

use std::ffi::OsString;
use std::io;
use std::sync::OnceLock;

static PROGRAM: OnceLock<Vec<OsString>> = OnceLock::new();

/// Has the program started again by these words: the first time counts.
pub fn set_program(words: Vec<OsString>) {
    // Whoever was first hosts it.
    let _ = PROGRAM.set(words);
}

pub(crate) fn get() -> io::Result<Vec<OsString>> {
    match PROGRAM.get() {
        Some(words) => Ok(words.clone()),
        None => Ok(vec![std::env::current_exe()?.into_os_string()]),
    }
}

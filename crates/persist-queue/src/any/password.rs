//! Passwords for servers, which are in no URL: those end up in lists of processes and histories of shells.

use std::env::{self, VarError};
use std::path::Path;

use crate::error::Context;
use crate::{Error, Result};

/// What this variable of the environment holds; else what is in the file that the variable names whose
/// name has `_FILE` behind that, without the end of its last line.
pub(super) fn password(variable: &str) -> Result<Option<String>> {
    match env::var(variable) {
        Ok(password) => return Ok(Some(password)),
        Err(VarError::NotPresent) => {}
        Err(VarError::NotUnicode(_)) => {
            return Err(Error::Invalid(format!("{variable} is not UTF-8")));
        }
    }
    let variable = format!("{variable}_FILE");
    let Some(path) = env::var_os(&variable) else { return Ok(None) };
    let bytes = std::fs::read(&path).context("read the password in", Path::new(&path))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::Invalid(format!("the file that {variable} names is not UTF-8")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

//! The file that times are drawn into.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{PREFIX, Report, page, plot};
use crate::failure::{Failure, Result};

/// As an argument: what it is to hold is told by its end.
pub(super) fn parse(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    drawer(&path).ok_or("it must end with .svg or .html")?;
    Ok(path)
}

/// What draws into a file of this name.
fn drawer(path: &Path) -> Option<fn(&Report) -> Result<String>> {
    match path.extension()?.to_str()? {
        "svg" => Some(plot::of),
        "html" => Some(page::of),
        _ => None,
    }
}

/// A new file, which becomes that of the name when it is whole.
pub(super) struct Target<'a> {
    path: &'a Path,
    fresh: NamedTempFile,
}

impl<'a> Target<'a> {
    /// Before anything is measured, so that nothing is measured in vain.
    pub(super) fn open(path: &'a Path) -> Result<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let fresh = tempfile::Builder::new()
            .prefix(PREFIX)
            // Those of any new file.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(parent.unwrap_or(Path::new(".")))
            .map_err(|error| failed(path, &std::io::Error::from(error.kind())))?;
        Ok(Self { path, fresh })
    }

    pub(super) fn write(mut self, report: &Report) -> Result<()> {
        let Some(draw) = drawer(self.path) else { return Ok(()) };
        let drawn = draw(report)?;
        self.fresh.write_all(drawn.as_bytes()).map_err(|error| failed(self.path, &error))?;
        self.fresh.persist(self.path).map_err(|error| failed(self.path, &error.error))?;
        Ok(())
    }
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {why}", path.display()))
}

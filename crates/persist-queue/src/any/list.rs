//! Which queues there are under a folder, or in a database.

use std::path::Path;

use super::locator::Locator;
use super::open::{Place, database_at, is_database, locator_of};
use crate::error::Context;
use crate::file::{Folder, probe};
use crate::sqlite::SqliteView;
use crate::{Error, Result};

/// A queue that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// How to name it.
    pub locator: Locator,
    /// Where it is.
    pub place: Place,
}

/// The queues in `root` and in the folders below it, at most `depth` folders down, in the order of
/// their paths. Links are not followed. What cannot be looked into is left out; `root` itself must be
/// there.
///
/// # Errors
/// [`Error::NotFound`] where `root` is not there, [`Error::Io`] where it cannot be looked into.
pub fn list(root: &Path, depth: usize) -> Result<Vec<Listed>> {
    if !root.exists() {
        let reason = "there is nothing there".to_owned();
        return Err(Error::NotFound { path: root.to_owned(), reason });
    }
    let mut found = Vec::new();
    if root.is_file() {
        tables(&database_at(root), &mut found)?;
    } else {
        folder(root, depth, &mut found)?;
    }
    Ok(found)
}

fn folder(dir: &Path, depth: usize, found: &mut Vec<Listed>) -> Result<()> {
    let kind = probe(dir)?;
    if kind != Folder::Other {
        let locator = Locator::Path(dir.to_owned());
        found.push(Listed { locator, place: Place::File { dir: dir.to_owned(), folder: kind } });
        return Ok(());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).context("list", dir)? {
        let entry = entry.context("list", dir)?;
        let Ok(kind) = entry.file_type() else { continue };
        paths.push((entry.path(), kind));
    }
    paths.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, kind) in paths {
        if kind.is_dir() && depth > 0 {
            // Of others, or gone by now.
            let _ = folder(&path, depth - 1, found);
        } else if kind.is_file() && is_database(&path).unwrap_or(false) {
            let _ = tables(&path, found);
        }
    }
    Ok(())
}

fn tables(path: &Path, found: &mut Vec<Listed>) -> Result<()> {
    for table in SqliteView::open(path)?.queues()? {
        let locator = locator_of(path, &table.name, table.flavour);
        found.push(Listed { locator, place: Place::Sqlite { path: path.to_owned(), table } });
    }
    Ok(())
}

//! Which queues there are under a folder, in a database, or on a server.

use std::path::Path;

use super::locator::Locator;
use super::open::{Place, database_at, is_database, locator_of, wanted};
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

/// The queues that are in what `root` names: in a folder and in the folders below it, at most `depth`
/// folders down, in the order of their paths, or in a database. Links are not followed. What cannot be
/// looked into is left out; `root` itself must be there.
///
/// # Errors
/// [`Error::NotFound`] where `root` is not there, [`Error::Io`] where it cannot be looked into;
/// [`Error::Connect`] and as [`ServerLocator::password`](super::ServerLocator::password) for a server.
pub fn list(root: &Locator, depth: usize) -> Result<Vec<Listed>> {
    let mut found = Vec::new();
    match root {
        Locator::Path(path) | Locator::File(path) => {
            check_there(path)?;
            if path.is_file() {
                tables(path, &mut found)?;
            } else {
                folder(path, depth, &mut found)?;
            }
        }
        Locator::Sqlite(sqlite) => {
            let path = database_at(&sqlite.path);
            check_there(&path)?;
            tables(&path, &mut found)?;
            let wanted = wanted(sqlite, path);
            found.retain(|one| one.place.table().is_some_and(|table| wanted.fits(table)));
        }
        #[cfg(feature = "server")]
        Locator::Server(server) => {
            let all = server.find_all()?.into_iter();
            found.extend(all.map(|(locator, place)| Listed { locator, place }));
        }
        #[cfg(feature = "nats")]
        Locator::Nats(nats) => {
            let all = nats.find_all()?.into_iter();
            found.extend(all.map(|(locator, place)| Listed { locator, place }));
        }
        #[cfg(not(feature = "nats"))]
        Locator::Nats(_) => return Err(super::open::unsupported(root)),
        #[cfg(not(feature = "server"))]
        Locator::Server(_) => return Err(super::open::unsupported(root)),
    }
    Ok(found)
}

fn check_there(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let reason = "there is nothing there".to_owned();
    Err(Error::NotFound { path: path.to_owned(), reason })
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

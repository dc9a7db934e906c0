//! Which of the queues in a database is meant.

use std::path::PathBuf;

use crate::sql::{Flavour, QueueTable};
use crate::{Error, Result};

/// What was said of the queue.
pub(super) struct Wanted<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) flavour: Option<Flavour>,
    /// What an object makes to which nobody gives a name.
    pub(super) unnamed: &'static str,
    /// The database, as it is shown.
    pub(super) database: PathBuf,
}

impl Wanted<'_> {
    pub(super) fn fits(&self, table: &QueueTable) -> bool {
        self.name.is_none_or(|name| *name == table.name)
            && self.flavour.is_none_or(|flavour| flavour == table.flavour)
    }

    /// The one that is meant. With `create` it may be missing.
    pub(super) fn choose(&self, found: &[QueueTable], create: bool) -> Result<QueueTable> {
        let mut fitting: Vec<_> = found.iter().filter(|table| self.fits(table)).collect();
        if fitting.len() > 1 && self.flavour.is_some() {
            fitting.retain(|table| table.name == self.unnamed);
        }
        match fitting.as_slice() {
            [table] => Ok((*table).clone()),
            [] if create => Ok(QueueTable {
                name: self.name.unwrap_or(self.unnamed).to_owned(),
                flavour: self.flavour.unwrap_or_default(),
            }),
            [] => Err(Error::NotFound {
                path: self.database.clone(),
                reason: listed("the database does not hold it", found),
            }),
            _ => Err(Error::Invalid(listed(
                &format!("say which queue of {} is meant", self.database.display()),
                found,
            ))),
        }
    }
}

fn listed(what: &str, tables: &[QueueTable]) -> String {
    if tables.is_empty() {
        return format!("{what}; it has no queue at all");
    }
    let names: Vec<_> =
        tables.iter().map(|table| format!("#{}?kind={}", table.name, table.flavour)).collect();
    format!("{what}; there are {}", names.join(", "))
}

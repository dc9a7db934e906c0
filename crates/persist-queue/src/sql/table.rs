//! The tables that queues have in a database, and what is seen in them.

use super::{Flavour, Row};

/// A table that a queue has in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueTable {
    /// The queue's name.
    pub name: String,
    /// Its kind.
    pub flavour: Flavour,
}

/// A row, and what an acknowledged or priority queue knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The row.
    pub row: Row,
    /// Where it stands; [`Status::New`](super::Status::New) in queues without acknowledgements.
    pub status: i64,
    /// Its priority, 0 where there is none.
    pub priority: i64,
}

impl QueueTable {
    /// What the table is called in the database.
    pub fn table(&self) -> String {
        self.flavour.kind.table_name(self.flavour.acks, &self.name)
    }

    /// The queue whose table is called so, if one can be.
    pub(crate) fn of(table: &str) -> Option<Self> {
        Flavour::ALL.into_iter().find_map(|flavour| {
            let prefix = flavour.kind.table_name(flavour.acks, "");
            let name = table.strip_prefix(&prefix)?.to_owned();
            Some(Self { name, flavour })
        })
    }
}

//! An item's bytes as the database holds them. Serializers that give text have it stored as text, as
//! persist-queue 1.x does: SQLite takes equal text and bytes for different values.

use rusqlite::types::{ToSqlOutput, ValueRef};

use super::batch::Pending;
use crate::sql::{Put, Row};

impl Row {
    pub(super) fn value(&self) -> ToSqlOutput<'_> {
        spelled(&self.data, self.text)
    }
}

impl Put {
    pub(super) fn value(&self) -> ToSqlOutput<'_> {
        spelled(&self.data, self.text)
    }

    /// The other spelling of the same item, where there is one.
    pub(super) fn other_value(&self) -> Option<ToSqlOutput<'_>> {
        self.also.as_deref().map(|data| spelled(data, self.text))
    }
}

impl Pending {
    /// As [`Put::other_value`].
    pub(super) fn other_value(&self) -> Option<ToSqlOutput<'_>> {
        self.also.as_deref().map(|data| spelled(data, self.row.text))
    }
}

fn spelled(data: &[u8], text: bool) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(if text { ValueRef::Text(data) } else { ValueRef::Blob(data) })
}

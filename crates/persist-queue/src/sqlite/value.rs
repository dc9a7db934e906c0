//! An item's bytes as the database holds them. Serializers that give text have it stored as text, as
//! persist-queue 1.x does: SQLite takes equal text and bytes for different values.

use rusqlite::types::{ToSqlOutput, ValueRef};

use super::store::Put;

impl Put {
    pub(super) fn value(&self) -> ToSqlOutput<'_> {
        self.spelled(&self.data)
    }

    /// The other spelling of the same item, where there is one.
    pub(super) fn other_value(&self) -> Option<ToSqlOutput<'_>> {
        self.also.as_deref().map(|data| self.spelled(data))
    }

    fn spelled<'a>(&self, data: &'a [u8]) -> ToSqlOutput<'a> {
        ToSqlOutput::Borrowed(if self.text { ValueRef::Text(data) } else { ValueRef::Blob(data) })
    }
}

//! Puts that can be ended at any moment and gone on with: how far they came is written in the
//! transaction of each put.
//!
//! The note is the first that such a transaction writes, so it is locked until the commit, also one that
//! a killed process has sent and the server not read yet. Who goes on waits for that lock.

use std::sync::Arc;

use super::engine::Statements;
use super::failure::Said;
use super::pool::Pooled;
use super::schema_resume::{NAME, note as noting, noted};
use super::store::{Attachment, ServerStore};
use super::value::{Value, column};
use crate::sql::Put;
use crate::{Error, Result};

/// How far the puts of one name came.
#[derive(Debug)]
pub(crate) struct Note<'a> {
    pub(crate) name: &'a str,
    /// How many payloads were put.
    pub(crate) done: u64,
    /// Whether those are all.
    pub(crate) finished: bool,
}

impl ServerStore {
    /// How far the puts came that are called `name`.
    pub(crate) fn noted<'a>(&self, name: &'a str) -> Result<Note<'a>> {
        let attached = self.attached()?;
        let (server, patience) = (&attached.server, attached.options.timeout);
        let dialect = attached.shared.table.dialect;
        let key = || vec![attached.shared.table.name.as_str().into(), name.into()];
        let (done, finished) = server.repeat("resume in", patience, |session| {
            if session.execute(dialect.texts().columns, vec![NAME.into()])?.rows.is_empty() {
                session.run(dialect.texts().create_notes)?;
            }
            session.execute(dialect.texts().begin_noting, key())?;
            let noted = session.execute(&noted(dialect), key())?.rows.into_iter().next();
            let read = |mut row| Ok((column(&mut row, 0)?, column(&mut row, 1)?));
            noted.map_or(Ok((0, false)), read)
        })?;
        Ok(Note { name, done, finished })
    }

    /// Notes it, and puts nothing.
    pub(crate) fn note(&self, note: &Note<'_>) -> Result<()> {
        let attached = self.attached()?;
        let patience = attached.options.timeout;
        attached.server.repeat("note in", patience, |session| attached.note_in(session, note))
    }

    /// Puts items and notes it, both or nothing. Does not wait for room.
    ///
    /// # Errors
    /// As [`ServerStore::put`].
    pub(crate) fn put_noted(&self, items: &[Put], note: &Note<'_>) -> Result<Vec<Option<i64>>> {
        let attached: Arc<Attachment> = self.attached()?;
        let limit = self.options.maxsize;
        let full = || Error::Full { path: self.path().to_owned(), limit };
        attached.insert(items, Some(note))?.ok_or_else(full)
    }
}

impl Attachment {
    pub(super) fn note_in(&self, session: &mut Pooled, note: &Note<'_>) -> Result<(), Said> {
        let values: Vec<Value> = vec![
            Value::Int(note.done.cast_signed()),
            Value::Bool(note.finished),
            self.shared.table.name.as_str().into(),
            note.name.into(),
        ];
        session.execute(&noting(self.shared.table.dialect), values).map(drop)
    }
}

//! Removing a row that was read. A task that is cancelled while its row goes has nothing of it: the row is put
//! back then.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, OptionalExtension, params};

use super::key::Key;
use super::schema::DictTable;
use super::store::{Attachment, DictStore, Found};
use crate::sql::aside;
use crate::sqlite::commit::Terms;
use crate::wait::{Host, Worker};
use crate::{Error, Result};

impl DictStore {
    /// Removes a row that was read, unless somebody has changed or removed it since. Says whether it
    /// was removed: of all who try, one is told so. Where a task is not there any more to be told, the row
    /// is put back.
    ///
    /// # Errors
    /// As [`DictStore::get`].
    pub async fn remove_as_read<H: Host>(
        &self,
        host: &mut H,
        key: Key,
        found: Found,
    ) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let (worker, terms) = (host.worker(), self.terms(false));
        let row = Arc::new((key, found));
        let theirs = Arc::clone(&row);
        let removed = self.write_into(
            host,
            false,
            move |session, table| remove(&session.connection, table, &row.0, &row.1),
            move |attached, removed| {
                removed.map(|stood| {
                    let attached = Arc::clone(attached);
                    Removed { row: Some((theirs, stood)), attached, terms, worker }
                })
            },
        );
        Ok(removed.await?.map(Removed::accept).is_some())
    }
}

/// How a key stands in the database: what its row says of it, and the form of that.
type Stood = (Value, Option<i64>);

/// The row that was removed; nothing where it is not as it was read any more.
fn remove(
    connection: &Connection,
    table: &DictTable,
    key: &Key,
    found: &Found,
) -> rusqlite::Result<Option<Stood>> {
    let mut remove = connection.prepare_cached(&table.remove_as_read)?;
    let spellings = key.bound_by_1x().map(ToSqlOutput::Owned);
    for stored in std::iter::once(key.stored()).chain(spellings) {
        let bound = params![found.row, stored, found.data];
        let stood = remove.query_row(bound, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if stood.is_some() {
            return Ok(stood);
        }
    }
    Ok(None)
}

/// A row that was removed for somebody, and is put back where he does not take it.
struct Removed {
    row: Option<(Arc<(Key, Found)>, Stood)>,
    attached: Arc<Attachment>,
    terms: Terms,
    worker: Option<Arc<Worker>>,
}

impl Removed {
    fn accept(mut self) {
        self.row = None;
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        let Some((row, stood)) = self.row.take() else { return };
        let (attached, terms) = (Arc::clone(&self.attached), self.terms);
        aside(self.worker.as_ref(), move || put_back(&attached, terms, row, stood));
    }
}

fn put_back(
    attached: &Arc<Attachment>,
    terms: Terms,
    row: Arc<(Key, Found)>,
    (key, form): Stood,
) -> Result<()> {
    let table = Arc::clone(attached);
    attached.database.write(terms, move |session| {
        let (_, found) = &*row;
        let mut put_back = session.connection.prepare_cached(&table.table.put_back)?;
        // In its place, unless another key has got that meanwhile.
        for place in [Some(found.row), None] {
            if put_back.execute(params![place, key, found.data, form])? > 0 {
                break;
            }
        }
        Ok(())
    })
}

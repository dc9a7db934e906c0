//! Putting in a transaction of somebody else's, on the same database.

use super::engine::Statements;
use super::failure::refused;
use super::store::ServerStore;
use super::value::one;
use crate::sql::Put;
use crate::{Error, Result};

impl ServerStore {
    /// Puts an item with the statements of another transaction; `database` asks for the name of its database. Nothing
    /// for an item that waits already in a queue of [`Kind::Unique`](crate::sql::Kind::Unique).
    pub(crate) fn put_within(
        &self,
        transaction: &mut dyn Statements,
        database: &str,
        item: Put,
    ) -> Result<Option<i64>> {
        let attached = self.attached()?;
        let address = attached.server.address();
        if attached.batch.is_some() {
            let why = "a queue with auto_commit off puts in no other transaction";
            return Err(Error::Invalid(why.to_owned()));
        }
        let mut item = item;
        self.complete(&mut item)?;
        attached.check_size(item.data.len())?;
        let action = "put an item into";
        let theirs = transaction.run_last(database).and_then(one::<String>);
        let theirs = refused(theirs, action, address)?.unwrap_or_default();
        if theirs != address.database {
            let why = format!(
                "the transaction is on the database '{theirs}', and the queue on {address}"
            );
            return Err(Error::Invalid(why));
        }
        let put = refused(attached.insert_within(transaction, &item), action, address)?;
        // Who waits is woken as by another process: when the transaction is committed.
        let limit = self.options.maxsize;
        let put = put.ok_or_else(|| Error::Full { path: self.path().to_owned(), limit })?;
        Ok(put.into_iter().next().flatten())
    }
}

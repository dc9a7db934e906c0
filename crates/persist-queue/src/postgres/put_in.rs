//! Putting in a transaction of somebody else's.

use postgres::Transaction;

use super::Postgres;
use super::connection::{Parameters, fields, given};
use super::failure::failure;
use crate::Result;
use crate::codec::Codec;
use crate::server::{
    Gave, Said, ServerAckQueue, ServerAddress, ServerQueue, ServerStore, Statements, Value,
};
use crate::sql::{Put, PutOptions, encode};

impl<T, C: Codec<T>> ServerQueue<Postgres, T, C> {
    /// Puts an item in a transaction of the caller's own on the same database: it is there when that
    /// transaction commits, and who waits for it wakes then; it never was where that does not. Gives its row's
    /// number; nothing where it waits already in a queue of [`Kind::Unique`](crate::sql::Kind::Unique).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use persist_queue::postgres::driver::{Client, NoTls};
    /// use persist_queue::{PostgresAddress, PostgresOptions, PostgresQueue};
    ///
    /// let address = PostgresAddress::new("db.example", "shop", "secret", "shop");
    /// let orders: PostgresQueue<String> = PostgresOptions::new().open(&address)?;
    /// let mut client = Client::connect("postgresql://shop:secret@db.example/shop", NoTls)?;
    ///
    /// let mut transaction = client.transaction()?;
    /// transaction.execute("UPDATE stock SET pieces = pieces - 1 WHERE thing = 'hat'", &[])?;
    /// orders.put_in(&mut transaction, &"a hat".to_owned(), 0)?;
    /// transaction.commit()?; // a get that waits for an order wakes now, on whatever machine
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) at once where there is no room; [`Error::Invalid`](crate::Error::Invalid) for a transaction on a database of
    /// another name, and for a queue with [`auto_commit`](crate::server::ServerOptions::auto_commit) off;
    /// [`Error::Encode`](crate::Error::Encode), [`Error::Closed`](crate::Error::Closed),
    /// [`Error::DoesNotFit`](crate::Error::DoesNotFit). Then it was not put, and the transaction can
    /// go on. After [`Error::Database`](crate::Error::Database) the server refuses all but the end of the transaction.
    pub fn put_in(
        &self,
        transaction: &mut Transaction<'_>,
        item: &T,
        priority: i64,
    ) -> Result<Option<i64>> {
        let options = PutOptions { priority, ..PutOptions::default() };
        put_in(&self.store, transaction, encode(&self.codec, item, options)?)
    }
}

impl<T, C: Codec<T>> ServerAckQueue<Postgres, T, C> {
    /// Puts an item in a transaction of the caller's own, as
    /// [`PostgresQueue::put_in`](super::PostgresQueue::put_in) does.
    ///
    /// # Errors
    /// As there.
    pub fn put_in(
        &self,
        transaction: &mut Transaction<'_>,
        item: &T,
        options: PutOptions,
    ) -> Result<Option<i64>> {
        put_in(&self.store, transaction, encode(&self.codec, item, options)?)
    }
}

fn put_in(
    store: &ServerStore,
    transaction: &mut Transaction<'_>,
    item: Put,
) -> Result<Option<i64>> {
    let address = store.address();
    store.put_within(&mut Theirs { transaction, address }, THEIR_DATABASE, item)
}

pub(super) const THEIR_DATABASE: &str = "SELECT current_database()";

/// The transaction, and where it should be.
struct Theirs<'a, 'b> {
    transaction: &'a mut Transaction<'b>,
    address: &'a ServerAddress,
}

impl Statements for Theirs<'_, '_> {
    fn run(&mut self, text: &str) -> Result<Vec<Gave>, Said> {
        let ran = self.transaction.simple_query(text);
        Ok(given(ran.map_err(|error| failure(self.address, &error))?))
    }

    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Gave, Said> {
        let parameters = Parameters::from(parameters);
        let ran = self.transaction.query_typed(statement, &parameters.typed());
        fields(&ran.map_err(|error| failure(self.address, &error))?)
    }
}

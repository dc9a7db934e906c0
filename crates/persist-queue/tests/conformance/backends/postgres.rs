//! Queues on a PostgreSQL server.

use persist_queue::postgres;
use persist_queue::postgres::driver::{Client, NoTls};

use super::server::{Kind, OnServer};
use crate::backend::{End, Opened, Wanted, unless_refused};

#[path = "../../support/postgres.rs"]
mod support;

pub(crate) type Postgres = OnServer<postgres::Postgres>;

impl Kind for postgres::Postgres {
    const NAME: &'static str = "PostgreSQL";
    type Database = support::Database;

    fn put_in(
        place: &Postgres,
        queue: &str,
        item: &str,
        end: End,
        before_end: &mut dyn FnMut(),
    ) -> Opened<()> {
        let opened = place.open(queue, Wanted::default())?;
        let mut client = Client::connect(&place.url, NoTls).unwrap();
        client.batch_execute("CREATE TABLE IF NOT EXISTS mine (number INT)").unwrap();
        let mut transaction = client.transaction().unwrap();
        transaction.execute("INSERT INTO mine VALUES (1)", &[]).unwrap();
        unless_refused(opened.put_in(&mut transaction, &item.to_owned(), 0))?;
        before_end();
        match end {
            End::Commit => transaction.commit().unwrap(),
            End::Rollback => transaction.rollback().unwrap(),
        }
        Ok(())
    }
}

impl Postgres {
    /// Nothing where there is no server.
    pub(crate) fn new() -> Option<Self> {
        let database = support::database()?;
        Some(Self::on(&database.url(), database))
    }
}

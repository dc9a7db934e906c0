//! Putting in a transaction that the driver of another language has begun: for bindings.

use std::error::Error as Cause;

use super::Postgres;
use super::put_in::THEIR_DATABASE;
use crate::server::{Fields, Gave, Make, Said, ServerStore, Statements, Value};
use crate::sql::Put;
use crate::{Error, Result};

/// Somebody else's transaction, and how it is given statements.
pub trait Cursor {
    /// Carries out one statement, whose parameters stand where it says `$1`, `$2` and so on. Gives its rows.
    ///
    /// # Errors
    /// What the driver said.
    fn query(
        &mut self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> std::result::Result<Vec<Vec<Value>>, Box<dyn Cause + Send + Sync>>;
}

impl ServerStore {
    /// Puts an item in a transaction of the caller's own on the same `PostgreSQL` database, as
    /// [`PostgresQueue::put_in`](super::PostgresQueue::put_in) does.
    ///
    /// # Errors
    /// As there; [`Error::Invalid`] for a queue on another make of server.
    pub fn put_in(&self, cursor: &mut dyn Cursor, item: Put) -> Result<Option<i64>> {
        if self.address().engine != Postgres::ENGINE {
            return Err(only_here());
        }
        self.put_within(&mut Theirs(cursor), THEIR_DATABASE, item)
    }
}

/// The queue is not on a `PostgreSQL` server.
pub(crate) fn only_here() -> Error {
    let why = "only a queue on PostgreSQL puts in a transaction of the program's own";
    Error::Invalid(why.to_owned())
}

struct Theirs<'a>(&'a mut dyn Cursor);

impl Statements for Theirs<'_> {
    fn run(&mut self, text: &str) -> std::result::Result<Vec<Gave>, Said> {
        Ok(vec![self.execute(text, Vec::new())?])
    }

    fn execute(
        &mut self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> std::result::Result<Gave, Said> {
        let rows = self.0.query(statement, parameters).map_err(Said::refused)?;
        let rows = rows.into_iter().map(Fields).collect();
        Ok(Gave { rows, ..Gave::default() })
    }
}

//! Looking at the queues of a database without changing it: no table made, no row taken or locked.

use std::sync::Arc;
use std::time::Duration;

use super::address::ServerAddress;
use super::claim::read;
use super::dialect::Dialect;
use super::engine::Statements;
use super::failure::Said;
use super::open_server::Server;
use super::schema::Table;
use super::value::{Fields, Gave, column};
use crate::Result;
use crate::sql::{QueueTable, Seen};

/// How long a look waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database on a server that can only be looked at.
#[derive(Debug)]
pub struct ServerView {
    server: Arc<Server>,
}

impl ServerView {
    /// Connects to the database.
    ///
    /// # Errors
    /// [`Error::Connect`](crate::Error::Connect), [`Error::Database`](crate::Error::Database).
    pub fn open(address: &ServerAddress) -> Result<Self> {
        Ok(Self { server: Server::open(address)? })
    }

    /// The queues in it, in the order of their tables' names.
    ///
    /// # Errors
    /// As [`ServerView::open`].
    pub fn queues(&self) -> Result<Vec<QueueTable>> {
        let columns = self.read(self.dialect().texts().tables, |mut row| {
            Ok((column::<String>(&mut row, 0)?, column::<String>(&mut row, 1)?))
        })?;
        // The columns tell a queue from whatever else is called like one.
        let queue = |of_one: &[(String, String)]| {
            let queue = QueueTable::of(&of_one.first()?.0)?;
            let has = |wanted: &&str| of_one.iter().any(|(_, column)| column == wanted);
            self.table(&queue).columns().iter().all(has).then_some(queue)
        };
        Ok(columns.chunk_by(|one, next| one.0 == next.0).filter_map(queue).collect())
    }

    /// The rows of a queue behind the number `behind`, in the order of their numbers, at most `most`.
    ///
    /// # Errors
    /// As [`ServerView::open`].
    pub fn rows(&self, queue: &QueueTable, behind: i64, most: usize) -> Result<Vec<Seen>> {
        self.read(&self.table(queue).behind(behind, most), seen)
    }

    /// The rows that wait, in the order in which they would come out, at most `most`. In a queue without
    /// acknowledgements those are among them that somebody has locked to take them.
    ///
    /// # Errors
    /// As [`ServerView::open`].
    pub fn waiting(&self, queue: &QueueTable, most: usize) -> Result<Vec<Seen>> {
        self.read(&self.table(queue).first(most), seen)
    }

    /// How many rows have which status.
    ///
    /// # Errors
    /// As [`ServerView::open`].
    pub fn counts(&self, queue: &QueueTable) -> Result<Vec<(i64, u64)>> {
        self.read(&self.table(queue).counts(&[]), |mut row| {
            Ok((column::<Option<i64>>(&mut row, 0)?.unwrap_or(0), column(&mut row, 1)?))
        })
    }

    /// When the oldest row that waits was put, in seconds since 1970, and how many bytes the items of
    /// all rows have.
    ///
    /// # Errors
    /// As [`ServerView::open`].
    pub fn age_and_size(&self, queue: &QueueTable) -> Result<(Option<f64>, u64)> {
        let found = self.read(&self.table(queue).age_and_size(), |mut row| {
            Ok((column(&mut row, 0)?, column(&mut row, 1)?))
        })?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// What the server's own check of the queue's table finds wrong.
    ///
    /// # Errors
    /// As [`ServerView::open`].
    pub fn check(&self, queue: &QueueTable) -> Result<Vec<String>> {
        let words = self.read(&self.dialect().check(&self.table(queue)), |mut row| {
            Ok((column::<String>(&mut row, 2)?, column::<String>(&mut row, 3)?))
        })?;
        let sound = |kind: &str, word: &str| match kind.to_ascii_lowercase().as_str() {
            "status" => word == "OK" || word == "Table is already up to date",
            kind => kind == "note" || kind == "info",
        };
        let wrong = words.into_iter().filter(|(kind, word)| !sound(kind, word));
        Ok(wrong.map(|(kind, word)| format!("{kind}: {word}")).collect())
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.server.address().engine.dialect()
    }

    fn table(&self, queue: &QueueTable) -> Table {
        Table::new(self.dialect(), queue.flavour.kind, queue.flavour.acks, queue.table())
    }

    fn read<R>(&self, text: &str, of: impl Fn(Fields) -> Result<R, Said>) -> Result<Vec<R>> {
        self.server.repeat("look into", PATIENCE, |session| {
            let Gave { rows, .. } = session.run_last(text)?;
            rows.into_iter().map(&of).collect()
        })
    }
}

fn seen(mut row: Fields) -> Result<Seen, Said> {
    Ok(Seen {
        status: column::<Option<i64>>(&mut row, 3)?.unwrap_or(0),
        priority: column::<Option<i64>>(&mut row, 4)?.unwrap_or(0),
        row: read(&mut row)?,
    })
}

//! Queues in an SQLite database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use persist_queue::rusqlite::Connection;
use persist_queue::sql::{Flavour, PutOptions, Status};
use persist_queue::sqlite::Delivery;
use persist_queue::{
    AsyncSqliteAckQueue, AsyncSqliteQueue, Result, SqliteAckQueue, SqliteOptions, SqliteQueue, Wait,
};

use crate::backend::{
    AckTasks, Acks, Backend, End, Fate, Held, Later, Opened, Plain, Tasks, Wanted, unless_refused,
};
use crate::typed::{ack_tasks, acks, held, in_database, options, plain, tasks};

pub(crate) const NAME: &str = "SQLite";

/// A folder with one database, in which all queues are.
pub(crate) struct Sqlite {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder: folder.path().to_owned(), _temporary: Some(folder) }
    }

    pub(crate) fn at(address: &str) -> Self {
        Self { folder: Path::new(address).to_owned(), _temporary: None }
    }

    fn database(&self) -> PathBuf {
        self.folder.join("data.db")
    }

    fn open(&self, queue: &str, wanted: Wanted) -> Opened<SqliteQueue<String>> {
        unless_refused(options!(SqliteOptions, queue, wanted).open(self.database()))
    }

    fn open_ack(&self, queue: &str, wanted: Wanted) -> Opened<SqliteAckQueue<String>> {
        unless_refused(options!(SqliteOptions, queue, wanted).open_ack(self.database()))
    }
}

impl Backend for Sqlite {
    fn name(&self) -> &'static str {
        NAME
    }

    fn address(&self) -> String {
        self.folder.display().to_string()
    }

    fn url(&self, queue: &str, flavour: Flavour) -> String {
        format!("sqlite:{}#{queue}?kind={flavour}", self.database().display())
    }

    fn plain(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Plain>> {
        Ok(Box::new(self.open(queue, wanted)?))
    }

    fn acks(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Acks>> {
        Ok(Box::new(self.open_ack(queue, wanted)?))
    }

    fn tasks(&self, queue: &str) -> Opened<Arc<dyn Tasks>> {
        Ok(Arc::new(self.open(queue, Wanted::default())?.into_async()))
    }

    fn ack_tasks(&self, queue: &str) -> Opened<Arc<dyn AckTasks>> {
        Ok(Arc::new(self.open_ack(queue, Wanted::default())?.into_async()))
    }

    fn put_in(
        &self,
        queue: &str,
        item: &str,
        end: End,
        before_end: &mut dyn FnMut(),
    ) -> Opened<()> {
        let opened = self.open(queue, Wanted::default())?;
        let mut connection = Connection::open(self.database()).unwrap();
        connection.execute_batch("CREATE TABLE IF NOT EXISTS mine (number INTEGER)").unwrap();
        let transaction = connection.transaction().unwrap();
        transaction.execute("INSERT INTO mine VALUES (1)", ()).unwrap();
        unless_refused(opened.put_in(&transaction, &item.to_owned(), 0))?;
        before_end();
        match end {
            End::Commit => transaction.commit().unwrap(),
            End::Rollback => transaction.rollback().unwrap(),
        }
        Ok(())
    }

    fn pass_on(&self, from: &str, to: &str, end: End) -> Opened<()> {
        let from = self.open_ack(from, Wanted::default())?;
        let to = self.open(to, Wanted::default())?;
        let work = from.try_get().unwrap().unwrap();
        let mut group = from.transaction();
        unless_refused(group.put(&to, &format!("result of {}", *work)))?;
        unless_refused(group.ack(&work))?;
        if end == End::Commit {
            unless_refused(group.commit())?;
        }
        Ok(())
    }
}

in_database!([] SqliteQueue<String>, AsyncSqliteQueue<String>, SqliteAckQueue<String>,
    AsyncSqliteAckQueue<String>, Delivery<'_, String>);

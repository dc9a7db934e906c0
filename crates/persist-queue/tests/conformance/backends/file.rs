//! Queues in folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use persist_queue::sql::{Flavour, Kind};
use persist_queue::{AsyncFileQueue, FileQueue, Options, Result, Wait};

use crate::backend::{Backend, Later, Missing, Opened, Plain, Tasks, Wanted, unless_refused};

pub(crate) const NAME: &str = "file";

/// A folder in which each queue has one of its own.
pub(crate) struct File {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl File {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder: folder.path().to_owned(), _temporary: Some(folder) }
    }

    pub(crate) fn at(address: &str) -> Self {
        Self { folder: Path::new(address).to_owned(), _temporary: None }
    }

    fn open(&self, queue: &str, wanted: Wanted) -> Opened<FileQueue<String>> {
        let Wanted { kind, maxsize, batch, lease, max_attempts, backoff, ttl } = wanted;
        // There is no option for these.
        let unknown =
            lease.is_some() || max_attempts.is_some() || backoff.is_some() || ttl.is_some();
        if kind != Kind::Fifo || unknown {
            return Err(Missing::NoType);
        }
        let options = Options::new().maxsize(maxsize).autosave(!batch);
        unless_refused(options.open(self.folder.join(queue)))
    }
}

impl Backend for File {
    fn name(&self) -> &'static str {
        NAME
    }

    fn address(&self) -> String {
        self.folder.display().to_string()
    }

    fn url(&self, queue: &str, _: Flavour) -> String {
        format!("file:{}", self.folder.join(queue).display())
    }

    fn plain(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Plain>> {
        Ok(Box::new(self.open(queue, wanted)?))
    }

    fn tasks(&self, queue: &str) -> Opened<Arc<dyn Tasks>> {
        Ok(Arc::new(self.open(queue, Wanted::default())?.into_async()))
    }
}

impl Plain for FileQueue<String> {
    fn put(&self, item: &str, wait: Wait) -> Result<bool> {
        let item = item.to_owned();
        let put = match wait {
            Wait::No => self.try_put(item),
            Wait::For(time) => self.put_timeout(item, time),
            Wait::Forever => self.put(item),
        };
        put.map(|()| true).map_err(|rejected| rejected.error)
    }

    fn put_many(&self, items: &[&str]) -> Result<()> {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        self.put_many(items).map_err(|rejected| rejected.error)
    }

    fn get(&self, wait: Wait) -> Result<Option<String>> {
        match wait {
            Wait::No => self.try_get(),
            Wait::For(time) => self.get_timeout(time),
            Wait::Forever => self.get().map(Some),
        }
    }

    fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<String>> {
        self.get_many(most, wait)
    }

    fn task_done(&self) -> Result<()> {
        self.task_done()
    }

    fn join(&self) -> Result<()> {
        self.join()
    }

    fn len(&self) -> Result<u64> {
        self.len()
    }

    fn is_empty(&self) -> Result<bool> {
        self.is_empty()
    }

    fn purge(&self) -> Result<u64> {
        self.purge()
    }

    fn close(&self) -> Result<()> {
        self.close()
    }

    fn peek(&self) -> Opened<Option<String>> {
        unless_refused(self.peek())
    }

    fn iterate(&self) -> Opened<Vec<String>> {
        unless_refused(self.iter().collect())
    }
}

impl Tasks for AsyncFileQueue<String> {
    fn put(&self, item: &str) -> Later<'_, ()> {
        let item = item.to_owned();
        Box::pin(async move { self.put(item).await.map_err(|rejected| rejected.error) })
    }

    fn get(&self) -> Later<'_, String> {
        Box::pin(self.get())
    }

    fn get_timeout(&self, time: Duration) -> Later<'_, Option<String>> {
        Box::pin(self.get_timeout(time))
    }

    fn len(&self) -> Later<'_, u64> {
        Box::pin(self.len())
    }

    fn close(&self) -> Later<'_, ()> {
        Box::pin(self.close())
    }
}

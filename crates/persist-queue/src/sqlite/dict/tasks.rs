//! The typed dictionary for tasks on tokio.

use std::fmt;
use std::sync::Arc;

use super::key::DictKey;
use super::store::Found;
use super::typed::SqliteDict;
use super::walk::{Page, Position, Walk};
use crate::Result;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::wait::Task;
use crate::wait::tokio::Clock;

/// A [`SqliteDict`] for tasks on tokio: what blocks there is awaited here. Cheap to clone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data.db");
/// let seen = persist_queue::DictOptions::new().open::<String, u32>(path)?.into_async();
/// seen.set(&"a page".to_owned(), &1).await?;
/// assert_eq!(seen.get(&"a page".to_owned()).await?, Some(1));
/// # Ok(())
/// # }
/// ```
///
/// One thread a database does what blocks, and commits together what tasks change at the same time. A
/// future may be dropped at any time: the change was made or was not, and what a dropped
/// [`AsyncSqliteDict::pop`] had removed is put back.
pub struct AsyncSqliteDict<K, V, C = DefaultCodec> {
    dict: Arc<SqliteDict<K, V, C>>,
}

impl<K, V, C> Clone for AsyncSqliteDict<K, V, C> {
    fn clone(&self) -> Self {
        Self { dict: Arc::clone(&self.dict) }
    }
}

impl<K, V, C> fmt::Debug for AsyncSqliteDict<K, V, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = &self.dict.store;
        formatter.debug_struct("AsyncSqliteDict").field("store", store).finish_non_exhaustive()
    }
}

impl<K: DictKey, V, C: Codec<V>> SqliteDict<K, V, C> {
    /// The same dictionary, for tasks on tokio.
    pub fn into_async(self) -> AsyncSqliteDict<K, V, C> {
        AsyncSqliteDict { dict: Arc::new(self) }
    }
}

impl<K: DictKey, V, C: Codec<V>> AsyncSqliteDict<K, V, C> {
    /// The dictionary itself. Threads may use it beside the tasks.
    pub fn dict(&self) -> &SqliteDict<K, V, C> {
        &self.dict
    }

    fn task(&self) -> Result<Task<Clock>> {
        Ok(Task::new(Clock, self.dict.store.worker()?))
    }

    /// As [`SqliteDict::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self, key: &K) -> Result<Option<V>> {
        let found = self.dict.store.get(&mut self.task()?, key.to_key()).await?;
        found.map(|found| self.dict.decode(found.row, &found.data)).transpose()
    }

    /// As [`SqliteDict::set`].
    ///
    /// # Errors
    /// As there.
    pub async fn set(&self, key: &K, value: &V) -> Result<()> {
        self.set_many([(key, value)]).await
    }

    /// As [`SqliteDict::set_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn set_many<'a>(
        &self,
        entries: impl IntoIterator<Item = (&'a K, &'a V)>,
    ) -> Result<()>
    where
        K: 'a,
        V: 'a,
    {
        let encode = |(key, value): (&'a K, &'a V)| Ok((key.to_key(), self.dict.encode(value)?));
        let entries = entries.into_iter().map(encode).collect::<Result<_>>()?;
        Ok(self.dict.store.set(&mut self.task()?, entries).await?)
    }

    /// As [`SqliteDict::set_default`].
    ///
    /// # Errors
    /// As there.
    pub async fn set_default(&self, key: &K, value: &V) -> Result<Option<V>> {
        let data = self.dict.encode(value)?;
        let found = self.dict.store.set_default(&mut self.task()?, key.to_key(), data).await?;
        found.map(|found| self.dict.decode(found.row, &found.data)).transpose()
    }

    /// As [`SqliteDict::remove`].
    ///
    /// # Errors
    /// As there.
    pub async fn remove(&self, key: &K) -> Result<bool> {
        Ok(self.dict.store.remove(&mut self.task()?, key.to_key()).await?)
    }

    /// As [`SqliteDict::pop`].
    ///
    /// # Errors
    /// As there.
    pub async fn pop(&self, key: &K) -> Result<Option<V>> {
        let (store, mut task) = (&self.dict.store, self.task()?);
        while let Some(found) = store.get(&mut task, key.to_key()).await? {
            let value = self.dict.decode(found.row, &found.data)?;
            if store.remove_as_read(&mut task, key.to_key(), found).await? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// As [`SqliteDict::pop_last`].
    ///
    /// # Errors
    /// As there.
    pub async fn pop_last(&self) -> Result<Option<(K, V)>> {
        let (store, mut task) = (&self.dict.store, self.task()?);
        let last = Walk { values: true, backwards: true };
        loop {
            let page = store.page(&mut task, last, Position::default()).await?;
            let Some(entry) = page.entries.into_iter().next() else { return Ok(None) };
            let (key, found) =
                (entry.key.clone(), Found { row: entry.row, data: entry.data.clone() });
            let popped = self.dict.decode_entry(entry)?;
            if store.remove_as_read(&mut task, key, found).await? {
                return Ok(Some(popped));
            }
        }
    }

    /// As [`SqliteDict::contains`].
    ///
    /// # Errors
    /// As there.
    pub async fn contains(&self, key: &K) -> Result<bool> {
        Ok(self.dict.store.contains(&mut self.task()?, key.to_key()).await?)
    }

    /// As [`SqliteDict::len`].
    ///
    /// # Errors
    /// As there.
    pub async fn len(&self) -> Result<u64> {
        Ok(self.dict.store.len(&mut self.task()?).await?)
    }

    /// As [`SqliteDict::is_empty`].
    ///
    /// # Errors
    /// As there.
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.dict.store.is_empty(&mut self.task()?).await?)
    }

    /// As [`SqliteDict::clear`].
    ///
    /// # Errors
    /// As there.
    pub async fn clear(&self) -> Result<()> {
        Ok(self.dict.store.clear(&mut self.task()?).await?)
    }

    /// Some keys and values, from a position on, in the order in which the keys were first set, and
    /// where the next ones begin: nothing at the end. Between two calls nothing is locked: a key that is
    /// there all the time is met once.
    ///
    /// # Errors
    /// As [`SqliteDict::get`]; [`Error::Invalid`](crate::Error::Invalid) where the file was rebuilt
    /// (VACUUM) in between and the place is lost.
    pub async fn page(&self, start: Position) -> Result<(Vec<(K, V)>, Option<Position>)> {
        let walk = Walk { values: true, backwards: false };
        let Page { entries, next } = self.dict.store.page(&mut self.task()?, walk, start).await?;
        let entries = entries.into_iter().map(|entry| self.dict.decode_entry(entry));
        Ok((entries.collect::<Result<_>>()?, next))
    }

    /// As [`SqliteDict::close`].
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where there is no thread to be had.
    pub async fn close(&self) -> Result<()>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        C: Send + Sync + 'static,
    {
        // What is closed has no worker any more.
        let Ok(worker) = self.dict.store.worker() else { return Ok(()) };
        let dict = Arc::clone(&self.dict);
        worker.run(move || dict.close()).await
    }
}

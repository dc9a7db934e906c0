//! The typed dictionary.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::path::Path;

use super::key::{DictKey, Key};
use super::options::DictOptions;
use super::store::{DictStore, Found};
use super::walk::{Entry, Position, Walk};
use crate::codec::{Codec, Default as DefaultCodec};
use crate::wait::{Thread, now};
use crate::{Error, Result};

/// A dictionary in an SQLite database, for any number of threads and processes, and for persist-queue
/// 1.x on the same file at the same time, which sees the keys that are texts or bytes.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use persist_queue::{DictOptions, SqliteDict};
///
/// let path = folder.path().join("data.db");
/// let seen: SqliteDict<String, u32> = DictOptions::new().name("seen").open(path)?;
/// seen.set(&"a page".to_owned(), &1)?;
/// assert_eq!(seen.get(&"a page".to_owned())?, Some(1));
/// # Ok(())
/// # }
/// ```
///
/// Each change is a transaction, and final when its call returns; threads that change at the same time
/// share one flush. What a dead machine takes is the choice of [`Durability`](crate::Durability).
#[derive(Debug)]
pub struct SqliteDict<K, V, C = DefaultCodec> {
    pub(super) store: DictStore,
    codec: C,
    entries: PhantomData<fn() -> (K, V)>,
}

impl<K: DictKey, V, C: Codec<V>> SqliteDict<K, V, C> {
    pub(super) fn new(options: DictOptions, path: &Path, codec: C) -> Result<Self> {
        Ok(Self { store: DictStore::open(path, options)?, codec, entries: PhantomData })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::Decode`] where the value is of another type; [`Error::Closed`], [`Error::Locked`],
    /// [`Error::Io`], [`Error::Database`].
    pub fn get(&self, key: &K) -> Result<Option<V>> {
        let found = now(self.store.get(&mut Thread, key.to_key()))?;
        found.map(|found| self.decode(found.row, &found.data)).transpose()
    }

    /// Sets a value, whether the key is there or not.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    /// The value was not set then.
    pub fn set(&self, key: &K, value: &V) -> Result<()> {
        let entry = (key.to_key(), self.encode(value)?);
        Ok(now(self.store.set(&mut Thread, vec![entry]))?)
    }

    /// Sets many values in one transaction: all of them, or none after an error.
    ///
    /// # Errors
    /// As [`SqliteDict::set`].
    pub fn set_many<'a>(&self, entries: impl IntoIterator<Item = (&'a K, &'a V)>) -> Result<()>
    where
        K: 'a,
        V: 'a,
    {
        let entries =
            entries.into_iter().map(|(key, value)| Ok((key.to_key(), self.encode(value)?)));
        Ok(now(self.store.set(&mut Thread, entries.collect::<Result<_>>()?))?)
    }

    /// Sets a value where the key is missing, and gives nothing; otherwise gives the value that is
    /// there. Of several callers that find nothing, one sets its value.
    ///
    /// # Errors
    /// As [`SqliteDict::get`] and [`SqliteDict::set`].
    pub fn set_default(&self, key: &K, value: &V) -> Result<Option<V>> {
        let found = now(self.store.set_default(&mut Thread, key.to_key(), self.encode(value)?))?;
        found.map(|found| self.decode(found.row, &found.data)).transpose()
    }

    /// Removes a key. Says whether it was there.
    ///
    /// # Errors
    /// As [`SqliteDict::set`].
    pub fn remove(&self, key: &K) -> Result<bool> {
        Ok(now(self.store.remove(&mut Thread, key.to_key()))?)
    }

    /// Removes a key and gives its value. Of several callers, one gets it. A value that cannot be
    /// deserialized stays.
    ///
    /// # Errors
    /// As [`SqliteDict::get`].
    pub fn pop(&self, key: &K) -> Result<Option<V>> {
        while let Some(found) = now(self.store.get(&mut Thread, key.to_key()))? {
            let value = self.decode(found.row, &found.data)?;
            if now(self.store.remove_as_read(&mut Thread, key.to_key(), found))? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Removes the key that was set last and gives it with its value.
    ///
    /// # Errors
    /// As [`SqliteDict::get`].
    pub fn pop_last(&self) -> Result<Option<(K, V)>> {
        let last = Walk { values: true, backwards: true };
        loop {
            let page = now(self.store.page(&mut Thread, last, Position::default()))?;
            let Some(entry) = page.entries.into_iter().next() else { return Ok(None) };
            let (key, found) =
                (entry.key.clone(), Found { row: entry.row, data: entry.data.clone() });
            let popped = self.decode_entry(entry)?;
            if now(self.store.remove_as_read(&mut Thread, key, found))? {
                return Ok(Some(popped));
            }
        }
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub fn contains(&self, key: &K) -> Result<bool> {
        Ok(now(self.store.contains(&mut Thread, key.to_key()))?)
    }

    /// How many keys there are, whoever set them.
    ///
    /// # Errors
    /// As [`SqliteDict::contains`].
    pub fn len(&self) -> Result<u64> {
        Ok(now(self.store.len(&mut Thread))?)
    }

    /// Whether there is no key.
    ///
    /// # Errors
    /// As [`SqliteDict::contains`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(now(self.store.is_empty(&mut Thread))?)
    }

    /// Removes all keys.
    ///
    /// # Errors
    /// As [`SqliteDict::contains`].
    pub fn clear(&self) -> Result<()> {
        Ok(now(self.store.clear(&mut Thread))?)
    }

    /// Goes through all keys and values, in the order in which the keys were first set. Nothing is
    /// locked meanwhile: a key that is there all the time is met once.
    pub fn iter(&self) -> DictIter<'_, K, V, C> {
        DictIter { dict: self, page: VecDeque::new(), next: Some(Position::default()) }
    }

    /// Refuses all calls from now on. Dropping does the same.
    pub fn close(&self) {
        self.store.close();
    }

    pub(super) fn encode(&self, value: &V) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        self.codec.encode(value, &mut data).map_err(Error::Encode)?;
        Ok(data)
    }

    pub(super) fn decode(&self, row: i64, data: &[u8]) -> Result<V> {
        self.codec.decode(data).map_err(|source| self.undecodable(row, source))
    }

    pub(super) fn decode_entry(&self, entry: Entry) -> Result<(K, V)> {
        let value = self.decode(entry.row, &entry.data)?;
        let Entry { row, key, .. } = entry;
        let other = |key: &Key| format!("its key {key:?} is of another type").into();
        let typed = K::from_key(key.clone()).ok_or_else(|| self.undecodable(row, other(&key)))?;
        Ok((typed, value))
    }

    fn undecodable(&self, row: i64, source: crate::codec::CodecError) -> Error {
        Error::Decode { path: self.store.path().to_owned(), sequence: row.cast_unsigned(), source }
    }
}

impl<'a, K: DictKey, V, C: Codec<V>> IntoIterator for &'a SqliteDict<K, V, C> {
    type Item = Result<(K, V)>;
    type IntoIter = DictIter<'a, K, V, C>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What [`SqliteDict::iter`] gives. An entry that cannot be read is an error, and the next one comes
/// after it; after any other error nothing comes.
#[derive(Debug)]
pub struct DictIter<'a, K, V, C> {
    dict: &'a SqliteDict<K, V, C>,
    page: VecDeque<Entry>,
    /// Where the next page starts, if there is one.
    next: Option<Position>,
}

impl<K: DictKey, V, C: Codec<V>> Iterator for DictIter<'_, K, V, C> {
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() {
            let walk = Walk { values: true, backwards: false };
            match now(self.dict.store.page(&mut Thread, walk, self.next.take()?)) {
                Ok(page) => {
                    self.page = page.entries.into();
                    self.next = page.next;
                }
                Err(error) => return Some(Err(*error)),
            }
        }
        Some(self.dict.decode_entry(self.page.pop_front()?))
    }
}

//! Putting rows.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::engine::Statements;
use super::failure::{Failure, Said, explain};
use super::lock;
use super::open_server::Unmade;
use super::pool::Pooled;
use super::resume::Note;
use super::schema::{BEGIN, COMMIT, ROLLBACK};
use super::store::{Attachment, ServerStore, work};
use super::value::{Value, one};
use crate::sql::{Kind, Put, PutOptions, Status, milliseconds, now};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

/// How many rows one statement puts, and about how many bytes.
const ROWS: usize = 500;
const BYTES: usize = 1 << 20;
/// What a packet holds beside an item.
const AROUND: usize = 1024;

impl ServerStore {
    /// Puts items in one transaction, all of them or none, and gives their numbers; nothing for an
    /// item that waits already in a queue of [`Kind::Unique`].
    ///
    /// # Errors
    /// [`Error::Full`] where there was no room in time; [`Error::DoesNotFit`], [`Error::Connect`],
    /// [`Error::Database`]. After those nothing was put. [`Error::PutUnknown`].
    pub async fn put<H: Host>(
        &self,
        host: &mut H,
        items: Vec<Put>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let mut items = items;
        for item in &mut items {
            self.complete(item)?;
        }
        let maxsize = self.options.maxsize;
        let full = || Error::Full { path: self.path().to_owned(), limit: maxsize };
        if maxsize > 0 && items.len() as u64 > maxsize {
            return Err(full().into());
        }
        let attached = self.attached()?;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let items: Arc<[Put]> = items.into();
        let signals = &attached.shared.signals;
        let mut waits = self.tries(&attached, &signals.space, wait);
        loop {
            let theirs = Arc::clone(&items);
            let put =
                work(host, &attached, move |attached| attached.insert_or_keep(&theirs)).await?;
            let tried = put.map_or(Attempt::NotYet, Attempt::Done);
            if let ControlFlow::Break(put) = waits.pace(host, tried).await? {
                return put.ok_or_else(|| full().into());
            }
        }
    }

    /// Refuses options that this kind of queue has not, and adds what its own say where the put does not.
    pub(super) fn complete(&self, item: &mut Put) -> Result<()> {
        item.options.check(self.flavour())?;
        item.options.ttl = item.options.ttl.or(self.options.ttl);
        Ok(())
    }
}

/// How a put failed before it was sent as a whole.
enum Stage<R> {
    Done(R),
    /// Nothing can have been stored: the connection broke before the commit.
    Before(Said),
}

impl Attachment {
    /// Nothing where there is no room. `note` is noted in the same transaction.
    pub(super) fn insert(
        &self,
        items: &[Put],
        note: Option<&Note<'_>>,
    ) -> Result<Option<Vec<Option<i64>>>> {
        for item in items {
            self.check_size(item.data.len())?;
        }
        let put = self.insert_fitting(items, note)?;
        if let Some(ids) = &put {
            let signals = &self.shared.signals;
            match ids.iter().flatten().count() {
                0 => {}
                1 => signals.items.notify_one(),
                _ => signals.items.notify_all(),
            }
        }
        Ok(put)
    }

    fn insert_fitting(
        &self,
        items: &[Put],
        note: Option<&Note<'_>>,
    ) -> Result<Option<Vec<Option<i64>>>> {
        let table = &self.shared.table;
        let simple = self.options.maxsize == 0 && table.kind != Kind::Unique && note.is_none();
        let chunks = chunks(items, BYTES.min(self.server.abilities.packet / 2));
        if simple && let [chunk] = chunks[..] {
            let put =
                self.server.once(self.options.timeout, |session| self.insert_chunk(session, chunk));
            return put.map(Some).map_err(|unmade| self.explain_put(unmade, items));
        }
        // Who counts before he puts does so alone, in this process.
        let alone = (self.options.maxsize > 0).then(|| lock(&self.shared.room));
        let put = self.insert_in_steps(items, &chunks, note);
        drop(alone);
        put
    }

    fn insert_in_steps(
        &self,
        items: &[Put],
        chunks: &[&[Put]],
        note: Option<&Note<'_>>,
    ) -> Result<Option<Vec<Option<i64>>>> {
        let (mut trials, patience) = (0, self.options.timeout);
        loop {
            let put = self.server.once(patience, |session| {
                match self.insert_before_commit(session, items.len(), chunks, note) {
                    Ok(None) => session.run(ROLLBACK).map(|_| Stage::Done(None)),
                    Ok(ids) => session.run(COMMIT).map(|_| Stage::Done(ids)),
                    Err(error) if error.is_broken() => Ok(Stage::Before(error)),
                    Err(error) => Err(error),
                }
            });
            match put {
                Ok(Stage::Done(put)) => return Ok(put),
                Ok(Stage::Before(error)) if trials >= BROKEN => {
                    return Err(explain("put an item into", self.server.address(), error));
                }
                Ok(Stage::Before(_)) => trials += 1,
                Err(unmade) => return Err(self.explain_put(unmade, items)),
            }
        }
    }

    /// Nothing where there is no room.
    fn insert_before_commit(
        &self,
        session: &mut Pooled,
        count: usize,
        chunks: &[&[Put]],
        note: Option<&Note<'_>>,
    ) -> Result<Option<Vec<Option<i64>>>, Said> {
        let maxsize = self.options.maxsize;
        if maxsize > 0 {
            let text = format!("{BEGIN}; {}", self.shared.table.stored(maxsize));
            let stored: u64 = one(session.run_last(&text)?)?.unwrap_or(0);
            if stored + count as u64 > maxsize {
                return Ok(None);
            }
        } else {
            session.run(BEGIN)?;
        }
        if let Some(note) = note {
            self.note_in(session, note)?;
        }
        self.insert_chunks(session, chunks).map(Some)
    }

    /// Puts an item in a transaction of somebody else's. Nothing where there is no room.
    #[cfg(feature = "postgres")]
    pub(super) fn insert_within(
        &self,
        transaction: &mut dyn Statements,
        item: &Put,
    ) -> Result<Option<Vec<Option<i64>>>, Said> {
        let maxsize = self.options.maxsize;
        if maxsize > 0 {
            let text = self.shared.table.stored(maxsize);
            let stored: u64 = one(transaction.run_last(&text)?)?.unwrap_or(0);
            if stored >= maxsize {
                return Ok(None);
            }
        }
        self.insert_chunks(transaction, &[std::slice::from_ref(item)]).map(Some)
    }

    fn insert_chunks(
        &self,
        session: &mut dyn Statements,
        chunks: &[&[Put]],
    ) -> Result<Vec<Option<i64>>, Said> {
        let mut ids = Vec::new();
        for chunk in chunks {
            if self.shared.table.kind == Kind::Unique {
                for item in *chunk {
                    ids.push(self.insert_once(session, item)?);
                }
            } else {
                ids.extend(self.insert_chunk(session, chunk)?);
            }
        }
        Ok(ids)
    }

    fn insert_chunk(
        &self,
        session: &mut dyn Statements,
        chunk: &[Put],
    ) -> Result<Vec<Option<i64>>, Said> {
        let mut values = Vec::with_capacity(chunk.len() * 2);
        for item in chunk {
            self.push_values(&mut values, item);
        }
        let gave = session.execute(&self.shared.table.insert(chunk.len()), values)?;
        let ids = self.server.numbers(session, gave, chunk.len())?;
        Ok(ids.into_iter().map(Some).collect())
    }

    /// Nothing where it waits already.
    fn insert_once(&self, session: &mut dyn Statements, item: &Put) -> Result<Option<i64>, Said> {
        let table = &self.shared.table;
        if let Some(also) = &item.also {
            let found = session.execute(&table.with_data(), vec![also.as_slice().into()])?;
            if !found.rows.is_empty() {
                return Ok(None);
            }
        }
        let mut values = Vec::new();
        self.push_values(&mut values, item);
        match session.execute(&table.insert(1), values) {
            Ok(gave) => Ok(self.server.numbers(session, gave, 1)?.pop()),
            Err(error) if error.is_duplicate() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn push_values(&self, values: &mut Vec<Value>, item: &Put) {
        let (table, PutOptions { priority, delay, ttl }) = (&self.shared.table, item.options);
        values.push(Value::Bytes(item.data.clone()));
        values.push(Value::Double(now().as_secs_f64()));
        if table.kind == Kind::Priority {
            values.push(Value::Int(priority));
        }
        if table.acks {
            let status = if delay.is_some() { Status::Delayed } else { Status::New };
            values.push(Value::Int(status as i64));
            values.extend([delay, ttl].map(|time| time.map_or(Value::Null, in_milliseconds)));
        }
    }

    /// Whether an item of this size can be stored. The column may have been made wider meanwhile.
    pub(super) fn check_size(&self, size: usize) -> Result<()> {
        let (server, shared) = (&self.server, &self.shared);
        if size > shared.limit.load(Ordering::Relaxed) {
            let limit = server.limit(&shared.table, self.options.timeout)?;
            shared.limit.store(limit, Ordering::Relaxed);
            if size > limit {
                return Err(self.does_not_fit(size, limit, self.widen()));
            }
        }
        let packet = server.abilities.packet.saturating_sub(AROUND);
        if size > packet {
            return Err(self.does_not_fit(size, packet, self.larger_packets(size)));
        }
        Ok(())
    }

    fn widen(&self) -> String {
        self.shared.table.dialect.widen(&self.shared.table)
    }

    fn larger_packets(&self, size: usize) -> String {
        let needed = (size + 2 * AROUND).next_multiple_of(AROUND);
        self.shared.table.dialect.larger_packets(needed)
    }

    fn does_not_fit(&self, size: usize, limit: usize, remedy: String) -> Error {
        Error::DoesNotFit { path: self.server.address().path(), size, limit, remedy }
    }

    fn explain_put(&self, unmade: Unmade, items: &[Put]) -> Error {
        let address = self.server.address();
        match unmade {
            Unmade::Refused(error) => error,
            Unmade::Said(error) if error.failure == Failure::TooLarge => {
                let size = items.iter().map(|item| item.data.len()).max().unwrap_or(0);
                let limit = self.shared.limit.load(Ordering::Relaxed);
                let remedy =
                    format!("{}, or {} ({error})", self.widen(), self.larger_packets(size));
                self.does_not_fit(size, limit, remedy)
            }
            Unmade::Said(error) => explain("put an item into", address, error),
            Unmade::Unknown(error) => {
                Error::PutUnknown { path: address.path(), source: error.source }
            }
        }
    }
}

/// How often a put that was not sent as a whole is begun anew.
const BROKEN: u32 = 3;

/// Pieces that a statement can hold.
fn chunks(items: &[Put], most: usize) -> Vec<&[Put]> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        let size = item.data.len();
        if at > start && (at - start == ROWS || bytes + size > most) {
            chunks.push(&items[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    chunks.push(&items[start..]);
    chunks
}

fn in_milliseconds(time: Duration) -> Value {
    Value::Int(milliseconds(time))
}

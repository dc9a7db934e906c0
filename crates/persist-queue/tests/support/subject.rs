//! A real queue object that takes the operations of the oracle.

use std::path::Path;
use std::sync::Arc;

use persist_queue::file::{Fate, FileStore, Patience};
use persist_queue::storage::Storage;
use persist_queue::wait::{Thread, now};
use persist_queue::{Error, Options, Result, Wait};

use super::item::{identify, payloads};
use super::oracle::{Op, Outcome, Setup};

/// See the module.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) store: FileStore,
    autosave: bool,
    /// Everything that was taken and not given back.
    taken: Vec<Taken>,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    thread: u64,
    id: u64,
    sequence: u64,
}

pub(crate) fn options(storage: Arc<dyn Storage>, setup: Setup) -> Options {
    Options::new()
        .storage(storage)
        .autosave(setup.autosave)
        .maxsize(setup.maxsize)
        .chunk_records(setup.chunk_records)
        .durability(setup.durability)
}

impl Subject {
    pub(crate) fn open(storage: Arc<dyn Storage>, path: &Path, setup: Setup) -> Result<Self> {
        let store = FileStore::open(path, "bytes", options(storage, setup), Patience::Wait)?;
        Ok(Self { store, autosave: setup.autosave, taken: Vec::new() })
    }

    /// `new` are the items of a put; `back` is the item that is given back.
    pub(crate) fn perform(&mut self, op: Op, new: &[u64], back: Option<u64>) -> Result<Outcome> {
        let result = match op {
            Op::Open(_) => Ok(Outcome::Nothing),
            Op::Put(_) => self.put(new).map(|()| Outcome::Nothing),
            Op::Take(thread) => self.take(thread).map(Outcome::Item),
            Op::Done(thread) => self.done(thread).map(|()| Outcome::Nothing),
            Op::GiveBack(thread) => {
                self.give_back(thread, back);
                Ok(Outcome::Nothing)
            }
            Op::Peek => self.peek().map(Outcome::Item),
            Op::Purge => self.purge().map(Outcome::Purged),
        };
        match result {
            Err(Error::Full { .. }) => Ok(Outcome::Full),
            Err(Error::NothingUnfinished { .. }) => Ok(Outcome::NothingUnfinished),
            result => result,
        }
    }

    pub(crate) fn put(&self, ids: &[u64]) -> Result<()> {
        Ok(self.store.put(&mut Thread, &payloads(ids), Wait::No).now()?)
    }

    /// Takes as a typed queue does: with autosave it is settled at once. Every second thread has a codec
    /// that can fail.
    pub(crate) fn take(&mut self, thread: u64) -> Result<Option<u64>> {
        let mut payload = Vec::new();
        let sequence = if thread.is_multiple_of(2) {
            self.store.take_delivered(thread, Wait::No, &mut payload)?
        } else {
            let taken = self.store.take(&mut Thread, thread, Wait::No, &mut payload).now()?;
            let sequence = taken.as_ref().map(persist_queue::file::Taken::sequence);
            taken.map_or(Ok(()), |taken| taken.settle(&mut Thread, Fate::Delivered).now())?;
            sequence
        };
        let Some(sequence) = sequence else { return Ok(None) };
        let id = identify(&payload);
        if !self.autosave {
            self.taken.push(Taken { thread, id, sequence });
        }
        Ok(Some(id))
    }

    pub(crate) fn done(&self, thread: u64) -> Result<()> {
        Ok(self.store.task_done(&mut Thread, thread).now()?)
    }

    pub(crate) fn purge(&self) -> Result<u64> {
        Ok(now(self.store.purge(&mut Thread))?)
    }

    fn give_back(&mut self, thread: u64, id: Option<u64>) {
        let matches = |taken: &Taken| taken.thread == thread && Some(taken.id) == id;
        if let Some(index) = self.taken.iter().rposition(matches) {
            let taken = self.taken.remove(index);
            self.store.give_back(thread, taken.sequence);
        }
    }

    /// Gives back what was finished since, or taken over by somebody else. Nobody may notice.
    pub(crate) fn give_back_stale(&mut self, is_held: impl Fn(u64, u64) -> bool) {
        let (held, stale) = self.taken.iter().partition(|taken| is_held(taken.thread, taken.id));
        self.taken = held;
        let stale: Vec<Taken> = stale;
        for taken in &stale {
            self.store.give_back(taken.thread, taken.sequence);
        }
    }

    pub(crate) fn peek(&self) -> Result<Option<u64>> {
        let mut payload = Vec::new();
        let sequence = now(self.store.peek(&mut Thread, &mut payload))?;
        Ok(sequence.map(|_| identify(&payload)))
    }

    pub(crate) fn size(&self) -> Result<u64> {
        Ok(now(self.store.size(&mut Thread))?)
    }
}

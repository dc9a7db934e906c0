//! Taking a record from a store, and what becomes of it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::commit::Ticket;
use super::handle::{Attachment, Handle};
use super::inside::Patience;
use super::log::Log;
use super::promise;
use super::store::FileStore;
use super::take::Fate;
use super::window::Owner;
use crate::error::Slim;
use crate::wait::{Attempt, Call, Host, Outcome, Thread, Wait, Waiting};
use crate::{Durability, Error, Result};

/// What a take gives.
pub type Took<T, E> = Result<Option<T>, E>;

impl FileStore {
    /// Takes the next record for `owner`, a thread or whoever else a number stands for; its payload
    /// replaces what is in `into`. Nothing where none came in time.
    ///
    /// # Errors
    /// [`Error::Corrupted`] once for each damaged place, [`Error::ConsumedElsewhere`],
    /// [`Error::Io`].
    #[inline]
    pub fn take<'a, H: Host>(
        &'a self,
        host: &mut H,
        owner: u64,
        wait: Wait,
        into: &mut Vec<u8>,
    ) -> Call<Took<Taken<'a>, H::Error>, impl Future<Output = Took<Taken<'a>, H::Error>>>
    where
        H::Error: From<Error>,
    {
        match self.take_number(host, owner, wait, into, false) {
            Call::Done(taken) => {
                Call::Done(taken.map(|taken| taken.map(|taken| self.hold(owner, taken))))
            }
            Call::Waits(taken) => Call::Waits(Box::pin(async move {
                Ok(taken.await?.map(|taken| self.hold(owner, taken)))
            })),
        }
    }

    /// As [`FileStore::take`], for a thread that can deliver whatever bytes there are: they are delivered
    /// with that. Gives the record's number.
    ///
    /// # Errors
    /// As [`FileStore::take`] and [`Taken::settle`].
    #[inline]
    pub fn take_delivered(&self, owner: u64, wait: Wait, into: &mut Vec<u8>) -> Slim<Option<u64>> {
        let finish = self.options.autosave && self.options.durability == Durability::Process;
        let taken = self.take_number(&mut Thread, owner, wait, into, finish).now()?;
        if let Some(sequence) = taken
            && !finish
        {
            self.hold(owner, sequence).settle(&mut Thread, Fate::Delivered).now()?;
        }
        Ok(taken)
    }

    /// As [`FileStore::take`]; gives the record's number, which the caller is to hold at once unless
    /// it is to `finish` with that. What is larger than a number goes through memory, which takes as long as a
    /// sixth of the call.
    #[inline]
    pub(super) fn take_number<H: Host>(
        &self,
        host: &mut H,
        owner: u64,
        wait: Wait,
        into: &mut Vec<u8>,
        finish: bool,
    ) -> Call<Took<u64, H::Error>, impl Future<Output = Took<u64, H::Error>>>
    where
        H::Error: From<Error>,
    {
        let mut attempt = move |log: &Log, handle: &Handle| {
            into.clear();
            log.take(handle, owner, into, finish)
        };
        let first = self.first(&mut attempt);
        if let Ok(Attempt::Done(sequence)) = first {
            return Call::Done(Ok(Some(sequence)));
        }
        Call::Waits(Box::pin(async move {
            self.wait(host, |log| &log.signals.items, wait, (first, attempt)).await
        }))
    }

    /// As [`FileStore::take`], where that can be done at once: nothing where it cannot, be it that no record
    /// is there or that somebody else is inside.
    ///
    /// # Errors
    /// As [`FileStore::take`].
    pub fn take_at_once(&self, owner: u64, into: &mut Vec<u8>) -> Slim<Option<Taken<'_>>> {
        into.clear();
        match self.first(&mut |log, handle| log.take(handle, owner, into, false))? {
            Attempt::Done(sequence) => Ok(Some(self.hold(owner, sequence))),
            Attempt::Busy | Attempt::NotYet | Attempt::NotBefore(_) => Ok(None),
        }
    }

    #[inline]
    pub(super) fn hold(&self, owner: u64, sequence: u64) -> Taken<'_> {
        Taken::new(self, owner, sequence)
    }

    /// Says that records which one owner took are delivered, all together: at level `disk` that is one
    /// flush.
    ///
    /// # Errors
    /// As [`Taken::settle`]; all of them wait again.
    pub async fn settle_all<H: Host>(
        &self,
        host: &mut H,
        taken: Vec<Taken<'_>>,
    ) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let fate = Fate::Delivered;
        let (Some(owner), Some(attachment)) =
            (taken.first().map(|taken| taken.owner), self.existing())
        else {
            return Ok(());
        };
        let mut settled = Ok(Attempt::Done(None));
        if !self.is_settled_by(fate) {
            let sequences: Vec<u64> = taken.iter().map(Taken::sequence).collect();
            let first = attachment.settle(owner, &sequences, fate, attachment.handle.patience);
            settled = attachment.settle_on(host, owner, &sequences, fate, first).await?;
        }
        // Also after an error: the log has given the records back.
        taken.into_iter().for_each(Taken::keep);
        match settled.map_err(Error::from)? {
            Attempt::Done(Some(ticket)) => {
                host.offload(move || attachment.log.commit_delivered(ticket)).await
            }
            _ => Ok(()),
        }
    }

    /// Has a record delivered again that `owner` keeps; see [`Taken::keep`].
    pub fn give_back(&self, owner: u64, sequence: u64) {
        drop(Taken::new(self, owner, sequence));
    }

    /// Whether `fate` is known already: without autosave a delivered record stays in flight.
    #[inline]
    fn is_settled_by(&self, fate: Fate) -> bool {
        fate == Fate::Delivered && !self.options.autosave
    }
}

/// A record that was taken, and its fate where this is dropped before it is settled.
#[derive(Debug)]
#[must_use = "it is given back when this is dropped"]
pub struct Taken<'a> {
    store: &'a FileStore,
    owner: u64,
    sequence: u64,
    otherwise: Fate,
    /// Its completion may be on the disk already, or get there, as long as this is not set.
    withdrawn: Option<Arc<AtomicBool>>,
}

impl<'a> Taken<'a> {
    #[inline]
    fn new(store: &'a FileStore, owner: u64, sequence: u64) -> Self {
        Self { store, owner, sequence, otherwise: Fate::GivenBack, withdrawn: None }
    }

    /// The record's number.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What is to become of the record where this is dropped; it is given back unless another fate
    /// is named here.
    #[inline]
    pub fn otherwise(&mut self, fate: Fate) {
        self.otherwise = fate;
    }

    /// Makes that the record was delivered survive what the queue's level promises, while it can
    /// still be taken back. Who delivers it then has nothing more to wait for.
    ///
    /// # Errors
    /// [`Error::Io`]; the record is as before.
    pub async fn promise<H: Host>(&mut self, host: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let Some(attachment) = self.store.existing() else { return Ok(()) };
        if self.withdrawn.is_some() || !self.must_promise(&attachment.handle) {
            return Ok(());
        }
        let withdrawn = Arc::clone(self.withdrawn.insert(Arc::default()));
        let (owner, sequence) = (self.owner(&attachment), self.sequence);
        let marking = Arc::clone(&attachment);
        let mark = move || marking.log.promise(owner, sequence, &withdrawn);
        // Apart, so that one flush covers all that were marked by those who came at the same time.
        if let Some(ticket) = host.offload(mark).await?? {
            host.offload(move || attachment.log.commit_delivered(ticket)).await?;
        }
        Ok(())
    }

    /// Whether the disk has to be waited for before the record can be delivered.
    fn must_promise(&self, handle: &Handle) -> bool {
        self.store.options.autosave && handle.level == promise::LEVEL
    }

    fn owner(&self, attachment: &Attachment) -> Owner {
        Owner { handle: attachment.handle.id, thread: self.owner }
    }

    /// Leaves the record in flight, to be finished with `task_done` or given back by its number.
    pub fn keep(self) {
        std::mem::forget(self);
    }

    /// Says what became of the record.
    ///
    /// # Errors
    /// [`Error::Io`] where that cannot be stored; the record then waits again. Where it is stored and
    /// cannot be flushed the record stays delivered, and the next put says so.
    #[inline]
    pub fn settle<H: Host>(
        self,
        host: &mut H,
        fate: Fate,
    ) -> Call<Result<(), H::Error>, impl Future<Output = Result<(), H::Error>>>
    where
        H::Error: From<Error>,
    {
        if self.store.is_settled_by(fate) {
            std::mem::forget(self);
            return Call::Done(Ok(()));
        }
        self.settle_now(host, fate)
    }

    #[inline(never)]
    fn settle_now<H: Host>(
        mut self,
        host: &mut H,
        fate: Fate,
    ) -> Call<Result<(), H::Error>, impl Future<Output = Result<(), H::Error>>>
    where
        H::Error: From<Error>,
    {
        let store = self.store;
        // To count one more that uses it takes as long as to save the tail.
        let later = (!store.is_first()).then(|| store.existing_in_child());
        let attachment = match &later {
            None => &store.first,
            Some(Some(later)) => later,
            Some(None) => {
                std::mem::forget(self);
                return Call::Done(Ok(()));
            }
        };
        self.otherwise = Fate::GivenBack;
        let wary =
            H::MAY_VANISH && fate == Fate::Delivered && self.must_promise(&attachment.handle);
        let mut first = Ok(Attempt::Busy);
        if !wary {
            first = self.try_settle(attachment, fate, attachment.handle.patience);
            if let Ok(Attempt::Done(None)) = first {
                std::mem::forget(self);
                return Call::Done(Ok(()));
            }
        }
        let attachment = Arc::clone(attachment);
        Call::Waits(Box::pin(async move {
            if wary {
                self.promise(host).await?;
                first = self.try_settle(&attachment, fate, attachment.handle.patience);
            }
            let (owner, sequences) = (self.owner, [self.sequence]);
            let settled = attachment.settle_on(host, owner, &sequences, fate, first).await?;
            // Also after an error: the log has given the record back.
            let promised = self.withdrawn.take().is_some();
            std::mem::forget(self);
            match settled.map_err(Error::from)? {
                Attempt::Done(Some(ticket)) if !promised => {
                    host.offload(move || attachment.log.commit_delivered(ticket)).await
                }
                _ => Ok(()),
            }
        }))
    }

    fn try_settle(
        &self,
        attachment: &Attachment,
        fate: Fate,
        patience: Patience,
    ) -> Slim<Attempt<Option<Ticket>>> {
        attachment.settle(self.owner, &[self.sequence], fate, patience)
    }
}

impl Attachment {
    fn settle(
        &self,
        owner: u64,
        sequences: &[u64],
        fate: Fate,
        patience: Patience,
    ) -> Slim<Attempt<Option<Ticket>>> {
        self.log.settle(&self.handle, owner, sequences, fate, patience)
    }

    /// Tries again for as long as another thread is inside, where this one may not wait for it.
    async fn settle_on<H: Host>(
        &self,
        host: &mut H,
        owner: u64,
        sequences: &[u64],
        fate: Fate,
        first: Slim<Attempt<Option<Ticket>>>,
    ) -> Result<Slim<Attempt<Option<Ticket>>>, H::Error> {
        let mut waiting = Waiting::new(&self.log.signals.done, Wait::No);
        let mut tried = first;
        let outcome = loop {
            let settled = match tried {
                Ok(Attempt::Busy) => Attempt::Busy,
                tried => Attempt::Done(tried),
            };
            if let Some(outcome) = waiting.pace(host, settled).await? {
                break outcome;
            }
            tried = self.settle(owner, sequences, fate, Patience::Leave);
        };
        Ok(match outcome {
            Outcome::Done(tried) => tried,
            Outcome::TimedOut | Outcome::Locked => {
                self.settle(owner, sequences, fate, Patience::Wait)
            }
        })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Some(attachment) = self.store.existing() else { return };
        if let Some(withdrawn) = &self.withdrawn {
            let owner = self.owner(&attachment);
            attachment.log.take_promise_back(owner, self.sequence, withdrawn);
        }
        // Neither of these fates is written, so neither can fail.
        let _ = self.try_settle(&attachment, self.otherwise, Patience::Wait);
    }
}

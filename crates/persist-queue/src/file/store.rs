//! A queue of bytes in a folder: what the typed queue and the bindings are made of.
//!
//! The `try_` calls never wait for an item. The others wait, in the manner of the given host.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;

use super::commit::Ticket;
use super::handle::{Attachment, Handle};
use super::log::Log;
use super::options::Options;
use super::promise;
use super::registry;
use super::segment;
use super::take::Fate;
use super::window::Owner;
use crate::error::{Context, Slim};
use crate::process::fork;
use crate::wait::{Attempt, Call, Host, Outcome, Signal, Thread, Wait, Waiting};
use crate::{Durability, Error, Result};

pub use super::log::Patience;

/// See the module.
#[derive(Debug)]
pub struct FileStore {
    first: Arc<Attachment>,
    /// A forked child's.
    later: ArcSwapOption<Attachment>,
    dir: PathBuf,
    codec: String,
    options: Options,
    patience: Patience,
    closed: AtomicBool,
}

impl FileStore {
    /// Opens the queue in `path`, which is made where it is missing.
    ///
    /// # Errors
    /// As [`Options::open_with`].
    pub fn open(path: &Path, codec: &str, options: Options, patience: Patience) -> Result<Self> {
        options.check()?;
        check_name(codec)?;
        options.storage.create_dir_all(path).context("create", path)?;
        let dir = options.storage.canonical(path).context("open", path)?;
        let attachment = attach(&dir, codec, &options, patience)?;
        Ok(Self {
            first: Arc::new(attachment),
            later: ArcSwapOption::const_empty(),
            codec: codec.to_owned(),
            closed: AtomicBool::new(false),
            dir,
            options,
            patience,
        })
    }

    /// The folder, as an absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The options that it was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    #[inline]
    fn check_open(&self) -> Slim<()> {
        if self.closed.load(Ordering::Relaxed) { self.refuse() } else { Ok(()) }
    }

    #[cold]
    fn refuse(&self) -> Slim<()> {
        Err(Error::Closed { path: self.dir.clone() }.into())
    }

    fn attached(&self) -> Slim<Arc<Attachment>> {
        self.check_open()?;
        if self.is_first() { Ok(Arc::clone(&self.first)) } else { self.attached_in_child() }
    }

    /// Whether this is still the process that opened the queue.
    #[inline]
    fn is_first(&self) -> bool {
        self.first.log.generation == fork::generation()
    }

    /// In a forked child: opens the queue anew. What the parent had in flight stays with it, and
    /// its attachment is left alone: its locks may never be free here.
    #[cold]
    fn attached_in_child(&self) -> Slim<Arc<Attachment>> {
        let current = self.later.load_full();
        if let Some(current) = current.as_ref()
            && current.log.generation == fork::generation()
        {
            return Ok(Arc::clone(current));
        }
        let fresh = Arc::new(attach(&self.dir, &self.codec, &self.options, self.patience)?);
        std::mem::forget(self.later.swap(Some(Arc::clone(&fresh))));
        std::mem::forget(current);
        Ok(fresh)
    }

    /// The attachment of this process, whatever was closed; nothing in a child that has none.
    fn existing(&self) -> Option<Arc<Attachment>> {
        if self.is_first() { Some(Arc::clone(&self.first)) } else { self.existing_in_child() }
    }

    #[cold]
    fn existing_in_child(&self) -> Option<Arc<Attachment>> {
        let later = self.later.load_full()?;
        if later.log.generation == fork::generation() {
            return Some(later);
        }
        std::mem::forget(later);
        None
    }

    /// One attempt.
    #[inline]
    fn first<T>(
        &self,
        attempt: &mut impl FnMut(&Log, &Handle) -> Slim<Attempt<T>>,
    ) -> Slim<Attempt<T>> {
        self.check_open()?;
        let later;
        let Attachment { log, handle } = if self.is_first() {
            &*self.first
        } else {
            later = self.attached_in_child()?;
            &*later
        };
        // In one place: what is called from two is not compiled into the caller.
        attempt(log, handle)
    }

    /// Tries, and tries again whenever `signal` says that it may have come true. `first` is what the
    /// first attempt gave.
    async fn wait<T, H: Host>(
        &self,
        host: &mut H,
        signal: fn(&Log) -> &Signal,
        wait: Wait,
        (first, mut attempt): (Slim<Attempt<T>>, impl FnMut(&Log, &Handle) -> Slim<Attempt<T>>),
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached().map_err(|error| *error)?;
        let Attachment { log, handle } = &*attached;
        let asking = Asking(log);
        let mut waiting = Waiting::new(signal(log), wait);
        let mut tried = first;
        let outcome = loop {
            let tried_now = tried.map_err(|error| *error)?;
            if let Some(outcome) = waiting.pace(host, tried_now).await? {
                break outcome;
            }
            tried = self.check_open().and_then(|()| attempt(log, handle));
        };
        match outcome {
            Outcome::Done(value) => {
                std::mem::forget(asking);
                Ok(Some(value))
            }
            Outcome::TimedOut => Ok(None),
            Outcome::Locked => Err(log.locked().into()),
        }
    }

    /// As [`FileStore::wait`], for what needs no more than the lock.
    async fn now<T, H: Host>(
        &self,
        host: &mut H,
        mut attempt: impl FnMut(&Log, &Handle) -> Slim<Attempt<T>>,
    ) -> Result<T, H::Error>
    where
        H::Error: From<Error>,
    {
        let first = self.first(&mut attempt);
        let done = self.wait(host, |log| &log.signals.done, Wait::No, (first, attempt)).await?;
        done.ok_or_else(|| Error::Locked { path: self.dir.clone() }.into())
    }

    async fn commit<H: Host>(&self, host: &mut H, ticket: Option<Ticket>) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let Some(ticket) = ticket else { return Ok(()) };
        let Some(attachment) = self.existing() else { return Ok(()) };
        host.offload(move || attachment.log.commit(ticket)).await?.map_err(Into::into)
    }

    /// Puts payloads in one piece, all of them or none.
    ///
    /// # Errors
    /// [`Error::Full`] where there was no room in time; [`Error::TooLarge`]; [`Error::Io`]. After an
    /// error nothing was put.
    #[inline]
    pub fn put<P: AsRef<[u8]>, H: Host>(
        &self,
        host: &mut H,
        payloads: &[P],
        wait: Wait,
    ) -> Call<Result<(), H::Error>, impl Future<Output = Result<(), H::Error>>>
    where
        H::Error: From<Error>,
    {
        if payloads.is_empty() {
            return Call::Done(Ok(()));
        }
        let mut attempt = |log: &Log, handle: &Handle| log.put(handle, payloads);
        let first = self.first(&mut attempt);
        if let Ok(Attempt::Done(None)) = first {
            return Call::Done(Ok(()));
        }
        Call::Waits(Box::pin(async move {
            match self.wait(host, |log| &log.signals.space, wait, (first, attempt)).await? {
                Some(ticket) => self.commit(host, ticket).await,
                None => {
                    Err(Error::Full { path: self.dir.clone(), limit: self.options.maxsize }.into())
                }
            }
        }))
    }

    /// As [`FileStore::put`], where that can be done at once: says whether it could. It cannot where there is no room,
    /// somebody else is inside, or the disk is to be waited for; nothing was put then.
    ///
    /// # Errors
    /// As [`FileStore::put`].
    pub fn put_at_once<P: AsRef<[u8]>>(&self, payloads: &[P]) -> Slim<bool> {
        if self.options.waits_for_disk() {
            return Ok(false);
        }
        let put = self.first(&mut |log, handle| log.put(handle, payloads))?;
        Ok(matches!(put, Attempt::Done(_)))
    }

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

    /// Copies the payload of the next record into `into`; gives its sequence number.
    ///
    /// # Errors
    /// As [`FileStore::take`].
    pub async fn peek<H: Host>(
        &self,
        host: &mut H,
        into: &mut Vec<u8>,
    ) -> Result<Option<u64>, H::Error>
    where
        H::Error: From<Error>,
    {
        let mut attempt = |log: &Log, handle: &Handle| {
            into.clear();
            log.peek(handle, into)
        };
        let first = self.first(&mut attempt);
        self.wait(host, |log| &log.signals.items, Wait::No, (first, attempt)).await
    }

    /// Makes final what `owner` has taken; where it holds nothing, the oldest record in flight.
    ///
    /// # Errors
    /// [`Error::NothingUnfinished`] where it was called too often; [`Error::Io`].
    #[inline]
    pub fn task_done<H: Host>(
        &self,
        host: &mut H,
        owner: u64,
    ) -> Call<Result<(), H::Error>, impl Future<Output = Result<(), H::Error>>>
    where
        H::Error: From<Error>,
    {
        let mut attempt = move |log: &Log, handle: &Handle| log.task_done(handle, owner);
        let first = self.first(&mut attempt);
        if let Ok(Attempt::Done(None)) = first {
            return Call::Done(Ok(()));
        }
        Call::Waits(Box::pin(async move {
            let done = self.wait(host, |log| &log.signals.done, Wait::No, (first, attempt)).await?;
            let ticket = done.ok_or_else(|| Error::Locked { path: self.dir.clone() })?;
            self.commit(host, ticket).await
        }))
    }

    /// Removes all records that wait; gives how many there were.
    ///
    /// # Errors
    /// [`Error::ConsumedElsewhere`], [`Error::Io`].
    pub async fn purge<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let (purged, ticket) = self.now(host, Log::purge).await?;
        self.commit(host, ticket).await?;
        Ok(purged)
    }

    /// Waits until nothing is unfinished. Says whether that came in time.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Io`].
    pub async fn join<H: Host>(&self, host: &mut H, wait: Wait) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let mut attempt = |log: &Log, handle: &Handle| {
            let Some(inside) = log.enter(handle.patience)? else { return Ok(Attempt::Busy) };
            drop(inside);
            Ok(if handle.unfinished(log) == 0 { Attempt::Done(()) } else { Attempt::NotYet })
        };
        let first = self.first(&mut attempt);
        let joined = self.wait(host, |log| &log.signals.done, wait, (first, attempt));
        Ok(joined.await?.is_some())
    }

    /// How many items the queue holds: all that wait, and what other objects have in flight.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Io`].
    pub async fn size<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        self.now(host, |log, handle| {
            let Some(inside) = log.enter(handle.patience)? else { return Ok(Attempt::Busy) };
            Ok(Attempt::Done(inside.size(handle)))
        })
        .await
    }

    /// How many items were put and are not done.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn unfinished(&self) -> Result<u64> {
        let attachment = self.attached().map_err(|error| *error)?;
        Ok(attachment.handle.unfinished(&attachment.log))
    }

    /// Makes everything that this object did survive a dead machine, at any level.
    ///
    /// # Errors
    /// [`Error::Io`] where the disk refuses.
    pub async fn flush<H: Host>(&self, host: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let attachment = self.attached().map_err(|error| *error)?;
        host.offload(move || attachment.log.flush_everything()).await?.map_err(Into::into)
    }

    /// Whether [`FileStore::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Gives back what this object has in flight, flushes what its level promises, and wakes who
    /// waits through it. Closing twice is allowed.
    ///
    /// # Errors
    /// [`Error::Io`] where the last flush failed.
    pub fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let Some(attachment) = self.existing() else { return Ok(()) };
        let flushed = match attachment.handle.level {
            Durability::Process => Ok(()),
            Durability::Disk | Durability::Interval(_) => attachment.log.flush_all(),
        };
        attachment.handle.leave(&attachment.log);
        flushed
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "a queue could not be closed cleanly");
        }
        // A forked child must not touch what its parent's threads may have locked.
        if self.first.log.generation != fork::generation() {
            std::mem::forget(Arc::clone(&self.first));
        }
        if let Some(later) = self.later.swap(None)
            && later.log.generation != fork::generation()
        {
            std::mem::forget(later);
        }
    }
}

/// What a take gives.
pub type Took<T, E> = Result<Option<T>, E>;

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

/// A caller that may have asked for the next turn. One who gives up lets others have it, who may be
/// waiting behind it.
struct Asking<'a>(&'a Log);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.stop_asking();
    }
}

fn attach(dir: &Path, codec: &str, options: &Options, patience: Patience) -> Result<Attachment> {
    let log = registry::open(dir, codec, options)?;
    let handle = Handle::new(&log, options, patience)?;
    Ok(Attachment { log, handle })
}

fn check_name(codec: &str) -> Result<()> {
    if codec.is_empty() || codec.len() > segment::MAX_NAME {
        return Err(Error::Invalid(format!(
            "the serializer's name '{codec}' must have 1 to {} bytes",
            segment::MAX_NAME
        )));
    }
    Ok(())
}

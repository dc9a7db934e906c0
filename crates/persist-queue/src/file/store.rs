//! A queue of bytes in a folder: what the typed queue and the bindings are made of.
//!
//! The `try_` calls never wait for an item. The others wait, in the manner of the given host.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;

use super::commit::Ticket;
use super::handle::{Attachment, Handle};
use super::log::Log;
use super::options::Options;
use super::registry;
use super::segment;
use super::take::Fate;
use crate::error::{Context, Slim};
use crate::process::fork;
use crate::wait::{Attempt, Host, Outcome, Signal, Wait, wait_for};
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
        let alive = |attachment: &Arc<Attachment>| attachment.log.generation == fork::generation();
        if alive(&self.first) {
            return Some(Arc::clone(&self.first));
        }
        let later = self.later.load_full()?;
        if alive(&later) {
            return Some(later);
        }
        std::mem::forget(later);
        None
    }

    /// Tries, and tries again whenever `signal` says that it may have come true.
    fn wait<T, H: Host>(
        &self,
        host: &mut H,
        signal: fn(&Log) -> &Signal,
        wait: Wait,
        mut attempt: impl FnMut(&Log, &Handle) -> Slim<Attempt<T>>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        self.check_open().map_err(|error| *error)?;
        let later;
        let Attachment { log, handle } = if self.is_first() {
            &*self.first
        } else {
            later = self.attached_in_child().map_err(|error| *error)?;
            &*later
        };
        // Not in `wait_for`: what is called from two places is not compiled into the caller, and
        // almost every call is done with the first attempt.
        let first = attempt(log, handle);
        if let Ok(Attempt::Done(value)) = first {
            return Ok(Some(value));
        }
        let mut first = Some(first);
        let outcome = wait_for(host, signal(log), wait, |_| {
            let attempted = match first.take() {
                Some(first) => first,
                None => self.check_open().and_then(|()| attempt(log, handle)),
            };
            attempted.map_err(|error| (*error).into())
        });
        match outcome {
            Ok(Outcome::Done(value)) => return Ok(Some(value)),
            // Others may be waiting behind the turn that was asked for in vain.
            _ => log.stop_asking(),
        }
        match outcome? {
            Outcome::Locked => Err(log.locked().into()),
            Outcome::Done(_) | Outcome::TimedOut => Ok(None),
        }
    }

    /// As [`FileStore::wait`], for what needs no more than the lock.
    fn now<T, H: Host>(
        &self,
        host: &mut H,
        attempt: impl Fn(&Log, &Handle) -> Slim<Attempt<T>>,
    ) -> Result<T, H::Error>
    where
        H::Error: From<Error>,
    {
        let done = self.wait(host, |log| &log.signals.done, Wait::No, attempt)?;
        done.ok_or_else(|| Error::Locked { path: self.dir.clone() }.into())
    }

    fn commit<H: Host>(&self, host: &mut H, ticket: Option<Ticket>) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let Some(ticket) = ticket else { return Ok(()) };
        let Some(attachment) = self.existing() else { return Ok(()) };
        host.offload(move || attachment.log.commit(ticket))?.map_err(Into::into)
    }

    /// Puts payloads in one piece, all of them or none.
    ///
    /// # Errors
    /// [`Error::Full`] where there was no room in time; [`Error::TooLarge`]; [`Error::Io`]. After an
    /// error nothing was put.
    pub fn put<P: AsRef<[u8]>, H: Host>(
        &self,
        host: &mut H,
        payloads: &[P],
        wait: Wait,
    ) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        if payloads.is_empty() {
            return Ok(());
        }
        let put = self.wait(
            host,
            |log| &log.signals.space,
            wait,
            |log, handle| log.put(handle, payloads),
        )?;
        match put {
            Some(ticket) => self.commit(host, ticket),
            None => Err(Error::Full { path: self.dir.clone(), limit: self.options.maxsize }.into()),
        }
    }

    /// Takes the next record for `thread`, and gives its sequence number; its payload replaces what
    /// is in `into`. Nothing where none came in time. Each record that was taken must be settled.
    ///
    /// # Errors
    /// [`Error::Corrupted`] once for each damaged place, [`Error::ConsumedElsewhere`],
    /// [`Error::Io`].
    pub fn take<H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        into: &mut Vec<u8>,
    ) -> Result<Option<u64>, H::Error>
    where
        H::Error: From<Error>,
    {
        self.wait(
            host,
            |log| &log.signals.items,
            wait,
            |log, handle| {
                into.clear();
                log.take(handle, thread, into)
            },
        )
    }

    /// Says what became of records that `thread` took.
    ///
    /// # Errors
    /// [`Error::Io`] where that cannot be stored; the records then wait again. Where it is stored and
    /// cannot be flushed the records stay delivered, and the next put says so.
    #[inline]
    pub fn settle<H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        taken: &[u64],
        fate: Fate,
    ) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        if taken.is_empty() || self.is_settled_by(fate) {
            return Ok(());
        }
        self.settle_taken(host, thread, taken, fate)
    }

    /// Whether `fate` is known already: without autosave a delivered record stays in flight.
    #[inline]
    pub(super) fn is_settled_by(&self, fate: Fate) -> bool {
        fate == Fate::Delivered && !self.options.autosave
    }

    fn settle_taken<H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        taken: &[u64],
        fate: Fate,
    ) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let Some(attachment) = self.existing() else { return Ok(()) };
        let Attachment { log, handle } = &*attachment;
        let ticket =
            match log.settle(handle, thread, taken, fate, handle.patience).map_err(Error::from)? {
                Attempt::Done(ticket) => ticket,
                Attempt::NotYet | Attempt::NotBefore(_) | Attempt::Busy => {
                    let (attachment, taken) = (Arc::clone(&attachment), taken.to_vec());
                    let settle = move || {
                        let Attachment { log, handle } = &*attachment;
                        log.settle(handle, thread, &taken, fate, Patience::Wait)
                    };
                    match host.offload(settle)?.map_err(Error::from)? {
                        Attempt::Done(ticket) => ticket,
                        Attempt::NotYet | Attempt::NotBefore(_) | Attempt::Busy => None,
                    }
                }
            };
        let Some(ticket) = ticket else { return Ok(()) };
        host.offload(move || attachment.log.commit_delivered(ticket))
    }

    /// Copies the payload of the next record into `into`; gives its sequence number.
    ///
    /// # Errors
    /// As [`FileStore::take`].
    pub fn peek<H: Host>(&self, host: &mut H, into: &mut Vec<u8>) -> Result<Option<u64>, H::Error>
    where
        H::Error: From<Error>,
    {
        self.wait(
            host,
            |log| &log.signals.items,
            Wait::No,
            |log, handle| {
                into.clear();
                log.peek(handle, into)
            },
        )
    }

    /// Makes final what `thread` has taken; where it holds nothing, the oldest record in flight.
    ///
    /// # Errors
    /// [`Error::NothingUnfinished`] where it was called too often; [`Error::Io`].
    pub fn task_done<H: Host>(&self, host: &mut H, thread: u64) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let ticket = self.now(host, |log, handle| log.task_done(handle, thread))?;
        self.commit(host, ticket)
    }

    /// Removes all records that wait; gives how many there were.
    ///
    /// # Errors
    /// [`Error::ConsumedElsewhere`], [`Error::Io`].
    pub fn purge<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let (purged, ticket) = self.now(host, Log::purge)?;
        self.commit(host, ticket)?;
        Ok(purged)
    }

    /// Waits until nothing is unfinished. Says whether that came in time.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Io`].
    pub fn join<H: Host>(&self, host: &mut H, wait: Wait) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let joined = self.wait(
            host,
            |log| &log.signals.done,
            wait,
            |log, handle| {
                let Some(inside) = log.enter(handle.patience)? else { return Ok(Attempt::Busy) };
                drop(inside);
                Ok(if handle.unfinished(log) == 0 { Attempt::Done(()) } else { Attempt::NotYet })
            },
        )?;
        Ok(joined.is_some())
    }

    /// How many items the queue holds: all that wait, and what other objects have in flight.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Io`].
    pub fn size<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        self.now(host, |log, handle| {
            let Some(inside) = log.enter(handle.patience)? else { return Ok(Attempt::Busy) };
            Ok(Attempt::Done(inside.size(handle)))
        })
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
    pub fn flush<H: Host>(&self, host: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let attachment = self.attached().map_err(|error| *error)?;
        host.offload(move || attachment.log.flush_everything())?.map_err(Into::into)
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

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
use super::registry;
use super::segment;
use crate::error::{Context, Slim};
use crate::process::fork;
use crate::wait::{Attempt, Call, Host, Outcome, Signal, Wait, Waiting};
use crate::{Durability, Error, Result};

pub use super::inside::Patience;

/// See the module.
#[derive(Debug)]
pub struct FileStore {
    pub(super) first: Arc<Attachment>,
    /// A forked child's.
    later: ArcSwapOption<Attachment>,
    dir: PathBuf,
    codec: String,
    pub(super) options: Options,
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
    pub(super) fn is_first(&self) -> bool {
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
    pub(super) fn existing(&self) -> Option<Arc<Attachment>> {
        if self.is_first() { Some(Arc::clone(&self.first)) } else { self.existing_in_child() }
    }

    #[cold]
    pub(super) fn existing_in_child(&self) -> Option<Arc<Attachment>> {
        let later = self.later.load_full()?;
        if later.log.generation == fork::generation() {
            return Some(later);
        }
        std::mem::forget(later);
        None
    }

    /// One attempt.
    #[inline]
    pub(super) fn first<T>(
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
    pub(super) async fn wait<T, H: Host>(
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
        let mut waiting = Waiting::new(signal(log), wait).looking_again();
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

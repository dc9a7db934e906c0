//! A queue of bytes on NATS `JetStream`: what the typed queues are made of, and bindings can be.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::jetstream::stream::PurgeResponse;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::address::NatsAddress;
use super::ask::{ask, block};
use super::book::{Book, keep};
use super::failure::LONGEST_PAUSE;
use super::link::Link;
use super::options::{NatsOptions, missing};
use super::pull::Asker;
use super::stream::Stream;
use crate::process::per_process::PerProcess;
use crate::sql::{Status, Which};
use crate::wait::{Host, Wait};
use crate::{Error, Result};

/// See the module.
#[derive(Debug)]
pub struct NatsStore {
    address: NatsAddress,
    path: PathBuf,
    pub(super) options: Arc<NatsOptions>,
    acks: bool,
    attachment: PerProcess<Attachment>,
    closed: AtomicBool,
}

/// What a store works with; a forked child makes itself another one.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) stream: Arc<Stream>,
    pub(super) options: Arc<NatsOptions>,
    pub(super) book: Arc<Book>,
    closing: watch::Sender<bool>,
}

/// Says when the queue is closed.
#[derive(Debug, Clone)]
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(super) async fn closed(&self) {
        // Dropped is closed, too.
        let _ = self.0.clone().wait_for(|closed| *closed).await;
    }
}

impl Attachment {
    fn new(address: &NatsAddress, options: &Arc<NatsOptions>, acks: bool) -> Result<Self> {
        let (link, theirs) = (Link::open(address)?, Arc::clone(options));
        let stream = Arc::new(block(Stream::open(link, theirs, acks))?);
        let book = Arc::<Book>::default();
        keep(&book, &stream);
        let (closing, _) = watch::channel(false);
        Ok(Self { stream, options: Arc::clone(options), book, closing })
    }

    /// Until when a call that begins now goes on trying.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.options.timeout
    }

    pub(super) fn closing(&self) -> Closing {
        Closing(self.closing.subscribe())
    }
}

impl NatsStore {
    /// Opens the queue.
    ///
    /// # Errors
    /// As [`NatsOptions::open_with`].
    pub fn open(address: &NatsAddress, options: NatsOptions, acks: bool) -> Result<Self> {
        options.check()?;
        let options = Arc::new(options);
        let attachment = Arc::new(Attachment::new(address, &options, acks)?);
        Ok(Self {
            address: address.clone(),
            path: address.path(),
            options,
            acks,
            attachment: PerProcess::new(attachment),
            closed: AtomicBool::new(false),
        })
    }

    /// The server, as `nats://user@host:port`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether items are kept until they are acknowledged.
    pub fn acks(&self) -> bool {
        self.acks
    }

    /// Whether [`NatsStore::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn attached(&self) -> Result<Arc<Attachment>> {
        if self.is_closed() {
            return Err(Error::Closed { path: self.path.clone() });
        }
        self.attachment
            .get(|| Attachment::new(&self.address, &self.options, self.acks).map(Arc::new))
    }

    /// Wakes who waits through this object. What it holds waits again when its lease is over. Closing twice is
    /// allowed.
    pub fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(attached) = self.attachment.existing() {
            attached.closing.send_replace(true);
            attached.book.forget_all();
        }
    }

    /// How many items are not done: those that wait, and those that somebody holds. `JetStream` does
    /// not tell one that is held from one that waits again.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
    pub async fn size<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |_| async move { attached.stream.undone(attached.deadline()).await }).await
    }

    /// How many items have `status`: [`Status::New`], [`Status::Held`], in which those are that wait again, or
    /// [`Status::Dead`].
    ///
    /// # Errors
    /// As [`NatsStore::size`]; [`Error::Invalid`] for one that `JetStream` does not keep account of.
    pub async fn count<H: Host>(&self, host: &mut H, status: Status) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |_| async move {
            let (stream, deadline) = (&attached.stream, attached.deadline());
            match status {
                Status::New => Ok(stream.consumer(deadline).await?.num_pending),
                Status::Held => Ok(stream.consumer(deadline).await?.num_ack_pending as u64),
                Status::Dead => Ok(stream.info(&stream.dead(), deadline).await?.state.messages),
                status => Err(missing(&format!("account of items that are {status:?}"))),
            }
        })
        .await
    }

    /// Removes all items, also those that somebody holds; gives how many there were.
    ///
    /// # Errors
    /// As [`NatsStore::size`].
    pub async fn purge<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |_| async move {
            let Stream { link, name, .. } = &*attached.stream;
            let nothing = json!({});
            let purge = || link.api::<PurgeResponse>(format!("STREAM.PURGE.{name}"), &nothing);
            Ok(link.repeat("purge", attached.deadline(), purge).await?.purged)
        })
        .await
    }

    /// Waits until each item is done. Says whether that came in time. Nobody tells us of that: it is
    /// asked for again and again.
    ///
    /// # Errors
    /// As [`NatsStore::size`].
    pub async fn join<H: Host>(&self, host: &mut H, wait: Wait) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |gone| async move {
            let closing = attached.closing();
            let deadline = deadline(wait);
            loop {
                if attached.stream.undone(attached.deadline()).await? == 0 {
                    return Ok(true);
                }
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Ok(false);
                }
                tokio::select! {
                    () = gone.notified() => return Ok(false),
                    () = closing.closed() => {
                        return Err(Error::Closed { path: attached.stream.link.path() });
                    }
                    () = tokio::time::sleep(LONGEST_PAUSE) => {}
                }
            }
        })
        .await
    }

    /// What is held under this token comes back when its lease is over.
    pub(super) fn let_go(&self, id: i64, token: i64) {
        if let Some(attached) = self.attachment.existing() {
            attached.book.strike(id, Some(token));
        }
    }

    /// What is held under this token waits again. Nobody waits for that.
    #[cfg(feature = "tokio")]
    pub(super) fn give_back(&self, id: i64, token: i64) {
        if let Some(attached) = self.attachment.existing()
            && let Some(kept) = attached.book.strike(id, Some(token))
        {
            super::claim::give_back(&attached.stream, kept.reply);
        }
    }

    pub(super) async fn pull<R, F, H>(
        &self,
        host: &mut H,
        which: Which,
        work: impl FnOnce(Arc<Attachment>, Asker) -> F,
    ) -> Result<R, H::Error>
    where
        R: Send + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
        H: Host,
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        if which != Which::Next {
            return Err(missing("way to take another item than the next one").into());
        }
        ask(host, |gone| {
            let asker = Asker {
                stream: Arc::clone(&attached.stream),
                patience: attached.options.timeout,
                gone,
                closing: attached.closing(),
            };
            work(attached, asker)
        })
        .await
    }
}

impl Drop for NatsStore {
    fn drop(&mut self) {
        self.close();
    }
}

/// When a wait that begins now ends.
pub(super) fn deadline(wait: Wait) -> Option<Instant> {
    match wait {
        Wait::No => Some(Instant::now()),
        Wait::For(time) => Instant::now().checked_add(time),
        Wait::Forever => None,
    }
}

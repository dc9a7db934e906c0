//! A queue of bytes on a server: what the typed queues and the bindings are made of.
//!
//! Nothing here knows a codec; whoever gets an item gives a function that makes it of its row, which
//! runs under no lock and before the row is gone.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::address::{Address, ServerAddress};
use super::batch::Batch;
use super::desk::Desk;
use super::engine::Make;
use super::hold::Holding;
use super::holder::Holder;
use super::open_server::Server;
use super::options::{ServerOptions, Settings};
use super::schema::Table;
use super::shared::Shared;
use super::watch::UNTIL_WOKEN;
use crate::process::per_process::PerProcess;
#[cfg(feature = "sqlite")]
use crate::sql::QueueTable;
use crate::sql::{Flavour, aside};
use crate::wait::{Attempt, Host, Outcome, Signal, Wait, Waiting, Worker};
use crate::{Error, Result};

/// See the module.
#[derive(Debug)]
pub struct ServerStore {
    pub(super) address: ServerAddress,
    path: PathBuf,
    /// Shared with work that goes on in another thread.
    pub(super) options: Arc<Settings>,
    pub(super) acks: bool,
    attachment: PerProcess<Attachment>,
    closed: AtomicBool,
}

/// What a store works with; a forked child makes itself another one.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) server: Arc<Server>,
    pub(super) shared: Arc<Shared>,
    pub(super) options: Arc<Settings>,
    pub(super) handle: u64,
    /// For an acknowledged queue.
    pub(super) holder: Option<Holder>,
    /// For a queue without acknowledgements that keeps its changes to itself for a while.
    pub(super) batch: Option<Batch>,
    /// Where those come who want the next row of an acknowledged queue.
    pub(super) desk: Arc<Desk<Holding>>,
}

impl ServerStore {
    /// Opens the queue in a database.
    ///
    /// # Errors
    /// As [`ServerOptions::open_with`].
    pub fn open<M: Make>(
        address: &Address<M>,
        options: ServerOptions<M>,
        acks: bool,
    ) -> Result<Self> {
        Self::with(address, options.settings, acks)
    }

    /// A queue with the options that are the default.
    #[cfg(feature = "sqlite")]
    pub(crate) fn at(address: &ServerAddress, table: &QueueTable, maxsize: u64) -> Result<Self> {
        let (kind, name) = (table.flavour.kind, table.name.clone());
        let settings = Settings { kind, name, maxsize, ..Settings::default() };
        Self::with(address, settings, table.flavour.acks)
    }

    fn with(address: &ServerAddress, settings: Settings, acks: bool) -> Result<Self> {
        let options = Arc::new(settings);
        let attachment = Arc::new(Attachment::new(address, &options, acks)?);
        Ok(Self {
            attachment: PerProcess::new(attachment),
            closed: AtomicBool::new(false),
            path: address.path(),
            address: address.clone(),
            options,
            acks,
        })
    }

    pub(super) fn flavour(&self) -> Flavour {
        Flavour { kind: self.options.kind, acks: self.acks }
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Another object on this queue, which keeps what it takes until it is done: see
    /// [`ServerOptions::auto_commit`]. For a queue without acknowledgements.
    pub(crate) fn batching(&self) -> Result<Self> {
        let settings = Settings { auto_commit: false, ..Settings::clone(&self.options) };
        Self::with(&self.address, settings, self.acks)
    }

    /// The database, as `mysql://user@host:port/database`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of its table.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`] where a forked child cannot connect.
    pub fn table(&self) -> Result<String> {
        Ok(self.attached()?.shared.table.name.clone())
    }

    /// Whether items are kept until they are acknowledged.
    pub fn acks(&self) -> bool {
        self.acks
    }

    pub(super) fn attached(&self) -> Result<Arc<Attachment>> {
        if self.is_closed() {
            return Err(Error::Closed { path: self.path.clone() });
        }
        self.attachment
            .get(|| Attachment::new(&self.address, &self.options, self.acks).map(Arc::new))
    }

    /// One of the threads that do what blocks for tasks on this database.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn worker(&self) -> Result<Arc<Worker>> {
        Ok(self.attached()?.server.worker())
    }

    /// For who tries, and tries again whenever `signal` says that it may have come true.
    pub(super) fn tries<'a>(
        &'a self,
        attached: &'a Attachment,
        signal: &'a Signal,
        wait: Wait,
    ) -> Tries<'a> {
        Tries { store: self, attached, waiting: Waiting::new(signal, wait), wait }
    }

    /// Whether [`ServerStore::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Stores what was batched, gives back what this object has in flight, and wakes who waits through it.
    /// What it holds of an acknowledged queue waits again when the queue is opened the next time. Closing
    /// twice is allowed.
    ///
    /// # Errors
    /// [`Error::Connect`] and [`Error::Database`] where what was batched cannot be stored: the queue is open
    /// then as before, and nothing is lost. [`Error::PutUnknown`].
    pub fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let Some(attached) = self.attachment.existing() else { return Ok(()) };
        if let Some(batch) = &attached.batch
            && let Err(error) = attached.end_batch(batch)
        {
            self.closed.store(false, Ordering::SeqCst);
            return Err(error);
        }
        attached.shared.claims().leave(attached.handle);
        if let Some(holder) = &attached.holder {
            holder.leave();
        }
        attached.shared.signals.notify_all();
        Ok(())
    }
}

impl Drop for ServerStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "a queue could not be closed cleanly");
        }
    }
}

/// See [`ServerStore::tries`].
pub(super) struct Tries<'a> {
    store: &'a ServerStore,
    attached: &'a Attachment,
    waiting: Waiting<'a>,
    wait: Wait,
}

impl Tries<'_> {
    /// What came of all attempts, or nothing where it is time for another one.
    pub(super) async fn pace<T, H: Host>(
        &mut self,
        host: &mut H,
        tried: Attempt<T>,
    ) -> Result<ControlFlow<Option<T>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let tried = match tried {
            Attempt::NotYet if self.wait != Wait::No => {
                let Attachment { server, shared, options, .. } = self.attached;
                shared.watch.attend(server, shared, options.timeout);
                // Of tasks there are many.
                Attempt::NotBefore(if H::MAY_VANISH { 10 * UNTIL_WOKEN } else { UNTIL_WOKEN })
            }
            Attempt::Done(done) => {
                self.attached.shared.watch.stir();
                Attempt::Done(done)
            }
            tried => tried,
        };
        let path = || self.store.path.clone();
        match self.waiting.pace(host, tried).await? {
            Some(Outcome::Done(value)) => Ok(ControlFlow::Break(Some(value))),
            Some(Outcome::TimedOut) => Ok(ControlFlow::Break(None)),
            Some(Outcome::Locked) => Err(Error::Locked { path: path() }.into()),
            None if self.store.is_closed() => Err(Error::Closed { path: path() }.into()),
            None => Ok(ControlFlow::Continue(())),
        }
    }
}

/// Does work on the server in the manner of the host. It is done also where the host is gone.
pub(super) async fn work<R: Send + 'static, H: Host>(
    host: &mut H,
    attached: &Arc<Attachment>,
    work: impl FnOnce(&Arc<Attachment>) -> Result<R> + Send + 'static,
) -> Result<R, H::Error>
where
    H::Error: From<Error>,
{
    let attached = Arc::clone(attached);
    host.offload(move || work(&attached)).await?.map_err(Into::into)
}

/// As [`work`], for who asks for something: it may be left out where the host is gone.
pub(super) async fn ask<R: Send + 'static, H: Host>(
    host: &mut H,
    attached: &Arc<Attachment>,
    work: impl FnOnce(&Arc<Attachment>) -> Result<R> + Send + 'static,
) -> Result<R, H::Error>
where
    H::Error: From<Error>,
{
    let theirs = Arc::clone(attached);
    let work = move || work(&theirs);
    if host.worker().is_some() {
        return attached.server.asks.run_if_awaited(work).await?.map_err(Into::into);
    }
    host.look(work).await?.map_err(Into::into)
}

impl Attachment {
    fn new(address: &ServerAddress, options: &Arc<Settings>, acks: bool) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let server = Server::open(address)?;
        server.check(options, acks)?;
        let name = options.table_name_of(acks);
        let table = Table::new(address.engine.dialect(), options.kind, acks, name);
        let shared = server.queue(table, options.timeout)?;
        let holder = acks.then(|| Holder::new(&server)).transpose()?;
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let batch = (!acks && !options.auto_commit).then(Batch::default);
        let kept = Arc::clone(options);
        let attachment =
            Self { server, shared, options: kept, handle, holder, batch, desk: Arc::default() };
        if acks && options.auto_resume {
            attachment.resume()?;
        }
        Ok(attachment)
    }

    /// Does what nobody waits for, in the manner of the host.
    pub(super) fn aside(
        self: &Arc<Self>,
        worker: Option<&Arc<Worker>>,
        work: impl FnOnce(&Self) -> Result<()> + Send + 'static,
    ) {
        let attached = Arc::clone(self);
        aside(worker, move || work(&attached));
    }
}

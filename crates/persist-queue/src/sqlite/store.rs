//! A queue of bytes in a database: what the typed queue and the bindings are made of.
//!
//! Nothing here knows a codec; whoever gets an item gives a function that makes it of its row, which
//! runs under no lock and before the row is gone.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::batch::Batch;
use super::commit::Terms;
use super::connection::Place;
use super::database::{self, Database, Shared};
use super::holder::Holder;
use super::nameless::Nameless;
use super::options::SqliteOptions;
use super::schema::Table;
use super::session::Session;
use crate::process::per_process::PerProcess;
use crate::sql::Flavour;
use crate::wait::{Attempt, Host, Outcome, Signal, Wait, Waiting, Worker};
use crate::{Durability, Error, Result};

/// See the module.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) place: Place,
    /// Shared with work that goes on in another thread.
    pub(super) options: Arc<SqliteOptions>,
    pub(super) acks: bool,
    attachment: PerProcess<Attachment>,
    closed: AtomicBool,
}

/// What a store works with; a forked child makes itself another one.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) database: Arc<Database>,
    pub(super) shared: Arc<Shared>,
    pub(super) handle: u64,
    /// For an acknowledged queue.
    pub(super) holder: Option<Holder>,
    /// For a queue without acknowledgements that keeps its changes in memory for a while.
    pub(super) batch: Option<Batch>,
}

impl SqliteStore {
    /// Opens the queue in the database file `path`, or in memory where that is `:memory:`.
    ///
    /// # Errors
    /// As [`SqliteOptions::open_with`].
    pub fn open(path: &Path, mut options: SqliteOptions, acks: bool) -> Result<Self> {
        options.durability.check()?;
        let place =
            if path == Path::new(":memory:") { Place::Memory } else { database::place(path)? };
        let database = Database::open(&place, options.timeout)?;
        options.nameless = options.nameless.decide(&database, &options, acks)?;
        let options = Arc::new(options);
        let attachment = Arc::new(Attachment::new(database, &options, acks)?);
        Ok(Self {
            attachment: PerProcess::new(attachment),
            closed: AtomicBool::new(false),
            place,
            options,
            acks,
        })
    }

    /// The database file, as an absolute path, or `:memory:`.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// The name of its table.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn table(&self) -> Result<String> {
        Ok(self.attached()?.shared.table.name.clone())
    }

    /// The options that it was opened with.
    pub fn options(&self) -> &SqliteOptions {
        &self.options
    }

    /// Whether items are kept until they are acknowledged.
    pub fn acks(&self) -> bool {
        self.acks
    }

    pub(super) fn flavour(&self) -> Flavour {
        Flavour { kind: self.options.kind, acks: self.acks }
    }

    pub(super) fn attached(&self) -> Result<Arc<Attachment>> {
        if self.is_closed() {
            return Err(Error::Closed { path: self.path().to_owned() });
        }
        self.attachment.get(|| {
            let database = Database::open(&self.place, self.options.timeout)?;
            Attachment::new(database, &self.options, self.acks).map(Arc::new)
        })
    }

    /// The thread that does what blocks for all tasks on this database.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn worker(&self) -> Result<Arc<Worker>> {
        Ok(Arc::clone(&self.attached()?.database.worker))
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            full: self.options.durability == Durability::Disk,
            patience: self.options.timeout,
            grows: false,
        }
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

    /// Whether [`SqliteStore::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Writes what was batched, gives back what this object has in flight, and wakes who waits
    /// through it. Closing twice is allowed.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Io`] and [`Error::Database`] where what was batched cannot be
    /// stored. The queue is open then as before, and nothing is lost.
    pub fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let Some(attached) = self.attachment.existing() else { return Ok(()) };
        if let Err(error) = attached.write_at_last(self.terms()) {
            self.closed.store(false, Ordering::SeqCst);
            return Err(error);
        }
        attached.shared.openers.fetch_sub(1, Ordering::SeqCst);
        attached.shared.claims().leave(attached.handle);
        if let Some(holder) = &attached.holder {
            holder.leave();
        }
        attached.shared.signals.notify_all();
        attached.database.flush(self.options.durability)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "a queue could not be closed cleanly");
        }
    }
}

/// See [`SqliteStore::tries`].
pub(super) struct Tries<'a> {
    store: &'a SqliteStore,
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
        let database = &self.attached.database;
        let tried = match tried {
            Attempt::NotYet if self.wait != Wait::No => {
                Attempt::NotBefore(database.expect_changes(H::MAY_VANISH))
            }
            Attempt::NotBefore(time) => {
                Attempt::NotBefore(time.min(database.expect_changes(H::MAY_VANISH)))
            }
            tried => tried,
        };
        let path = || self.store.path().to_owned();
        match self.waiting.pace(host, tried).await? {
            Some(Outcome::Done(value)) => Ok(ControlFlow::Break(Some(value))),
            Some(Outcome::TimedOut) => Ok(ControlFlow::Break(None)),
            Some(Outcome::Locked) => Err(Error::Locked { path: path() }.into()),
            None if self.store.is_closed() => Err(Error::Closed { path: path() }.into()),
            None => Ok(ControlFlow::Continue(())),
        }
    }
}

/// Does work on the database in the manner of the host.
pub(super) async fn work<R: Send + 'static, H: Host>(
    host: &mut H,
    attached: &Arc<Attachment>,
    work: impl FnOnce(&Attachment) -> Result<R> + Send + 'static,
) -> Result<R, H::Error>
where
    H::Error: From<Error>,
{
    let attached = Arc::clone(attached);
    host.offload(move || work(&attached)).await?.map_err(Into::into)
}

/// As [`work`], for work that changes nothing: it may be left out where the host is gone.
pub(super) async fn look<R: Send + 'static, H: Host>(
    host: &mut H,
    attached: &Arc<Attachment>,
    work: impl FnOnce(&Attachment) -> Result<R> + Send + 'static,
) -> Result<R, H::Error>
where
    H::Error: From<Error>,
{
    let attached = Arc::clone(attached);
    host.look(move || work(&attached)).await?.map_err(Into::into)
}

impl Attachment {
    /// Does `work` in a transaction that it may share with others.
    pub(super) async fn write<R: Send + 'static, H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        terms: Terms,
        work: impl FnMut(&mut Session) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, H::Error>
    where
        H::Error: From<Error>,
    {
        self.write_into(host, terms, work, |result| result).await
    }

    /// As [`Attachment::write`], for what must not be lost where the host does not take the result any
    /// more: `guard` is called once that is committed, whether or not anybody still waits.
    pub(super) async fn write_into<R: Send + 'static, G: Send + 'static, H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        terms: Terms,
        work: impl FnMut(&mut Session) -> rusqlite::Result<R> + Send + 'static,
        guard: impl FnOnce(R) -> G + Send + 'static,
    ) -> Result<G, H::Error>
    where
        H::Error: From<Error>,
    {
        Ok(self.try_write_into(host, terms, work, guard).await??)
    }

    /// As [`Attachment::write_into`], with the database's errors apart from the host's.
    pub(super) async fn try_write_into<R: Send + 'static, G: Send + 'static, H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        terms: Terms,
        work: impl FnMut(&mut Session) -> rusqlite::Result<R> + Send + 'static,
        guard: impl FnOnce(R) -> G + Send + 'static,
    ) -> Result<Result<G>, H::Error>
    where
        H::Error: From<Error>,
    {
        let Some(worker) = host.worker() else {
            let attached = Arc::clone(self);
            return host.offload(move || attached.database.write(terms, work).map(guard)).await;
        };
        Ok(self.database.write_later(&worker, terms, work, guard).await)
    }

    fn new(database: Arc<Database>, options: &Arc<SqliteOptions>, acks: bool) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let table = match options.nameless {
            Nameless::Always => Table::nameless(options.kind),
            Nameless::Never | Nameless::WhereUsed => Table::new(options.kind, acks, &options.name),
        };
        let shared = database.queue(table, options.timeout)?;
        database.promise(options.durability);
        let holder = acks.then(|| Holder::new(&database.place)).transpose()?;
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let batch = (!acks && !options.auto_commit).then(|| Batch::new(options.kind));
        let attachment = Self { database, shared, handle, holder, batch };
        if acks && options.auto_resume {
            attachment.resume(options)?;
        }
        attachment.shared.openers.fetch_add(1, Ordering::SeqCst);
        Ok(attachment)
    }
}

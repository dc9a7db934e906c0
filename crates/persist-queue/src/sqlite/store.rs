//! A queue of bytes in a database: what the typed queue and the bindings are made of.
//!
//! Nothing here knows a codec; whoever gets an item gives a function that makes it of its row, which
//! runs under no lock and before the row is gone.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::batch::Batch;
use super::commit::Terms;
use super::connection::Place;
use super::database::{self, Database, Shared};
use super::holder::Holder;
use super::options::SqliteOptions;
use crate::process::per_process::PerProcess;
use crate::wait::{Attempt, Host, Outcome, Signal, Wait, Waiting, now as ready};
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

/// A row of the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number, never used again.
    pub id: i64,
    /// The serialized item.
    pub data: Vec<u8>,
    /// When it was put, in seconds since 1970.
    pub timestamp: f64,
    /// Whether the database holds it as text.
    pub text: bool,
    /// Its place in a queue of [`Kind::Priority`](crate::sql::Kind::Priority), for who puts it back.
    pub(super) priority: Option<i64>,
}

/// An item to put.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// The serialized item.
    pub data: Vec<u8>,
    /// When it comes out.
    pub options: PutOptions,
    /// Whether it is text to the serializer, and so to the database; then it is valid UTF-8.
    pub text: bool,
    /// Other bytes for the same item, which somebody else may have put: while they wait, a queue of
    /// [`Kind::Unique`](crate::sql::Kind::Unique) does not take this one.
    pub also: Option<Vec<u8>>,
}

/// When an item comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutOptions {
    /// The lowest comes first, in a queue of [`Kind::Priority`](crate::sql::Kind::Priority).
    pub priority: i64,
    /// How long it is not delivered yet. For acknowledged queues.
    pub delay: Option<Duration>,
    /// How long it may wait before it is a dead letter; the queue's where it is not given. For
    /// acknowledged queues.
    pub ttl: Option<Duration>,
}

/// Why an item could not be made of a row.
#[derive(Debug)]
pub enum Undecoded<E> {
    /// Its bytes are not what was asked for: this object does not try again.
    Broken(E),
    /// The caller was interrupted: it waits as before.
    Interrupted(E),
}

/// Which item a get is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// The next one.
    #[default]
    Next,
    /// The one with this number, where it waits.
    Id(i64),
    /// The one behind this number, and behind the last one the first. For acknowledged queues.
    Behind(i64),
}

impl SqliteStore {
    /// Opens the queue in the database file `path`, or in memory where that is `:memory:`.
    ///
    /// # Errors
    /// As [`SqliteOptions::open_with`].
    pub fn open(path: &Path, options: SqliteOptions, acks: bool) -> Result<Self> {
        options.durability.check()?;
        let options = Arc::new(options);
        let place =
            if path == Path::new(":memory:") { Place::Memory } else { database::place(path)? };
        let attachment = Arc::new(Attachment::new(&place, &options, acks)?);
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

    /// The options that it was opened with.
    pub fn options(&self) -> &SqliteOptions {
        &self.options
    }

    /// Whether items are kept until they are acknowledged.
    pub fn acks(&self) -> bool {
        self.acks
    }

    pub(super) fn attached(&self) -> Result<Arc<Attachment>> {
        if self.is_closed() {
            return Err(Error::Closed { path: self.path().to_owned() });
        }
        self.attachment.get(|| Attachment::new(&self.place, &self.options, self.acks).map(Arc::new))
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            full: self.options.durability == Durability::Disk,
            patience: self.options.timeout,
            grows: false,
        }
    }

    /// Tries, and tries again whenever `signal` says that it may have come true.
    pub(super) fn wait<T, H: Host>(
        &self,
        host: &mut H,
        signal: fn(&Shared) -> &Signal,
        wait: Wait,
        mut attempt: impl FnMut(&mut H, &Arc<Attachment>) -> Result<Attempt<T>, H::Error>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let mut waiting = Waiting::new(signal(&attached.shared), wait);
        let outcome = loop {
            if self.is_closed() {
                return Err(Error::Closed { path: self.path().to_owned() }.into());
            }
            let tried = match attempt(host, &attached)? {
                Attempt::NotYet if wait != Wait::No => {
                    Attempt::NotBefore(attached.database.expect_changes())
                }
                Attempt::NotBefore(time) => {
                    Attempt::NotBefore(time.min(attached.database.expect_changes()))
                }
                tried => tried,
            };
            if let Some(outcome) = ready(waiting.pace(host, tried))? {
                break outcome;
            }
        };
        match outcome {
            Outcome::Done(value) => Ok(Some(value)),
            Outcome::TimedOut => Ok(None),
            Outcome::Locked => Err(Error::Locked { path: self.path().to_owned() }.into()),
        }
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

/// Does work on the database in the manner of the host.
pub(super) fn work<R: Send + 'static, H: Host>(
    host: &mut H,
    attached: &Arc<Attachment>,
    work: impl FnOnce(&Attachment) -> Result<R> + Send + 'static,
) -> Result<R, H::Error>
where
    H::Error: From<Error>,
{
    let attached = Arc::clone(attached);
    ready(host.offload(move || work(&attached)))?.map_err(Into::into)
}

impl Attachment {
    fn new(place: &Place, options: &Arc<SqliteOptions>, acks: bool) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let database = Database::open(place, options.timeout)?;
        let shared = database.queue(options.kind, acks, &options.name, options.timeout)?;
        database.promise(options.durability);
        let holder = acks.then(|| Holder::new(place)).transpose()?;
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let batch = (!acks && !options.auto_commit).then(|| Batch::new(options.kind));
        let attachment = Self { database, shared, handle, holder, batch };
        if acks && options.auto_resume {
            attachment.resume(options)?;
        }
        Ok(attachment)
    }
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO)
}

/// Milliseconds since 1970, as rows hold them.
pub(super) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

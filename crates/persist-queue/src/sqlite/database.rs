//! A database as all objects of a process share it: one connection that writes, one that reads, and
//! those who wait for a change.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, TryLockError, Weak};
use std::time::Duration;

use rusqlite::Connection;

use super::claims::Claims;
use super::commit::{Committer, Terms};
use super::connection::{self, Place, explain, path_beside, wait_for_lock};
use super::flush_timer::FlushTimer;
use super::lock;
use super::room::Room;
use super::schema::Table;
use super::session::Session;
use crate::error::Context;
use crate::process::keeper::{self, Keeper, Kept};
use crate::process::per_process::PerProcess;
use crate::storage::system;
use crate::wait::{Signals, Worker};
use crate::{Durability, Error, Result};

/// See the module.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) place: Place,
    /// Which file it was when it was opened: one that was replaced has another.
    pub(super) identity: Option<(u64, u64)>,
    session: Mutex<Session>,
    /// Reads do not wait for a commit. A database in memory has only one connection.
    reader: Option<Mutex<Connection>>,
    committer: Committer,
    queues: Mutex<HashMap<String, Arc<Shared>>>,
    keeper: OnceLock<Arc<Keeper>>,
    looks: Looks,
    timer: Option<FlushTimer>,
    /// Does for tasks what blocks.
    pub(super) worker: Arc<Worker>,
}

/// How the helper thread looks for changes of others. The log is written before the disk has it, and
/// only then can it be read: so it looks again and again, at longer and longer intervals.
#[derive(Debug, Default)]
struct Looks {
    /// Somebody began to wait.
    fresh: AtomicBool,
    /// How many looks lie behind the last write, or behind the last one who began to wait.
    count: AtomicU32,
    /// What `PRAGMA data_version` said at the last look.
    version: AtomicI64,
}

/// What the objects of a process share that use one table.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) table: Table,
    pub(super) signals: Signals,
    pub(super) claims: Mutex<Claims>,
    /// Whether the last get of an acknowledged queue found something.
    pub(super) flows: AtomicBool,
    /// How many objects have it open.
    pub(super) openers: AtomicUsize,
}

impl Shared {
    pub(super) fn claims(&self) -> MutexGuard<'_, Claims> {
        lock(&self.claims)
    }
}

/// The longest time between two looks: a wake-up can be missed where inotify runs over.
const UNTIL_POKED: Duration = Duration::from_millis(500);
/// The shortest one; each is half as long again as the one before.
const SOON: Duration = Duration::from_micros(500);

type Registry = Mutex<HashMap<PathBuf, Weak<Database>>>;

/// The databases that are open in this process.
static REGISTRY: LazyLock<PerProcess<Registry>> = LazyLock::new(|| PerProcess::new(Arc::default()));

impl Database {
    /// Opens the database; two objects on one file share it.
    pub(super) fn open(place: &Place, patience: Duration) -> Result<Arc<Self>> {
        let Place::File(path) = place else { return Self::open_new(place, patience) };
        let registry = REGISTRY.get(|| Ok::<_, Error>(Arc::default()))?;
        let mut registry = lock(&registry);
        if let Some(open) = registry.get(path).and_then(Weak::upgrade)
            && open.identity == identity(path)
        {
            return Ok(open);
        }
        registry.retain(|_, open| open.strong_count() > 0);
        let open = Self::open_new(place, patience)?;
        registry.insert(path.clone(), Arc::downgrade(&open));
        Ok(open)
    }

    fn open_new(place: &Place, patience: Duration) -> Result<Arc<Self>> {
        wait_for_lock(patience);
        let connection = connection::open(place)?;
        let reader = match place {
            Place::File(_) => Some(Mutex::new(connection::open(place)?)),
            Place::Memory => None,
        };
        let identity = match place {
            Place::File(path) => identity(path),
            Place::Memory => None,
        };
        Ok(Arc::new(Self {
            place: place.clone(),
            identity,
            session: Mutex::new(Session::new(connection, Room::new(place))),
            reader,
            committer: Committer::default(),
            queues: Mutex::default(),
            keeper: OnceLock::new(),
            looks: Looks::default(),
            timer: match place {
                Place::File(path) => Some(FlushTimer::new(path)),
                Place::Memory => None,
            },
            worker: Arc::default(),
        }))
    }

    /// Has those woken who wait, when another process writes. For queues only: in a dictionary nobody
    /// waits.
    fn watch(self: &Arc<Self>) {
        let Place::File(path) = &self.place else { return };
        if self.keeper.get().is_some() {
            return;
        }
        match keeper::tend(self, &path_beside(path, "-wal")) {
            Ok(keeper) => {
                let _ = self.keeper.set(keeper);
            }
            Err(error) => tracing::warn!(%error, "no helper thread; waits look twice a second"),
        }
    }

    /// To be called by whoever is about to wait for a change; gives how long at most without a look of
    /// his own. Of tasks there are many.
    pub(super) fn expect_changes(&self, by_a_task: bool) -> Duration {
        self.looks.fresh.store(true, Ordering::Relaxed);
        self.ring();
        if by_a_task { 10 * UNTIL_POKED } else { UNTIL_POKED }
    }

    fn ring(&self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.ring();
        }
    }

    /// The table of a queue, made where it is missing.
    pub(super) fn queue(self: &Arc<Self>, table: Table, patience: Duration) -> Result<Arc<Shared>> {
        if let Some(shared) = lock(&self.queues).get(&table.name) {
            return Ok(Arc::clone(shared));
        }
        wait_for_lock(patience);
        table
            .create(&mut lock(&self.session).connection)
            .map_err(|error| explain("prepare", self.place.path(), error))?;
        self.watch();
        let mut queues = lock(&self.queues);
        let shared = queues.entry(table.name.clone()).or_insert_with(|| {
            Arc::new(Shared {
                table,
                signals: Signals::default(),
                claims: Mutex::default(),
                flows: AtomicBool::new(false),
                openers: AtomicUsize::new(0),
            })
        });
        Ok(Arc::clone(shared))
    }

    /// Whether an object of this process has a table open.
    pub(super) fn has_open(&self, table: &str) -> bool {
        let queues = lock(&self.queues);
        queues.get(table).is_some_and(|shared| shared.openers.load(Ordering::SeqCst) > 0)
    }

    /// Does `work` in a transaction that it may share with others; see [`Committer::submit`].
    pub(super) fn write<R: Send + 'static>(
        &self,
        terms: Terms,
        work: impl FnMut(&mut Session) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R> {
        self.committer.submit(&self.session, self.place.path(), terms, work)
    }

    /// As [`Database::write`], for a task; `guard` is called where the work was committed.
    pub(super) fn write_later<R: Send + 'static, G: Send + 'static>(
        self: &Arc<Self>,
        worker: &Arc<Worker>,
        terms: Terms,
        work: impl FnMut(&mut Session) -> rusqlite::Result<R> + Send + 'static,
        guard: impl FnOnce(R) -> G + Send + 'static,
    ) -> impl Future<Output = Result<G>> {
        let (database, theirs) = (Arc::clone(self), Arc::clone(worker));
        let lead = Box::new(move || {
            let database = Arc::clone(&database);
            let lead = move || database.committer.lead_for_tasks(&database.session);
            if let Err((_, lead)) = theirs.start(Box::new(lead)) {
                // Without a thread the task's own does it.
                lead();
            }
        });
        let path = self.place.path().to_owned();
        self.committer.submit_later(path, terms, lead, work, guard)
    }

    /// Reads, beside whoever writes.
    pub(super) fn read<R>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R> {
        wait_for_lock(patience);
        let result = match &self.reader {
            Some(reader) => work(&lock(reader)),
            None => work(&lock(&self.session).connection),
        };
        result.map_err(|error| explain("read", self.place.path(), error))
    }

    /// Uses the connection that writes, outside a transaction.
    pub(super) fn with_session<R>(
        &self,
        action: &'static str,
        patience: Duration,
        work: impl FnOnce(&mut Session) -> rusqlite::Result<R>,
    ) -> Result<R> {
        let mut session = lock(&self.session);
        wait_for_lock(patience);
        work(&mut session).map_err(|error| explain(action, self.place.path(), error))
    }
}

impl Kept for Database {
    fn tend(&self, poked: bool) -> Option<Duration> {
        let look = self.tend_waiters(poked);
        // Last, since a disk may take its time.
        let flush = self.timer.as_ref().and_then(|timer| timer.tend(poked));
        [look, flush].into_iter().flatten().min()
    }

    fn wants_pokes(&self) -> bool {
        self.timer.as_ref().is_some_and(FlushTimer::is_promised)
            || lock(&self.queues).values().any(|shared| shared.signals.are_awaited())
    }
}

impl Database {
    /// Has what is written from now on flushed as `level` says, where no commit waits for that.
    pub(super) fn promise(self: &Arc<Self>, level: Durability) {
        if let (Some(timer), Durability::Interval(_)) = (&self.timer, level) {
            timer.promise(level);
            self.watch();
            self.ring();
        }
    }

    /// Flushes what was written so far, where no commit waited for that and `level` promises it.
    pub(super) fn flush(&self, level: Durability) -> Result<()> {
        match (&self.timer, level) {
            (Some(timer), Durability::Interval(_)) => timer.flush(),
            _ => Ok(()),
        }
    }

    /// Wakes those who wait where somebody wrote; gives the time until the next look.
    fn tend_waiters(&self, poked: bool) -> Option<Duration> {
        let queues: Vec<_> = lock(&self.queues).values().cloned().collect();
        let mut awaited = queues.iter().filter(|shared| shared.signals.are_awaited()).peekable();
        awaited.peek()?;
        if self.looks.fresh.swap(false, Ordering::Relaxed) || poked {
            self.looks.count.store(0, Ordering::Relaxed);
        }
        match self.is_changed() {
            // In a moment: whoever is inside may take his time, but others may have written before.
            None => return Some(SOON),
            Some(true) => awaited.for_each(|shared| shared.signals.notify_all()),
            Some(false) => {}
        }
        let count = self.looks.count.fetch_add(1, Ordering::Relaxed).min(40);
        Some(SOON.mul_f64(1.5_f64.powi(count.cast_signed())).min(UNTIL_POKED))
    }
}

impl Database {
    /// Whether another process wrote, or a connection of the caller's own, since the last time that
    /// this was asked; nothing where that cannot be told now. Who waits is told by the calls
    /// themselves of what objects of this process do: not all of them, each time.
    fn is_changed(&self) -> Option<bool> {
        let session = match self.session.try_lock() {
            Ok(session) => session,
            Err(TryLockError::Poisoned(session)) => session.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        // Of the connection that writes: it changes with what other connections write.
        let asked = session.connection.prepare_cached("PRAGMA data_version");
        let version = asked.and_then(|mut asked| asked.query_row([], |row| row.get::<_, i64>(0)));
        drop(session);
        Some(
            version.map_or(true, |version| {
                self.looks.version.swap(version, Ordering::Relaxed) != version
            }),
        )
    }
}

pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    system::identity(path).ok()
}

/// The database file of a queue, as an absolute path; its folder is made where it is missing.
pub(super) fn place(path: &Path) -> Result<Place> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::Invalid(format!("{} names no file", path.display())));
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::fs::create_dir_all(folder).context("create", folder)?;
    let folder = folder.canonicalize().context("open", folder)?;
    Ok(Place::File(folder.join(name)))
}

//! The thread that tends what this process keeps: it gives a lock up when another process asks,
//! wakes those who wait for what another process did, and flushes on a schedule.
//!
//! One thread serves all queues of the process. It sleeps until a watched file is written, somebody
//! rings, or the next appointment is due. Where files cannot be watched, a short tick takes the place
//! of that for as long as there is something to tend.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::bell::{Bell, Watch};
use super::fork;

/// The longest time without a watch between two looks at what another process may have done.
const TICK: Duration = Duration::from_millis(1);

static KEEPER: ArcSwapOption<Keeper> = ArcSwapOption::const_empty();

/// Something that needs a look now and then.
pub(crate) trait Kept: Send + Sync {
    /// Looks after it. `poked` says whether the watched file may have been written since the last
    /// time. Gives the time until the next look that is due without a poke; nothing where a poke would
    /// not matter either.
    fn tend(&self, poked: bool) -> Option<Duration>;

    /// Whether a write to the watched file matters now. Each one wakes the thread, those of this
    /// process too. Whoever makes this true rings.
    fn wants_pokes(&self) -> bool {
        true
    }
}

#[derive(Clone)]
struct Client {
    kept: Weak<dyn Kept>,
    watched: Arc<Path>,
    watch: Option<Watch>,
    due: Option<Instant>,
}

/// The thread's mailbox.
pub(crate) struct Keeper {
    generation: u64,
    bell: Bell,
    clients: Mutex<Option<Vec<Client>>>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Keeper")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// Has `kept` tended from now on, and whenever `watched` is written, for as long as it lives.
pub(crate) fn tend(kept: &Arc<impl Kept + 'static>, watched: &Path) -> io::Result<Arc<Keeper>> {
    let kept: Weak<dyn Kept> = Arc::<_>::downgrade(kept) as Weak<dyn Kept>;
    loop {
        let keeper = current()?;
        if keeper.add(Weak::clone(&kept), watched) {
            return Ok(keeper);
        }
    }
}

fn current() -> io::Result<Arc<Keeper>> {
    let loaded = KEEPER.load_full();
    if let Some(keeper) = &loaded
        && keeper.generation == fork::generation()
        && keeper.lock().is_some()
    {
        return Ok(Arc::clone(keeper));
    }
    let keeper = Arc::new(Keeper::new()?);
    let previous = KEEPER.compare_and_swap(&loaded, Some(Arc::clone(&keeper)));
    if let Some(loaded) = loaded
        && loaded.generation != keeper.generation
    {
        // It belongs to the parent of this process; its mutex may never be free here.
        std::mem::forget(loaded);
    }
    match &*previous {
        Some(other) if other.generation == keeper.generation && other.lock().is_some() => {
            Ok(Arc::clone(other))
        }
        _ => {
            let thread = Arc::clone(&keeper);
            std::thread::Builder::new()
                .name("persist-queue".to_owned())
                .spawn(move || thread.run())?;
            Ok(keeper)
        }
    }
}

/// There is nothing to tend any more: the thread ends.
struct NobodyLeft;

impl Keeper {
    fn new() -> io::Result<Self> {
        Ok(Self {
            generation: fork::generation(),
            bell: Bell::new()?,
            clients: Mutex::new(Some(Vec::new())),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, kept: Weak<dyn Kept>, watched: &Path) -> bool {
        let mut clients = self.lock();
        let Some(clients) = clients.as_mut() else { return false };
        clients.push(Client { kept, watched: watched.into(), watch: None, due: None });
        self.ring();
        true
    }

    fn unwatch(&self, watches: impl IntoIterator<Item = Watch>, clients: &[Client]) {
        for watch in watches {
            // A file has one watch, however often it is asked for: a queue that was closed and
            // opened again has the same.
            if !clients.iter().any(|client| client.watch == Some(watch)) {
                self.bell.unwatch(watch);
            }
        }
    }

    /// Makes the thread look after everything now.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    fn run(self: Arc<Self>) {
        let mut next = None;
        loop {
            let limit = next.map(|next: Instant| next.saturating_duration_since(Instant::now()));
            let rung = self.bell.sleep(limit);
            let poked = self.bell.pokes();
            let Ok(due) = self.round(rung, &poked) else { return };
            next = due;
        }
    }

    fn forget_the_dead(&self, clients: &mut Vec<Client>) {
        let (alive, dead): (Vec<_>, Vec<_>) =
            clients.drain(..).partition(|client| client.kept.strong_count() > 0);
        *clients = alive;
        self.unwatch(dead.iter().filter_map(|client| client.watch), clients);
    }

    fn look(&self, kept: &dyn Kept, client: &mut Client, poked: bool) {
        if client.watch.is_none() && kept.wants_pokes() {
            // Before it looks: what is written from now on pokes.
            client.watch = self.bell.watch(&client.watched);
        }
        let next = kept.tend(poked);
        // Whoever wants pokes from now on rings after this.
        let wants = kept.wants_pokes();
        let blind = wants && client.watch.is_none();
        let next = if blind { next.map(|next| next.min(TICK)) } else { next };
        client.watch = client.watch.filter(|_| wants);
        client.due = next.and_then(|next| Instant::now().checked_add(next));
    }

    /// Looks after everybody who is due; gives the next appointment.
    fn round(&self, rung: bool, poked: &HashSet<Watch>) -> Result<Option<Instant>, NobodyLeft> {
        let now = Instant::now();
        let mut looks = Vec::new();
        {
            let mut guard = self.lock();
            let clients = guard.as_mut().ok_or(NobodyLeft)?;
            self.forget_the_dead(clients);
            if clients.is_empty() {
                *guard = None;
                return Err(NobodyLeft);
            }
            for (index, client) in clients.iter().enumerate() {
                let poked = client.watch.is_none_or(|watch| poked.contains(&watch));
                if rung || poked || client.due.is_some_and(|due| due <= now) {
                    looks.push((index, poked, client.clone()));
                }
            }
        }
        // Not under the lock: a client may be dropped here, or add another one.
        for (_, poked, client) in &mut looks {
            if let Some(kept) = client.kept.upgrade() {
                self.look(&*kept, client, *poked);
            }
        }
        let mut guard = self.lock();
        let clients = guard.as_mut().ok_or(NobodyLeft)?;
        let mut unwatched = Vec::new();
        for (index, _, looked) in looks {
            if let Some(client) = clients.get_mut(index)
                && client.kept.ptr_eq(&looked.kept)
            {
                unwatched.extend(client.watch.filter(|_| looked.watch.is_none()));
                *client = looked;
            } else {
                unwatched.extend(looked.watch);
            }
        }
        self.unwatch(unwatched, clients);
        Ok(clients.iter().filter_map(|client| client.due).min())
    }
}

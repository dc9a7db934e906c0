//! Group commit: whoever comes first opens a transaction for all who come meanwhile, and one commit
//! answers them all.

use std::collections::VecDeque;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::connection::{explain, is_disk_full, wait_for_lock};
use super::lock;
#[cfg(unix)]
use super::log_writes;
use super::session::Session;
use crate::wait::answer;
use crate::{Error, Result};

/// How many pieces of work share a transaction at most.
const TOGETHER: usize = 1024;

/// How often whoever leads lets others run before a flush, for as many to come as came the last time. A
/// flush takes longer, and they would wait for the next one.
const YIELDS: u32 = 30;

/// One piece of work in a transaction, which may be tried again in another one. Says whether it went
/// well; what it gave is kept by whoever made it.
type Work = Box<dyn FnMut(&mut Session) -> rusqlite::Result<()> + Send>;

/// How a call's transaction ended.
#[derive(Debug, Clone)]
enum End {
    Committed,
    /// The reason is told to each caller anew, since errors cannot be copied.
    Failed(Arc<rusqlite::Error>),
}

struct Call {
    work: Mutex<Work>,
    terms: Terms,
    caller: Caller,
}

/// Tells a task how its call ended.
type Over = Box<dyn FnOnce(End) + Send>;

/// Who waits for a call.
enum Caller {
    Thread {
        turn: Mutex<Turn>,
        changed: Condvar,
    },
    /// A task, which cannot lead: it has another thread do so.
    Task {
        over: Mutex<Option<Over>>,
        lead: Box<dyn Fn() + Send + Sync>,
    },
}

/// What a call waits for.
#[derive(Debug)]
enum Turn {
    Waiting,
    /// To do the work of all who came.
    Lead,
    Over(End),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Committer {
    lane: Mutex<Lane>,
}

#[derive(Default)]
struct Lane {
    calls: VecDeque<Arc<Call>>,
    lead: Lead,
    /// How many shared the last transaction, or came meanwhile.
    crowd: usize,
}

/// Who does the work of those who came.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Lead {
    #[default]
    Nobody,
    /// A thread, or it was told to.
    Thread,
    /// A thread that works for tasks was asked to. It may have something else to do first that waits
    /// here: whoever comes meanwhile leads.
    Asked,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lane").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

/// How a call wants its transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// It waits for the disk.
    pub(super) full: bool,
    /// How long it waits for other processes.
    pub(super) patience: Duration,
    /// It makes the database larger: where the disk is almost full it is refused.
    pub(super) grows: bool,
}

impl Committer {
    /// Does `work` in a transaction and gives its result when that is committed. After an error
    /// nothing of it is there.
    pub(super) fn submit<R: Send + 'static>(
        &self,
        session: &Mutex<Session>,
        path: &Path,
        terms: Terms,
        mut work: impl FnMut(&mut Session) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R> {
        let given = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&given);
        let call = Arc::new(Call {
            work: Mutex::new(Box::new(move |session| {
                let result = work(session)?;
                *lock(&keep) = Some(result);
                Ok(())
            })),
            terms,
            caller: Caller::Thread { turn: Mutex::new(Turn::Waiting), changed: Condvar::new() },
        });
        self.take_part(session, &call).result(path, &given)
    }

    /// As [`Committer::submit`], for a task: `lead` has another thread call
    /// [`Committer::lead_for_tasks`]. What is not begun when nobody awaits it any more is not done.
    /// `guard` is called where it was committed, also when nobody awaits it any more.
    pub(super) fn submit_later<R: Send + 'static, G: Send + 'static>(
        &self,
        path: PathBuf,
        terms: Terms,
        lead: Box<dyn Fn() + Send + Sync>,
        mut work: impl FnMut(&mut Session) -> rusqlite::Result<R> + Send + 'static,
        guard: impl FnOnce(R) -> G + Send + 'static,
    ) -> impl Future<Output = Result<G>> {
        let (keep, answer) = answer();
        let (keep, given) = (Arc::new(keep), Arc::new(Mutex::new(None)));
        let (awaited, result) = (Arc::clone(&keep), Arc::clone(&given));
        let closed = Error::Closed { path: path.clone() };
        let call = Arc::new(Call {
            work: Mutex::new(Box::new(move |session| {
                if !awaited.is_awaited() {
                    return Err(interrupted());
                }
                let done = work(session)?;
                *lock(&result) = Some(done);
                Ok(())
            })),
            terms,
            caller: Caller::Task {
                over: Mutex::new(Some(Box::new(move |end: End| {
                    keep.put(end.result(&path, &given).map(guard));
                }))),
                lead,
            },
        });
        let asks = {
            let mut lane = lock(&self.lane);
            lane.calls.push_back(Arc::clone(&call));
            let asks = lane.lead == Lead::Nobody;
            if asks {
                lane.lead = Lead::Asked;
            }
            asks
        };
        if asks {
            call.tell(Turn::Lead);
        }
        async move { answer.await.unwrap_or(Err(closed)) }
    }

    /// Does the work of all who came, in the name of one who cannot, unless somebody else did.
    pub(super) fn lead_for_tasks(&self, session: &Mutex<Session>) {
        {
            let mut lane = lock(&self.lane);
            if lane.lead != Lead::Asked {
                return;
            }
            lane.lead = Lead::Thread;
        }
        self.lead(session, None);
    }

    fn take_part(&self, session: &Mutex<Session>, call: &Arc<Call>) -> End {
        let leads = {
            let mut lane = lock(&self.lane);
            lane.calls.push_back(Arc::clone(call));
            std::mem::replace(&mut lane.lead, Lead::Thread) != Lead::Thread
        };
        if !leads && let Turn::Over(end) = call.wait() {
            return end;
        }
        self.lead(session, Some(call)).unwrap_or_else(|| End::Failed(Arc::new(interrupted())))
    }

    /// Does the work of all who came meanwhile, until `own` is among it, and has the next one lead.
    fn lead(&self, session: &Mutex<Session>, own: Option<&Arc<Call>>) -> Option<End> {
        let mut own_end = None;
        loop {
            let mut session = lock(session);
            self.gather();
            let together: Vec<_> = {
                let mut lane = lock(&self.lane);
                let most = lane.calls.len().min(TOGETHER);
                lane.calls.drain(..most).collect()
            };
            let ends = transact(&mut session, &together);
            drop(session);
            for (call, end) in together.iter().zip(ends) {
                if own.is_some_and(|own| Arc::ptr_eq(call, own)) {
                    own_end = Some(end);
                } else {
                    call.tell(Turn::Over(end));
                }
            }
            let mut lane = lock(&self.lane);
            lane.crowd = together.len() + lane.calls.len();
            if own.is_some() && own_end.is_none() && !lane.calls.is_empty() {
                continue;
            }
            let next = lane.calls.front().cloned();
            lane.lead = match next.as_deref().map(|next| &next.caller) {
                None => Lead::Nobody,
                Some(Caller::Thread { .. }) => Lead::Thread,
                Some(Caller::Task { .. }) => Lead::Asked,
            };
            drop(lane);
            if let Some(next) = next {
                next.tell(Turn::Lead);
            }
            return own_end;
        }
    }

    fn gather(&self) {
        for _ in 0..YIELDS {
            let lane = lock(&self.lane);
            let flushes = lane.calls.iter().any(|call| call.terms.full);
            if !flushes || lane.calls.len() >= lane.crowd {
                return;
            }
            drop(lane);
            std::thread::yield_now();
        }
    }
}

impl Call {
    fn tell(&self, new: Turn) {
        match (&self.caller, new) {
            (Caller::Thread { turn, changed }, new) => {
                *lock(turn) = new;
                changed.notify_one();
            }
            (Caller::Task { over, .. }, Turn::Over(end)) => {
                let over = lock(over).take();
                if let Some(over) = over {
                    over(end);
                }
            }
            (Caller::Task { lead, .. }, Turn::Lead | Turn::Waiting) => lead(),
        }
    }

    /// Until it is over, or this is to lead: a task is.
    fn wait(&self) -> Turn {
        let Caller::Thread { turn, changed } = &self.caller else { return Turn::Lead };
        let mut turn = lock(turn);
        while matches!(*turn, Turn::Waiting) {
            turn = changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::replace(&mut *turn, Turn::Waiting)
    }
}

impl End {
    fn result<R>(self, path: &Path, given: &Mutex<Option<R>>) -> Result<R> {
        match self {
            Self::Committed => {
                lock(given).take().ok_or_else(|| Error::Closed { path: path.into() })
            }
            Self::Failed(error) => Err(explain("write", path, copy(&error))),
        }
    }
}

/// Nobody awaits it any more.
fn interrupted() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT);
    rusqlite::Error::SqliteFailure(code, None)
}

/// Does the work of all calls in one transaction. Each stands or falls by itself, unless the
/// transaction as a whole falls.
fn transact(session: &mut Session, calls: &[Arc<Call>]) -> Vec<End> {
    let patience = calls.iter().map(|call| call.terms.patience).max().unwrap_or_default();
    wait_for_lock(patience);
    let grow = calls.iter().any(|call| call.terms.grows);
    let has_room = !grow || session.room.has_room(&session.connection);
    let mut step = 0;
    loop {
        let mut ends = Vec::with_capacity(calls.len());
        match together(session, calls, has_room, &mut ends) {
            Ok(()) => {
                session.room.cut_long_log(&session.connection);
                return ends;
            }
            Err(error) => {
                if !session.connection.is_autocommit() {
                    let _ = run(session, "ROLLBACK");
                }
                session.forget();
                // Taking must go on; what is put may have to wait.
                let full = is_disk_full(&error);
                let takes = calls.iter().any(|call| !call.terms.grows);
                if full && takes && session.room.make_some(&session.connection, step) {
                    step += 1;
                    continue;
                }
                let error = Arc::new(error);
                return calls.iter().map(|_| End::Failed(Arc::clone(&error))).collect();
            }
        }
    }
}

fn together(
    session: &mut Session,
    calls: &[Arc<Call>],
    has_room: bool,
    ends: &mut Vec<End>,
) -> rusqlite::Result<()> {
    begin(session, calls.iter().any(|call| call.terms.full))?;
    for call in calls {
        let end = if call.terms.grows && !has_room {
            End::Failed(Arc::new(disk_full()))
        } else {
            alone(session, call, calls.len() > 1)?
        };
        ends.push(end);
    }
    #[cfg(unix)]
    let done = log_writes::together(|| run(session, "COMMIT"));
    #[cfg(windows)]
    let done = run(session, "COMMIT");
    if done
        .as_ref()
        .is_err_and(|error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure))
        && write_over_it(session).is_err()
        && !session.connection.is_autocommit()
    {
        let _ = run(session, "ROLLBACK");
    }
    done
}

/// Puts a commit that changes nothing into the place of one that failed. Where only its flush did, it is whole in the
/// log: nobody reads it there, but if this process was killed now, whoever opens the database next would.
fn write_over_it(session: &mut Session) -> rusqlite::Result<()> {
    if !session.connection.is_autocommit() {
        run(session, "ROLLBACK")?;
    }
    begin(session, false)?;
    let read = "PRAGMA user_version";
    let version: i64 = session.connection.query_row(read, [], |row| row.get(0))?;
    session.connection.execute_batch(&format!("PRAGMA user_version = {version}; COMMIT"))
}

fn disk_full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}

/// Does one call's work. Gives an error where the transaction cannot go on.
fn alone(session: &mut Session, call: &Call, shared: bool) -> rusqlite::Result<End> {
    let mut work = lock(&call.work);
    if !shared {
        return work(session).map(|()| End::Committed);
    }
    run(session, "SAVEPOINT piece")?;
    match work(session) {
        Ok(()) => {
            run(session, "RELEASE piece")?;
            Ok(End::Committed)
        }
        // SQLite has rolled back everything already, as on a full disk.
        Err(error) if session.connection.is_autocommit() => Err(error),
        Err(error) => {
            session.forget();
            run(session, "ROLLBACK TO piece")?;
            run(session, "RELEASE piece")?;
            Ok(End::Failed(Arc::new(error)))
        }
    }
}

/// How many pages the log may have, where commits do not wait for the disk, before what is in it is
/// copied into the database. That waits for the disk, twice, however many pages there are: with
/// SQLite's 1000 it would take as long as all the commits before it. Where commits wait for the disk
/// it does not matter, and a log that need not grow is the cheaper one.
const LOG_PAGES_UNFLUSHED: u32 = 4000;

fn begin(session: &mut Session, full: bool) -> rusqlite::Result<()> {
    if session.full != Some(full) {
        let (level, pages) = if full { ("FULL", 1000) } else { ("NORMAL", LOG_PAGES_UNFLUSHED) };
        session.connection.execute_batch(&format!(
            "PRAGMA synchronous = {level}; PRAGMA wal_autocheckpoint = {pages}"
        ))?;
        session.full = Some(full);
    }
    run(session, "BEGIN IMMEDIATE")
}

fn run(session: &Session, statement: &str) -> rusqlite::Result<()> {
    session.connection.prepare_cached(statement)?.execute([]).map(drop)
}

fn copy(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => {
            rusqlite::Error::SqliteFailure(*code, text.clone())
        }
        other => rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR),
            Some(other.to_string()),
        ),
    }
}

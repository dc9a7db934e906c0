//! Who holds items, and whether he lives: each open object of an acknowledged queue has a lock of the
//! server's (`GET_LOCK`) under its name. A connection of this process holds all of them, and does nothing
//! else: when the process dies, however it dies, the server sees it close and frees the locks.
//!
//! The connection is used every 15 seconds, and the server closes it where it was silent for 60: a machine
//! that vanished is dead after a minute. Where the server itself goes down, all locks are gone with it; the
//! connection is made anew at once, and nobody resumes anything of anybody in the first five seconds of a
//! server.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::engine::Statements;
use super::failure::Said;
use super::lock;
use super::open_server::Server;
use super::pool::{Pool, Pooled};
use super::value::{column, one};
use crate::Result;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(15);
/// How long after its start a server's locks say nothing.
const GRACE: Duration = Duration::from_secs(5);

/// The length of a holder's name.
const NAME: usize = 16;

/// Whether a name in a table is one of a holder. Another one was written by somebody else, and may be made to
/// be more than a name in a statement.
pub(super) fn is_name(found: &str) -> bool {
    found.len() == NAME && found.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An object that can hold items.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) name: String,
    lives: Arc<Lives>,
}

/// The locks of all holders of this process on one server.
#[derive(Debug)]
pub(super) struct Lives {
    pool: Arc<Pool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A connection that is not one of the pool's.
    session: Option<Pooled>,
    names: BTreeSet<String>,
    attended: bool,
}

impl Holder {
    pub(super) fn new(server: &Server) -> Result<Self> {
        let number = RandomState::new().hash_one(std::process::id());
        let name = format!("{number:0NAME$x}");
        server.lives.add(&name)?;
        Ok(Self { name, lives: Arc::clone(&server.lives) })
    }

    /// What it holds is nobody's from now on.
    pub(super) fn leave(&self) {
        self.lives.remove(&self.name);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Lives {
    pub(super) fn new(pool: &Arc<Pool>) -> Arc<Self> {
        // Of its own, so that it is there also when all others are in use.
        let pool = Pool::new(pool.address.clone());
        Arc::new(Self { pool, state: Mutex::default() })
    }

    fn add(self: &Arc<Self>, name: &str) -> Result<()> {
        let mut state = lock(&self.state);
        state.names.insert(name.to_owned());
        if let Err(error) = self.renew(&mut state) {
            state.names.remove(name);
            return Err(error);
        }
        if !state.attended {
            let lives = Arc::downgrade(self);
            let started = std::thread::Builder::new()
                .name("persist-queue life".to_owned())
                .spawn(move || attend(&lives));
            match started {
                Ok(_) => state.attended = true,
                Err(error) => {
                    tracing::warn!(%error, "no thread that keeps held items from being resumed");
                }
            }
        }
        Ok(())
    }

    fn remove(&self, name: &str) {
        let mut state = lock(&self.state);
        if !state.names.remove(name) {
            return;
        }
        let Some(session) = &mut state.session else { return };
        if session.execute(session.texts().unlock, vec![name.into()]).is_err()
            || state.names.is_empty()
        {
            // With the connection goes the lock.
            if let Some(mut session) = state.session.take() {
                session.give_up();
            }
        }
    }

    /// Sees to it that there is a connection that holds all locks.
    fn renew(self: &Arc<Self>, state: &mut State) -> Result<()> {
        let names: Vec<_> = state.names.iter().cloned().collect();
        let lives = match &mut state.session {
            Some(session) => hold(session, &names).is_ok(),
            None => false,
        };
        if lives {
            return Ok(());
        }
        if let Some(mut broken) = state.session.take() {
            broken.give_up();
        }
        let mut session = self.pool.take(Duration::ZERO)?;
        super::failure::refused(
            session.run(session.texts().holders_settings).and_then(|_| hold(&mut session, &names)),
            "hold items in",
            &self.pool.address,
        )?;
        state.session = Some(session);
        Ok(())
    }
}

/// Takes the locks; those that are held already are held on.
fn hold(session: &mut Pooled, names: &[String]) -> Result<(), Said> {
    let is_held = |mut row| column::<Option<i64>>(&mut row, 0);
    for name in names {
        for row in session.execute(session.texts().lock, vec![name.as_str().into()])?.rows {
            if is_held(row)? != Some(1) {
                tracing::warn!(name, "another connection still has this holder's lock");
            }
        }
    }
    Ok(())
}

/// Gives signs of life for as long as anybody can hold something.
fn attend(lives: &Weak<Lives>) {
    let mut seen = 0;
    let mut wait = BEAT;
    loop {
        let Some(pool) = lives.upgrade().map(|lives| Arc::clone(&lives.pool)) else { return };
        seen = pool.wait_for_break(seen, wait);
        drop(pool);
        let Some(lives) = lives.upgrade() else { return };
        let mut state = lock(&lives.state);
        if state.names.is_empty() {
            state.attended = false;
            return;
        }
        wait = match lives.renew(&mut state) {
            Ok(()) => BEAT,
            Err(error) => {
                tracing::warn!(%error, "held items may be resumed by others: no sign of life");
                Duration::from_millis(100)
            }
        };
    }
}

impl Server {
    /// Whether the holder called `name` lives, here or elsewhere. Where the server's locks say nothing yet,
    /// waits until they do.
    pub(super) fn is_alive(&self, name: &str, patience: Duration) -> Result<bool> {
        if !self.abilities.shares_locks {
            // His leases end what he holds.
            return Ok(true);
        }
        loop {
            let (uptime, free) = self.repeat("ask who lives in", patience, |session| {
                let gave = session.run_last(session.texts().uptime)?;
                let uptime = gave.rows.into_iter().next();
                let uptime: Option<String> =
                    uptime.map(|mut row| column(&mut row, 1)).transpose()?;
                let gave = session.execute(session.texts().free_lock, vec![name.into()])?;
                let free: Option<i64> = one(gave)?;
                Ok((uptime, free))
            })?;
            let uptime = uptime.and_then(|uptime| uptime.parse().ok()).unwrap_or(u64::MAX);
            let left = GRACE.saturating_sub(Duration::from_secs(uptime));
            // Where it cannot be told, nothing is taken from anybody.
            if free != Some(1) || left.is_zero() {
                return Ok(free != Some(1));
            }
            std::thread::sleep(left);
        }
    }
}

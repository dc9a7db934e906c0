//! What an acknowledging queue holds, and the one who tells the server that it is still held.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use tokio::time::{Instant, sleep};

use super::claim::{Claimed, safely, tell};
use super::runtime::begin;
use super::stream::Stream;
use crate::sql::Held;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Book {
    held: Mutex<HashMap<i64, Kept>>,
}

/// An item that is held.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) id: i64,
    pub(super) attempts: u32,
    pub(super) reply: Subject,
    /// When its holder loses it, where that is not when he dies.
    until: Option<Instant>,
    /// Until when the server keeps it from others, unless it is told again.
    sure: Instant,
}

impl Kept {
    /// Until when nobody else has it.
    pub(super) fn until(&self) -> Instant {
        self.until.map_or(self.sure, |until| until.min(self.sure))
    }
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Kept>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody holds it, until then or for as long as he lives. Gives what he needs to settle it.
    pub(super) fn enter(&self, claimed: Claimed, until: Option<Instant>) -> Held {
        static NEXT: AtomicI64 = AtomicI64::new(1);
        let token = NEXT.fetch_add(1, Ordering::Relaxed);
        let (attempts, sure) = (claimed.attempts, claimed.held_until());
        let kept = Kept { id: claimed.row.id, attempts, reply: claimed.reply(), until, sure };
        self.lock().insert(token, kept);
        Held { row: claimed.leave(), token, attempts }
    }

    /// What is held under this token and number; it is not held here any more then.
    pub(super) fn strike(&self, id: i64, token: Option<i64>) -> Option<Kept> {
        let mut held = self.lock();
        let token = token.or_else(|| token_of(&held, id))?;
        if held.get(&token)?.id != id {
            return None;
        }
        held.remove(&token).filter(|kept| Instant::now() < kept.until())
    }

    /// What is held under this token, which stays so until `until`.
    pub(super) fn hold_on(
        &self,
        id: i64,
        token: Option<i64>,
        until: Instant,
    ) -> Option<(i64, Kept)> {
        let mut held = self.lock();
        let token = token.or_else(|| token_of(&held, id))?;
        let kept = held.get_mut(&token)?;
        if kept.id != id || Instant::now() >= kept.until() {
            return None;
        }
        kept.until = Some(until);
        Some((token, kept.clone()))
    }

    /// The server was told at `at` that it is still held.
    pub(super) fn note_told(&self, token: i64, at: Instant, lease: Duration) {
        if let Some(kept) = self.lock().get_mut(&token) {
            kept.sure = at + safely(lease);
        }
    }

    /// All items go where their leases go.
    pub(super) fn forget_all(&self) {
        self.lock().clear();
    }

    /// What the server must be told of.
    fn to_tell(&self) -> Vec<(i64, Subject)> {
        let now = Instant::now();
        let mut held = self.lock();
        let longer = |kept: &Kept| kept.until.is_none_or(|until| until > kept.sure);
        // Whose time is over is somebody else's.
        held.retain(|_, kept| kept.until() + Duration::from_secs(60) > now);
        held.iter()
            .filter(|(_, kept)| longer(kept) && now < kept.until())
            .map(|(token, kept)| (*token, kept.reply.clone()))
            .collect()
    }
}

fn token_of(held: &HashMap<i64, Kept>, id: i64) -> Option<i64> {
    held.iter().find(|(_, kept)| kept.id == id).map(|(token, _)| *token)
}

/// Tells the server of what is held, for as long as there is the book.
pub(super) fn keep(book: &Arc<Book>, stream: &Arc<Stream>) {
    let (book, stream) = (Arc::downgrade(book), Arc::clone(stream));
    begin(async move {
        loop {
            sleep(stream.lease / 4).await;
            let Some(held) = Weak::upgrade(&book) else { return };
            for (token, reply) in held.to_tell() {
                // Each for itself: one that has to be told again keeps no other one up.
                begin(tell_of(Weak::clone(&book), Arc::clone(&stream), token, reply));
            }
        }
    });
}

async fn tell_of(book: Weak<Book>, stream: Arc<Stream>, token: i64, reply: Subject) {
    let at = Instant::now();
    let told = tell(&stream, &reply, AckKind::Progress, at + stream.lease / 4).await;
    if told.is_ok()
        && let Some(book) = book.upgrade()
    {
        book.note_told(token, at, stream.lease);
    }
}

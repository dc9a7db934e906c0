//! Taking items of acknowledged queues, and what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use tokio::time::Instant;

use super::ask::ask;
use super::book::Kept;
use super::claim::{Claimed, Unanswered, tell};
use super::options::missing;
use super::pull::Asker;
use super::store::{Attachment, NatsStore, deadline};
use crate::sql::{Held, Settlement, Which, backoff};
use crate::wait::{Host, Wait};
use crate::{Error, Result};

const ACTION: &str = "settle an item of";

impl NatsStore {
    /// Takes up to `most` items and holds them: waits as `wait` says for the first one, and takes
    /// what else is there. Nothing where none came in time. `lease` is how long they are held, which
    /// cannot be less than that of the queue.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`], [`Error::Invalid`].
    pub async fn hold<H: Host>(
        &self,
        host: &mut H,
        wait: Wait,
        which: Which,
        lease: Option<Duration>,
        most: usize,
    ) -> Result<Vec<Held>, H::Error>
    where
        H::Error: From<Error>,
    {
        if most == 0 {
            return Ok(Vec::new());
        }
        let attached = self.attached()?;
        let shortest = attached.stream.lease;
        if let Some(lease) = lease.filter(|lease| *lease < shortest) {
            return Err(Error::Invalid(format!(
                "an item of this queue is held for {shortest:?} at least, and not for {lease:?}: JetStream has \
                 one lease for a whole queue; open it with a shorter one where it is made"
            ))
            .into());
        }
        let claimed = self
            .pull(host, which, move |attached, asker| async move {
                attached.pull_living(&asker, most, wait).await
            })
            .await?;
        let until = |claimed: &Claimed| match lease {
            Some(lease) => Some(Instant::now() + lease),
            None => attached.options.lease.map(|_| claimed.held_until()),
        };
        Ok(claimed
            .into_iter()
            .map(|claimed| {
                let until = until(&claimed);
                attached.book.enter(claimed, until)
            })
            .collect())
    }

    /// Settles items that are held here, by their numbers and tokens. Gives the numbers, and nothing
    /// for what is not held here any more.
    ///
    /// # Errors
    /// [`Error::Closed`]. [`Error::Database`] where the server does not answer: each is settled, or waits
    /// again when its lease is over. [`Error::Invalid`] for what `JetStream` cannot do: all are held as
    /// before.
    pub async fn settle<H: Host>(
        &self,
        host: &mut H,
        items: Vec<(i64, Option<i64>)>,
        settlement: Settlement,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        if matches!(settlement, Settlement::Back { last: true, .. }) {
            return Err(missing("way to put an item that was taken behind all others").into());
        }
        ask(host, |_| attached.settle(items, settlement)).await
    }

    /// Holds an item for `lease` from now on. Says whether it was still held here.
    ///
    /// # Errors
    /// [`Error::Closed`]. [`Error::Database`] where the server does not answer.
    pub async fn extend<H: Host>(
        &self,
        host: &mut H,
        id: i64,
        token: Option<i64>,
        lease: Duration,
    ) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |_| async move {
            let at = Instant::now();
            let Some((token, kept)) = attached.book.hold_on(id, token, at + lease) else {
                return Ok(false);
            };
            attached.tell(&kept, AckKind::Progress).await?;
            attached.book.note_told(token, at, attached.stream.lease);
            Ok(true)
        })
        .await
    }
}

impl Attachment {
    /// As [`Asker::pull`], but what was tried too often becomes a dead letter.
    async fn pull_living(
        self: &Arc<Self>,
        asker: &Asker,
        most: usize,
        wait: Wait,
    ) -> Result<Vec<Claimed>> {
        let until = deadline(wait);
        let mut wait = wait;
        loop {
            let pulled = asker.pull(most, wait).await?;
            if pulled.is_empty() {
                return Ok(pulled);
            }
            let limit = self.options.max_attempts.unwrap_or(u32::MAX);
            let (living, dead): (Vec<_>, Vec<_>) =
                pulled.into_iter().partition(|one| one.attempts <= limit);
            for claimed in dead {
                let (id, reply) = (claimed.row.id, claimed.reply());
                self.bury(id, &reply, claimed.held_until()).await?;
                claimed.leave();
            }
            if !living.is_empty() {
                return Ok(living);
            }
            if let (Wait::For(_), Some(until)) = (wait, until) {
                wait = Wait::For(until.saturating_duration_since(Instant::now()));
            }
        }
    }

    async fn settle(
        self: Arc<Self>,
        items: Vec<(i64, Option<i64>)>,
        settlement: Settlement,
    ) -> Result<Vec<Option<i64>>> {
        // At the same time, since each is a round trip.
        let settled: Vec<_> = items
            .into_iter()
            .map(|(id, token)| {
                let kept = self.book.strike(id, token)?;
                let attached = Arc::clone(&self);
                let work = async move { attached.settle_one(&kept, settlement).await };
                Some((id, tokio::spawn(work)))
            })
            .collect();
        let (mut ids, mut failed) = (Vec::with_capacity(settled.len()), None);
        for one in settled {
            let Some((id, work)) = one else {
                ids.push(None);
                continue;
            };
            match work.await {
                Ok(Ok(())) => ids.push(Some(id)),
                Ok(Err(error)) => failed = Some(error),
                Err(panicked) => failed = Some(Error::Invalid(panicked.to_string())),
            }
        }
        failed.map_or(Ok(ids), Err)
    }

    async fn settle_one(&self, kept: &Kept, settlement: Settlement) -> Result<()> {
        let tried = self.options.max_attempts.is_some_and(|limit| kept.attempts >= limit);
        match settlement {
            Settlement::Acked => self.tell(kept, AckKind::Ack).await,
            Settlement::Failed => self.bury(kept.id, &kept.reply, kept.until()).await,
            Settlement::Back { delay: _, last: _ } if tried => {
                self.bury(kept.id, &kept.reply, kept.until()).await
            }
            Settlement::Back { delay, last: _ } => {
                let rest = delay.unwrap_or_else(|| backoff(self.options.backoff, kept.attempts));
                let rest = (!rest.is_zero()).then_some(rest);
                self.tell(kept, AckKind::Nak(rest)).await
            }
            // The server has counted it.
            Settlement::Undone => self.tell(kept, AckKind::Nak(None)).await,
        }
    }

    async fn tell(&self, kept: &Kept, kind: AckKind) -> Result<()> {
        let deadline = self.deadline().min(kept.until());
        let told = tell(&self.stream, &kept.reply, kind, deadline).await;
        told.map_err(|error| self.unanswered(error))
    }

    pub(super) fn unanswered(&self, error: Unanswered) -> Error {
        Error::Database { action: ACTION, path: self.stream.link.path(), source: error.0 }
    }
}

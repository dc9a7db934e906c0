//! Getting items of queues without acknowledgements: an item is made of its bytes first and done afterwards,
//! so that bytes of which none can be made stay.

use std::sync::Arc;

use tokio::sync::Notify;

use super::ask::ask;
use super::claim::{Claimed, Unanswered};
use super::publish::{Parcel, publish};
use super::runtime::begin;
use super::store::{Attachment, NatsStore};
use super::stream::Stream;
use crate::sql::{Decode, Row, Undecoded, Which};
use crate::wait::{Host, Wait};
use crate::{Error, Result};

impl NatsStore {
    /// Gets up to `most` items: waits as `wait` says for the first one, and takes what else is there.
    /// Nothing where none came in time. `decode` makes each of its row.
    ///
    /// Where `decode` cannot make an item of a row, the items before it are given, and it comes again, with
    /// those behind it.
    ///
    /// # Errors
    /// What `decode` said of the first row, which comes again when its lease is over;
    /// [`Error::GetUnknown`], which holds the items; [`Error::Closed`], [`Error::Connect`],
    /// [`Error::Database`], [`Error::Invalid`].
    pub async fn get<T, H: Host>(
        &self,
        host: &mut H,
        wait: Wait,
        which: Which,
        most: usize,
        mut decode: impl Decode<T, H>,
    ) -> Result<Vec<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        if most == 0 {
            return Ok(Vec::new());
        }
        let claimed = self
            .pull(host, which, move |_, asker| async move { asker.pull(most, wait).await })
            .await?;
        let (mut items, mut whole) = (Vec::new(), Vec::new());
        for claimed in claimed {
            match decode.decode(host, &claimed.row).await {
                Ok(item) => {
                    items.push(item);
                    whole.push(claimed);
                }
                // Dropped, they wait again.
                Err(_) if !items.is_empty() => break,
                Err(Undecoded::Interrupted(error)) => return Err(error),
                Err(Undecoded::Broken(error)) => {
                    // Not at once: others come first.
                    claimed.leave();
                    return Err(error);
                }
            }
        }
        let attached = self.attached()?;
        ask(host, |gone| attached.finish(whole, gone)).await?.accept();
        Ok(items)
    }
}

/// Takes that are final. Where nobody waits for them any more, they are put again: `JetStream` takes no
/// acknowledgement back.
struct Finished {
    rows: Vec<Row>,
    attached: Arc<Attachment>,
}

impl Finished {
    fn accept(mut self) {
        self.rows.clear();
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let parcels: Vec<_> = self.rows.drain(..).map(|row| Parcel::new(row.data)).collect();
        let attached = Arc::clone(&self.attached);
        begin(async move {
            let Stream { link, subject, .. } = &*attached.stream;
            for put in publish(link, subject, &parcels, attached.deadline()).await {
                if let Err(error) = put {
                    tracing::error!(?error, "an item is lost whose get was cancelled");
                }
            }
        });
    }
}

impl Attachment {
    /// Makes takes final.
    async fn finish(self: Arc<Self>, claimed: Vec<Claimed>, gone: Arc<Notify>) -> Result<Finished> {
        let deadline = self.deadline();
        let mut finished = Finished { rows: Vec::new(), attached: Arc::clone(&self) };
        tokio::select! {
            biased;
            // Dropped, they wait again.
            () = gone.notified() => return Ok(finished),
            () = std::future::ready(()) => {}
        }
        // At the same time, since each is a round trip.
        let acks: Vec<_> = claimed.into_iter().map(|one| tokio::spawn(one.ack(deadline))).collect();
        let (mut lost, mut rows): (Option<Unanswered>, Vec<Row>) = (None, Vec::new());
        for ack in acks {
            match ack.await {
                Ok(Ok(row)) => rows.push(row),
                Ok(Err((row, why))) => {
                    rows.push(row);
                    lost = Some(why);
                }
                Err(panicked) => lost = Some(Unanswered(Box::new(panicked))),
            }
        }
        let Some(Unanswered(source)) = lost else {
            finished.rows = rows;
            return Ok(finished);
        };
        let rows = rows.into_iter().map(|row| (row.id, row.data)).collect();
        Err(Error::GetUnknown { path: self.stream.link.path(), rows, source })
    }
}

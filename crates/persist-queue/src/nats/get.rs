//! Getting items of queues without acknowledgements: an item is made of its bytes first and done afterwards,
//! so that bytes of which none can be made stay.

use std::sync::Arc;

use super::ask::ask;
use super::claim::{Claimed, Unanswered};
use super::store::{Attachment, NatsStore};
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
        ask(host, |_| async move { attached.finish(whole).await }).await?;
        Ok(items)
    }
}

impl Attachment {
    /// Makes takes final.
    async fn finish(self: Arc<Self>, claimed: Vec<Claimed>) -> Result<()> {
        let deadline = self.deadline();
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
        let Some(Unanswered(source)) = lost else { return Ok(()) };
        let rows = rows.into_iter().map(|row| (row.id, row.data)).collect();
        Err(Error::GetUnknown { path: self.stream.link.path(), rows, source })
    }
}

//! What a store does while it keeps its changes to itself; see [`super::batch`].

use std::ops::ControlFlow;
use std::sync::Arc;

use super::store::{Attachment, ServerStore, work};
use crate::sql::{Decode, Put, Row, Undecoded, Which};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

impl ServerStore {
    /// Makes final what `thread` has taken, or else the oldest item in flight, and stores all that
    /// was put through this object. Does nothing where each call is a transaction.
    ///
    /// # Errors
    /// As [`ServerStore::size`], and [`Error::PutUnknown`], behind which nothing is kept of what was put.
    /// Otherwise nothing is done and nothing lost.
    pub async fn task_done<H: Host>(&self, host: &mut H, thread: u64) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        if attached.batch.is_none() {
            return Ok(());
        }
        work(host, &attached, move |attached| {
            attached.batch.as_ref().map_or(Ok(()), |batch| attached.finish_batch(batch, thread))
        })
        .await
    }

    pub(super) async fn get_batched<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        which: Which,
        most: usize,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Vec<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let theirs = Arc::clone(&attached);
            let flying = work(host, &attached, move |attached| {
                let Some(batch) = &attached.batch else { return Ok(None) };
                let rows = attached.take_in_batch(batch, thread, which, most)?;
                // They come back also where the host does not take them any more.
                Ok(Some(Flying { attached: theirs, rows, delivered: 0 }))
            })
            .await?;
            let tried = match flying {
                Some(flying) if !flying.rows.is_empty() => {
                    Attempt::Done(flying.decode(host, decode).await?)
                }
                _ => Attempt::NotYet,
            };
            if let ControlFlow::Break(items) = waits.pace(host, tried).await? {
                return Ok(items.unwrap_or_default());
            }
        }
    }
}

/// Rows that are taken, until it is known what became of them.
struct Flying {
    attached: Arc<Attachment>,
    rows: Vec<Row>,
    /// How many of the first are somebody's.
    delivered: usize,
}

impl Flying {
    async fn decode<T, H: Host>(
        mut self,
        host: &mut H,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Vec<T>, H::Error> {
        let mut items = Vec::new();
        for at in 0..self.rows.len() {
            match decode.decode(host, &self.rows[at]).await {
                Ok(item) => items.push(item),
                // It is the first one of the next get.
                Err(Undecoded::Broken(_)) if at > 0 => break,
                Err(Undecoded::Broken(error)) => {
                    let row = self.rows.remove(0);
                    let attached = Arc::clone(&self.attached);
                    self.attached.aside(host.worker().as_ref(), move |_| {
                        attached.give_back(&[row.id], true);
                        Ok(())
                    });
                    return Err(error);
                }
                Err(Undecoded::Interrupted(error)) => return Err(error),
            }
        }
        self.delivered = items.len();
        Ok(items)
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        let back: Vec<_> = self.rows.iter().skip(self.delivered).map(|row| row.id).collect();
        if back.is_empty() {
            return;
        }
        let worker = self.attached.server.worker();
        self.attached.aside(Some(&worker), move |attached| {
            attached.give_back(&back, false);
            Ok(())
        });
    }
}

impl Attachment {
    fn give_back(&self, ids: &[i64], broken: bool) {
        if let Some(batch) = &self.batch {
            self.give_back_in_batch(batch, ids, broken);
        }
    }

    /// As [`Attachment::insert`](super::put), or in memory.
    pub(super) fn insert_or_keep(&self, items: &[Put]) -> Result<Option<Vec<Option<i64>>>> {
        match &self.batch {
            Some(batch) => self.put_in_batch(batch, items),
            None => self.insert(items, None),
        }
    }

    /// Stores what is kept in memory, for who looks at the table.
    pub(super) fn flush(&self) -> Result<()> {
        self.batch.as_ref().map_or(Ok(()), |batch| self.flush_batch(batch))
    }
}

//! Putting items.

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::ask::ask;
use super::failure::{FIRST_PAUSE, LONGEST_PAUSE};
use super::link::Stored;
use super::options::missing;
use super::publish::{Parcel, Unput, publish};
use super::store::{Attachment, NatsStore, deadline};
use crate::file::Rejected;
use crate::sql::{Put, PutOptions};
use crate::wait::{Host, Wait};
use crate::{Error, Result};

/// What the server says around an item.
const AROUND: usize = 1024;

impl NatsStore {
    /// Puts items, and gives the number of each, or why it is not stored: that is not one transaction. They
    /// are stored in their order, unless the server fails meanwhile.
    ///
    /// # Errors
    /// [`Error::Full`] where there are more than the queue holds, [`Error::DoesNotFit`],
    /// [`Error::Invalid`], [`Error::Closed`]: nothing was put. Of an item: [`Error::Full`],
    /// [`Error::Connect`], [`Error::Database`]: it was not put. [`Error::PutUnknown`]: it may have been.
    pub async fn put<H: Host>(
        &self,
        host: &mut H,
        items: Vec<Put>,
        wait: Wait,
    ) -> Result<Vec<Result<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        for item in &items {
            attached.check(item)?;
        }
        if attached.stream.limit.is_some_and(|limit| items.len() as u64 > limit) {
            return Err(attached.full().into());
        }
        let parcels = items.into_iter().map(|item| Parcel::new(item.data)).collect();
        ask(host, |gone| async move { Ok(attached.put(parcels, wait, &gone).await) }).await
    }
}

impl Attachment {
    async fn put(&self, parcels: Vec<Parcel>, wait: Wait, gone: &Notify) -> Vec<Result<i64>> {
        let (link, subject) = (&self.stream.link, &self.stream.subject);
        let (until, closing) = (deadline(wait), self.closing());
        let mut results: Vec<_> = parcels.iter().map(|_| Err(self.full())).collect();
        let mut left: Vec<_> = parcels.into_iter().enumerate().collect();
        let mut pause = FIRST_PAUSE;
        loop {
            let (places, parcels): (Vec<_>, Vec<_>) = left.into_iter().unzip();
            let stored = publish(link, subject, &parcels, self.deadline()).await;
            left = Vec::new();
            for ((place, parcel), stored) in places.into_iter().zip(parcels).zip(stored) {
                match stored {
                    Err(Unput::Full) => left.push((place, Parcel::new(parcel.data))),
                    other => {
                        let id = |stored: Stored| stored.sequence.cast_signed();
                        results[place] = self.result(other.map(id));
                    }
                }
            }
            if left.is_empty() || until.is_some_and(|until| Instant::now() >= until) {
                return results;
            }
            // The server does not say when there is room.
            let limit = until.map_or(pause, |until| until.duration_since(Instant::now()));
            tokio::select! {
                () = sleep(pause.min(limit)) => {}
                () = gone.notified() => return results,
                () = closing.closed() => {
                    for (place, _) in left {
                        results[place] = Err(Error::Closed { path: link.path() });
                    }
                    return results;
                }
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// What became of an item, in our words.
    pub(super) fn result<R>(&self, stored: Result<R, Unput>) -> Result<R> {
        match stored {
            Ok(stored) => Ok(stored),
            Err(Unput::Full) => Err(self.full()),
            Err(Unput::Refused(error)) => Err(error),
            Err(Unput::Unknown(source)) => {
                Err(Error::PutUnknown { path: self.stream.link.path(), source })
            }
        }
    }

    fn full(&self) -> Error {
        let limit = self.stream.limit.unwrap_or_default();
        Error::Full { path: self.stream.link.path(), limit }
    }

    /// Refuses what the server would not take.
    pub(super) fn check(&self, item: &Put) -> Result<()> {
        let PutOptions { priority, delay, ttl } = item.options;
        if priority != 0 {
            return Err(missing("priorities"));
        }
        if delay.is_some_and(|delay| !delay.is_zero()) {
            return Err(missing("delay of a put that is used here"));
        }
        if ttl.is_some() {
            return Err(missing("dead letters for items that wait too long"));
        }
        let limit = self.stream.link.client.max_payload().saturating_sub(AROUND);
        if item.data.len() > limit {
            return Err(Error::DoesNotFit {
                path: self.stream.link.path(),
                size: item.data.len(),
                limit,
                remedy: "raise max_payload in the server's configuration, or store it elsewhere and put where"
                    .to_owned(),
            });
        }
        Ok(())
    }
}

/// What a put of one item gives.
pub(super) fn one<T>(item: T, put: Result<Vec<Result<i64>>>) -> Result<Option<i64>, Rejected<T>> {
    let put = put.and_then(|mut put| put.pop().transpose());
    put.map_err(|error| Rejected { item, error })
}

/// What a put of many items gives. The items come back that are not stored.
pub(super) fn many<T>(
    items: Vec<T>,
    put: Result<Vec<Result<i64>>>,
) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
    let results = match put {
        Ok(results) => results,
        Err(error) => return Err(Rejected { item: items, error }),
    };
    let (count, mut ids, mut back, mut first) = (items.len(), Vec::new(), Vec::new(), None);
    let mut unknown = 0;
    for (item, result) in items.into_iter().zip(results) {
        match result {
            Ok(id) => ids.push(Some(id)),
            Err(error) => {
                unknown += usize::from(matches!(error, Error::PutUnknown { .. }));
                back.push(item);
                first.get_or_insert(error);
            }
        }
    }
    match first {
        None => Ok(ids),
        Some(error) if ids.is_empty() && (unknown == 0 || count == 1) => {
            Err(Rejected { item: back, error })
        }
        Some(error) => {
            let (stored, source) = (ids.len(), Box::new(error));
            let error = Error::PutInPart { stored, unknown, count, source };
            Err(Rejected { item: back, error })
        }
    }
}

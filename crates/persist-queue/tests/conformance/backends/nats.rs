//! Queues on a NATS server with `JetStream`.

use std::sync::Arc;
use std::time::Duration;

use persist_queue::nats::NatsDelivery;
use persist_queue::sql::{Flavour, PutOptions, Status, Which};
use persist_queue::{
    AsyncNatsAckQueue, AsyncNatsQueue, NatsAckQueue, NatsAddress, NatsOptions, NatsQueue, Result,
    Wait,
};

use crate::backend::{
    AckTasks, Acks, Backend, Fate, Held, Later, Missing, Opened, Plain, Tasks, Wanted,
    unless_refused,
};

#[path = "../../support/nats.rs"]
mod support;

pub(crate) const NAME: &str = "NATS";

/// The lease of queues that ask for none: what nobody gives back comes when it is over, and by default it is 30
/// seconds, for which no check should have to wait.
const LEASE: Duration = Duration::from_secs(2);

/// Names of its own on a server: all of its queues' begin alike.
pub(crate) struct Nats {
    url: String,
    prefix: String,
    address: NatsAddress,
    /// Deletes all of them in the end.
    _place: Option<support::Place>,
}

impl Nats {
    /// Nothing where there is no server.
    pub(crate) fn new() -> Option<Self> {
        let place = support::place()?;
        let at = Self::at(&format!("{} {}", place.url, place.name));
        Some(Self { _place: Some(place), ..at })
    }

    pub(crate) fn at(address: &str) -> Self {
        let (url, prefix) = address.split_once(' ').unwrap();
        let address = NatsAddress::from_url(url).unwrap();
        Self { url: url.to_owned(), prefix: prefix.to_owned(), address, _place: None }
    }

    fn name(&self, queue: &str) -> String {
        format!("{}_{queue}", self.prefix)
    }

    fn options(&self, queue: &str, wanted: Wanted) -> Opened<NatsOptions> {
        if wanted.batch || wanted.ttl.is_some() {
            return Err(Missing::NoType);
        }
        let mut options =
            NatsOptions::new().name(self.name(queue)).kind(wanted.kind).maxsize(wanted.maxsize);
        options = options.lease(wanted.lease.unwrap_or(LEASE));
        if let Some(attempts) = wanted.max_attempts {
            options = options.max_attempts(attempts);
        }
        if let Some(backoff) = wanted.backoff {
            options = options.backoff(backoff);
        }
        Ok(options)
    }

    fn open(&self, queue: &str, wanted: Wanted) -> Opened<NatsQueue<String>> {
        unless_refused(self.options(queue, wanted)?.open(&self.address))
    }

    fn open_ack(&self, queue: &str, wanted: Wanted) -> Opened<NatsAckQueue<String>> {
        unless_refused(self.options(queue, wanted)?.open_ack(&self.address))
    }
}

impl Backend for Nats {
    fn name(&self) -> &'static str {
        NAME
    }

    fn address(&self) -> String {
        format!("{} {}", self.url, self.prefix)
    }

    fn url(&self, queue: &str, flavour: Flavour) -> String {
        format!("{}/{}?kind={flavour}", self.url, self.name(queue))
    }

    fn plain(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Plain>> {
        Ok(Box::new(self.open(queue, wanted)?))
    }

    fn acks(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Acks>> {
        Ok(Box::new(self.open_ack(queue, wanted)?))
    }

    fn tasks(&self, queue: &str) -> Opened<Arc<dyn Tasks>> {
        Ok(Arc::new(self.open(queue, Wanted::default())?.into_async()))
    }

    fn ack_tasks(&self, queue: &str) -> Opened<Arc<dyn AckTasks>> {
        Ok(Arc::new(self.open_ack(queue, Wanted::default())?.into_async()))
    }
}

impl Plain for NatsQueue<String> {
    fn put(&self, item: &str, wait: Wait) -> Result<bool> {
        let put = self.put_with(item.to_owned(), 0, wait);
        put.map(|id| id.is_some()).map_err(|rejected| rejected.error)
    }
    fn put_with_priority(&self, item: &str, priority: i64) -> Opened<()> {
        let put = self.put_with(item.to_owned(), priority, Wait::No);
        unless_refused(put.map(drop_any).map_err(|rejected| rejected.error))
    }
    fn put_many(&self, items: &[&str]) -> Result<()> {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        self.put_many(items, Wait::No).map(drop).map_err(|rejected| rejected.error)
    }
    fn get(&self, wait: Wait) -> Result<Option<String>> {
        self.get_with(wait, Which::Next)
    }
    fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<String>> {
        self.get_many(most, wait)
    }
    fn task_done(&self) -> Result<()> {
        unreachable!("no such queue was opened")
    }
    fn join(&self) -> Result<()> {
        self.join(Wait::Forever).map(drop_any)
    }
    fn len(&self) -> Result<u64> {
        self.len()
    }
    fn is_empty(&self) -> Result<bool> {
        self.is_empty()
    }
    fn purge(&self) -> Result<u64> {
        self.purge()
    }
    fn close(&self) -> Result<()> {
        self.close()
    }
}

impl Acks for NatsAckQueue<String> {
    fn put(&self, item: &str, options: PutOptions) -> Result<bool> {
        let put = self.put_with(item.to_owned(), options, Wait::No);
        put.map(|id| id.is_some()).map_err(|rejected| rejected.error)
    }
    fn get(&self, wait: Wait, lease: Option<Duration>) -> Result<Option<Box<dyn Held + '_>>> {
        let held = self.get_with(wait, Which::Next, lease)?;
        Ok(held.map(|held| Box::new(held) as Box<dyn Held + '_>))
    }
    fn get_and_ack_many(&self, most: usize) -> Result<Vec<String>> {
        let held = self.get_many(most, Wait::No, None)?;
        self.ack_many(held)?.into_iter().collect()
    }
    fn len(&self) -> Result<u64> {
        self.len()
    }
    fn count(&self, status: Status) -> Result<u64> {
        self.count(status)
    }
    fn dead_letters(&self) -> Result<Vec<(i64, String)>> {
        let letters = self.dead_letters()?;
        letters.into_iter().map(|(id, item)| Ok((id, item?))).collect()
    }
    fn requeue_dead(&self, ids: &[i64]) -> Result<u64> {
        self.requeue_dead(ids)
    }
    fn drop_dead(&self, ids: &[i64]) -> Result<u64> {
        self.drop_dead(ids)
    }
    fn close(&self) -> Result<()> {
        self.close()
    }
}

impl Held for NatsDelivery<'_, String> {
    fn item(&self) -> &str {
        self
    }
    fn attempts(&self) -> u32 {
        self.attempts()
    }
    fn ack(self: Box<Self>) -> Result<String> {
        (*self).ack()
    }
    fn nack(self: Box<Self>) -> Result<()> {
        (*self).nack()
    }
    fn nack_after(self: Box<Self>, delay: Duration) -> Result<()> {
        (*self).nack_after(delay)
    }
    fn fail(self: Box<Self>) -> Result<()> {
        (*self).fail()
    }
    fn extend(&self, lease: Duration) -> Result<()> {
        self.extend(lease)
    }
}

impl Tasks for AsyncNatsQueue<String> {
    fn put(&self, item: &str) -> Later<'_, ()> {
        let item = item.to_owned();
        Box::pin(
            async move { self.put(item).await.map(drop_any).map_err(|rejected| rejected.error) },
        )
    }
    fn get(&self) -> Later<'_, String> {
        Box::pin(self.get())
    }
    fn get_timeout(&self, time: Duration) -> Later<'_, Option<String>> {
        Box::pin(self.get_with(Wait::For(time)))
    }
    fn len(&self) -> Later<'_, u64> {
        Box::pin(self.len())
    }
    fn close(&self) -> Later<'_, ()> {
        self.close();
        Box::pin(async { Ok(()) })
    }
}

impl AckTasks for AsyncNatsAckQueue<String> {
    fn put(&self, item: &str) -> Later<'_, ()> {
        let item = item.to_owned();
        Box::pin(
            async move { self.put(item).await.map(drop_any).map_err(|rejected| rejected.error) },
        )
    }
    fn get_and(&self, fate: Fate) -> Later<'_, (String, u32)> {
        Box::pin(async move {
            let held = self.get().await?;
            let told = ((*held).clone(), held.attempts());
            match fate {
                Fate::Ack => drop(held.ack().await?),
                Fate::Nack => held.nack().await?,
                Fate::Fail => held.fail().await?,
                Fate::Drop => drop(held),
            }
            Ok(told)
        })
    }
    fn count(&self, status: Status) -> Result<u64> {
        self.queue().count(status)
    }
}

fn drop_any<T>(_given: T) {}

//! Queues on a NATS server with `JetStream`.

use std::sync::Arc;
use std::time::Duration;

use persist_queue::nats::NatsDelivery;
use persist_queue::sql::{Flavour, PutOptions, Status};
use persist_queue::{
    AsyncNatsAckQueue, AsyncNatsQueue, NatsAckQueue, NatsAddress, NatsOptions, NatsQueue, Result,
    Wait,
};

use crate::backend::{
    AckTasks, Acks, Backend, Fate, Held, Later, Missing, Opened, Plain, Tasks, Wanted,
    unless_refused,
};
use crate::typed::{ack_tasks, acks, held, plain, tasks};

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

plain!([] NatsQueue<String> {
    fn task_done(&self) -> Result<()> {
        unreachable!("no such queue was opened")
    }
});
tasks!([] AsyncNatsQueue<String> {
    fn get_timeout(&self, time: Duration) -> Later<'_, Option<String>> {
        Box::pin(self.get_with(Wait::For(time)))
    }
    fn close(&self) -> Later<'_, ()> {
        self.close();
        Box::pin(async { Ok(()) })
    }
});
acks!([] NatsAckQueue<String> {});
ack_tasks!([] AsyncNatsAckQueue<String>);
held!([] NatsDelivery<'_, String> {});

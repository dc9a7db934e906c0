//! How a queue on NATS is opened.

use std::time::Duration;

use super::ack_queue::NatsAckQueue;
use super::address::NatsAddress;
use super::queue::NatsQueue;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::sql::Kind;
use crate::{Error, Result};

/// How a queue on NATS `JetStream` is opened. The defaults are what [`NatsOptions::new`] says.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) timeout: Duration,
    pub(super) maxsize: u64,
    pub(super) replicas: Option<usize>,
    pub(super) lease: Option<Duration>,
    pub(super) max_attempts: Option<u32>,
    pub(super) backoff: Duration,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What is behind the name of the stream for dead letters.
pub(super) const DEAD: &str = "-dead";

impl NatsOptions {
    /// A first-in first-out queue named `default`, 10 seconds of patience, no size limit, three
    /// replicas where the server belongs to a cluster.
    pub fn new() -> Self {
        Self {
            kind: Kind::Fifo,
            name: "default".to_owned(),
            timeout: Duration::from_secs(10),
            maxsize: 0,
            replicas: None,
            lease: None,
            max_attempts: None,
            backoff: Duration::ZERO,
        }
    }

    /// The order of the items. `JetStream` has [`Kind::Fifo`] only; a queue of another kind is not opened.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The name of the queue, which is that of its stream. `default` by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long a call waits for the server to be there and to answer; 10 seconds by default.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// The most items that the queue may hold, those that are held included. It is kept on the server,
    /// for all who put: opening with another number changes it, and 0, the default, leaves it as it is.
    #[must_use]
    pub fn maxsize(mut self, items: u64) -> Self {
        self.maxsize = items;
        self
    }

    /// On how many servers of a cluster each item is, where the queue is made: 1, 3 or 5. By default 3 in a
    /// cluster, and 1 elsewhere.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = Some(replicas);
        self
    }

    /// How long a delivery is held. Behind that the item waits again, and its late acknowledgement is
    /// refused. It is kept on the server, for all who take, and cannot be changed later. By default an item
    /// is held for as long as its holder lives, and waits again within 30 seconds after that.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = Some(time);
        self
    }

    /// How often an item is delivered at most. Behind that it is a dead letter. No limit by default.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// How long an item rests behind its first failed attempt; twice as long behind each further one,
    /// at most an hour. Not at all by default.
    #[must_use]
    pub fn backoff(mut self, first: Duration) -> Self {
        self.backoff = first;
        self
    }

    /// Opens a queue that keeps its items until they are acknowledged.
    ///
    /// # Errors
    /// As [`NatsOptions::open_with`].
    pub fn open_ack_with<T, C: Codec<T>>(
        self,
        address: &NatsAddress,
        codec: C,
    ) -> Result<NatsAckQueue<T, C>> {
        NatsAckQueue::new(self, address, codec)
    }

    /// As [`NatsOptions::open_ack_with`], with the default codec, MessagePack.
    ///
    /// # Errors
    /// As [`NatsOptions::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open_ack<T>(self, address: &NatsAddress) -> Result<NatsAckQueue<T>>
    where
        DefaultCodec: Codec<T>,
    {
        self.open_ack_with(address, DefaultCodec::default())
    }

    /// Opens the queue with the default codec, MessagePack. The stream is made where it is missing.
    ///
    /// # Errors
    /// As [`NatsOptions::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open<T>(self, address: &NatsAddress) -> Result<NatsQueue<T>>
    where
        DefaultCodec: Codec<T>,
    {
        self.open_with(address, DefaultCodec::default())
    }

    /// Opens the queue.
    ///
    /// # Errors
    /// [`Error::Connect`] where there is no connection, which says why and what to do,
    /// [`Error::Unrecognised`] where the stream is another one, [`Error::Database`] where the server refuses,
    /// [`Error::Invalid`] for what `JetStream` does not have.
    pub fn open_with<T, C: Codec<T>>(
        self,
        address: &NatsAddress,
        codec: C,
    ) -> Result<NatsQueue<T, C>> {
        NatsQueue::new(self, address, codec)
    }

    /// Refuses what there cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if self.kind != Kind::Fifo {
            return Err(missing(&format!(
                "queues whose order or uniqueness is of the kind {:?}",
                self.kind
            )));
        }
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let sound = !self.name.is_empty()
            && self.name.len() + DEAD.len() <= 255
            && self.name.chars().all(letters)
            && !self.name.ends_with(DEAD);
        if !sound {
            return Err(Error::Invalid(format!(
                "a queue on NATS cannot be called '{}': letters, digits, '-' and '_' only, at most 250, \
                 and no '{DEAD}' at the end, which is where dead letters are",
                self.name
            )));
        }
        if i64::try_from(self.maxsize).is_err() {
            return Err(Error::Invalid("maxsize is too large for JetStream".to_owned()));
        }
        Ok(())
    }
}

/// What `JetStream` does not have is not imitated.
pub(super) fn missing(what: &str) -> Error {
    Error::Invalid(format!(
        "NATS JetStream has no {what}; use a queue on PostgreSQL or MySQL for that"
    ))
}

//! A queue's stream and its consumer on the server, and the stream of its dead letters.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use serde_json::json;
use tokio::time::Instant;

use super::failure::Said;
use super::link::Link;
use super::options::{DEAD, NatsOptions};
use crate::{Error, Result};

/// The one consumer of each queue.
const CONSUMER: &str = "persist-queue";
/// How long an item is held that nobody extends, where the options do not say it.
const LEASE: Duration = Duration::from_secs(30);
/// How long the server knows what was put, so that it does not store it twice.
pub(super) const WINDOW: Duration = Duration::from_secs(120);
/// How many may wait for an item at the same time.
const WAITING: i64 = 8192;
const ACTION: &str = "open a queue on";

/// See the module.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) link: Arc<Link>,
    pub(super) name: String,
    pub(super) subject: String,
    /// How long the server keeps a delivered item from others.
    pub(super) lease: Duration,
    /// The most items, where there is a limit.
    pub(super) limit: Option<u64>,
}

pub(super) fn subject(stream: &str) -> String {
    format!("persistqueue.{stream}")
}

impl Stream {
    /// Makes them where they are missing.
    pub(super) async fn open(
        link: Arc<Link>,
        options: Arc<NatsOptions>,
        acks: bool,
    ) -> Result<Self> {
        let deadline = Instant::now() + options.timeout;
        let name = options.name.clone();
        let wanted = Config {
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: limit(options.maxsize),
            duplicate_window: WINDOW,
            ..config(&name)
        };
        let found = make(&link, deadline, &options, wanted).await?;
        let config = found.config;
        if config.retention != RetentionPolicy::WorkQueue || config.subjects != [subject(&name)] {
            return Err(Error::Unrecognised {
                path: link.path(),
                reason: format!("the stream {name} is of another kind; use another name"),
            });
        }
        let mut max_messages = config.max_messages;
        if options.maxsize > 0 && max_messages != limit(options.maxsize) {
            let wanted = Config { max_messages: limit(options.maxsize), ..config };
            let update = || link.api::<Info>(format!("STREAM.UPDATE.{name}"), &wanted);
            max_messages = link.repeat(ACTION, deadline, update).await?.config.max_messages;
        }
        if acks {
            let name = format!("{name}{DEAD}");
            make(&link, deadline, &options, config_of_dead(&name)).await?;
        }
        let lease = make_consumer(&link, deadline, &name, options.lease).await?;
        let limit = u64::try_from(max_messages).ok().filter(|limit| *limit > 0);
        Ok(Self { subject: subject(&name), link, name, lease, limit })
    }

    /// How many items are not done. The stream itself may hold more: a server that was killed can know that
    /// an item is done and have its bytes again.
    pub(super) async fn undone(&self, deadline: Instant) -> Result<u64> {
        let consumer = self.consumer(deadline).await?;
        Ok(consumer.num_pending + consumer.num_ack_pending as u64)
    }

    /// Asks for how a stream is.
    pub(super) async fn info(&self, stream: &str, deadline: Instant) -> Result<Info> {
        info_of(&self.link, stream, deadline).await
    }

    /// Asks for how the consumer is.
    pub(super) async fn consumer(&self, deadline: Instant) -> Result<consumer::Info> {
        consumer_of(&self.link, &self.name, deadline).await
    }

    /// Where items are asked for.
    pub(super) fn next(&self) -> String {
        format!("$JS.API.CONSUMER.MSG.NEXT.{}.{CONSUMER}", self.name)
    }

    /// The stream of the dead letters.
    pub(super) fn dead(&self) -> String {
        format!("{}{DEAD}", self.name)
    }

    /// Where dead letters are put.
    pub(super) fn dead_subject(&self) -> String {
        subject(&self.dead())
    }
}

/// How a stream is.
pub(super) async fn info_of(link: &Link, stream: &str, deadline: Instant) -> Result<Info> {
    let nothing = json!({});
    let ask = || link.api(format!("STREAM.INFO.{stream}"), &nothing);
    link.repeat("look into", deadline, ask).await
}

/// How the consumer of a stream is.
pub(super) async fn consumer_of(
    link: &Link,
    stream: &str,
    deadline: Instant,
) -> Result<consumer::Info> {
    let nothing = json!({});
    let ask = || link.api(format!("CONSUMER.INFO.{stream}.{CONSUMER}"), &nothing);
    link.repeat("look into", deadline, ask).await
}

fn limit(maxsize: u64) -> i64 {
    i64::try_from(maxsize).ok().filter(|limit| *limit > 0).unwrap_or(-1)
}

pub(super) fn config(name: &str) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subject(name)],
        storage: StorageType::File,
        max_messages: -1,
        max_bytes: -1,
        max_consumers: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        ..Config::default()
    }
}

fn config_of_dead(name: &str) -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        duplicate_window: WINDOW,
        ..config(name)
    }
}

/// A stream as it is, or as it was made now.
pub(super) async fn make(
    link: &Arc<Link>,
    deadline: Instant,
    options: &NatsOptions,
    mut wanted: Config,
) -> Result<Info> {
    let name = wanted.name.clone();
    wanted.num_replicas = options.replicas.unwrap_or(3);
    link.repeat(ACTION, deadline, || async {
        match link.api(format!("STREAM.INFO.{name}"), &json!({})).await {
            Err(said) if said.is_not_found() => {}
            found => return found,
        }
        match create(link, &wanted).await {
            // A server by itself.
            Err(Said::No(error))
                if error.error_code() == ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED
                    && options.replicas.is_none() =>
            {
                create(link, &Config { num_replicas: 1, ..wanted.clone() }).await
            }
            Err(Said::No(error)) if error.error_code() == ErrorCode::CLUSTER_NO_PEERS => {
                Err(Said::Never(
                    format!(
                        "{} servers of the cluster must be up to make a queue; or say fewer replicas ({error})",
                        wanted.num_replicas
                    )
                    .into(),
                ))
            }
            made => made,
        }
    })
    .await
}

async fn create(link: &Arc<Link>, wanted: &Config) -> Result<Info, Said> {
    let name = &wanted.name;
    match link.api(format!("STREAM.CREATE.{name}"), wanted).await {
        // Somebody else has made it in the same moment.
        Err(said) if said.is_there_already() => {
            link.api(format!("STREAM.INFO.{name}"), &json!({})).await
        }
        made => made,
    }
}

/// Gives the lease of the consumer, which is made where it is missing.
async fn make_consumer(
    link: &Arc<Link>,
    deadline: Instant,
    stream: &str,
    lease: Option<Duration>,
) -> Result<Duration> {
    let config = consumer::Config {
        durable_name: Some(CONSUMER.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: lease.unwrap_or(LEASE),
        max_deliver: -1,
        max_ack_pending: -1,
        max_waiting: WAITING,
        ..consumer::Config::default()
    };
    let wanted = json!({ "stream_name": stream, "config": config });
    let info = format!("CONSUMER.INFO.{stream}.{CONSUMER}");
    let found: consumer::Info = link
        .repeat(ACTION, deadline, || async {
            match link.api(info.clone(), &json!({})).await {
                Err(said) if said.is_not_found() => {}
                found => return found,
            }
            let create = format!("CONSUMER.DURABLE.CREATE.{stream}.{CONSUMER}");
            match link.api(create, &wanted).await {
                Err(said) if said.is_there_already() => link.api(info.clone(), &json!({})).await,
                made => made,
            }
        })
        .await?;
    let stored = found.config.ack_wait;
    match lease {
        Some(lease) if lease != stored => Err(Error::Invalid(format!(
            "the items of {stream} are held for {stored:?}, which JetStream keeps for the whole queue: open it \
             with that lease or with none; or delete its consumer {CONSUMER} while nobody uses it"
        ))),
        _ => Ok(stored),
    }
}

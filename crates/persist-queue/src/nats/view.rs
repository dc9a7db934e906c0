//! Looking at the queues on a server without taking anything.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Info, RawMessage, RetentionPolicy};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::address::NatsAddress;
use super::ask::block;
use super::claim::seconds;
use super::failure::Said;
use super::link::Link;
use super::options::DEAD;
use super::stream::{consumer_of, info_of, subject};
use crate::Result;
use crate::sql::{Flavour, Kind, QueueTable, Row, Seen, Status};

/// How long a look waits for the server.
const PATIENCE: Duration = Duration::from_secs(10);
const ACTION: &str = "look at";

/// A server or a cluster that is only looked at.
#[derive(Debug)]
pub struct NatsView {
    link: Arc<Link>,
}

#[derive(serde::Deserialize)]
struct Page {
    total: usize,
    streams: Option<Vec<Info>>,
}

#[derive(serde::Deserialize)]
struct Found {
    message: RawMessage,
}

impl NatsView {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Connect`](crate::Error::Connect), [`Error::Invalid`](crate::Error::Invalid).
    pub fn open(address: &NatsAddress) -> Result<Self> {
        Ok(Self { link: Link::open(address)? })
    }

    /// The queues there, in the order of their names. Those that have a stream of dead letters are
    /// queues with acknowledgements.
    ///
    /// # Errors
    /// [`Error::Connect`](crate::Error::Connect), [`Error::Database`](crate::Error::Database).
    pub fn queues(&self) -> Result<Vec<QueueTable>> {
        let link = Arc::clone(&self.link);
        let streams = block(async move {
            let mut streams = Vec::new();
            loop {
                let question = json!({ "offset": streams.len(), "subject": subject("*") });
                let ask = || link.api("STREAM.LIST".to_owned(), &question);
                let Page { total, streams: page } =
                    link.repeat(ACTION, Instant::now() + PATIENCE, ask).await?;
                let page = page.unwrap_or_default();
                let ended = page.is_empty() || streams.len() + page.len() >= total;
                streams.extend(page);
                if ended {
                    return Ok(streams);
                }
            }
        })?;
        let ours = |info: &&Info| info.config.subjects == [subject(&info.config.name)];
        let dead: HashSet<_> = streams
            .iter()
            .filter(ours)
            .filter_map(|info| info.config.name.strip_suffix(DEAD))
            .collect();
        let queues = streams.iter().filter(ours).map(|info| &info.config);
        let queues = queues.filter(|config| config.retention == RetentionPolicy::WorkQueue);
        let mut queues: Vec<_> = queues
            .map(|config| {
                let flavour = Flavour { kind: Kind::Fifo, acks: dead.contains(&*config.name) };
                QueueTable { name: config.name.clone(), flavour }
            })
            .collect();
        queues.sort_by(|one, next| one.name.cmp(&next.name));
        Ok(queues)
    }

    /// The items of a queue that are not done behind the number `behind`, in the order of their numbers, at
    /// most `most`.
    ///
    /// # Errors
    /// As [`NatsView::queues`].
    pub fn rows(&self, queue: &QueueTable, behind: i64, most: usize) -> Result<Vec<Seen>> {
        let (link, queue) = (Arc::clone(&self.link), queue.clone());
        let deadline = Instant::now() + PATIENCE;
        block(async move { undone(&link, &queue, behind, most, deadline).await })
    }

    /// As [`NatsView::rows`], from the first one on: `JetStream` does not tell which of them somebody holds.
    ///
    /// # Errors
    /// As [`NatsView::queues`].
    pub fn waiting(&self, queue: &QueueTable, most: usize) -> Result<Vec<Seen>> {
        self.rows(queue, 0, most)
    }

    /// How many items there are of each status. Those that somebody holds, among which are those that wait
    /// again, are told apart in queues with acknowledgements only.
    ///
    /// # Errors
    /// As [`NatsView::queues`].
    pub fn counts(&self, queue: &QueueTable) -> Result<Vec<(i64, u64)>> {
        let (link, queue) = (Arc::clone(&self.link), queue.clone());
        let deadline = Instant::now() + PATIENCE;
        block(async move {
            let consumer = consumer_of(&link, &queue.name, deadline).await?;
            let (new, held) = (consumer.num_pending, consumer.num_ack_pending as u64);
            if !queue.flavour.acks {
                return Ok(vec![(Status::New as i64, new + held)]);
            }
            let dead = info_of(&link, &format!("{}{DEAD}", queue.name), deadline).await?;
            let dead = dead.state.messages;
            Ok(vec![
                (Status::New as i64, new),
                (Status::Held as i64, held),
                (Status::Dead as i64, dead),
            ])
        })
    }

    /// When the oldest item was put, in seconds since 1970, and how many bytes all have.
    ///
    /// # Errors
    /// As [`NatsView::queues`].
    pub fn age_and_size(&self, queue: &QueueTable) -> Result<(Option<f64>, u64)> {
        let (link, name) = (Arc::clone(&self.link), queue.name.clone());
        let deadline = Instant::now() + PATIENCE;
        let state = block(async move { info_of(&link, &name, deadline).await })?.state;
        Ok(((state.messages > 0).then(|| seconds(state.first_timestamp)), state.bytes))
    }
}

/// As [`NatsView::rows`].
pub(super) async fn undone(
    link: &Link,
    queue: &QueueTable,
    behind: i64,
    most: usize,
    deadline: Instant,
) -> Result<Vec<Seen>> {
    let consumer = consumer_of(link, &queue.name, deadline).await?;
    let (mut seen, mut from) = (Vec::new(), u64::try_from(behind).unwrap_or(0) + 1);
    // A server that was killed may have what is done once more.
    from = from.max(consumer.ack_floor.stream_sequence + 1);
    while seen.len() < most {
        let question = json!({ "seq": from, "next_by_subj": subject(&queue.name) });
        let Some(item) = message(link, ACTION, &queue.name, &question, deadline).await? else {
            break;
        };
        from = item.sequence + 1;
        let taken = queue.flavour.acks && item.sequence <= consumer.delivered.stream_sequence;
        let status = if taken { Status::Held } else { Status::New } as i64;
        seen.push(Seen { row: row(item), status, priority: 0 });
    }
    Ok(seen)
}

/// What a message is to a queue.
pub(super) fn row(message: StreamMessage) -> Row {
    Row {
        id: message.sequence.cast_signed(),
        timestamp: seconds(message.time),
        data: message.payload.into(),
        ..Row::default()
    }
}

/// A message of a stream, if it is there.
pub(super) async fn message(
    link: &Link,
    action: &'static str,
    stream: &str,
    question: &Value,
    deadline: Instant,
) -> Result<Option<StreamMessage>> {
    let get = || async {
        match link.api::<Found>(format!("STREAM.MSG.GET.{stream}"), question).await {
            Ok(found) => match StreamMessage::try_from(found.message) {
                Ok(message) => Ok(Some(message)),
                Err(error) => Err(Said::Never(error)),
            },
            Err(said) if said.is_not_found() => Ok(None),
            Err(said) => Err(said),
        }
    };
    link.repeat(action, deadline, get).await
}

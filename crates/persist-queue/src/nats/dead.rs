//! Dead letters: a stream of its own beside that of the queue.

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::DeleteStatus;
use async_nats::{HeaderMap, Subject};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ask::ask;
use super::claim::tell;
use super::publish::{Parcel, publish};
use super::store::{Attachment, NatsStore};
use super::view::{message, row};
use crate::sql::Row;
use crate::wait::Host;
use crate::{Error, Result};

const ACTION: &str = "look at the dead letters of";

impl NatsStore {
    /// The dead letters, in the order in which they became that.
    ///
    /// # Errors
    /// As [`NatsStore::size`].
    pub async fn dead_letters<H: Host>(&self, host: &mut H) -> Result<Vec<Row>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |_| async move {
            let question =
                |from: u64| json!({ "seq": from, "next_by_subj": attached.stream.dead_subject() });
            let (mut rows, mut from) = (Vec::new(), 1);
            while let Some(letter) =
                attached.message(&attached.stream.dead(), &question(from)).await?
            {
                from = letter.sequence + 1;
                rows.push(row(letter));
            }
            Ok(rows)
        })
        .await
    }

    /// Has dead letters wait again, behind all others, as if they had never been tried. Gives how many there
    /// were.
    ///
    /// # Errors
    /// As [`NatsStore::size`].
    pub async fn requeue_dead<H: Host>(&self, host: &mut H, ids: Vec<i64>) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |_| async move {
            let (dead, mut count) = (attached.stream.dead(), 0);
            for id in ids {
                let question = json!({ "seq": id });
                let Some(letter) = attached.message(&dead, &question).await? else { continue };
                let again = parcel(letter, &dead);
                attached.store(&attached.stream.subject, again).await?;
                count += u64::from(attached.delete(&dead, id).await?);
            }
            Ok(count)
        })
        .await
    }

    /// Removes dead letters. Gives how many there were.
    ///
    /// # Errors
    /// As [`NatsStore::size`].
    pub async fn drop_dead<H: Host>(&self, host: &mut H, ids: Vec<i64>) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        ask(host, |_| async move {
            let (dead, mut count) = (attached.stream.dead(), 0);
            for id in ids {
                count += u64::from(attached.delete(&dead, id).await?);
            }
            Ok(count)
        })
        .await
    }
}

/// A message on its way from one stream to another, in which it is stored once.
fn parcel(message: StreamMessage, from: &str) -> Parcel {
    let (sequence, time) = (message.sequence, message.time.unix_timestamp_nanos());
    let id = format!("{from}-{sequence}-{time}");
    Parcel { id, data: message.payload.into(), headers: HeaderMap::new() }
}

impl Attachment {
    /// Makes a dead letter of an item that is held here. Where this is killed in the middle, the item comes
    /// back and the letter is there already; within two minutes it is not stored twice.
    pub(super) async fn bury(&self, id: i64, reply: &Subject, held: Instant) -> Result<()> {
        let name = &self.stream.name;
        if let Some(item) = self.message(name, &json!({ "seq": id })).await? {
            let letter = parcel(item, name);
            self.store(&self.stream.dead_subject(), letter).await?;
        }
        let told = tell(&self.stream, reply, AckKind::Term, self.deadline().min(held)).await;
        told.map_err(|error| self.unanswered(error))
    }

    async fn store(&self, subject: &str, parcel: Parcel) -> Result<()> {
        let stored = publish(&self.stream.link, subject, &[parcel], self.deadline()).await;
        stored.into_iter().try_for_each(|stored| self.result(stored.map(|_| ())))
    }

    async fn message(&self, stream: &str, question: &Value) -> Result<Option<StreamMessage>> {
        message(&self.stream.link, ACTION, stream, question, self.deadline()).await
    }

    /// Deletes a message. Says whether it was there.
    async fn delete(&self, stream: &str, id: i64) -> Result<bool> {
        let link = &self.stream.link;
        let question = json!({ "seq": id });
        let delete = || async {
            match link.api::<DeleteStatus>(format!("STREAM.MSG.DELETE.{stream}"), &question).await {
                Ok(status) => Ok(status.success),
                Err(said) if said.is_not_found() => Ok(false),
                Err(said) => Err(said),
            }
        };
        link.repeat(ACTION, self.deadline(), delete).await
    }
}

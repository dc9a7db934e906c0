//! Puts that can be ended at any moment and gone on with later. A stream has numbers without gaps: what was put
//! since they began is theirs, if nobody else puts meanwhile, and each put says behind which number it comes.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::Config;
use serde_json::json;
use tokio::time::Instant;

use super::ask::block;
use super::publish::{Parcel, Unput, publish};
use super::store::{Attachment, NatsStore};
use super::stream::{info_of, make};
use super::view::message;
use crate::sql::Put;
use crate::{Error, Result};

/// Where it is written down when they began.
const NOTES: &str = "persistq-resume";
const FINISHED: &str = "finished\n";
const ACTION: &str = "resume puts into";

/// How far puts came that go by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The number of the last item before them.
    pub begun: u64,
    /// How many they are so far.
    pub done: u64,
    /// Whether it was noted that all is put.
    pub finished: bool,
}

impl NatsStore {
    /// How far they came, and that they begin now where nobody has noted it.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`]; [`Error::Invalid`] for such a name.
    pub fn resumed(&self, name: &str) -> Result<Begun> {
        let safe = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !safe || name.is_empty() {
            let why = "a name to resume by has letters, digits, '-', '_' and '.' only";
            return Err(Error::Invalid(why.to_owned()));
        }
        let (attached, name) = (self.attached()?, name.to_owned());
        block(async move {
            let (link, deadline) = (&attached.stream.link, attached.deadline());
            let notes = Config {
                name: NOTES.to_owned(),
                subjects: vec![format!("{NOTES}.>")],
                max_messages_per_subject: 1,
                ..super::stream::config(NOTES)
            };
            make(link, deadline, &attached.options, notes).await?;
            let last = attached.last(deadline).await?;
            let question = json!({ "last_by_subj": attached.subject_of_note(&name) });
            let Some(note) = message(link, ACTION, NOTES, &question, deadline).await? else {
                attached.note(&name, last, false).await?;
                return Ok(Begun { begun: last, done: 0, finished: false });
            };
            let text = String::from_utf8_lossy(&note.payload).into_owned();
            let read = text
                .split_once('\n')
                .and_then(|(begun, state)| Some((begun.parse::<u64>().ok()?, state == FINISHED)));
            let Some((begun, finished)) = read else {
                return Err(Error::Unrecognised {
                    path: link.path(),
                    reason: format!("a note in the stream {NOTES} should hold a number"),
                });
            };
            Ok(Begun { begun, done: last.saturating_sub(begun), finished })
        })
    }

    /// Notes that they began behind the item with this number, or that all is put.
    ///
    /// # Errors
    /// As [`NatsStore::resumed`].
    pub fn note(&self, name: &str, begun: u64, finished: bool) -> Result<()> {
        let (attached, name) = (self.attached()?, name.to_owned());
        block(async move { attached.note(&name, begun, finished).await })
    }

    /// Puts items right behind the one with the number `last`.
    ///
    /// # Errors
    /// As [`NatsStore::resumed`]; [`Error::Full`], [`Error::PutUnknown`]; [`Error::Invalid`] where somebody
    /// else put. Some of them, the first ones, may be stored then.
    pub fn put_behind(&self, items: Vec<Put>, last: u64) -> Result<()> {
        let attached = self.attached()?;
        items.iter().try_for_each(|item| attached.check(item))?;
        let parcels: Vec<_> = (last..)
            .zip(items)
            .map(|(last, item)| {
                let mut headers = HeaderMap::new();
                headers.insert(async_nats::header::NATS_EXPECTED_LAST_SEQUENCE, last.to_string());
                Parcel { headers, ..Parcel::new(item.data) }
            })
            .collect();
        block(async move {
            let (link, subject) = (&attached.stream.link, &attached.stream.subject);
            for stored in publish(link, subject, &parcels, attached.deadline()).await {
                attached.outcome(stored.map(|_| ()))?;
            }
            Ok(())
        })
    }
}

impl Attachment {
    fn subject_of_note(self: &Arc<Self>, name: &str) -> String {
        // A '.' divides subjects.
        format!("{NOTES}.{}.{}", self.stream.name, name.replace('.', "~"))
    }

    /// The number of the item that was put last.
    async fn last(self: &Arc<Self>, deadline: Instant) -> Result<u64> {
        let info = info_of(&self.stream.link, &self.stream.name, deadline).await?;
        Ok(info.state.last_sequence)
    }

    async fn note(self: &Arc<Self>, name: &str, begun: u64, finished: bool) -> Result<()> {
        let state = if finished { FINISHED } else { "" };
        let note = Parcel::new(format!("{begun}\n{state}").into_bytes());
        let subject = self.subject_of_note(name);
        let stored = publish(&self.stream.link, &subject, &[note], self.deadline()).await;
        stored.into_iter().try_for_each(|stored| self.outcome(stored.map(|_| ())))
    }

    fn outcome(self: &Arc<Self>, stored: Result<(), Unput>) -> Result<()> {
        let error = match self.result(stored) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if error.to_string().contains("wrong last sequence") {
            return Err(Error::Invalid(format!(
                "somebody else put into {} meanwhile, which must not be before all is put",
                self.stream.name
            )));
        }
        Err(error)
    }
}

//! Asking the server for items. A request waits on the server until there is an item or its time is
//! over; nothing here asks again and again.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_core::Stream as _;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::claim::Claimed;
use super::failure::{ANSWER, FIRST_PAUSE, LONGEST_PAUSE, Said};
use super::store::Closing;
use super::stream::Stream;
use crate::wait::Wait;
use crate::{Error, Result};

/// How long one request waits on the server at most.
const LONGEST: Duration = Duration::from_secs(30);
/// How often the server says that it still knows of a request.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How much later than it should an answer may come.
const LATE: Duration = Duration::from_secs(2);
/// How long what is on its way may take, where nobody wants it any more.
const ON_ITS_WAY: Duration = Duration::from_millis(500);
const ACTION: &str = "take an item from";

/// Who asks.
pub(super) struct Asker {
    pub(super) stream: Arc<Stream>,
    pub(super) patience: Duration,
    pub(super) gone: Arc<Notify>,
    pub(super) closing: Closing,
}

/// How a request ended.
enum End {
    /// The server has said its last word.
    Said,
    /// It may not know of us any more, or could not see to us just now.
    Again(Said),
    /// Nobody wants the item any more.
    Gone,
    Closed,
    Refused(Said),
}

impl Asker {
    /// Takes up to `most` items: waits as `wait` says for the first one, and takes what else is there.
    /// Less, also none, where its time is over.
    pub(super) async fn pull(&self, most: usize, wait: Wait) -> Result<Vec<Claimed>> {
        let deadline = match wait {
            Wait::No => None,
            Wait::For(time) => Some(Instant::now() + time),
            Wait::Forever => Some(Instant::now() + Duration::from_secs(1 << 32)),
        };
        let Some(deadline) = deadline else { return self.pull_now(most).await };
        if most > 1 {
            let found = self.pull_now(most).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let mut found = self.pull_until(deadline).await?;
        if !found.is_empty() && most > 1 {
            found.extend(self.pull_now(most - 1).await.unwrap_or_default());
        }
        Ok(found)
    }

    /// What is there now.
    async fn pull_now(&self, most: usize) -> Result<Vec<Claimed>> {
        let question = json!({ "batch": most, "no_wait": true }).to_string();
        let until = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let (found, end) = self.ask(&question, most, Instant::now() + ANSWER, None).await?;
            match end {
                End::Again(_) if found.is_empty() && Instant::now() < until => {}
                end => return self.ended(found, end),
            }
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// The first one that comes before `deadline`.
    async fn pull_until(&self, deadline: Instant) -> Result<Vec<Claimed>> {
        let mut pause = FIRST_PAUSE;
        // Since when the server does not do as it should.
        let mut trouble: Option<Instant> = None;
        loop {
            let begun = Instant::now();
            let expires = deadline.saturating_duration_since(begun).min(LONGEST);
            if expires.is_zero() {
                return Ok(Vec::new());
            }
            let mut question = json!({ "batch": 1, "expires": nanoseconds(expires) });
            // The server wants them to be rare beside the whole.
            let heartbeat = (expires > 3 * HEARTBEAT).then_some(HEARTBEAT);
            if let Some(heartbeat) = heartbeat {
                question["idle_heartbeat"] = nanoseconds(heartbeat).into();
            }
            let (found, end) =
                self.ask(&question.to_string(), 1, begun + expires + LATE, heartbeat).await?;
            match end {
                End::Said if found.is_empty() => {
                    trouble = None;
                    pause = FIRST_PAUSE;
                }
                End::Again(said) if found.is_empty() => {
                    if begun.elapsed() > 3 * HEARTBEAT {
                        // It was well meanwhile.
                        trouble = None;
                    }
                    let since = *trouble.get_or_insert_with(Instant::now);
                    if since.elapsed() > self.patience && Instant::now() < deadline {
                        return Err(self.stream.link.explain(ACTION, said));
                    }
                    sleep(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
                end => return self.ended(found, end),
            }
        }
    }

    fn ended(&self, found: Vec<Claimed>, end: End) -> Result<Vec<Claimed>> {
        match end {
            End::Closed => Err(Error::Closed { path: self.stream.link.path() }),
            End::Refused(said) | End::Again(said) if found.is_empty() => {
                Err(self.stream.link.explain(ACTION, said))
            }
            _ => Ok(found),
        }
    }

    /// Sends one request and gathers what comes of it.
    async fn ask(
        &self,
        question: &str,
        most: usize,
        until: Instant,
        heartbeat: Option<Duration>,
    ) -> Result<(Vec<Claimed>, End)> {
        let link = &self.stream.link;
        link.ready(Instant::now() + self.patience).await?;
        let renewed = link.renewed();
        tokio::pin!(renewed);
        let inbox = link.client.new_inbox();
        let failed = |error: &dyn std::fmt::Display| {
            link.explain(ACTION, Said::NotNow(error.to_string().into()))
        };
        let mut answers =
            link.client.subscribe(inbox.clone()).await.map_err(|error| failed(&error))?;
        let asked =
            link.client.publish_with_reply(self.stream.next(), inbox, question.to_owned().into());
        asked.await.map_err(|error| failed(&error))?;
        let mut found = Vec::new();
        let end = loop {
            if found.len() == most {
                break End::Said;
            }
            let silence = heartbeat.map_or(until, |beat| Instant::now() + 2 * beat + LATE);
            tokio::select! {
                // What came is not left where it is.
                biased;
                answer = next(&mut answers) => match answer.map(|answer| self.read(answer)) {
                    Some(Answer::Item(claimed)) => found.push(claimed),
                    Some(Answer::Wait) => {}
                    Some(Answer::End(end)) => break end,
                    None => break End::Again(Said::NotNow("the connection is closed".into())),
                },
                () = &mut renewed => {
                    break End::Again(Said::NotNow("the connection broke".into()));
                }
                () = self.gone.notified() => break End::Gone,
                () = self.closing.closed() => break End::Closed,
                () = tokio::time::sleep_until(silence.min(until)) => {
                    break End::Again(Said::NotNow("the server does not answer".into()));
                }
            }
        };
        if !matches!(end, End::Said) {
            found.extend(self.gather(answers).await);
        }
        Ok((found, end))
    }

    /// Takes the request back. What was sent meanwhile is not lost for as long as a lease.
    async fn gather(&self, mut answers: Subscriber) -> Vec<Claimed> {
        let mut found = Vec::new();
        if answers.drain().await.is_ok() {
            while let Ok(Some(answer)) = timeout(ON_ITS_WAY, next(&mut answers)).await {
                if let Answer::Item(claimed) = self.read(answer) {
                    found.push(claimed);
                }
            }
        }
        found
    }

    fn read(&self, answer: Message) -> Answer {
        let Some(status) = answer.status else {
            return Claimed::of(&self.stream, answer).map_or(Answer::Wait, Answer::Item);
        };
        let words = answer.description.unwrap_or_default();
        let said = || format!("{status} {words}");
        match status.as_u16() {
            100 => Answer::Wait,
            // Nothing there; nothing came in time.
            404 | 408 => Answer::End(End::Said),
            503 => Answer::End(End::Again(Said::Nobody)),
            409 if words.contains("Deleted") => {
                Answer::End(End::Refused(Said::Never(said().into())))
            }
            // Too many wait, the leader changes, the server goes down.
            409 => Answer::End(End::Again(Said::NotNow(said().into()))),
            _ => Answer::End(End::Refused(Said::Never(said().into()))),
        }
    }
}

enum Answer {
    Item(Claimed),
    Wait,
    End(End),
}

async fn next(answers: &mut Subscriber) -> Option<Message> {
    poll_fn(|context| Pin::new(&mut *answers).poll_next(context)).await
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

//! An item that the server has given to us, and what we tell the server about it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::client::{Request, RequestError};
use async_nats::jetstream::{self, AckKind};
use async_nats::{Message, Subject};
use tokio::time::{Instant, sleep};

use super::failure::{ANSWER, FIRST_PAUSE, LONGEST_PAUSE, Said};
use super::runtime::begin;
use super::stream::Stream;
use crate::sql::Row;

/// See the module. Dropped before it is settled, it waits again.
#[derive(Debug)]
pub(super) struct Claimed {
    stream: Arc<Stream>,
    pub(super) row: Row,
    pub(super) attempts: u32,
    reply: Subject,
    /// When it was in our hands.
    at: Instant,
    settled: bool,
}

/// The server did not answer in time: what it was told may have come through.
#[derive(Debug)]
pub(super) struct Unanswered(pub(super) Box<dyn std::error::Error + Send + Sync>);

impl Claimed {
    /// What the server says of an item is in the name to which it wants the answer. Nothing for what is no item.
    pub(super) fn of(stream: &Arc<Stream>, message: Message) -> Option<Self> {
        let reply = message.reply.clone()?;
        let message = jetstream::Message { message, context: stream.link.jetstream.clone() };
        let info = message.info().ok()?;
        let row = Row {
            id: info.stream_sequence.cast_signed(),
            timestamp: seconds(info.published),
            ..Row::default()
        };
        let attempts = u32::try_from(info.delivered).unwrap_or(u32::MAX);
        let row = Row { data: message.message.payload.into(), ..row };
        let stream = Arc::clone(stream);
        Some(Self { stream, row, attempts, reply, at: Instant::now(), settled: false })
    }

    /// Until when nobody else gets it, by our clock: the server's began when it sent the item.
    pub(super) fn held_until(&self) -> Instant {
        self.at + safely(self.stream.lease)
    }

    /// It is somebody else's to settle it, or the server's clock's.
    pub(super) fn leave(mut self) -> Row {
        self.settled = true;
        std::mem::take(&mut self.row)
    }

    /// What others need to settle it.
    pub(super) fn reply(&self) -> Subject {
        self.reply.clone()
    }

    /// The item is done. The server says so until `deadline`, and before the lease is over.
    pub(super) async fn ack(mut self, deadline: Instant) -> Result<Row, (Row, Unanswered)> {
        self.settled = true;
        let deadline = deadline.min(self.held_until());
        let told = tell(&self.stream, &self.reply, AckKind::Ack, deadline).await;
        let row = std::mem::take(&mut self.row);
        match told {
            Ok(()) => Ok(row),
            Err(error) => Err((row, error)),
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.settled {
            give_back(&self.stream, self.reply.clone());
        }
    }
}

/// A time of the server's, in seconds since 1970.
pub(super) fn seconds(time: impl Into<SystemTime>) -> f64 {
    time.into().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A lease of the server's, as it is safe to believe in here.
pub(super) fn safely(lease: Duration) -> Duration {
    lease.saturating_sub((lease / 10).min(Duration::from_secs(1)))
}

/// Has an item wait again, without waiting for that.
pub(super) fn give_back(stream: &Arc<Stream>, reply: Subject) {
    let stream = Arc::clone(stream);
    begin(async move {
        let back = AckKind::Nak(None);
        if let Err(Unanswered(error)) =
            tell(&stream, &reply, back, Instant::now() + safely(stream.lease)).await
        {
            tracing::debug!(%error, "an item that was not wanted comes back when its lease is over");
        }
    });
}

/// Tells the server what becomes of an item, again and again until it says that it heard it. That harms
/// nothing for as long as nobody else can have the item.
pub(super) async fn tell(
    stream: &Stream,
    reply: &Subject,
    kind: AckKind,
    deadline: Instant,
) -> Result<(), Unanswered> {
    let mut pause = FIRST_PAUSE;
    loop {
        let link = &stream.link;
        link.ready(deadline).await.map_err(|error| Unanswered(Box::new(error)))?;
        let left = deadline.saturating_duration_since(Instant::now()).min(ANSWER);
        let request = Request::new().payload(kind.into()).timeout(Some(left));
        let said: RequestError = match link.client.send_request(reply.clone(), request).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if Instant::now() + pause >= deadline {
            return Err(Unanswered(Said::from(said).source()));
        }
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

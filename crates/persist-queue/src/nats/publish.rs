//! Storing items: each is sent, with a number of its own, until the server says that it is stored. The
//! server stores it once, however often it comes.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use tokio::time::{Instant, sleep};

use super::failure::{FIRST_PAUSE, LONGEST_PAUSE, Said};
use super::link::{Link, Stored};
use super::stream::WINDOW;
use crate::{Error, Result};

/// An item on its way.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    /// Another one for each item: equal ones are stored once.
    pub(super) id: String,
    pub(super) data: Vec<u8>,
    pub(super) headers: HeaderMap,
}

/// Why an item is not stored, or not known to be.
#[derive(Debug)]
pub(super) enum Unput {
    /// There is no room.
    Full,
    /// It was not stored.
    Refused(Error),
    /// It may be stored or not.
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

/// How many are on their way at a time.
const AT_ONCE: usize = 512;
const ACTION: &str = "put an item into";
/// What the server says where a stream has no room.
const NO_ROOM: [&str; 2] = ["maximum messages exceeded", "maximum bytes exceeded"];

impl Parcel {
    pub(super) fn new(data: Vec<u8>) -> Self {
        Self { id: fresh(), data, headers: HeaderMap::new() }
    }
}

/// A number that no other item has: of no process, and of no child of one.
fn fresh() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static BEGAN: LazyLock<u128> = LazyLock::new(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
    });
    let at = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{at:x}-{}", *BEGAN, std::process::id(), unique())
}

/// For machines that have the same clock and number their processes alike.
fn unique() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:x}", RandomState::new().hash_one(std::thread::current().id()))
}

/// Stores what it is given, in that order where the server does not fail. Says of each what became of it.
pub(super) async fn publish(
    link: &Link,
    subject: &str,
    parcels: &[Parcel],
    deadline: Instant,
) -> Vec<Result<Stored, Unput>> {
    let mut all = Vec::with_capacity(parcels.len());
    for parcels in parcels.chunks(AT_ONCE) {
        all.extend(publish_chunk(link, subject, parcels, deadline).await);
    }
    all
}

/// A parcel, and what became of it so far.
struct Way<'a> {
    parcel: &'a Parcel,
    ended: Option<Result<Stored, Unput>>,
    /// What went wrong last, where it may have been stored all the same.
    doubt: Option<Box<dyn std::error::Error + Send + Sync>>,
}

async fn publish_chunk(
    link: &Link,
    subject: &str,
    parcels: &[Parcel],
    deadline: Instant,
) -> Vec<Result<Stored, Unput>> {
    let way = |parcel| Way { parcel, ended: None, doubt: None };
    let mut ways: Vec<_> = parcels.iter().map(way).collect();
    // Later the server may have forgotten that it stored something.
    let deadline = deadline.min(Instant::now() + WINDOW - WINDOW / 8);
    let mut pause = FIRST_PAUSE;
    loop {
        let ready = link.ready(deadline).await;
        let mut refusal = ready.err();
        if refusal.is_none() {
            refusal = send(link, subject, &mut ways, deadline).await;
        }
        if ways.iter().all(|way| way.ended.is_some()) {
            break;
        }
        if refusal.is_some() || Instant::now() + pause >= deadline {
            give_up(link, &mut ways, refusal);
            break;
        }
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
    ways.into_iter().filter_map(|way| way.ended).collect()
}

/// Sends all that has not come through, and waits for the answers. Gives why nobody would take it.
async fn send(
    link: &Link,
    subject: &str,
    ways: &mut [Way<'_>],
    deadline: Instant,
) -> Option<Error> {
    let mut nobody = None;
    let mut answers: Vec<(usize, Result<PublishAckFuture, PublishError>)> = Vec::new();
    for (at, way) in ways.iter().enumerate().filter(|(_, way)| way.ended.is_none()) {
        let Parcel { id, data, headers } = way.parcel;
        let message = PublishMessage::build().headers(headers.clone());
        let message = message.payload(data.clone().into()).message_id(id);
        answers.push((at, link.jetstream.send_publish(subject.to_owned(), message).await));
    }
    for (at, answer) in answers {
        let stored = match answer {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        let way = &mut ways[at];
        let error = match stored {
            Ok(stored) => {
                way.ended = Some(Ok(stored));
                continue;
            }
            Err(error) => error,
        };
        match said(error) {
            Said::No(error) if NO_ROOM.iter().any(|words| error.to_string().contains(words)) => {
                way.ended = Some(Err(Unput::Full));
            }
            Said::Nobody if Instant::now() >= deadline => {
                nobody = Some(link.explain(ACTION, Said::Nobody));
            }
            Said::Nobody => {}
            Said::NotNow(error) => way.doubt = Some(error),
            refused => way.ended = Some(Err(Unput::Refused(link.explain(ACTION, refused)))),
        }
    }
    nobody
}

/// The time is over.
fn give_up(link: &Link, ways: &mut [Way<'_>], refusal: Option<Error>) {
    let mut refusal = refusal;
    for way in ways.iter_mut().filter(|way| way.ended.is_none()) {
        way.ended = Some(Err(match way.doubt.take() {
            Some(error) => Unput::Unknown(error),
            None => Unput::Refused(match refusal.take() {
                Some(error) => error,
                None => link.explain(ACTION, Said::Nobody),
            }),
        }));
    }
}

fn said(error: PublishError) -> Said {
    use std::error::Error as _;
    match error.kind() {
        PublishErrorKind::StreamNotFound => Said::Nobody,
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Said::NotNow(Box::new(error)),
        PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::MaxAckPending => {
            Said::Never(Box::new(error))
        }
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::Other => {
            let source =
                error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
            match source {
                Some(source) => source.clone().into(),
                None => Said::NotNow(Box::new(error)),
            }
        }
    }
}

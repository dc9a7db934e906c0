//! What goes wrong between us and a server.

use std::time::Duration;

use async_nats::client::{RequestError, RequestErrorKind};
use async_nats::jetstream::{self, ErrorCode, context};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What the server or its driver said.
#[derive(Debug)]
pub(super) enum Said {
    /// It is down, changes its leader or is too busy: another try may come through.
    NotNow(Source),
    /// Nobody listens: `JetStream` is off, or whoever it is about is gone, or comes back soon.
    Nobody,
    /// It says no, and will say it again.
    No(jetstream::Error),
    /// The driver says no.
    Never(Source),
}

impl Said {
    /// The server says that there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        let codes = [
            ErrorCode::STREAM_NOT_FOUND,
            ErrorCode::CONSUMER_NOT_FOUND,
            ErrorCode::NO_MESSAGE_FOUND,
            ErrorCode::SEQUENCE_NOT_FOUND,
        ];
        // What is behind the end of a stream, and what was deleted, had no code of its own before 2.10.
        let words = ["stream store EOF", "deleted message", "no message found"];
        matches!(self, Self::No(error) if codes.contains(&error.error_code())
            || words.iter().any(|words| error.to_string().contains(words)))
    }

    /// The server says that an equal one is there, which somebody else has made meanwhile.
    pub(super) fn is_there_already(&self) -> bool {
        let codes = [ErrorCode::STREAM_NAME_EXIST, ErrorCode::CONSUMER_ALREADY_EXISTS];
        matches!(self, Self::No(error) if codes.contains(&error.error_code()))
    }

    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::NotNow(_) | Self::Nobody)
    }

    pub(super) fn source(self) -> Source {
        match self {
            Self::NotNow(source) | Self::Never(source) => source,
            Self::Nobody => {
                "nobody answers there; check that JetStream is on (nats-server --jetstream) and \
                             that the stream and its consumer are there"
                    .into()
            }
            Self::No(error) => Box::new(error),
        }
    }
}

impl From<jetstream::Error> for Said {
    fn from(error: jetstream::Error) -> Self {
        let lasting = [
            ErrorCode::JETSTREAM_NOT_ENABLED,
            ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT,
            // Full, or a disk that takes nothing: it says so each time.
            ErrorCode::STREAM_STORE_FAILED,
        ];
        // "Service unavailable": there is no leader just now.
        if error.code() == 503 && !lasting.contains(&error.error_code()) {
            return Self::NotNow(Box::new(error));
        }
        Self::No(error)
    }
}

impl From<RequestError> for Said {
    fn from(error: RequestError) -> Self {
        match error.kind() {
            RequestErrorKind::NoResponders => Self::Nobody,
            RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                Self::Never(Box::new(error))
            }
            RequestErrorKind::TimedOut | RequestErrorKind::Other => Self::NotNow(Box::new(error)),
        }
    }
}

impl From<context::RequestError> for Said {
    fn from(error: context::RequestError) -> Self {
        match error.kind() {
            context::RequestErrorKind::NoResponders => Self::Nobody,
            _ => Self::NotNow(Box::new(error)),
        }
    }
}

/// How long an answer may take before the question is asked again.
pub(super) const ANSWER: Duration = Duration::from_secs(3);
/// The pauses between tries.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(10);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(250);

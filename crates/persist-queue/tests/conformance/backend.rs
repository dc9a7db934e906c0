//! What the checks know of a backend: the queues that it opens, whatever holds them. Items are texts throughout.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use persist_queue::sql::{Flavour, Kind, PutOptions, Status};
use persist_queue::{Error, Result, Wait};

/// Why a backend does not do what a check asks for.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The crate has no type or method for it.
    NoType,
    /// The crate refuses it, with this text.
    Refused(String),
}

pub(crate) type Opened<T> = std::result::Result<T, Missing>;

/// An error that says that the backend does not have something is a refusal. Any other one is a failure.
pub(crate) fn unless_refused<T>(result: Result<T>) -> Opened<T> {
    match result {
        Ok(value) => Ok(value),
        Err(Error::Invalid(text)) => Err(Missing::Refused(text)),
        Err(error @ (Error::DoesNotFit { .. } | Error::TooLarge { .. })) => {
            Err(Missing::Refused(error.to_string()))
        }
        Err(error) => panic!("{error}"),
    }
}

/// How a check wants a queue. What is 0 or nothing is the backend's default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) maxsize: u64,
    /// What is taken is final with `task_done`, and not at once.
    pub(crate) batch: bool,
    pub(crate) lease: Option<Duration>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) backoff: Option<Duration>,
    pub(crate) ttl: Option<Duration>,
}

/// How the transaction of a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    Rollback,
}

/// A backend: a new one is a type that implements this, and a line in `backends::reach`.
pub(crate) trait Backend: Sync {
    /// What its column in the table is called.
    fn name(&self) -> &'static str;

    /// How another process finds it: see `backends::reach`.
    fn address(&self) -> String;

    /// The queue as `any` names it.
    fn url(&self, queue: &str, flavour: Flavour) -> String;

    fn plain(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Plain>>;

    fn acks(&self, _queue: &str, _wanted: Wanted) -> Opened<Box<dyn Acks>> {
        Err(Missing::NoType)
    }

    fn tasks(&self, _queue: &str) -> Opened<Arc<dyn Tasks>> {
        Err(Missing::NoType)
    }

    fn ack_tasks(&self, _queue: &str) -> Opened<Arc<dyn AckTasks>> {
        Err(Missing::NoType)
    }

    /// Puts an item in a transaction of the program's own, that the queue did not begin. Calls `before_end` when
    /// it is put and not committed.
    fn put_in(
        &self,
        _queue: &str,
        _item: &str,
        _: End,
        _before_end: &mut dyn FnMut(),
    ) -> Opened<()> {
        Err(Missing::NoType)
    }

    /// Takes from an acknowledged queue, and in one commit acknowledges that and puts the result in another queue.
    fn pass_on(&self, _from: &str, _to: &str, _end: End) -> Opened<()> {
        Err(Missing::NoType)
    }
}

/// A queue without acknowledgements.
pub(crate) trait Plain: Send + Sync {
    /// Says whether the item was stored: a queue of unique items leaves out what waits already.
    fn put(&self, item: &str, wait: Wait) -> Result<bool>;
    fn put_with_priority(&self, _item: &str, _priority: i64) -> Opened<()> {
        Err(Missing::NoType)
    }
    fn put_many(&self, items: &[&str]) -> Result<()>;
    fn get(&self, wait: Wait) -> Result<Option<String>>;
    fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<String>>;
    fn task_done(&self) -> Result<()>;
    fn join(&self) -> Result<()>;
    fn len(&self) -> Result<u64>;
    fn is_empty(&self) -> Result<bool>;
    fn purge(&self) -> Result<u64>;
    fn close(&self) -> Result<()>;
    fn peek(&self) -> Opened<Option<String>> {
        Err(Missing::NoType)
    }
    /// Takes by iteration until nothing waits.
    fn iterate(&self) -> Opened<Vec<String>> {
        Err(Missing::NoType)
    }
}

/// A queue that keeps items until they are acknowledged.
pub(crate) trait Acks: Send + Sync {
    fn put(&self, item: &str, options: PutOptions) -> Result<bool>;
    /// Holds what it takes for `lease`, or as the queue was opened.
    fn get(&self, wait: Wait, lease: Option<Duration>) -> Result<Option<Box<dyn Held + '_>>>;
    /// Takes many in one call, and acknowledges all of them in one.
    fn get_and_ack_many(&self, most: usize) -> Result<Vec<String>>;
    fn len(&self) -> Result<u64>;
    fn count(&self, status: Status) -> Result<u64>;
    /// Removes those that are acknowledged but the latest `keep`.
    fn clear_acked(&self, _keep: u64) -> Opened<u64> {
        Err(Missing::NoType)
    }
    fn dead_letters(&self) -> Result<Vec<(i64, String)>>;
    fn requeue_dead(&self, ids: &[i64]) -> Result<u64>;
    fn drop_dead(&self, ids: &[i64]) -> Result<u64>;
    fn close(&self) -> Result<()>;
}

/// An item that was taken and is not settled. Dropped without a word it goes back.
pub(crate) trait Held {
    fn item(&self) -> &str;
    fn attempts(&self) -> u32;
    fn ack(self: Box<Self>) -> Result<String>;
    fn nack(self: Box<Self>) -> Result<()>;
    fn nack_after(self: Box<Self>, delay: Duration) -> Result<()>;
    fn nack_to_back(self: Box<Self>) -> Opened<()> {
        Err(Missing::NoType)
    }
    fn fail(self: Box<Self>) -> Result<()>;
    fn extend(&self, lease: Duration) -> Result<()>;
}

pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A queue without acknowledgements, for tasks on tokio.
pub(crate) trait Tasks: Send + Sync {
    fn put(&self, item: &str) -> Later<'_, ()>;
    fn get(&self) -> Later<'_, String>;
    fn get_timeout(&self, time: Duration) -> Later<'_, Option<String>>;
    fn len(&self) -> Later<'_, u64>;
    fn close(&self) -> Later<'_, ()>;
}

/// What becomes of an item that a task took.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Ack,
    Nack,
    Fail,
    Drop,
}

/// A queue with acknowledgements, for tasks on tokio.
pub(crate) trait AckTasks: Send + Sync {
    fn put(&self, item: &str) -> Later<'_, ()>;
    /// Takes an item and settles it; gives it and how often it was delivered.
    fn get_and(&self, fate: Fate) -> Later<'_, (String, u32)>;
    fn count(&self, status: Status) -> Result<u64>;
}

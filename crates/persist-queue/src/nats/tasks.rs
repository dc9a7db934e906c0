//! What the queues for tasks on tokio have in common.

use std::sync::Arc;

use super::put;
use super::store::NatsStore;
use crate::codec::Codec;
use crate::file::Rejected;
use crate::sql::{PutOptions, encode, encode_all};
use crate::wait::tokio::Clock;
use crate::wait::{Task, Wait};

/// The thread of the connections does all work: there is none that blocks.
pub(super) fn task() -> Task<Clock> {
    Task::new(Clock, Arc::default())
}

pub(super) async fn put_one<T, C: Codec<T>>(
    store: &NatsStore,
    codec: &C,
    item: T,
    options: PutOptions,
    wait: Wait,
) -> Result<Option<i64>, Rejected<T>> {
    let put = async {
        let put = encode(codec, &item, options)?;
        Ok(store.put(&mut task(), vec![put], wait).await?)
    };
    let put = put.await;
    put::one(item, put)
}

pub(super) async fn put_all<T, C: Codec<T>>(
    store: &NatsStore,
    codec: &C,
    items: Vec<T>,
    options: PutOptions,
    wait: Wait,
) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
    let put = async {
        let puts = encode_all(codec, &items, options)?;
        Ok(store.put(&mut task(), puts, wait).await?)
    };
    let put = put.await;
    put::many(items, put)
}

//! The driver of NATS alone: a publish that is answered, and a fetch whose acknowledgement is.

use std::pin::Pin;
use std::rc::Rc;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, Context};
use futures_core::Stream;
use tokio::runtime::{Builder, Runtime};

use crate::{ITEM, Timed};

const STREAM: &str = "persistqueue-bench-driver";

pub(crate) fn calls(url: &str) -> Vec<Timed<'static>> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let (context, consumer) = runtime.block_on(make(url));
    let theirs = Rc::clone(&runtime);
    let put = move || publish(&theirs, &context);
    let take = move || fetch(&runtime, &consumer);
    vec![Timed::new("driver: insert", put), Timed::new("driver: claim", take)]
}

async fn make(url: &str) -> (Context, PullConsumer) {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let _ = context.delete_stream(STREAM).await;
    let config = Config {
        name: STREAM.to_owned(),
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    let stream = context.create_stream(config).await.unwrap();
    let config = pull::Config { durable_name: Some("only".to_owned()), ..pull::Config::default() };
    (context, stream.create_consumer(config).await.unwrap())
}

fn publish(runtime: &Runtime, context: &Context) {
    runtime.block_on(async {
        context.publish(STREAM, ITEM.to_vec().into()).await.unwrap().await.unwrap();
    });
}

fn fetch(runtime: &Runtime, consumer: &PullConsumer) {
    runtime.block_on(async {
        let mut messages = consumer.fetch().max_messages(1).messages().await.unwrap();
        let next = std::future::poll_fn(|task| Pin::new(&mut messages).poll_next(task)).await;
        next.unwrap().unwrap().double_ack().await.unwrap();
    });
}

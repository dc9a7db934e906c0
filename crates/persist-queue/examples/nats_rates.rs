//! How many items a second go through a queue on NATS, beside the driver alone doing the same work: publish and
//! wait for the answer; ask, acknowledge and wait for the answer.
//!
//! ```sh
//! cargo run --release -p persist-queue --features nats --example nats_rates -- nats://127.0.0.1:4222 2000
//! ```
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::time::Instant;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, Context};
use persist_queue::codec::Bytes;
use persist_queue::{NatsAddress, NatsOptions, Wait};

type Outcome = Result<(), Box<dyn Error>>;

/// Many at a time.
const MANY: u32 = 100;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(url) = arguments.first() else { return Err("usage: nats_rates URL [ITEMS]".into()) };
    let count = arguments.get(1).map_or(Ok(2000), |count| count.parse())?;
    let item = vec![b'x'; 100];
    ours(url, count, &item)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drivers(url, count, &item))
}

fn say(what: &str, count: u32, begun: Instant) {
    println!("{what:44} {:8.0} /s", f64::from(count) / begun.elapsed().as_secs_f64());
}

fn ours(url: &str, count: u32, item: &[u8]) -> Outcome {
    let address = NatsAddress::from_url(url)?;
    let queue = NatsOptions::new().name("rates").open_with::<Vec<u8>, _>(&address, Bytes)?;
    queue.purge()?;
    let begun = Instant::now();
    for _ in 0..count {
        queue.put(item.to_vec())?;
    }
    say("put", count, begun);
    let begun = Instant::now();
    for _ in 0..count {
        queue.get()?;
    }
    say("get", count, begun);
    let begun = Instant::now();
    for _ in 0..count / MANY {
        queue.put_many(vec![item.to_vec(); MANY as usize], Wait::Forever)?;
    }
    say("put_many of 100", count / MANY * MANY, begun);
    let begun = Instant::now();
    let mut got = 0;
    while got < count / MANY * MANY {
        got += u32::try_from(queue.get_many(MANY as usize, Wait::Forever)?.len())?;
    }
    say("get_many of 100", got, begun);
    queue.close()?;
    Ok(())
}

async fn drivers(url: &str, count: u32, item: &[u8]) -> Outcome {
    let context: Context = jetstream::new(async_nats::connect(url).await?);
    let config = Config {
        name: "raw-rates".to_owned(),
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    let _ = context.delete_stream("raw-rates").await;
    let stream = context.create_stream(config).await?;
    let begun = Instant::now();
    for _ in 0..count {
        context.publish("raw-rates", item.to_vec().into()).await?.await?;
    }
    say("the driver: publish, wait for its answer", count, begun);
    let config = pull::Config { durable_name: Some("raw".to_owned()), ..pull::Config::default() };
    let consumer: PullConsumer = stream.create_consumer(config).await?;
    let begun = Instant::now();
    for _ in 0..count {
        let mut messages = consumer.fetch().max_messages(1).messages().await?;
        let next = std::future::poll_fn(|context| {
            futures_core::Stream::poll_next(std::pin::Pin::new(&mut messages), context)
        });
        let message = next.await.ok_or("nothing came")?.map_err(|error| error.to_string())?;
        message.double_ack().await.map_err(|error| error.to_string())?;
    }
    say("the driver: fetch one, acknowledge, wait", count, begun);
    context.delete_stream("raw-rates").await?;
    Ok(())
}

//! What can be counted of queues, as Prometheus reads it.

use persist_queue::any::{AnyView, Locator, Stats};

use super::stats::kind;

/// A name without its prefix, what it is, and what it is of a queue.
type Metric = (&'static str, &'static str, fn(&Stats) -> Option<f64>);

const METRICS: [Metric; 9] = [
    ("depth", "Items that wait", |stats| Some(count(stats.depth))),
    ("oldest_seconds", "How long the oldest of them has waited", |stats| {
        stats.oldest.map(|age| age.as_secs_f64())
    }),
    ("bytes", "Bytes on the disk", |stats| Some(count(stats.bytes))),
    ("segments", "Files of records", |stats| stats.segments.map(count)),
    ("in_flight", "Items that somebody holds", |stats| stats.in_flight.map(count)),
    ("delayed", "Items that wait for their time", |stats| stats.delayed.map(count)),
    ("acked", "Acknowledged items that are kept", |stats| stats.acked.map(count)),
    ("failed", "Items that were given up", |stats| stats.failed.map(count)),
    ("dead", "Dead letters", |stats| stats.dead.map(count)),
];

/// Numbers there are all floating.
#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 nobody counts one by one")]
fn count(number: u64) -> f64 {
    number as f64
}

/// The whole text. A queue that cannot be looked at is down.
pub(super) fn of(queues: &[Locator]) -> String {
    let looked: Vec<_> = queues
        .iter()
        .map(|queue| {
            let seen = AnyView::open(queue);
            let seen = seen.and_then(|view| Ok((kind(view.place()), view.stats()?)));
            (escaped(&queue.to_string()), seen.ok())
        })
        .collect();
    let mut lines = vec![
        "# HELP persistq_up Whether the queue can be looked at".to_owned(),
        "# TYPE persistq_up gauge".to_owned(),
    ];
    for (queue, seen) in &looked {
        lines.push(format!("persistq_up{{queue=\"{queue}\"}} {}", u8::from(seen.is_some())));
    }
    for (name, help, value) in METRICS {
        lines.push(format!("# HELP persistq_{name} {help}"));
        lines.push(format!("# TYPE persistq_{name} gauge"));
        for (queue, seen) in &looked {
            let Some((kind, stats)) = seen else { continue };
            let Some(value) = value(stats) else { continue };
            lines.push(format!("persistq_{name}{{queue=\"{queue}\",kind=\"{kind}\"}} {value}"));
        }
    }
    lines.join("\n") + "\n"
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

//! The times as JSON.

use serde_json::{Map, Value, json};

use super::Report;
use super::stage::BATCH;

pub(super) fn of(report: &Report) -> Value {
    let facts = report.machine.facts();
    let machine: Map<_, _> =
        facts.iter().map(|(name, fact)| ((*name).to_owned(), json!(fact))).collect();
    let rows: Vec<Value> = report
        .rows
        .iter()
        .map(|row| {
            json!({
                "queue": row.scene.subject.name(),
                "level": row.scene.level.name(),
                "threads": row.scene.threads,
                "operation": row.operation,
                "items": row.items,
                "median": row.median,
                "least": row.least,
                "most": row.most,
                "per_second": row.per_second(),
            })
        })
        .collect();
    json!({
        "unit": "nanoseconds an item",
        "size": report.extent.size,
        "rounds": report.extent.rounds,
        "batch": BATCH,
        "machine": machine,
        "rows": rows,
    })
}

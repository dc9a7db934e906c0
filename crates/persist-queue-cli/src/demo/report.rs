//! The table at the end.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::HumanCount;

use super::Plan;
use super::conduct::Outcome;

pub(crate) fn print(
    plan: &Plan,
    source: &str,
    outcome: &Outcome,
    out: &mut impl Write,
) -> io::Result<()> {
    let Outcome { tally, killed, .. } = outcome;
    writeln!(
        out,
        "{} lines of {source}\nthrough one queue, from {} processes to {}\n",
        HumanCount(tally.lines_in()),
        plan.shares.len(),
        plan.consumers
    )?;
    for (name, count) in [
        ("lines in", tally.lines_in()),
        ("lines acknowledged", tally.acknowledged()),
        ("lines out", tally.lines_out()),
        ("lost", tally.lost()),
        ("doubled", tally.doubled()),
        ("altered", tally.altered()),
        ("out of order", tally.out_of_order()),
        ("puts per second", per_second(tally.lines_in(), outcome.putting)),
        ("gets per second", per_second(tally.lines_out(), outcome.taking)),
    ] {
        writeln!(out, "  {name:<20}{:>12}", HumanCount(count).to_string())?;
    }
    writeln!(
        out,
        "\nProducer {} was killed (SIGKILL) after {} of its {} puts, {} of which it had told of;\n\
         another process went on from there.",
        killed.pid,
        HumanCount(killed.stored),
        HumanCount(plan.shares.first().map_or(0, |share| share.end - share.start)),
        HumanCount(killed.told),
    )?;
    if tally.is_sound() {
        writeln!(out, "Every line came out once, whole and in order.")?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a rate for people to read")]
fn per_second(count: u64, time: Duration) -> u64 {
    if time.is_zero() { 0 } else { (count as f64 / time.as_secs_f64()) as u64 }
}

//! The rounds, and what they come to.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Extent;
use super::scene::Scene;
use super::stage::{Stage, Timed};
use crate::failure::{Exit, Failure, Result};

/// One operation of a scene. The times are nanoseconds an item.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) scene: Scene,
    pub(super) operation: &'static str,
    /// In all rounds.
    pub(super) items: u64,
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Row {
    /// None where the rounds have no times of it.
    fn of(scene: Scene, rounds: &[Timed]) -> Option<Self> {
        let first = rounds.first()?;
        let mut times: Vec<f64> = rounds.iter().map(an_item).collect();
        times.sort_by(f64::total_cmp);
        Some(Self {
            scene,
            operation: first.operation,
            items: rounds.iter().map(|timed| timed.items).sum(),
            median: median(&times)?,
            least: *times.first()?,
            most: *times.last()?,
        })
    }

    pub(super) fn per_second(&self) -> f64 {
        1e9 / self.median
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody waits for 2^53 items")]
fn an_item(timed: &Timed) -> f64 {
    // A clock that has not moved would say that it took no time at all.
    timed.time.max(Duration::from_nanos(1)).as_secs_f64() * 1e9 / timed.items as f64
}

/// Of sorted times.
fn median(times: &[f64]) -> Option<f64> {
    let middle = times.len() / 2;
    let upper = times.get(middle)?;
    let lower = if times.len().is_multiple_of(2) { times.get(middle - 1)? } else { upper };
    Some(f64::midpoint(*lower, *upper))
}

/// Plays the scenes in turn, each time beginning with another one, so that none has all the good moments of
/// the machine.
pub(super) fn measure(
    scenes: &[Scene],
    extent: Extent,
    folder: &Path,
    end: &OnceLock<Exit>,
) -> Result<Vec<Row>> {
    let rounds = extent.rounds as usize;
    let bar = ProgressBar::new(extent.rounds * scenes.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {msg}").map_err(Failure::failed)?);
    // For each scene, for each of its operations, a time of each round.
    let mut played: Vec<Vec<Vec<Timed>>> = scenes.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        let order = (0..scenes.len()).map(|turn| (turn + round) % scenes.len());
        for at in order {
            let (Some(scene), Some(played)) = (scenes.get(at), played.get_mut(at)) else {
                continue;
            };
            bar.set_message(format!("{} {}", scene.subject.name(), scene.level.name()));
            for (operation, timed) in play(*scene, extent, folder, end)?.into_iter().enumerate() {
                match played.get_mut(operation) {
                    Some(rounds) => rounds.push(timed),
                    None => played.push(vec![timed]),
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let rows = scenes.iter().zip(&played).flat_map(|(scene, operations)| {
        operations.iter().filter_map(|rounds| Row::of(*scene, rounds))
    });
    Ok(rows.collect())
}

/// Plays a scene in a folder of its own, and gives the times of its operations in their order.
fn play(scene: Scene, extent: Extent, folder: &Path, end: &OnceLock<Exit>) -> Result<Vec<Timed>> {
    let failed = |error| Failure::failed(format!("cannot use {}: {error}", folder.display()));
    let folder = tempfile::tempdir_in(folder).map_err(failed)?;
    let stage = Stage {
        folder: folder.path(),
        extent,
        threads: scene.threads as usize,
        is_fast: scene.is_fast(),
        end,
        timed: Mutex::new(Vec::new()),
    };
    scene.play(&stage)?;
    let timed = stage.timed.into_inner().unwrap_or_else(PoisonError::into_inner);
    folder.close().map_err(|error| Failure::failed(format!("cannot clear the folder: {error}")))?;
    Ok(timed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[1.0, 2.0, 30.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 30.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }
}

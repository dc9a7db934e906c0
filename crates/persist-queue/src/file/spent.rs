//! Removing segments that are wholly finished.

use super::log::{Log, State};
use super::segment;

/// How many segments are told without a look into the folder.
const GAP: u64 = 1024;

impl Log {
    /// Lets go of the segments in front of the tail: at once where nobody asked for more than
    /// surviving a dead process, else when the tail behind them is durable.
    pub(super) fn retire(&self, state: &mut State) {
        let tail = state.tail().segment;
        if state.oldest >= tail {
            return;
        }
        let spent = self.between(state.oldest, tail);
        state.oldest = tail;
        // Its room is free only when nobody has it open.
        state.marked = state.marked.take().filter(|marked| marked.segment().number >= tail);
        state.dirty.spent.extend(spent);
        if !state.dirty.is_pending() {
            let spent = std::mem::take(&mut state.dirty.spent);
            self.remove_spent(state, spent);
        }
    }

    /// The segments from `oldest` on, in front of `tail`.
    fn between(&self, oldest: u64, tail: u64) -> Vec<u64> {
        if tail - oldest <= GAP {
            return (oldest..tail).collect();
        }
        // Only a damaged folder has so many, or such numbers. Where it cannot be listed they stay, which costs
        // space.
        let numbers = segment::numbers(&*self.storage, &self.dir).unwrap_or_default();
        numbers.into_iter().filter(|number| (oldest..tail).contains(number)).collect()
    }

    pub(super) fn remove_spent(&self, state: &mut State, spent: Vec<u64>) {
        for number in spent {
            let path = self.dir.join(segment::name(number));
            let removed = if state.keep.remove(&number) {
                let aside = self.dir.join(format!("damaged-{}", segment::name(number)));
                self.storage.rename(&path, &aside)
            } else {
                self.storage.remove(&path)
            };
            if let Err(error) = removed
                && error.kind() != std::io::ErrorKind::NotFound
            {
                // It costs space, not items; the next opening tries again.
                tracing::warn!(%error, path = %path.display(), "cannot remove a spent segment");
            }
        }
    }
}

//! The records between the tail and the cursor: which are in flight, with whom, and which are
//! finished though an older one is not.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::control::Position;

/// Who took a record: an open queue object, and a thread (or green thread) of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) handle: u64,
    pub(super) thread: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Given back: to be delivered again, before everything behind the cursor.
    Waiting,
    InFlight,
    /// In flight for ever: its bytes could not be deserialized. Comes back on reopening.
    SetAside,
    Finished,
}

/// A [`Position`] and a state in 24 bytes: as many of these are kept as items are in flight.
#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: u64,
    offset: u64,
    /// The segment's number, and the state in the lowest bits.
    place: u64,
}

impl Entry {
    const STATE_BITS: u32 = 2;

    fn new(at: Position, state: State) -> Self {
        let place = at.segment << Self::STATE_BITS | state as u64;
        Self { sequence: at.sequence, offset: at.offset, place }
    }

    fn at(&self) -> Position {
        let segment = self.place >> Self::STATE_BITS;
        Position { segment, offset: self.offset, sequence: self.sequence }
    }

    fn is_finished(&self) -> bool {
        self.place & 3 == State::Finished as u64
    }

    /// Says whether it was finished before.
    fn set(&mut self, state: State) -> bool {
        let was = self.is_finished();
        self.place = self.place & !3 | state as u64;
        was
    }
}

#[derive(Debug)]
struct Holding {
    owner: Owner,
    /// Records that are finished the moment they are deserialized, and cannot be taken over.
    autosave: bool,
    /// In order.
    held: Held,
}

/// Sequence numbers, in order.
pub(super) type Held = VecDeque<Range<u64>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Entry>,
    waiting: BTreeSet<u64>,
    /// How many of the entries are finished.
    finished: u64,
    holdings: Vec<Holding>,
}

/// Finished records for which a mark must be written, since an older one is not finished.
pub(super) type Marks = Vec<Position>;

impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many records were given back and wait.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// How many records are in flight, other than with `handle`.
    pub(super) fn held_by_others(&self, handle: u64) -> u64 {
        let others = self.holdings.iter().filter(|holding| holding.owner.handle != handle);
        others.flat_map(|holding| &holding.held).map(|held| held.end - held.start).sum()
    }

    pub(super) fn holds(&self, owner: Owner, sequence: u64) -> bool {
        let own = self.holdings.iter().filter(|holding| holding.owner == owner);
        own.flat_map(|holding| &holding.held).any(|held| held.contains(&sequence))
    }

    /// The oldest record that `handle` would take over, where it is older than all that wait.
    pub(super) fn first_to_take_over(&self, handle: u64) -> Option<Position> {
        let others = self.holdings.iter();
        let others = others.filter(|holding| holding.owner.handle != handle && !holding.autosave);
        let oldest = others.filter_map(|holding| Some(holding.held.front()?.start)).min()?;
        if self.waiting.first().is_some_and(|waiting| *waiting < oldest) {
            return None;
        }
        self.index(oldest).map(|index| self.entries[index].at())
    }

    /// Adds the record behind the last one, as taken.
    pub(super) fn push_taken(&mut self, at: Position, owner: Owner, autosave: bool) {
        self.entries.push_back(Entry::new(at, State::InFlight));
        self.hold(at.sequence, owner, autosave);
    }

    /// Adds the record behind the last one, as one that this process cannot deserialize.
    pub(super) fn push_aside(&mut self, at: Position) {
        self.entries.push_back(Entry::new(at, State::SetAside));
    }

    /// Adds the record behind the last one, as one that has its mark already. Nothing needs to be
    /// known of it where nothing older is unfinished.
    pub(super) fn push_finished(&mut self, at: Position) {
        if !self.is_empty() {
            self.entries.push_back(Entry::new(at, State::Finished));
            self.finished += 1;
        }
    }

    /// The oldest record that was given back.
    pub(super) fn first_waiting(&self) -> Option<Position> {
        let sequence = self.waiting.first()?;
        self.index(*sequence).map(|index| self.entries[index].at())
    }

    /// Takes a record that was given back.
    pub(super) fn take_waiting(&mut self, sequence: u64, owner: Owner, autosave: bool) {
        self.waiting.remove(&sequence);
        self.set(sequence, State::InFlight);
        self.hold(sequence, owner, autosave);
    }

    /// Drops a record that was given back and turned out to be damaged.
    pub(super) fn lose_waiting(&mut self, sequence: u64) {
        self.waiting.remove(&sequence);
        if let Some(index) = self.index(sequence) {
            self.entries.remove(index);
        }
    }

    fn hold(&mut self, sequence: u64, owner: Owner, autosave: bool) {
        let same = |holding: &Holding| holding.owner == owner;
        let index = self.holdings.iter().position(same).unwrap_or_else(|| {
            self.holdings.retain(|holding| !holding.held.is_empty());
            self.holdings.push(Holding { owner, autosave, held: Held::new() });
            self.holdings.len() - 1
        });
        insert(&mut self.holdings[index].held, sequence);
    }

    /// Takes from `owner` all that it holds; where it holds nothing, the oldest record in flight
    /// with the same handle, as from somebody who finishes what others took.
    pub(super) fn release_all(&mut self, owner: Owner) -> Option<(Owner, Held)> {
        let own = |holding: &&mut Holding| holding.owner == owner && !holding.held.is_empty();
        if let Some(holding) = self.holdings.iter_mut().find(own) {
            return Some((owner, std::mem::take(&mut holding.held)));
        }
        let oldest = self
            .holdings
            .iter_mut()
            .filter(|holding| holding.owner.handle == owner.handle && !holding.autosave)
            .filter_map(|holding| Some((holding.held.front()?.start, holding)))
            .min_by_key(|(sequence, _)| *sequence);
        let (sequence, holding) = oldest?;
        remove(&mut holding.held, sequence);
        Some((holding.owner, one(sequence)))
    }

    /// Takes one record from `owner`.
    pub(super) fn release_one(&mut self, owner: Owner, sequence: u64) {
        if let Some(holding) = self.holdings.iter_mut().find(|holding| holding.owner == owner) {
            remove(&mut holding.held, sequence);
        }
    }

    /// Gives records back to the owner that they were released from.
    pub(super) fn hold_again(&mut self, owner: Owner, ranges: &Held) {
        for range in ranges {
            for sequence in range.clone() {
                self.set(sequence, State::InFlight);
                self.hold(sequence, owner, false);
            }
        }
    }

    /// Puts a record aside for as long as the queue is open.
    pub(super) fn set_aside(&mut self, owner: Owner, sequence: u64) {
        self.release_one(owner, sequence);
        self.set(sequence, State::SetAside);
    }

    /// Has a record delivered again that was put aside.
    pub(super) fn retry_set_aside(&mut self, sequence: u64) {
        let entry = self.index(sequence).map(|index| self.entries[index]);
        if entry.is_some_and(|entry| entry.place & 3 == State::SetAside as u64) {
            self.set(sequence, State::Waiting);
            self.waiting.insert(sequence);
        }
    }

    /// Gives a record back, to be delivered again in its place.
    pub(super) fn give_back(&mut self, owner: Owner, sequence: u64) {
        self.release_one(owner, sequence);
        self.set(sequence, State::Waiting);
        self.waiting.insert(sequence);
    }

    /// Gives back what is in flight with the handles that `which` names.
    pub(super) fn give_back_all(&mut self, which: impl Fn(u64) -> bool) {
        let mut given = Held::new();
        for holding in &mut self.holdings {
            if which(holding.owner.handle) && !holding.autosave {
                given.append(&mut holding.held);
            }
        }
        for sequence in given.into_iter().flatten() {
            self.set(sequence, State::Waiting);
            self.waiting.insert(sequence);
        }
    }

    /// Gives up the account of everything, where all that is not finished is to be delivered again.
    /// Says how many of the records were finished.
    pub(super) fn forget(&mut self) -> u64 {
        std::mem::take(self).finished
    }

    /// Marks released records as finished. Gives those that now need a mark on the disk.
    pub(super) fn finish(&mut self, ranges: &Held) -> Marks {
        for sequence in ranges.iter().cloned().flatten() {
            self.set(sequence, State::Finished);
        }
        let tail = self.entries.iter().find(|entry| !entry.is_finished());
        let Some(tail) = tail.map(|entry| entry.sequence) else { return Vec::new() };
        let behind = ranges.iter().cloned().flatten().filter(|sequence| *sequence > tail);
        behind.filter_map(|sequence| Some(self.entries[self.index(sequence)?].at())).collect()
    }

    /// Takes [`Window::finish`] back: the records are with nobody, in flight.
    pub(super) fn unfinish(&mut self, ranges: &Held) {
        for sequence in ranges.iter().cloned().flatten() {
            self.set(sequence, State::InFlight);
        }
    }

    /// The first record that is not finished.
    pub(super) fn tail(&self) -> Option<Position> {
        self.entries.iter().find(|entry| !entry.is_finished()).map(Entry::at)
    }

    /// Drops the finished records at the front.
    pub(super) fn trim(&mut self) {
        while self.entries.front().is_some_and(Entry::is_finished) {
            self.entries.pop_front();
            self.finished -= 1;
        }
    }

    /// How many records in here are not finished.
    pub(super) fn unfinished(&self) -> u64 {
        self.entries.len() as u64 - self.finished
    }

    fn set(&mut self, sequence: u64, state: State) {
        if let Some(index) = self.index(sequence) {
            self.finished -= u64::from(self.entries[index].set(state));
            self.finished += u64::from(state == State::Finished);
        }
    }

    /// Sequence numbers are without gaps but for damage, so the guess is almost always right.
    fn index(&self, sequence: u64) -> Option<usize> {
        let first = self.entries.front()?.sequence;
        let guess = usize::try_from(sequence.checked_sub(first)?).ok()?;
        if self.entries.get(guess).is_some_and(|entry| entry.sequence == sequence) {
            return Some(guess);
        }
        self.entries.binary_search_by_key(&sequence, |entry| entry.sequence).ok()
    }
}

/// A range of one number.
fn one(number: u64) -> Held {
    let mut held = Held::with_capacity(1);
    held.push_back(number..number + 1);
    held
}

/// Adds one number to ordered ranges.
fn insert(ranges: &mut Held, number: u64) {
    match ranges.back_mut() {
        Some(last) if last.end == number => last.end += 1,
        Some(last) if last.end > number => {
            let index = ranges.partition_point(|range| range.start < number);
            ranges.insert(index, number..number + 1);
        }
        _ => ranges.push_back(number..number + 1),
    }
}

/// Takes one number out of ordered ranges.
fn remove(ranges: &mut Held, number: u64) {
    let index = ranges.partition_point(|range| range.end <= number);
    let Some(range) = ranges.get(index).filter(|range| range.contains(&number)).cloned() else {
        return;
    };
    match (range.start == number, range.end == number + 1) {
        (true, true) => drop(ranges.remove(index)),
        (true, false) => ranges[index].start += 1,
        (false, true) => ranges[index].end -= 1,
        (false, false) => {
            ranges[index].end = number;
            ranges.insert(index + 1, number + 1..range.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Owner = Owner { handle: 1, thread: 1 };
    const BOB: Owner = Owner { handle: 1, thread: 2 };
    const EVE: Owner = Owner { handle: 1, thread: 3 };

    fn at(sequence: u64) -> Position {
        Position { segment: 0, offset: sequence * 32, sequence }
    }

    fn window(takers: &[Owner]) -> Window {
        let mut window = Window::default();
        for (sequence, owner) in (0..).zip(takers) {
            window.push_taken(at(sequence), *owner, false);
        }
        window
    }

    #[test]
    fn what_another_thread_holds_keeps_the_tail() {
        let mut window = window(&[ANN, BOB, BOB]);
        let (owner, ranges) = window.release_all(BOB).unwrap();
        assert_eq!((owner, window.finish(&ranges)), (BOB, vec![at(1), at(2)]));
        assert_eq!(window.tail(), Some(at(0)));
        let (_, ranges) = window.release_all(ANN).unwrap();
        assert_eq!(window.finish(&ranges), vec![]);
        assert_eq!(window.tail(), None);
    }

    #[test]
    fn somebody_who_holds_nothing_finishes_the_oldest() {
        let mut window = window(&[BOB, ANN, BOB]);
        let oldest: Vec<_> =
            (0..3).map(|_| window.release_all(EVE).unwrap().1.front().unwrap().start).collect();
        assert_eq!(oldest, [0, 1, 2]);
        assert_eq!(window.release_all(EVE), None);
    }

    #[test]
    fn ranges_stay_ordered_and_exact() {
        let mut ranges = Held::new();
        for number in [5, 6, 7, 3, 9, 4] {
            insert(&mut ranges, number);
        }
        remove(&mut ranges, 6);
        remove(&mut ranges, 42);
        let numbers: Vec<u64> = ranges.iter().cloned().flatten().collect();
        assert_eq!(numbers, [3, 4, 5, 7, 9]);
    }
}

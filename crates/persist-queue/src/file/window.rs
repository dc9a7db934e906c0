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

/// Where a record is in its segment, and its state, in 8 bytes: as many of these are kept as items
/// are in flight. A [`Run`] knows the rest.
#[derive(Debug, Clone, Copy)]
struct Entry(u64);

impl Entry {
    const STATE_BITS: u32 = 2;

    fn new(offset: u64, state: State) -> Self {
        Self(offset << Self::STATE_BITS | state as u64)
    }

    fn offset(self) -> u64 {
        self.0 >> Self::STATE_BITS
    }

    fn is(self, state: State) -> bool {
        self.0 & 3 == state as u64
    }
}

/// Records of one segment that follow each other without a gap, up to the next run.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// How many entries there ever were before it.
    start: u64,
    segment: u64,
    /// The sequence number of its first record.
    sequence: u64,
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
    /// How many entries were dropped at the front.
    dropped: u64,
    runs: VecDeque<Run>,
    /// The segment and the sequence number of a record that goes on with the last run.
    next: Option<(u64, u64)>,
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
        self.find(oldest)
    }

    fn push(&mut self, at: Position, state: State) {
        if self.next != Some((at.segment, at.sequence)) {
            self.begin_run(at);
        }
        self.next = Some((at.segment, at.sequence + 1));
        self.entries.push_back(Entry::new(at.offset, state));
    }

    #[cold]
    fn begin_run(&mut self, at: Position) {
        if self.entries.is_empty() {
            self.runs.clear();
        }
        let start = self.dropped + self.entries.len() as u64;
        self.runs.push_back(Run { start, segment: at.segment, sequence: at.sequence });
    }

    /// Adds the record behind the last one, as taken.
    #[inline]
    pub(super) fn push_taken(&mut self, at: Position, owner: Owner, autosave: bool) {
        self.push(at, State::InFlight);
        self.hold(at.sequence, owner, autosave);
    }

    /// Adds the record behind the last one, as one that this process cannot deserialize.
    pub(super) fn push_aside(&mut self, at: Position) {
        self.push(at, State::SetAside);
    }

    /// Adds the record behind the last one, as one that has its mark already. Nothing needs to be
    /// known of it where nothing older is unfinished.
    pub(super) fn push_finished(&mut self, at: Position) {
        if !self.is_empty() {
            self.push(at, State::Finished);
            self.finished += 1;
        }
    }

    /// The oldest record that was given back.
    pub(super) fn first_waiting(&self) -> Option<Position> {
        self.find(*self.waiting.first()?)
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
            self.remove(index);
        }
    }

    #[inline]
    fn hold(&mut self, sequence: u64, owner: Owner, autosave: bool) {
        match self.holdings.iter_mut().find(|holding| holding.owner == owner) {
            Some(holding) => insert(&mut holding.held, sequence),
            None => self.hold_first(sequence, owner, autosave),
        }
    }

    #[cold]
    fn hold_first(&mut self, sequence: u64, owner: Owner, autosave: bool) {
        self.holdings.retain(|holding| !holding.held.is_empty());
        self.holdings.push(Holding { owner, autosave, held: one(sequence) });
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
        if entry.is_some_and(|entry| entry.is(State::SetAside)) {
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

    /// Finishes a record that is with `owner` where it is the only one in here, as it is with almost
    /// every one that is final when it is delivered. Gives its place.
    pub(super) fn finish_only(&mut self, owner: Owner, sequence: u64) -> Option<Position> {
        if self.entries.len() != 1 {
            return None;
        }
        let at = self.at(0);
        let holding = self.holdings.iter_mut().find(|holding| holding.owner == owner)?;
        if at.sequence != sequence || holding.held.pop_front().is_none() {
            return None;
        }
        self.entries.clear();
        self.dropped += 1;
        Some(at)
    }

    /// Takes [`Window::finish_only`] back: the record waits to be delivered again.
    pub(super) fn unfinish_only(&mut self, at: Position) {
        self.dropped -= 1;
        self.entries.push_back(Entry::new(at.offset, State::Waiting));
        self.waiting.insert(at.sequence);
    }

    /// Marks released records as finished. Gives those that now need a mark on the disk.
    pub(super) fn finish(&mut self, ranges: &Held) -> Marks {
        for sequence in ranges.iter().cloned().flatten() {
            self.set(sequence, State::Finished);
        }
        let Some(tail) = self.tail() else { return Vec::new() };
        let behind = ranges.iter().cloned().flatten().filter(|sequence| *sequence > tail.sequence);
        behind.filter_map(|sequence| self.find(sequence)).collect()
    }

    /// Takes [`Window::finish`] back: the records are with nobody, in flight.
    pub(super) fn unfinish(&mut self, ranges: &Held) {
        for sequence in ranges.iter().cloned().flatten() {
            self.set(sequence, State::InFlight);
        }
    }

    /// The first record that is not finished.
    pub(super) fn tail(&self) -> Option<Position> {
        let first = self.entries.iter().position(|entry| !entry.is(State::Finished))?;
        Some(self.at(first))
    }

    /// Drops the finished records at the front.
    pub(super) fn trim(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.is(State::Finished)) {
            self.entries.pop_front();
            self.dropped += 1;
            self.finished -= 1;
        }
        while self.runs.get(1).is_some_and(|second| second.start <= self.dropped) {
            self.runs.pop_front();
        }
    }

    /// How many records in here are not finished.
    pub(super) fn unfinished(&self) -> u64 {
        self.entries.len() as u64 - self.finished
    }

    fn set(&mut self, sequence: u64, state: State) {
        if let Some(index) = self.index(sequence) {
            let entry = &mut self.entries[index];
            self.finished -= u64::from(entry.is(State::Finished));
            self.finished += u64::from(state == State::Finished);
            *entry = Entry::new(entry.offset(), state);
        }
    }

    pub(super) fn find(&self, sequence: u64) -> Option<Position> {
        self.index(sequence).map(|index| self.at(index))
    }

    fn at(&self, index: usize) -> Position {
        let number = self.dropped + index as u64;
        let run = self.runs[self.runs.partition_point(|run| run.start <= number) - 1];
        let sequence = run.sequence + (number - run.start);
        Position { segment: run.segment, offset: self.entries[index].offset(), sequence }
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        let behind = self.runs.partition_point(|run| run.sequence <= sequence);
        let run = self.runs.get(behind.checked_sub(1)?)?;
        let number = run.start + (sequence - run.sequence);
        let index = usize::try_from(number.checked_sub(self.dropped)?).ok()?;
        let end = self.runs.get(behind).map(|next| next.start);
        (index < self.entries.len() && end.is_none_or(|end| number < end)).then_some(index)
    }

    /// Takes an entry out, which parts its run in two.
    fn remove(&mut self, index: usize) {
        let Position { segment, sequence, .. } = self.at(index);
        let number = self.dropped + index as u64;
        self.entries.remove(index);
        let behind = self.runs.partition_point(|run| run.start <= number);
        self.runs.range_mut(behind..).for_each(|run| run.start -= 1);
        self.runs.insert(behind, Run { start: number, segment, sequence: sequence + 1 });
    }
}

/// A range of one number.
fn one(number: u64) -> Held {
    let mut held = Held::with_capacity(1);
    held.push_back(number..number + 1);
    held
}

/// Adds one number to ordered ranges.
#[inline]
fn insert(ranges: &mut Held, number: u64) {
    match ranges.back_mut() {
        Some(last) if last.end == number => last.end += 1,
        _ => insert_apart(ranges, number),
    }
}

#[cold]
fn insert_apart(ranges: &mut Held, number: u64) {
    match ranges.back() {
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
    fn the_only_record_is_finished_by_its_owner_alone_and_comes_back_after_a_failure() {
        let mut only = window(&[ANN]);
        assert_eq!(only.finish_only(BOB, 0), None);
        assert_eq!(only.finish_only(ANN, 1), None);
        assert_eq!(only.finish_only(ANN, 0), Some(at(0)));
        assert_eq!((only.is_empty(), only.tail(), only.unfinished()), (true, None, 0));
        assert_eq!(only.finish_only(ANN, 0), None);

        only.unfinish_only(at(0));
        assert_eq!((only.first_waiting(), only.waiting()), (Some(at(0)), 1));
        assert_eq!(only.finish_only(ANN, 0), None, "it is with nobody");
        only.take_waiting(0, BOB, true);
        assert_eq!(only.finish_only(BOB, 0), Some(at(0)));
        only.push_taken(at(1), ANN, true);
        assert_eq!(only.tail(), Some(at(1)));

        let mut two = window(&[ANN, ANN]);
        assert_eq!(two.finish_only(ANN, 0), None, "the other one keeps the tail");
    }

    #[test]
    fn somebody_who_holds_nothing_finishes_the_oldest() {
        let mut window = window(&[BOB, ANN, BOB]);
        let oldest: Vec<_> =
            (0..3).map(|_| window.release_all(EVE).unwrap().1.front().unwrap().start).collect();
        assert_eq!(oldest, [0, 1, 2]);
        assert_eq!(window.release_all(EVE), None);
    }

    fn place(segment: u64, offset: u64, sequence: u64) -> Position {
        Position { segment, offset, sequence }
    }

    #[test]
    fn places_come_back_across_segments_and_gaps() {
        let places = [
            place(3, 128, 7),
            place(3, 160, 8),
            place(3, 224, 11),
            place(3, 256, 12),
            place(4, 128, 13),
            place(6, 128, 14),
        ];
        let mut window = Window::default();
        for at in places {
            window.push_taken(at, ANN, false);
        }
        let found = |window: &Window| (0..20).filter_map(|at| window.find(at)).collect::<Vec<_>>();
        for done in 0..places.len() {
            assert_eq!(found(&window), places[done..]);
            assert_eq!(window.tail(), Some(places[done]));
            window.release_one(ANN, places[done].sequence);
            window.finish(&one(places[done].sequence));
            window.trim();
        }
        assert_eq!((window.tail(), window.is_empty()), (None, true));
        window.push_taken(place(6, 160, 15), ANN, false);
        assert_eq!(found(&window), [place(6, 160, 15)]);
    }

    #[test]
    fn a_lost_record_leaves_the_others_in_their_places() {
        for lost in 0..5 {
            let mut window = window(&[ANN; 5]);
            window.give_back(ANN, lost);
            window.lose_waiting(lost);
            window.trim();
            window.push_taken(at(5), ANN, false);
            let left = (0..6).filter(|sequence| *sequence != lost).map(at).collect::<Vec<_>>();
            let found = (0..9).filter_map(|sequence| window.find(sequence)).collect::<Vec<_>>();
            assert_eq!(found, left, "without {lost}");
            assert_eq!(window.unfinished(), 5);
        }
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

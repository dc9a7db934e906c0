//! Which lines were put and which came out.

use std::ops::Range;

/// Counts every line of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    shares: Vec<Range<u64>>,
    /// How often each line came out.
    out: Vec<u8>,
    acknowledged: Vec<bool>,
    /// For each consumer and share, the line that must come next at the earliest.
    next: Vec<Vec<u64>>,
    out_of_order: u64,
    altered: u64,
}

impl Tally {
    pub(crate) fn new(shares: &[Range<u64>], consumers: usize) -> Self {
        let lines = shares.last().map_or(0, |share| share.end) as usize;
        Self {
            shares: shares.to_vec(),
            out: vec![0; lines],
            acknowledged: vec![false; lines],
            next: vec![vec![0; shares.len()]; consumers],
            out_of_order: 0,
            altered: 0,
        }
    }

    /// The puts of these lines have returned.
    pub(crate) fn acknowledge(&mut self, lines: Range<u64>) {
        for line in lines {
            if let Some(acknowledged) = self.acknowledged.get_mut(line as usize) {
                *acknowledged = true;
            }
        }
    }

    /// A consumer took this line, after those that it was said to take before.
    pub(crate) fn take(&mut self, consumer: usize, line: u64) {
        let Some(share) = self.shares.iter().position(|share| share.contains(&line)) else {
            // A line that nobody put.
            self.altered += 1;
            return;
        };
        self.out[line as usize] = self.out[line as usize].saturating_add(1);
        let next = &mut self.next[consumer][share];
        if line < *next {
            self.out_of_order += 1;
        }
        *next = line + 1;
    }

    /// A line came out with another text.
    pub(crate) fn alter(&mut self) {
        self.altered += 1;
    }

    /// The first line of a share that has not come out.
    pub(crate) fn first_missing(&self, share: &Range<u64>) -> u64 {
        share.clone().find(|line| self.out[*line as usize] == 0).unwrap_or(share.end)
    }

    pub(crate) fn lines_in(&self) -> u64 {
        self.out.len() as u64
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.iter().filter(|acknowledged| **acknowledged).count() as u64
    }

    pub(crate) fn lines_out(&self) -> u64 {
        self.lines_in() - self.lost()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.out.iter().map(|times| u64::from(*times == 0)).sum()
    }

    pub(crate) fn doubled(&self) -> u64 {
        self.out.iter().map(|times| u64::from(times.saturating_sub(1))).sum()
    }

    pub(crate) fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    pub(crate) fn altered(&self) -> u64 {
        self.altered
    }

    /// Whether every line came out once, as it was put, in order.
    pub(crate) fn is_sound(&self) -> bool {
        self.lost() + self.doubled() + self.out_of_order + self.altered == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally::new(&[0..3, 3..6], 2)
    }

    #[test]
    fn lines_that_come_out_once_and_in_order_are_sound() {
        let mut tally = tally();
        for (consumer, line) in [(0, 0), (1, 3), (0, 2), (1, 1), (1, 4), (0, 5)] {
            tally.take(consumer, line);
        }
        assert!(tally.is_sound(), "{tally:?}");
        assert_eq!(tally.lines_out(), 6);
    }

    #[test]
    fn a_line_that_does_not_come_out_is_lost() {
        let mut tally = tally();
        for line in [0, 1, 3, 4, 5] {
            tally.take(0, line);
        }
        assert!(!tally.is_sound());
        assert_eq!((tally.lost(), tally.lines_out()), (1, 5));
        assert_eq!(tally.first_missing(&(0..3)), 2);
        assert_eq!(tally.first_missing(&(3..6)), 6);
    }

    #[test]
    fn a_line_that_comes_out_twice_is_doubled() {
        let mut tally = tally();
        for (consumer, line) in [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 4)] {
            tally.take(consumer, line);
        }
        assert!(!tally.is_sound());
        assert_eq!((tally.doubled(), tally.out_of_order()), (1, 0));
    }

    #[test]
    fn one_consumer_gets_one_producers_lines_in_order() {
        let mut tally = tally();
        for (consumer, line) in [(0, 1), (0, 3), (0, 0), (0, 2), (0, 4), (0, 5)] {
            tally.take(consumer, line);
        }
        assert!(!tally.is_sound());
        assert_eq!(tally.out_of_order(), 1);
    }

    #[test]
    fn a_line_that_nobody_put_is_noticed() {
        let mut tally = tally();
        tally.take(0, 6);
        assert_eq!(tally.altered(), 1);
    }

    #[test]
    fn acknowledged_lines_are_counted_once() {
        let mut tally = tally();
        tally.acknowledge(0..2);
        tally.acknowledge(1..3);
        assert_eq!(tally.acknowledged(), 3);
    }
}

//! Waiting a little before a flush, so that those whose last one has just ended share this one too. Without it the
//! first of them flushes for himself, and the others wait for that and for the next.

use std::time::{Duration, Instant};

/// How long at most: longer than it takes threads to wake.
const MOST: Duration = Duration::from_micros(100);
/// After how many vain attempts in a row it is not tried more seldom: once in two to the power of this.
const MOST_VAIN: u32 = 7;

/// What the flushes before tell of the next one.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Gathering {
    /// How long the last flush took.
    took: Duration,
    /// How many operations it covered, or came while it ran: as many threads as put one behind the other.
    crowd: u64,
    /// So many attempts in a row were vain: nobody came back so soon.
    vain: u32,
    /// So many flushes begin at once now.
    skip: u32,
}

impl Gathering {
    /// Waits until `come` says that as many operations came as before, for at most half as long as a flush takes.
    pub(super) fn wait(&mut self, come: impl Fn() -> u64) {
        let most = MOST.min(self.took / 2);
        let mut began = None;
        self.wait_until(come, || began.get_or_insert_with(Instant::now).elapsed() >= most);
    }

    fn wait_until(&mut self, come: impl Fn() -> u64, mut is_over: impl FnMut() -> bool) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if come() >= self.crowd {
            return;
        }
        while !is_over() {
            std::thread::yield_now();
            if come() >= self.crowd {
                self.vain = 0;
                return;
            }
        }
        self.vain = (self.vain + 1).min(MOST_VAIN);
        self.skip = (1 << self.vain) - 1;
    }

    /// Notes a flush.
    pub(super) fn note(&mut self, took: Duration, crowd: u64) {
        self.took = took;
        self.crowd = crowd;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn after_a_flush_of_four() -> Gathering {
        let mut gathering = Gathering::default();
        gathering.note(Duration::from_micros(60), 4);
        gathering
    }

    #[test]
    fn it_waits_for_as_many_as_before() {
        let (mut gathering, looks) = (after_a_flush_of_four(), Cell::new(0));
        let come = || {
            looks.set(looks.get() + 1);
            looks.get()
        };
        gathering.wait_until(come, || false);
        assert_eq!((looks.get(), gathering.vain), (4, 0));
    }

    #[test]
    fn it_does_not_wait_for_longer_than_half_a_flush() {
        let mut gathering = after_a_flush_of_four();
        gathering.wait(|| 3);
        assert_eq!(gathering.vain, 1);
    }

    #[test]
    fn one_thread_alone_never_waits() {
        let mut gathering = Gathering::default();
        let never = || -> bool { panic!("it waits") };
        gathering.wait_until(|| 1, never);
        gathering.note(Duration::from_secs(1), 1);
        gathering.wait_until(|| 1, never);
    }

    #[test]
    fn it_is_tried_ever_more_seldom_where_nobody_comes() {
        let (mut gathering, tried) = (after_a_flush_of_four(), Cell::new(0));
        let over = || {
            tried.set(tried.get() + 1);
            true
        };
        for _ in 0..1000 {
            gathering.wait_until(|| 1, over);
        }
        // After 1, 3, 7, ... more, and then one in 128.
        assert_eq!(tried.get(), 13);
    }
}

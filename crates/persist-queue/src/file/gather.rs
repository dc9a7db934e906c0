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
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if come() >= self.crowd {
            return;
        }
        let (began, most) = (Instant::now(), MOST.min(self.took / 2));
        while began.elapsed() < most {
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

    /// Behind a flush that took so long that only those who come end the wait, for 4 operations.
    fn after_a_flush() -> Gathering {
        let mut gathering = Gathering::default();
        gathering.note(Duration::from_secs(1), 4);
        gathering
    }

    #[test]
    fn it_waits_for_as_many_as_before() {
        let (mut gathering, looks) = (after_a_flush(), Cell::new(0));
        gathering.wait(|| {
            looks.set(looks.get() + 1);
            looks.get()
        });
        assert_eq!((looks.get(), gathering.vain), (4, 0));
    }

    #[test]
    fn one_thread_alone_never_waits() {
        let mut gathering = Gathering::default();
        gathering.wait(|| 1);
        gathering.note(Duration::from_secs(1), 1);
        let looks = Cell::new(0);
        gathering.wait(|| {
            looks.set(looks.get() + 1);
            1
        });
        assert_eq!(looks.get(), 1);
    }

    #[test]
    fn it_is_tried_ever_more_seldom_where_nobody_comes() {
        let (mut gathering, tried) = (after_a_flush(), Cell::new(0));
        for _ in 0..1000 {
            let looked = Cell::new(false);
            gathering.wait(|| {
                looked.set(true);
                1
            });
            tried.set(tried.get() + i32::from(looked.get()));
        }
        assert!((8..20).contains(&tried.get()), "{}", tried.get());
    }
}

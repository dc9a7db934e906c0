//! Where a scene is played: it has the folder, the items, the threads and the clock.

use std::ops::Range;
use std::path::Path;
use std::sync::{Barrier, Mutex, OnceLock, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use super::Extent;
use crate::failure::{Exit, Failure, Result};

/// How many items are in one call of those that take many.
pub(super) const BATCH: u64 = 100;

/// How long an operation took.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) operation: &'static str,
    pub(super) items: u64,
    pub(super) time: Duration,
}

pub(super) struct Stage<'a> {
    /// Of this scene alone, and empty.
    pub(super) folder: &'a Path,
    pub(super) extent: Extent,
    pub(super) threads: usize,
    /// Whether to look at the clock takes time beside a call.
    pub(super) is_fast: bool,
    /// Set when this process is asked to end.
    pub(super) end: &'a OnceLock<Exit>,
    pub(super) timed: Mutex<Vec<Timed>>,
}

impl Stage<'_> {
    /// Whether one thread plays: calls that take many items are measured so only.
    pub(super) fn is_alone(&self) -> bool {
        self.threads == 1
    }

    /// To be asked before each call that may be one of many.
    pub(super) fn unless_ended(&self) -> Result<()> {
        match self.end.get() {
            Some(exit) => Err(Failure::new(*exit, "asked to end before everything was measured")),
            None => Ok(()),
        }
    }

    fn size(&self) -> usize {
        self.extent.size as usize
    }

    /// An item, like no other of this scene.
    pub(super) fn item(&self, number: u64) -> Vec<u8> {
        let mut item = vec![b'-'; self.size()];
        item.iter_mut().zip(number.to_le_bytes()).for_each(|(byte, digit)| *byte = digit);
        item
    }

    /// Whether this is an item of the right size.
    pub(super) fn check(&self, item: Option<Vec<u8>>) -> Result<()> {
        match item {
            Some(item) if item.len() == self.size() => Ok(()),
            _ => Err(Failure::failed("an item did not come back as it was put")),
        }
    }

    /// Whether these are as many items as are in one call, all of the right size.
    pub(super) fn check_batch(&self, items: Vec<Vec<u8>>) -> Result<()> {
        if items.len() as u64 != BATCH {
            return Err(Failure::failed("a call that takes many items did not take all of them"));
        }
        items.into_iter().try_for_each(|item| self.check(Some(item)))
    }

    /// As many items as are in one call.
    pub(super) fn batch(&self) -> Vec<Vec<u8>> {
        (0..BATCH).map(|number| self.item(number)).collect()
    }

    /// Numbers from 0, shared out to the threads, or to fewer where there are not enough.
    fn shares(&self, most: u64) -> Vec<Range<u64>> {
        let threads = (self.threads as u64).clamp(1, most.max(1));
        (0..threads).map(|at| most * at / threads..most * (at + 1) / threads).collect()
    }

    /// Times a call for each number below `most`, or for fewer where they take too long; gives how many
    /// they were. Threads share the numbers.
    pub(super) fn each(
        &self,
        operation: &'static str,
        most: u64,
        call: impl Fn(u64) -> Result<()> + Sync,
    ) -> Result<u64> {
        Ok(count(&self.gather(operation, most, call)?))
    }

    /// As [`Stage::each`]; gives what the calls gave.
    pub(super) fn gather<R: Send>(
        &self,
        operation: &'static str,
        most: u64,
        call: impl Fn(u64) -> Result<R> + Sync,
    ) -> Result<Vec<Vec<R>>> {
        self.play(operation, 1, self.shares(most), self.extent.seconds, call)
    }

    /// As [`Stage::gather`], for calls that take a batch: for so many that they are `most` items or more.
    pub(super) fn batches<R: Send>(
        &self,
        operation: &'static str,
        most: u64,
        call: impl Fn() -> Result<R> + Sync,
    ) -> Result<Vec<Vec<R>>> {
        let shares = self.shares(most.div_ceil(BATCH));
        self.play(operation, BATCH, shares, self.extent.seconds, |_| call())
    }

    /// Times a call for each input, of which each thread has a share; gives what they gave.
    pub(super) fn all<T: Send, R: Send>(
        &self,
        operation: &'static str,
        items_a_call: u64,
        shares: Vec<Vec<T>>,
        call: impl Fn(T) -> Result<R> + Sync,
    ) -> Result<Vec<Vec<R>>> {
        self.play(operation, items_a_call, shares, Duration::MAX, call)
    }

    fn play<I: IntoIterator + Send, R: Send>(
        &self,
        operation: &'static str,
        items_a_call: u64,
        shares: Vec<I>,
        longest: Duration,
        call: impl Fn(I::Item) -> Result<R> + Sync,
    ) -> Result<Vec<Vec<R>>> {
        let together = Barrier::new(shares.len());
        let calls_a_look = if self.is_fast { 64 } else { 1 };
        let work = |share: I| {
            let mut results = Vec::new();
            together.wait();
            let start = Instant::now();
            for input in share {
                self.unless_ended()?;
                results.push(call(input)?);
                if results.len() % calls_a_look == 0 && start.elapsed() > longest {
                    break;
                }
            }
            Ok((start, Instant::now(), results))
        };
        let played = if shares.len() == 1 {
            shares.into_iter().map(work).collect::<Result<Vec<_>>>()
        } else {
            at_once(shares, &work).into_iter().collect()
        }?;
        let start = played.iter().map(|(start, ..)| *start).min();
        let end = played.iter().map(|(_, end, _)| *end).max();
        let time = end.zip(start).map_or(Duration::ZERO, |(end, start)| end - start);
        let results: Vec<Vec<R>> = played.into_iter().map(|(.., results)| results).collect();
        let items = items_a_call * count(&results);
        let mut timed = self.timed.lock().unwrap_or_else(PoisonError::into_inner);
        timed.push(Timed { operation, items, time });
        Ok(results)
    }
}

/// How many items went through calls that took a batch each.
pub(super) fn items_in<R>(calls: &[Vec<R>]) -> u64 {
    BATCH * count(calls)
}

fn count<R>(results: &[Vec<R>]) -> u64 {
    results.iter().map(|one| one.len() as u64).sum()
}

/// Works on each share in a thread of its own.
fn at_once<I: Send, W: Send>(shares: Vec<I>, work: &(impl Fn(I) -> W + Sync)) -> Vec<W> {
    std::thread::scope(|scope| {
        let started: Vec<_> =
            shares.into_iter().map(|share| scope.spawn(move || work(share))).collect();
        let ended = started.into_iter().map(ScopedJoinHandle::join);
        ended.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

//! Where a scene is played: it has the folder, the items, the threads and the clock.

use std::ops::Range;
use std::path::Path;
use std::sync::{Barrier, Mutex, OnceLock, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

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
    pub(super) items: u64,
    pub(super) size: usize,
    pub(super) threads: usize,
    /// Set when this process is asked to end.
    pub(super) end: &'a OnceLock<Exit>,
    pub(super) timed: Mutex<Vec<Timed>>,
}

impl Stage<'_> {
    /// Whether one thread plays: calls that take many items are measured so only.
    pub(super) fn is_alone(&self) -> bool {
        self.threads == 1
    }

    /// An item, like no other of this scene.
    pub(super) fn item(&self, number: u64) -> Vec<u8> {
        let mut item = vec![b'-'; self.size];
        item.iter_mut().zip(number.to_le_bytes()).for_each(|(byte, digit)| *byte = digit);
        item
    }

    /// Whether this is an item of the right size.
    pub(super) fn check(&self, item: Option<Vec<u8>>) -> Result<()> {
        match item {
            Some(item) if item.len() == self.size => Ok(()),
            _ => Err(Failure::failed("an item did not come back as it was put")),
        }
    }

    /// Times a call for the number of each item; gives what they gave, for each thread.
    pub(super) fn each<R: Send>(
        &self,
        operation: &'static str,
        call: impl Fn(u64) -> Result<R> + Sync,
    ) -> Result<Vec<Vec<R>>> {
        self.time(operation, 1, share_out(self.items, self.threads), call)
    }

    /// Times a call for each batch, of which there are so many that they have `times` as many items as
    /// there are calls for single ones. A call is given the number of its first item.
    pub(super) fn batches<R: Send>(
        &self,
        operation: &'static str,
        times: u64,
        call: impl Fn(u64) -> Result<R> + Sync,
    ) -> Result<Vec<Vec<R>>> {
        let batches = (self.items * times).div_ceil(BATCH);
        let shares = share_out(batches, self.threads);
        self.time(operation, BATCH, shares, |batch| call(batch * BATCH))
    }

    /// The items of a batch.
    pub(super) fn batch(&self, first: u64) -> Vec<Vec<u8>> {
        (first..first + BATCH).map(|number| self.item(number)).collect()
    }

    /// Times a call for each input, of which each thread has a share; gives what they gave.
    pub(super) fn time<I: IntoIterator + Send, R: Send>(
        &self,
        operation: &'static str,
        items_a_call: u64,
        shares: Vec<I>,
        call: impl Fn(I::Item) -> Result<R> + Sync,
    ) -> Result<Vec<Vec<R>>> {
        let together = Barrier::new(shares.len());
        let work = |share: I| {
            let mut results = Vec::new();
            together.wait();
            let start = Instant::now();
            for input in share {
                if let Some(exit) = self.end.get() {
                    return Err(Failure::new(*exit, "asked to end before everything was measured"));
                }
                results.push(call(input)?);
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
        let items = items_a_call * results.iter().map(|one| one.len() as u64).sum::<u64>();
        let mut timed = self.timed.lock().unwrap_or_else(PoisonError::into_inner);
        timed.push(Timed { operation, items, time });
        Ok(results)
    }
}

/// Numbers from 0, shared out to so many threads, or to fewer where there are not enough.
fn share_out(numbers: u64, threads: usize) -> Vec<Range<u64>> {
    let threads = (threads as u64).clamp(1, numbers.max(1));
    (0..threads).map(|at| numbers * at / threads..numbers * (at + 1) / threads).collect()
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

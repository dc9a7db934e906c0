//! Where callers of this process ask for the next row. One of them asks the server for all who came
//! meanwhile: their rows are claimed in one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failure::copy;
use super::lock;
use crate::{Error, Result};

/// How many rows one transaction claims for different callers.
const TOGETHER: usize = 64;
/// How long it waits for the one before to end, whose callers may come along.
const BEHIND: Duration = Duration::from_millis(2);
/// How long it waits for as many to come as came the last time.
const GATHERING: Duration = Duration::from_micros(200);

/// See the module. `A` is what one of them gets.
#[derive(Debug)]
pub(super) struct Desk<A> {
    state: Mutex<State<A>>,
    served: Condvar,
}

#[derive(Debug)]
struct State<A> {
    last: u64,
    waiting: Vec<u64>,
    /// Those who are not dropped: somebody may leave while it is asked for him.
    present: HashSet<u64>,
    /// Somebody asks the server.
    led: bool,
    /// How many transactions are open that were claimed here.
    open: usize,
    /// How many came the last time.
    came: usize,
    answers: HashMap<u64, Result<Option<A>>>,
}

impl<A> Default for Desk<A> {
    fn default() -> Self {
        let state = State {
            last: 0,
            waiting: Vec::new(),
            present: HashSet::new(),
            led: false,
            open: 0,
            came: 0,
            answers: HashMap::new(),
        };
        Self { state: Mutex::new(state), served: Condvar::new() }
    }
}

impl<A> Desk<A> {
    /// Lets others come: they were served together the last time, and may be about to ask again.
    fn gather(&self) -> MutexGuard<'_, State<A>> {
        let until = Instant::now() + GATHERING;
        loop {
            let state = lock(&self.state);
            if state.waiting.len() >= state.came || Instant::now() >= until {
                return state;
            }
            drop(state);
            std::thread::yield_now();
        }
    }
}

/// A transaction that was claimed at a desk, for as long as it is open.
#[derive(Debug)]
pub(super) struct Turn<A>(Arc<Desk<A>>);

impl<A> Turn<A> {
    pub(super) fn new(desk: &Arc<Desk<A>>) -> Self {
        lock(&desk.state).open += 1;
        Self(Arc::clone(desk))
    }
}

impl<A> Drop for Turn<A> {
    fn drop(&mut self) {
        lock(&self.0.state).open -= 1;
        self.0.served.notify_all();
    }
}

/// One who asks. Who drops it before he is served does not ask any more.
pub(super) struct Ticket<A> {
    desk: Arc<Desk<A>>,
    number: u64,
}

impl<A> Ticket<A> {
    pub(super) fn new(desk: &Arc<Desk<A>>) -> Self {
        let mut state = lock(&desk.state);
        state.last += 1;
        let number = state.last;
        state.waiting.push(number);
        state.present.insert(number);
        Self { desk: Arc::clone(desk), number }
    }

    /// What there is for this one. `ask` asks the server for so many.
    pub(super) fn serve(self, ask: impl FnOnce(usize) -> Result<Vec<A>>) -> Result<Option<A>> {
        let desk = &self.desk;
        let until = Instant::now() + BEHIND;
        let mut state = lock(&desk.state);
        loop {
            if let Some(answer) = state.answers.remove(&self.number) {
                return answer;
            }
            let left = until.saturating_duration_since(Instant::now());
            if !state.led && (state.open == 0 || left.is_zero()) {
                break;
            }
            // Who leads now tells when he is done.
            let limit = if state.led { BEHIND } else { left };
            let woken = desk.served.wait_timeout(state, limit);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.led = true;
        drop(state);
        let mut state = desk.gather();
        let most = state.waiting.len().min(TOGETHER);
        let mut numbers: Vec<_> = state.waiting.drain(..most).collect();
        if !numbers.contains(&self.number) {
            state.waiting.retain(|number| *number != self.number);
            numbers.push(self.number);
        }
        state.came = numbers.len();
        drop(state);
        let mut lead = Lead { desk, numbers };
        match ask(lead.numbers.len()) {
            Ok(found) => lead.hand_out(found.into_iter().map(Some).map(Ok)),
            Err(error) => lead.hand_out_error(&error),
        }
        let answer = lock(&desk.state).answers.remove(&self.number);
        answer.unwrap_or(Ok(None))
    }
}

impl<A> Drop for Ticket<A> {
    fn drop(&mut self) {
        let mut state = lock(&self.desk.state);
        state.waiting.retain(|number| *number != self.number);
        state.present.remove(&self.number);
        let answer = state.answers.remove(&self.number);
        drop(state);
        // Outside of the lock: it goes back to the server.
        drop(answer);
    }
}

/// One who asks for all. Where he panics, the others ask themselves.
struct Lead<'a, A> {
    desk: &'a Desk<A>,
    numbers: Vec<u64>,
}

impl<A> Lead<'_, A> {
    fn hand_out(&mut self, mut answers: impl Iterator<Item = Result<Option<A>>>) {
        let mut state = lock(&self.desk.state);
        for number in std::mem::take(&mut self.numbers) {
            if state.present.contains(&number) {
                state.answers.insert(number, answers.next().unwrap_or(Ok(None)));
            }
        }
        // What is left over is dropped by the caller's iterator, outside of the lock.
        drop(state);
    }

    fn hand_out_error(&mut self, error: &Error) {
        self.hand_out(std::iter::repeat_with(|| Err(copy(error))));
    }
}

impl<A> Drop for Lead<'_, A> {
    fn drop(&mut self) {
        let mut state = lock(&self.desk.state);
        state.led = false;
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.append(&mut state.waiting);
        state.waiting = numbers;
        drop(state);
        self.desk.served.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_asks_for_all_who_came_meanwhile() {
        let desk = Arc::new(Desk::default());
        let tickets: Vec<_> = (0..10).map(|_| Ticket::new(&desk)).collect();
        let asked = AtomicUsize::new(0);
        let got: Vec<_> = tickets
            .into_iter()
            .map(|ticket| {
                let ask = |most| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    Ok((0..most).take(7).collect())
                };
                ticket.serve(ask).unwrap()
            })
            .collect();
        assert_eq!(asked.into_inner(), 1);
        assert_eq!(got.iter().flatten().count(), 7);
    }

    #[test]
    fn who_leaves_while_it_is_asked_for_him_leaves_his_answer_to_nobody() {
        let desk = Arc::new(Desk::default());
        let (stays, goes) = (Ticket::new(&desk), Ticket::new(&desk));
        let item = Arc::new(());
        let ask = |most| {
            drop(goes);
            Ok(vec![Arc::clone(&item); most])
        };
        let given = stays.serve(ask).unwrap();
        assert_eq!((given.is_some(), Arc::strong_count(&item)), (true, 2));
    }

    #[test]
    fn a_transaction_that_does_not_end_keeps_nobody_waiting() {
        let desk = Arc::new(Desk::default());
        let turn = Turn::new(&desk);
        assert_eq!(Ticket::new(&desk).serve(|_| Ok(vec![1])).unwrap(), Some(1));
        drop(turn);
        assert_eq!(lock(&desk.state).open, 0);
    }

    #[test]
    fn an_answer_for_who_is_gone_is_dropped() {
        let desk = Arc::new(Desk::default());
        let (stays, goes) = (Ticket::new(&desk), Ticket::new(&desk));
        let item = Arc::new(());
        let given = stays.serve(|most| Ok(vec![Arc::clone(&item); most])).unwrap();
        assert_eq!((given.is_some(), Arc::strong_count(&item)), (true, 3));
        drop((given, goes));
        assert_eq!(Arc::strong_count(&item), 1);
    }
}

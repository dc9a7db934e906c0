//! What child processes do for longer than one command.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::measure::now;
use crate::puppet::{AUTOSAVE, Queue, say};

/// Plays a role until it ends, or is halted.
pub(crate) fn play(
    goes_on: &(dyn Fn() -> bool + Sync),
    queue: &Queue,
    role: &str,
    words: &[&str],
) -> String {
    let number = |index: usize| words[index].parse().unwrap();
    match role {
        "hammer" => hammer(goes_on, queue, number(0)),
        "gorge" => gorge(goes_on, queue, number(0)),
        "sell" => sell(queue, number(0), number(1)),
        "knock" => knock(queue, number(0), Duration::from_micros(number(1))),
        "listen" => listen(queue),
        "serve" => serve(queue, Path::new(words[0]), number(1)),
        "waylay" => waylay(queue, number(0)),
        other => panic!("no such role: {other}"),
    }
}

/// Puts as fast as it can, in several threads; gives how many it put.
fn hammer(goes_on: &(dyn Fn() -> bool + Sync), queue: &Queue, threads: u64) -> String {
    let count = AtomicU64::new(0);
    say(Duration::ZERO, "started");
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let count = &count;
            scope.spawn(move || {
                let mut number = 0;
                while goes_on() {
                    queue.put((u64::from(std::process::id()), thread, number)).unwrap();
                    number += 1;
                }
                count.fetch_add(number, Ordering::Relaxed);
            });
        }
    });
    format!("number {}", count.into_inner())
}

/// Takes as fast as it can, in several threads; gives how many it took.
fn gorge(goes_on: &(dyn Fn() -> bool + Sync), queue: &Queue, threads: u64) -> String {
    let count = AtomicU64::new(0);
    say(Duration::ZERO, "started");
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while goes_on() {
                    let taken = queue.get_timeout(Duration::from_millis(20)).unwrap();
                    count.fetch_add(u64::from(taken.is_some()), Ordering::Relaxed);
                }
            });
        }
    });
    format!("number {}", count.into_inner())
}

/// Puts `count` items as `who`.
fn sell(queue: &Queue, who: u64, count: u64) -> String {
    for number in 0..count {
        queue.put((who, 0, number)).unwrap();
    }
    "ok".to_owned()
}

/// Puts now and then; gives how many microseconds each put took.
fn knock(queue: &Queue, times: u64, pause: Duration) -> String {
    let knock = |number| {
        std::thread::sleep(pause);
        let start = Instant::now();
        queue.put((0, 0, number)).unwrap();
        start.elapsed().as_micros().to_string()
    };
    let times: Vec<String> = (0..times).map(knock).collect();
    format!("numbers {}", times.join(" "))
}

/// The item that ends a role.
pub(crate) const END: u64 = u64::MAX;

/// Says of each item, whose number is the time when it was put, how long it was on its way.
fn listen(queue: &Queue) -> String {
    say(Duration::ZERO, "started");
    loop {
        let (who, life, sent) = queue.get().unwrap();
        if who == END {
            return "ok".to_owned();
        }
        let way = Duration::from_nanos(now().saturating_sub(sent));
        say(way, &format!("item {who} {life} {sent}"));
    }
}

/// Sends back through another queue what comes through this one.
fn serve(queue: &Queue, back: &Path, rounds: u64) -> String {
    let back = AUTOSAVE.open(back).unwrap();
    say(Duration::ZERO, "started");
    for _ in 0..rounds {
        back.put(queue.get().unwrap()).unwrap();
    }
    "ok".to_owned()
}

/// Waits for items in several threads at a time, and says each one at once.
fn waylay(queue: &Queue, threads: u64) -> String {
    say(Duration::ZERO, "started");
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| listen(queue));
        }
    });
    "ok".to_owned()
}

//! The other processes of the checks, from both sides.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};

use persist_queue::Wait;

use super::processes::{END, extent, in_threads};
use super::{PATIENCE, Place, acks, fill};
use crate::backend::Wanted;
use crate::backends;
use crate::this_program::this_program;

const ROLE: &str = "PERSIST_QUEUE_CONFORMANCE_ROLE";
const BACKEND: &str = "PERSIST_QUEUE_CONFORMANCE_BACKEND";
const ADDRESS: &str = "PERSIST_QUEUE_CONFORMANCE_ADDRESS";
const QUEUE: &str = "PERSIST_QUEUE_CONFORMANCE_QUEUE";

/// What stands in front of what a child says, since its test harness says something too.
const SAYS: &str = "child says: ";

/// A child, as its parent has it. It is killed where the check fails.
pub(crate) struct Child {
    process: std::process::Child,
    orders: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Child {
    pub(crate) fn start(place: &Place<'_>, role: &str) -> Self {
        let mut process = this_program()
            .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
            .env(ROLE, role)
            .env(BACKEND, place.backend.name())
            .env(ADDRESS, place.backend.address())
            .env(QUEUE, &place.queue)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, orders, lines }
    }

    /// What it says next; nothing where it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut said = self.lines.by_ref().map(Result::unwrap);
        said.find_map(|line| line.split_once(SAYS).map(|(_, said)| said.to_owned()))
    }

    /// All numbers that it says until it ends.
    pub(crate) fn numbers(&mut self) -> Vec<usize> {
        std::iter::from_fn(|| self.line()).filter_map(|line| line.parse().ok()).collect()
    }

    pub(crate) fn orders(&mut self) -> &mut ChildStdin {
        &mut self.orders
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn end(mut self) {
        assert!(self.process.wait().unwrap().success(), "a child failed");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One system call, so that a line is there or is not there.
fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{SAYS}{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What a child does. In the test program itself there is nothing to do.
pub(crate) fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let given = |name| std::env::var(name).unwrap();
    let backend = backends::reach(&given(BACKEND), &given(ADDRESS));
    let place = Place { backend: &*backend, queue: given(QUEUE) };
    let work = match &*role {
        "put-when-told" => put_when_told,
        "put-all" => put_all,
        "put" => put,
        "take" => take,
        "work" => work,
        "finish" => finish,
        role => panic!("{role}"),
    };
    work(&place);
}

fn put_when_told(place: &Place<'_>) {
    let queue = place.plain().unwrap();
    say("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    fill(&*queue, &["a"]);
}

fn put_all(place: &Place<'_>) {
    let queue = place.plain().unwrap();
    let (_, _, count) = extent();
    for at in count / 2..count {
        fill(&*queue, &[&at.to_string()]);
    }
}

fn put(place: &Place<'_>) {
    let queue = place.plain().unwrap();
    say("ready");
    for at in 0.. {
        fill(&*queue, &[&at.to_string()]);
        say(&at.to_string());
    }
}

fn take(place: &Place<'_>) {
    let queue = place.plain().unwrap();
    let (_, threads, _) = extent();
    in_threads(threads, &|| {
        let get = || queue.get(Wait::For(PATIENCE)).unwrap().expect("nothing came");
        std::iter::repeat_with(get).take_while(|item| item != END).for_each(|item| say(&item));
    });
}

fn work(place: &Place<'_>) {
    let queue = place.acks().unwrap();
    let kept = acks::get(&*queue);
    say(&format!("kept {}", kept.item()));
    loop {
        say(&acks::get(&*queue).ack().unwrap());
    }
}

/// What one thread keeps another one does not finish.
fn finish(place: &Place<'_>) {
    let queue = place.plain_with(Wanted { batch: true, ..Wanted::default() }).unwrap();
    let get = || queue.get(Wait::For(PATIENCE)).unwrap().expect("nothing came");
    say(&format!("kept {}", get()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let item = get();
                queue.task_done().unwrap();
                say(&item);
            }
        });
    });
}

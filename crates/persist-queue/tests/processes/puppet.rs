//! A child process that does what it is told: this test binary again, with only the test `child`.
//!
//! The parent writes one command a line; the child answers each with a line that starts with `@` and
//! the microseconds that it took. The child dies when its parent does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use persist_queue::{Durability, Error, FileQueue, Options};

use crate::this_program::this_program;
use crate::{kill, roles};

/// Who put it, in which life of his, and its number in that life.
pub(crate) type Item = (u64, u64, u64);
pub(crate) type Queue = FileQueue<Item>;

const ROLE: &str = "PERSIST_QUEUE_CHILD";
/// Far more than anything here takes; who waits longer hangs.
const HANGS: Duration = Duration::from_secs(30);

/// How a child opens a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) autosave: bool,
    pub(crate) chunk: u64,
    pub(crate) maxsize: u64,
    pub(crate) disk: bool,
}

pub(crate) const AUTOSAVE: Spec = Spec { autosave: true, chunk: 100, maxsize: 0, disk: false };
pub(crate) const PLAIN: Spec = Spec { autosave: false, ..AUTOSAVE };

impl Spec {
    pub(crate) fn open(self, dir: &Path) -> Result<Queue, Error> {
        let durability = if self.disk { Durability::Disk } else { Durability::Process };
        Options::new()
            .autosave(self.autosave)
            .chunk_records(self.chunk)
            .maxsize(self.maxsize)
            .durability(durability)
            .open(dir)
    }

    fn words(self) -> String {
        format!("{} {} {} {}", self.autosave, self.chunk, self.maxsize, self.disk)
    }

    fn parse(words: &[&str]) -> Self {
        Self {
            autosave: words[0].parse().unwrap(),
            chunk: words[1].parse().unwrap(),
            maxsize: words[2].parse().unwrap(),
            disk: words[3].parse().unwrap(),
        }
    }
}

/// What a child said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) took: Duration,
    /// The kind of answer, and what belongs to it.
    pub(crate) words: Vec<String>,
}

impl Answer {
    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let micros = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        Self { took: Duration::from_micros(micros), words: words.map(str::to_owned).collect() }
    }

    pub(crate) fn text(&self) -> String {
        self.words.join(" ")
    }

    /// The numbers in it.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.words.iter().filter_map(|word| word.parse().ok()).collect()
    }

    #[track_caller]
    pub(crate) fn expect(&self, text: &str) -> &Self {
        assert_eq!(self.text(), text);
        self
    }

    #[track_caller]
    pub(crate) fn item(&self) -> Item {
        assert_eq!(self.words[0], "item", "{}", self.text());
        let numbers = self.numbers();
        (numbers[0], numbers[1], numbers[2])
    }
}

/// The parent's end.
pub(crate) struct Puppet {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

impl Puppet {
    pub(crate) fn new() -> Self {
        let mut child = this_program()
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(ROLE, "puppet")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The harness writes lines, and parts of lines, of its own.
                if let Some((_, answer)) = line.split_once('@')
                    && sender.send(answer.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { child, stdin, answers }
    }

    /// A child that has opened the queue in `dir` under the name `q`.
    #[track_caller]
    pub(crate) fn with(dir: &Path, spec: Spec) -> Self {
        let mut puppet = Self::new();
        puppet.open("q", dir, spec).expect("ok");
        puppet
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    pub(crate) fn send(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").unwrap();
    }

    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        match self.answer_within(HANGS) {
            Some(answer) => answer,
            None => panic!("process {} hangs", self.pid()),
        }
    }

    /// The next answer, if it comes in time.
    #[track_caller]
    pub(crate) fn answer_within(&mut self, limit: Duration) -> Option<Answer> {
        match self.answers.recv_timeout(limit) {
            Ok(line) => Some(Answer::parse(&line)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("process {} died", self.pid()),
        }
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str) -> Answer {
        self.send(command);
        self.answer()
    }

    pub(crate) fn open(&mut self, name: &str, dir: &Path, spec: Spec) -> Answer {
        self.ask(&format!("open {name} {} {}", spec.words(), dir.display()))
    }

    /// Starts what goes on until [`Puppet::halt`].
    pub(crate) fn start(&mut self, role: &str, dir: &Path, spec: Spec, words: &str) {
        self.send(&format!("{role} {} {} {words}", spec.words(), dir.display()));
    }

    /// Ends what goes on.
    pub(crate) fn halt(&mut self) {
        // A child that was killed does not read this.
        let _ = writeln!(self.stdin, "halt");
    }

    #[track_caller]
    pub(crate) fn put(&mut self, number: u64) {
        self.ask(&format!("put q 0 0 {number}")).expect("ok");
    }

    #[track_caller]
    pub(crate) fn get(&mut self) -> u64 {
        self.ask("get q").item().2
    }

    /// SIGKILL. Gives the answers that were not read yet.
    pub(crate) fn kill(&mut self) -> Vec<Answer> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.answers.iter().map(|line| Answer::parse(&line)).collect()
    }

    /// SIGSTOP, until [`Puppet::resume`].
    #[cfg(unix)]
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    #[cfg(unix)]
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.pid());
        assert!(
            std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success()
        );
    }

    /// The time that all its threads had a processor.
    #[cfg(unix)]
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let behind_name = stat.rsplit(')').next().unwrap();
        let ticks: u64 = behind_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap())
            .sum();
        // A hundred ticks a second, on every Linux.
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child does with a queue as long as the parent lets it go on; the name of the role, and the
/// words that belong to it.
type Role = fn(&(dyn Fn() -> bool + Sync), &Queue, &str, &[&str]) -> String;

/// Where a child acts.
pub(crate) struct Stage {
    commands: Receiver<String>,
    /// The number of the command that is being obeyed.
    current: AtomicU64,
    /// The number of the last command that is to end.
    halted: Arc<AtomicU64>,
    workers: RefCell<HashMap<String, Worker>>,
}

/// A thread of the child that obeys, too.
struct Worker {
    tasks: Sender<Box<dyn FnOnce() -> String + Send>>,
    answers: Receiver<String>,
}

impl Worker {
    fn new() -> Self {
        let (tasks, todo) = mpsc::channel::<Box<dyn FnOnce() -> String + Send>>();
        let (done, answers) = mpsc::channel();
        std::thread::spawn(move || todo.iter().try_for_each(|task| done.send(task())));
        Self { tasks, answers }
    }

    fn run(&self, task: impl FnOnce() -> String + Send + 'static) -> String {
        self.tasks.send(Box::new(task)).unwrap();
        self.answers.recv().unwrap()
    }
}

/// The child's end; returns at once in a process that is no child.
pub(crate) fn perform() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let stage = Stage::new();
    let mut queues = HashMap::new();
    for command in &stage.commands {
        stage.current.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        let answer = stage.obey(&mut queues, &command);
        say(start.elapsed(), &answer);
    }
}

/// Writes an answer.
pub(crate) fn say(took: Duration, answer: &str) {
    let line = format!("@{} {answer}\n", took.as_micros());
    let mut stdout = std::io::stdout().lock();
    // The parent may be gone, which is no failure of the child.
    let _ = stdout.write_all(line.as_bytes());
    let _ = stdout.flush();
}

impl Stage {
    fn new() -> Self {
        let (sender, commands) = mpsc::channel();
        let halted = Arc::new(AtomicU64::new(0));
        let flag = Arc::clone(&halted);
        std::thread::spawn(move || {
            let mut count = 0;
            for line in std::io::stdin().lines().map_while(Result::ok) {
                if line == "halt" {
                    flag.store(count, Ordering::Relaxed);
                } else {
                    count += 1;
                    let _ = sender.send(line);
                }
            }
            std::process::exit(0);
        });
        Self { commands, current: AtomicU64::new(0), halted, workers: RefCell::default() }
    }

    fn obey(&self, queues: &mut HashMap<String, Arc<Queue>>, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            "open" => {
                let opened = Spec::parse(&words[2..]).open(Path::new(words[6]));
                answer(opened, |queue| {
                    queues.insert(words[1].to_owned(), Arc::new(queue));
                    "ok".to_owned()
                })
            }
            "close" => {
                queues.remove(words[1]);
                "ok".to_owned()
            }
            "blind" => {
                use_up_inotify();
                "ok".to_owned()
            }
            "sleep" => {
                std::thread::sleep(millis(words[1]));
                "ok".to_owned()
            }
            "in" => {
                let mut workers = self.workers.borrow_mut();
                let worker = workers.entry(words[1].to_owned()).or_insert_with(Worker::new);
                let (queue, rest) = (Arc::clone(&queues[words[3]]), command.to_owned());
                worker.run(move || {
                    let words: Vec<&str> = rest.split_whitespace().collect();
                    operate(&queue, words[2], &words[4..])
                })
            }
            "produce" | "consume" => self.play(&words, kill::play),
            name if queues.contains_key(*words.get(1).unwrap_or(&"")) => {
                operate(&queues[words[1]], name, &words[2..])
            }
            _ => self.play(&words, roles::play),
        }
    }

    /// Opens a queue and plays a role with it.
    fn play(&self, words: &[&str], role: Role) -> String {
        let opened = Spec::parse(&words[1..]).open(Path::new(words[5]));
        let current = self.current.load(Ordering::Relaxed);
        let halted = &*self.halted;
        let goes_on = || halted.load(Ordering::Relaxed) < current;
        answer(opened, |queue| role(&goes_on, &queue, words[0], &words[6..]))
    }
}

/// Leaves no inotify instance for this process to have, as long as it lives. Windows has none.
#[cfg(windows)]
fn use_up_inotify() {}

/// Leaves no inotify instance for this process to have, as long as it lives.
#[cfg(unix)]
fn use_up_inotify() {
    use rustix::fs::inotify;
    while let Ok(instance) = inotify::init(inotify::CreateFlags::CLOEXEC) {
        std::mem::forget(instance);
    }
}

fn operate(queue: &Queue, name: &str, words: &[&str]) -> String {
    let ok = |()| "ok".to_owned();
    let item = |item: Item| format!("item {} {} {}", item.0, item.1, item.2);
    let perhaps = |found: Option<Item>| found.map_or_else(|| "none".to_owned(), item);
    match name {
        "put" => answer(queue.put(read(words)).map_err(|rejected| rejected.error), ok),
        "try_put" => answer(queue.try_put(read(words)).map_err(|rejected| rejected.error), ok),
        "put_timeout" => {
            let put = queue.put_timeout(read(&words[1..]), millis(words[0]));
            answer(put.map_err(|rejected| rejected.error), ok)
        }
        "get" => answer(queue.get(), item),
        "try_get" => answer(queue.try_get(), perhaps),
        "get_timeout" => answer(queue.get_timeout(millis(words[0])), perhaps),
        "peek" => answer(queue.peek(), perhaps),
        "done" => answer(queue.task_done(), ok),
        "join" => answer(queue.join(), ok),
        "len" => answer(queue.len(), |len| format!("number {len}")),
        "unfinished" => answer(queue.unfinished(), |count| format!("number {count}")),
        other => panic!("no such command: {other}"),
    }
}

fn answer<T>(result: Result<T, Error>, say: impl FnOnce(T) -> String) -> String {
    result.map_or_else(|error| describe(&error), say)
}

/// An error as an answer.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::ConsumedElsewhere { pid, .. } => format!("elsewhere {}", pid.unwrap_or(0)),
        Error::Locked { .. } => "locked".to_owned(),
        Error::Full { .. } => "full".to_owned(),
        other => format!("error {other}"),
    }
}

fn read(words: &[&str]) -> Item {
    (words[0].parse().unwrap(), words[1].parse().unwrap(), words[2].parse().unwrap())
}

fn millis(word: &str) -> Duration {
    Duration::from_millis(word.parse().unwrap())
}

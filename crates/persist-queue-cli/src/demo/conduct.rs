//! The run itself: starts the processes, kills one, replaces it, and hears everything they say.

use std::error::Error;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use persist_queue::FileQueue;

use super::child::{Child, Event, What, Who};
use super::message::{MARKER, Message};
use super::tally::Tally;
use super::{Item, Plan, open};

/// The producer that is killed.
const VICTIM: usize = 0;
const SIGKILL: i32 = 9;
/// No run is this long without a word from anybody.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) killed: Killed,
    /// From the start to the last put, and to the last take.
    pub(crate) putting: Duration,
    pub(crate) taking: Duration,
}

/// The producer that was killed.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Killed {
    pub(crate) pid: u32,
    /// How many of its puts were in the queue.
    pub(crate) stored: u64,
    /// How many of them it had told of.
    pub(crate) told: u64,
}

/// How far the killing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The victim works.
    Before,
    /// It is dead, and a marker is behind what it had put.
    Dead,
    /// The marker was taken, and this many consumers have not yet told what they took before it.
    Draining(usize),
    /// Everything that the victim had put is known.
    Drained,
    /// Its replacement works.
    Replaced,
}

pub(crate) fn conduct(plan: &Plan, bar: &ProgressBar) -> Result<Outcome, Box<dyn Error>> {
    let (sender, events) = channel();
    let mut conductor = Conductor::new(plan, bar, sender)?;
    conductor.listen(&events)?;
    Ok(Outcome {
        tally: conductor.tally,
        killed: conductor.killed,
        putting: conductor.last_put - conductor.start,
        taking: conductor.last_take - conductor.start,
    })
}

#[derive(Debug)]
struct Conductor<'a> {
    plan: &'a Plan,
    bar: &'a ProgressBar,
    sender: Sender<Event>,
    queue: FileQueue<Item>,
    /// The replacement is behind those of the plan.
    producers: Vec<Child>,
    consumers: Vec<Child>,
    /// How many processes of each kind still speak.
    producing: usize,
    consuming: usize,
    victim_ended: bool,
    stage: Stage,
    killed: Killed,
    tally: Tally,
    start: Instant,
    last_put: Instant,
    last_take: Instant,
}

impl<'a> Conductor<'a> {
    fn new(
        plan: &'a Plan,
        bar: &'a ProgressBar,
        sender: Sender<Event>,
    ) -> Result<Self, Box<dyn Error>> {
        let start = Instant::now();
        let mut conductor = Self {
            plan,
            bar,
            sender,
            queue: open(&plan.queue)?,
            producers: Vec::new(),
            consumers: Vec::new(),
            producing: 0,
            consuming: 0,
            victim_ended: false,
            stage: Stage::Before,
            killed: Killed::default(),
            tally: Tally::new(&plan.shares, plan.consumers),
            start,
            last_put: start,
            last_take: start,
        };
        for _ in 0..plan.consumers {
            conductor.start_consumer()?;
        }
        for (number, share) in plan.shares.iter().enumerate() {
            // On a slow machine the victim might be through before it is killed: it waits.
            let hold = (number == VICTIM).then(|| share.start + length(share) * 3 / 4);
            conductor.start_producer(share.start, share.end, hold)?;
        }
        Ok(conductor)
    }

    fn start_consumer(&mut self) -> Result<(), Box<dyn Error>> {
        let who = Who::Consumer(self.consumers.len());
        let child = Child::spawn(self.arguments("demo-consume"), who, self.sender.clone())?;
        self.consumers.push(child);
        self.consuming += 1;
        Ok(())
    }

    fn start_producer(
        &mut self,
        first: u64,
        end: u64,
        hold: Option<u64>,
    ) -> Result<(), Box<dyn Error>> {
        let mut args = self.arguments("demo-produce");
        args.extend([format!("--first={first}").into(), format!("--end={end}").into()]);
        args.extend(hold.map(|hold| format!("--hold={hold}").into()));
        let who = Who::Producer(self.producers.len());
        let child = Child::spawn(args, who, self.sender.clone())?;
        self.producers.push(child);
        self.producing += 1;
        Ok(())
    }

    fn arguments(&self, command: &str) -> Vec<OsString> {
        vec![
            command.into(),
            "--queue".into(),
            self.plan.queue.clone().into(),
            "--text".into(),
            self.plan.text.clone().into(),
        ]
    }

    /// Hears everybody out, and acts on it.
    fn listen(&mut self, events: &Receiver<Event>) -> Result<(), Box<dyn Error>> {
        while self.consuming > 0 {
            let event = events.recv_timeout(LONGEST_SILENCE).map_err(|_| {
                format!("no process said a word for {} seconds", LONGEST_SILENCE.as_secs())
            })?;
            match event.what {
                What::Said(message) => self.hear(event.who, message)?,
                What::Ended => self.end(event.who)?,
                What::Failed(why) => return Err(why.into()),
            }
            if self.stage == Stage::Drained && self.victim_ended {
                self.replace()?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, who: Who, message: Message) -> Result<(), Box<dyn Error>> {
        match (who, message) {
            (Who::Producer(number), Message::Put { first, last }) => {
                self.last_put = Instant::now();
                self.tally.acknowledge(first..last + 1);
                if number == VICTIM {
                    self.victim_put(last + 1)?;
                }
            }
            (Who::Consumer(number), Message::Took(lines)) => self.took(number, &lines)?,
            (Who::Consumer(_), Message::Altered(_)) => self.tally.alter(),
            (Who::Consumer(_), Message::Synced) => self.synced(),
            (who, message) => return Err(format!("{who:?} said '{message}'").into()),
        }
        Ok(())
    }

    fn took(&mut self, consumer: usize, lines: &[u64]) -> Result<(), Box<dyn Error>> {
        for line in lines {
            if *line == MARKER {
                // What another consumer took before this may still be in its hands.
                self.stage = Stage::Draining(self.consumers.len());
                self.consumers.iter_mut().try_for_each(Child::ask_for_sync)?;
            } else {
                self.last_take = Instant::now();
                self.tally.take(consumer, *line);
                self.bar.inc(1);
            }
        }
        Ok(())
    }

    fn synced(&mut self) {
        self.stage = match self.stage {
            Stage::Draining(1) => Stage::Drained,
            Stage::Draining(waiting) => Stage::Draining(waiting - 1),
            stage => stage,
        };
    }

    fn victim_put(&mut self, end: u64) -> Result<(), Box<dyn Error>> {
        let share = &self.plan.shares[VICTIM];
        self.killed.told = end - share.start;
        if self.stage != Stage::Before || self.killed.told < length(share) / 2 {
            return Ok(());
        }
        let victim = &mut self.producers[VICTIM];
        self.killed.pid = victim.pid();
        let status = victim.kill()?;
        if status.signal() != Some(SIGKILL) {
            return Err(format!("the producer to be killed had ended before: {status}").into());
        }
        self.bar.set_message(format!("producer {} killed", self.killed.pid));
        self.stage = Stage::Dead;
        // Everything that the victim had put is before this in the queue.
        self.queue.put((MARKER, String::new())).map_err(|rejected| rejected.error)?;
        Ok(())
    }

    /// Goes on with the victim's share exactly where it was killed.
    fn replace(&mut self) -> Result<(), Box<dyn Error>> {
        let share = self.plan.shares[VICTIM].clone();
        let next = self.tally.first_missing(&share);
        self.killed.stored = next - share.start;
        if self.killed.stored < self.killed.told {
            return Err(format!(
                "{} puts had returned before the kill and only {} were in the queue",
                self.killed.told, self.killed.stored
            )
            .into());
        }
        self.stage = Stage::Replaced;
        self.start_producer(next, share.end, None)
    }

    fn end(&mut self, who: Who) -> Result<(), Box<dyn Error>> {
        let child = match who {
            Who::Producer(number) => &mut self.producers[number],
            Who::Consumer(number) => &mut self.consumers[number],
        };
        let status = child.wait()?;
        let as_planned = who == Who::Producer(VICTIM) && self.stage != Stage::Before;
        if !status.success() && !as_planned {
            return Err(format!("{who:?} failed: {status}").into());
        }
        match who {
            Who::Consumer(_) => self.consuming -= 1,
            Who::Producer(number) => {
                self.producing -= 1;
                self.victim_ended |= number == VICTIM;
            }
        }
        if self.producing == 0 && self.stage == Stage::Replaced {
            self.consumers.iter_mut().for_each(Child::ask_to_finish);
        }
        Ok(())
    }
}

fn length(share: &std::ops::Range<u64>) -> u64 {
    share.end - share.start
}

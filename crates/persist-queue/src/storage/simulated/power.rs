//! The states a power loss may leave behind: all of them, or a telling choice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::file::{File, NEW, OLD, ZEROS};
use super::tree::{Folder, ROOT, Tree};

/// One way a power loss may go. Holds only what can be reached from the root, so that two that
/// differ are two states.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loss {
    /// How many unsynced changes of each folder are kept.
    folders: BTreeMap<u64, usize>,
    /// The outcome of each part of each unsure change of each file.
    files: BTreeMap<u64, Vec<usize>>,
}

/// What has to be decided for a [`Loss`], in the order in which the tree is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// How many of its unsynced changes the folder keeps.
    Folder { inode: u64, changes: usize },
    /// The outcome of a part of a change of a file.
    File { inode: u64, change: usize, outcomes: usize },
}

impl Question {
    fn answers(self) -> usize {
        match self {
            Self::Folder { changes, .. } => changes + 1,
            Self::File { outcomes, .. } => outcomes,
        }
    }

    /// The answer if nothing is lost.
    fn all(self) -> usize {
        match self {
            Self::Folder { changes, .. } => changes,
            Self::File { .. } => NEW,
        }
    }
}

/// Every loss if there are at most `limit`, otherwise a choice: at most `limit`, at least two.
pub(super) fn losses(tree: &Tree, limit: usize, seed: u64) -> Vec<Loss> {
    every(tree, limit).unwrap_or_else(|| some(tree, limit, &mut Random(seed)))
}

/// The tree that `loss` leaves, all of it durable.
pub(super) fn survivor(tree: &Tree, loss: &Loss) -> Tree {
    let folders = loss.folders.iter().filter_map(|(inode, kept)| {
        let folder = tree.folders.get(inode)?;
        Some((*inode, Folder::durable(folder.after_power_loss(*kept))))
    });
    let files = loss.files.iter().filter_map(|(inode, outcomes)| {
        let file = tree.files.get(inode)?;
        Some((*inode, File::durable(file.after_power_loss(outcomes))))
    });
    Tree { folders: folders.collect(), files: files.collect(), next_inode: tree.next_inode }
}

/// Walks the tree from the root as it is after the answers so far.
fn decide(tree: &Tree, mut answer: impl FnMut(Question) -> usize) -> Loss {
    let mut loss = Loss { folders: BTreeMap::new(), files: BTreeMap::new() };
    let mut found = VecDeque::from([ROOT]);
    while let Some(inode) = found.pop_front() {
        if let Some(folder) = tree.folders.get(&inode) {
            let changes = folder.unsynced();
            let kept = if changes == 0 { 0 } else { answer(Question::Folder { inode, changes }) };
            found.extend(folder.after_power_loss(kept).values());
            loss.folders.insert(inode, kept);
        } else if let Some(file) = tree.files.get(&inode) {
            let parts = file.unsure().flat_map(|(change, what)| {
                let parts = what.parts().into_iter();
                parts.map(move |outcomes| Question::File { inode, change, outcomes })
            });
            loss.files.insert(inode, parts.map(&mut answer).collect());
        }
    }
    loss
}

/// Every loss, or nothing if there are more than `limit`.
fn every(tree: &Tree, limit: usize) -> Option<Vec<Loss>> {
    let mut losses = Vec::new();
    // The answers of the last walk and how many there were to choose from: an odometer.
    let mut digits: Vec<(usize, usize)> = Vec::new();
    loop {
        let mut asked = 0;
        losses.push(decide(tree, |question| {
            if asked == digits.len() {
                digits.push((0, question.answers()));
            }
            asked += 1;
            digits[asked - 1].0
        }));
        // Each question has a second answer, so there are more losses than questions.
        if losses.len() > limit || digits.len() >= limit {
            return None;
        }
        while digits.pop_if(|(answer, answers)| *answer + 1 == *answers).is_some() {}
        match digits.last_mut() {
            Some((answer, _)) => *answer += 1,
            None => return Some(losses),
        }
    }
}

/// At most `limit` losses out of more, but at least two.
fn some(tree: &Tree, limit: usize, random: &mut Random) -> Vec<Loss> {
    let mut chosen = BTreeSet::from([decide(tree, |_| 0), decide(tree, Question::all)]);
    let mut single = singles(tree);
    while chosen.len() < limit && !single.is_empty() {
        // In random order, in case they are too many.
        chosen.insert(single.swap_remove(random.below(single.len())).loss(tree));
    }
    // A random one may be there already; do not look for new ones forever.
    for _ in 0..limit.saturating_mul(8) {
        if chosen.len() >= limit {
            break;
        }
        chosen.insert(any(tree, random));
    }
    chosen.into_iter().collect()
}

/// A loss that differs in one thing from losing all or nothing.
enum Single {
    /// One folder keeps only its first changes; the files lose all of theirs, or none.
    Folder { inode: u64, kept: usize, files: usize },
    /// One change of a file has the outcome `one`, every other the outcome `rest`.
    File { inode: u64, change: usize, one: usize, rest: usize },
}

fn singles(tree: &Tree) -> Vec<Single> {
    let folders = tree.folders.iter().flat_map(|(&inode, folder)| {
        (0..=folder.unsynced())
            .flat_map(move |kept| [OLD, NEW].map(|files| Single::Folder { inode, kept, files }))
    });
    let files = tree.files.iter().flat_map(|(&inode, file)| {
        file.unsure().flat_map(move |(change, what)| {
            let single = move |(one, rest)| Single::File { inode, change, one, rest };
            let zeros = what.parts().last() == Some(&3);
            [(NEW, OLD), (OLD, NEW)].into_iter().chain(zeros.then_some((ZEROS, NEW))).map(single)
        })
    });
    folders.chain(files).collect()
}

impl Single {
    fn loss(&self, tree: &Tree) -> Loss {
        let with_all_entries = decide(tree, |question| self.answer(question, true));
        match self {
            // A file that was removed or replaced is there only if that is lost.
            Self::File { inode, .. } if !with_all_entries.files.contains_key(inode) => {
                decide(tree, |question| self.answer(question, false))
            }
            _ => with_all_entries,
        }
    }

    fn answer(&self, question: Question, all_entries: bool) -> usize {
        match (self, question) {
            (Self::Folder { inode: one, kept, .. }, Question::Folder { inode, .. })
                if *one == inode =>
            {
                *kept
            }
            (_, Question::Folder { changes, .. }) => changes * usize::from(all_entries),
            (Self::Folder { files, .. }, Question::File { .. }) => *files,
            (Self::File { inode, change, one, rest }, asked @ Question::File { outcomes, .. }) => {
                let is_one = asked == Question::File { inode: *inode, change: *change, outcomes };
                if !is_one {
                    *rest
                } else if *one == ZEROS && outcomes < 3 {
                    OLD
                } else {
                    *one
                }
            }
        }
    }
}

/// A random loss. What comes before some point is often kept, as when writes reach the disk
/// mostly in order; after it each change has the same chance, and that too differs.
fn any(tree: &Tree, random: &mut Random) -> Loss {
    let questions = decide(tree, Question::all).files.values().map(Vec::len).sum::<usize>();
    let cut = if random.below(2) == 0 { 0 } else { random.below(questions + 1) };
    let chance = 1 + random.below(15);
    let entries = random.below(2) == 0;
    let mut asked = 0;
    decide(tree, |question| match question {
        Question::Folder { changes, .. } if entries => changes,
        Question::Folder { changes, .. } => random.below(changes + 1),
        Question::File { outcomes, .. } => {
            asked += 1;
            match random.below(16) {
                _ if asked <= cut => NEW,
                luck if luck < chance => NEW,
                luck if outcomes == 3 && luck % 2 == 0 => ZEROS,
                _ => OLD,
            }
        }
    })
}

/// `SplitMix64`: the same seed, the same choice, on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

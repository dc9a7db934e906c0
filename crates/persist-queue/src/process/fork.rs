//! Noticing a fork.
//!
//! A child inherits the descriptors of its parent's lock files, and with them the kernel's locks: as
//! long as the child keeps one open, the parent's death would not free it. So the child closes them
//! at once, before any of its own code runs. All else is left to the first use of a queue in the
//! child, which sees another [`generation`] and opens the queue anew: the threads and the locked
//! mutexes of the parent do not exist in the child and must not be touched there.
//!
//! A thread that forks waits until no other one is between opening a lock file and noting it, or the
//! child would have a descriptor that it does not know of.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Once, OnceLock};

use super::gate::Gate;

const FREE: RawFd = -1;

static GENERATION: AtomicU64 = AtomicU64::new(0);
static FIRST: Block = Block::new();
static REGISTERED: Once = Once::new();

/// Slots for descriptors. Blocks are never freed, so that the child can walk them without a lock.
struct Block {
    slots: [AtomicI32; 64],
    next: OnceLock<&'static Block>,
}

impl Block {
    const fn new() -> Self {
        Self { slots: [const { AtomicI32::new(FREE) }; 64], next: OnceLock::new() }
    }
}

/// How many forks lie between this process and the one that started the program.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Has forks noticed from now on.
pub(crate) fn watch() {
    REGISTERED.call_once(|| {
        // SAFETY: these are plain functions without arguments that live as long as the program.
        // `in_child` does only what is allowed in the child of a process with threads: atomic
        // accesses and close(2).
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

/// A file whose descriptor a forked child closes before it does anything else.
#[derive(Debug)]
pub(crate) struct NotInherited {
    file: ManuallyDrop<File>,
    slot: &'static AtomicI32,
}

impl NotInherited {
    pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        watch();
        let gate = GATE.pass();
        let file = options.open(path)?;
        let slot = occupy(&FIRST, file.as_raw_fd());
        drop(gate);
        Ok(Self { file: ManuallyDrop::new(file), slot })
    }

    /// Whether the descriptor is open: not in a forked child.
    pub(crate) fn is_open(&self) -> bool {
        self.slot.load(Ordering::Acquire) == self.file.as_raw_fd()
    }
}

impl Deref for NotInherited {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for NotInherited {
    fn drop(&mut self) {
        let descriptor = self.file.as_raw_fd();
        let _gate = GATE.pass();
        let ours =
            self.slot.compare_exchange(descriptor, FREE, Ordering::AcqRel, Ordering::Relaxed);
        if ours.is_ok() {
            // SAFETY: dropped once, here, and not used afterwards. In a forked child, where
            // `in_child` closed the descriptor and the number may be somebody else's, `ours` fails.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}

/// Passed by a thread that opens or closes a lock file, and by one that forks.
static GATE: Gate = Gate::new();

extern "C" fn before() {
    GATE.close();
}

extern "C" fn in_parent() {
    GATE.open();
}

fn occupy(block: &'static Block, descriptor: RawFd) -> &'static AtomicI32 {
    for slot in &block.slots {
        if slot.compare_exchange(FREE, descriptor, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return slot;
        }
    }
    occupy(block.next.get_or_init(|| Box::leak(Box::new(Block::new()))), descriptor)
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let mut block = Some(&FIRST);
    while let Some(current) = block {
        for slot in &current.slots {
            let descriptor = slot.swap(FREE, Ordering::AcqRel);
            if descriptor != FREE {
                // SAFETY: the descriptor belongs to a lock file of ours, which its
                // owner, a `NotInherited`, does not close once its slot is free.
                unsafe { libc::close(descriptor) };
            }
        }
        block = current.next.get().copied();
    }
    GATE.open();
}

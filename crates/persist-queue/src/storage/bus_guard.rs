//! Surviving a mapped file that somebody else cuts short.
//!
//! Writing behind the end of a mapped file raises SIGBUS, which kills the process. The handler here
//! puts plain memory into the place of the mapping that was hit and notes it; the write goes on into
//! that memory, and whoever wrote finds the note and reports an error. What is none of ours goes to
//! the handler that was there before. Where somebody installed another handler since, nothing new is
//! mapped.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::mem::{MaybeUninit, transmute};
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use libc::{sigaction, siginfo_t};

/// How many mappings there can be at a time; where there are more, files are written plainly.
const MOST: usize = 1024;
const FREE: usize = 0;
/// No mapping starts there.
const RESERVED: usize = 1;

static PLACES: [Place; MOST] = [const { Place::new() }; MOST];

/// What to do about signals that are none of ours; set before the handler is.
static PREVIOUS: AtomicPtr<sigaction> = AtomicPtr::new(null_mut());

#[derive(Debug)]
struct Place {
    start: AtomicUsize,
    end: AtomicUsize,
    hit: AtomicBool,
}

impl Place {
    const fn new() -> Self {
        let (start, end) = (AtomicUsize::new(FREE), AtomicUsize::new(0));
        Self { start, end, hit: AtomicBool::new(false) }
    }
}

/// A mapping that is watched until this is dropped, which must be while it is still there.
#[derive(Debug)]
pub(super) struct Guarded(&'static Place);

impl Guarded {
    /// Nothing where it cannot be watched.
    pub(super) fn new(start: usize, size: usize) -> Option<Self> {
        let place = PLACES.iter().find(|place| {
            let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
            place.start.compare_exchange(FREE, RESERVED, success, failure).is_ok()
        })?;
        place.end.store(start + size, Ordering::Relaxed);
        place.hit.store(false, Ordering::Relaxed);
        place.start.store(start, Ordering::Release);
        Some(Self(place))
    }

    /// Whether a write went into the void since.
    pub(super) fn was_hit(&self) -> bool {
        self.0.hit.load(Ordering::Relaxed)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.start.store(FREE, Ordering::Release);
    }
}

/// Whether the handler is in place, which it is once it was asked for unless somebody else has put
/// another in its place.
pub(super) fn is_installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(install) && current().is_some_and(|now| now.sa_sigaction == ours())
}

fn ours() -> usize {
    on_bus_error as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

fn current() -> Option<sigaction> {
    let mut current = MaybeUninit::<sigaction>::zeroed();
    // SAFETY: only asks; zeros are a valid value of this plain structure.
    let asked = unsafe { libc::sigaction(libc::SIGBUS, std::ptr::null(), current.as_mut_ptr()) };
    // SAFETY: as above; where the call worked the kernel has filled it.
    (asked == 0).then(|| unsafe { current.assume_init() })
}

fn install() -> bool {
    let Some(previous) = current() else { return false };
    // Never freed: the handler may need it at any time.
    PREVIOUS.store(Box::into_raw(Box::new(previous)), Ordering::Release);
    // SAFETY: zeros are a valid value of this plain structure.
    let mut action = unsafe { MaybeUninit::<sigaction>::zeroed().assume_init() };
    action.sa_sigaction = ours();
    // On the stack for signals where the thread has one: so did the handler before, perhaps.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler calls nothing that may not be called in one.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, null_mut()) == 0 }
}

extern "C" fn on_bus_error(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a valid one to a handler with SA_SIGINFO.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    // One that was sent has no address.
    if code > 0 {
        let hit = PLACES.iter().find(|place| {
            let start = place.start.load(Ordering::Acquire);
            start > RESERVED && (start..place.end.load(Ordering::Relaxed)).contains(&address)
        });
        if let Some(place) = hit
            && replace(place)
        {
            place.hit.store(true, Ordering::Relaxed);
            return;
        }
    }
    pass_on(signal, info, context);
}

/// Puts memory of zeros into the place of a mapping.
fn replace(place: &Place) -> bool {
    let start = place.start.load(Ordering::Relaxed);
    let size = place.end.load(Ordering::Relaxed) - start;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: the place is that of a mapping of ours, whose owner is the thread that this handler
    // interrupts, so that it stays until it returns. The call may be made in a handler.
    let mapped = unsafe { libc::mmap(start as *mut c_void, size, protection, flags, -1, 0) };
    mapped != libc::MAP_FAILED
}

fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: set before the handler was, and never freed.
    let Some(previous) = (unsafe { PREVIOUS.load(Ordering::Acquire).as_ref() }) else { return };
    let handler = previous.sa_sigaction;
    // SAFETY: each is called as whoever installed it said; the calls may be made in a handler. The
    // default comes into force with the signal that is raised, when this one returns.
    unsafe {
        if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
            libc::sigaction(signal, previous, null_mut());
            libc::raise(signal);
        } else if previous.sa_flags & libc::SA_SIGINFO != 0 {
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = transmute(handler);
            handler(signal, info, context);
        } else {
            let handler: extern "C" fn(c_int) = transmute(handler);
            handler(signal);
        }
    }
}

//! Fewer writes to SQLite's log.
//!
//! A commit appends frames to the log, and SQLite makes two calls for each: 24 bytes that say which page
//! it is, and the page. Here the frames of a commit become one write. The last frame of a commit
//! says so, and before SQLite tells anybody of the commit all are written.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, c_int, c_void};
use std::os::fd::RawFd;

use libc::{off_t, size_t, ssize_t};

/// See "WAL Frame Format" in <https://sqlite.org/fileformat2.html>.
const FRAME_HEADER: usize = 24;
/// Where a frame's header says how large the database is; zero in all but the last one of a commit.
const SIZE_AFTER_COMMIT: std::ops::Range<usize> = 4..8;
/// What is held back at most.
const MOST: usize = 256 * 1024;

/// The replacements, by the names that SQLite has for the system calls.
pub(super) fn calls() -> [(&'static CStr, *const ()); 4] {
    [
        (c"pread", pread as *const ()),
        (c"pread64", pread as *const ()),
        (c"pwrite", pwrite as *const ()),
        (c"pwrite64", pwrite as *const ()),
    ]
}

thread_local! {
    static COMMIT: RefCell<Option<Commit>> = const { RefCell::new(None) };
}

/// A commit that this thread is in.
#[derive(Debug, Default)]
struct Commit {
    /// Whether anything was written yet.
    passed: bool,
    /// Where the next frame, or the rest of one, would go.
    next: Option<(RawFd, off_t)>,
    held: Vec<u8>,
    /// Where in the file that goes.
    start: off_t,
    /// Where the last frame that is held starts, if it has only its header.
    open: Option<usize>,
}

/// Does `work`, which commits and stays in this thread, with its frames written together.
pub(super) fn together<R>(work: impl FnOnce() -> R) -> R {
    set(Some(Commit::default()));
    let result = work();
    // Frames that are still held belong to a commit that failed.
    set(None);
    result
}

/// Where the thread is at its end there is no place for a commit any more: then nothing is held.
fn set(commit: Option<Commit>) {
    let _ = COMMIT.try_with(|place| place.replace(commit));
}

/// Does something with this thread's commit, if it is in one.
fn with_commit<R>(work: impl FnOnce(&mut Commit) -> R) -> Option<R> {
    let done = COMMIT.try_with(|place| place.borrow_mut().as_mut().map(work));
    done.ok().flatten()
}

extern "C" fn pread(file: c_int, buffer: *mut c_void, size: size_t, offset: off_t) -> ssize_t {
    if with_commit(Commit::write_held) == Some(false) {
        return -1;
    }
    // SAFETY: what SQLite wants, as it wants it.
    unsafe { libc::pread(file, buffer, size, offset) }
}

extern "C" fn pwrite(file: c_int, buffer: *const c_void, size: size_t, offset: off_t) -> ssize_t {
    // SAFETY: SQLite gives so many bytes to be written.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), size) };
    match with_commit(|commit| commit.hold(file, bytes, offset)) {
        Some(Held::Yes) => size.cast_signed(),
        Some(Held::Failed) => -1,
        // SAFETY: what SQLite wants, as it wants it.
        Some(Held::No) | None => unsafe { libc::pwrite(file, buffer, size, offset) },
    }
}

enum Held {
    Yes,
    No,
    /// The reason is in `errno`.
    Failed,
}

impl Commit {
    fn hold(&mut self, file: RawFd, bytes: &[u8], offset: off_t) -> Held {
        let follows = self.next == Some((file, offset));
        match self.open {
            // A header anywhere else mends one that was written before, and no page comes after it.
            None if bytes.len() == FRAME_HEADER && (follows || !self.passed) => {
                self.open = Some(self.held.len());
                self.append(file, bytes, offset);
                Held::Yes
            }
            Some(header) if follows => {
                self.open = None;
                self.append(file, bytes, offset);
                let size = &self.held[header..header + FRAME_HEADER][SIZE_AFTER_COMMIT];
                let ends = size.iter().any(|byte| *byte != 0);
                if (ends || self.held.len() > MOST) && !self.write_held() {
                    return Held::Failed;
                }
                Held::Yes
            }
            _ => {
                let written = self.write_held();
                (self.passed, self.next) = (true, None);
                if written { Held::No } else { Held::Failed }
            }
        }
    }

    fn append(&mut self, file: RawFd, bytes: &[u8], offset: off_t) {
        if self.held.is_empty() {
            self.start = offset;
        }
        self.held.extend_from_slice(bytes);
        self.next = Some((file, offset + bytes.len().cast_signed() as off_t));
        self.passed = true;
    }

    /// Writes what is held. Says whether that went well; the reason why not is in `errno`.
    fn write_held(&mut self) -> bool {
        let Some((file, _)) = self.next.filter(|_| !self.held.is_empty()) else { return true };
        let held = std::mem::take(&mut self.held);
        self.open = None;
        write_all(file, &held, self.start)
    }
}

fn write_all(file: RawFd, mut bytes: &[u8], mut offset: off_t) -> bool {
    while !bytes.is_empty() {
        // SAFETY: gives so many bytes of a slice.
        let written = unsafe { libc::pwrite(file, bytes.as_ptr().cast(), bytes.len(), offset) };
        match usize::try_from(written) {
            Ok(0) => {
                // SAFETY: this thread's own variable.
                unsafe { *libc::__errno_location() = libc::ENOSPC };
                return false;
            }
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written.cast_signed() as off_t;
            }
            Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

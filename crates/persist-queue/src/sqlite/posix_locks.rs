//! Locks that two copies of SQLite in one process can hold on one database.
//!
//! A Python program has two: ours, and the one of Python's module `sqlite3`. SQLite locks with
//! `fcntl`, whose locks belong to the process: the copies do not see each other's, and whoever closes
//! a file drops all locks that the process has on it, also the other copy's. Each copy of SQLite
//! guards itself against that, but knows nothing of the other. So in our copy, before its first
//! connection, some system calls are replaced:
//!
//! * `fcntl` takes locks of an open file description. Python's copy cannot drop them, and it sees
//!   them as another process's. SQLite counts on one lock owner a process: it may lock through one
//!   connection's descriptor and unlock through another's. So all our locks on a file go through one
//!   description that we open beside SQLite's.
//! * `close` does not close a database file that still has a name, since that would drop the locks of
//!   Python's copy. The descriptor is kept, and `open` gives it out again. What is kept is as much
//!   as was open at once, until the file is deleted.
//! * `stat` and `fstat` name another device in a forked child. SQLite would take the parent's
//!   connections for the child's own, and so believe in locks that the child does not have.
//!
//! A child closes its copies of the lock descriptions at once, for the reason that is given in
//! `process/fork.rs`. Its copies of the parent's connections find everything locked from then on,
//! so that they can neither write nor delete a log that the parent still needs.
//!
//! Where the kernel has no such locks the plain ones are used, as if nothing had been replaced.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::process::gate::Gate;

/// How many forks lie between this process and the one that called [`calls`].
static GENERATION: AtomicU64 = AtomicU64::new(0);
/// Passed by whoever uses the table, and by a thread that forks.
static GATE: Gate = Gate::new();
static TABLE: Guarded = Guarded(UnsafeCell::new(Table::new()));

/// Device and number of a file.
type Key = (u64, u64);

/// The replacements, by the names that SQLite has for the system calls. To be used from now on.
pub(super) fn calls() -> Result<[(&'static CStr, *const ()); 5], &'static str> {
    // SAFETY: plain functions without arguments that live as long as the program. `in_child` does only
    // what is allowed in the child of a process with threads: it writes what is there, and closes.
    if unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) } != 0 {
        return Err("the process cannot watch for forks");
    }
    Ok([
        (c"open", open as *const ()),
        (c"close", close as *const ()),
        (c"stat", stat as *const ()),
        (c"fstat", fstat as *const ()),
        (c"fcntl", fcntl as *const ()),
    ])
}

/// A file that SQLite locks, or may lock.
#[derive(Debug, Default)]
struct LockFile {
    owner: Owner,
    /// How many descriptors SQLite has on it.
    users: usize,
    /// Descriptors that SQLite closed.
    kept: Vec<RawFd>,
}

/// Whose our locks on a file are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Nothing was locked yet in this process.
    #[default]
    Nobody,
    /// Those of an open file description.
    Description(RawFd),
    /// The process's: there is nothing else on this system.
    Process,
}

/// A descriptor that SQLite has.
#[derive(Debug, Clone, Copy)]
struct Descriptor {
    file: Option<Key>,
    /// A fork copied it from the parent.
    inherited: bool,
    /// A log or a journal, which is never locked.
    beside: bool,
}

/// Where a lock is to be taken.
enum Route {
    Description(RawFd),
    Process,
    /// Nowhere: it is the parent's.
    Refused,
    /// Nowhere yet, because of this error.
    Failed(c_int),
}

struct Table {
    descriptors: BTreeMap<RawFd, Descriptor>,
    files: BTreeMap<Key, LockFile>,
}

impl Table {
    const fn new() -> Self {
        Self { descriptors: BTreeMap::new(), files: BTreeMap::new() }
    }

    fn note(&mut self, descriptor: RawFd, file: Option<Key>, beside: bool) {
        let file = file.filter(|key| self.files.contains_key(key));
        if let Some(file) = file.and_then(|key| self.files.get_mut(&key)) {
            file.users += 1;
        }
        let noted = Descriptor { file, inherited: false, beside };
        // What had the number before was closed behind SQLite's back.
        if let Some(Descriptor { file: Some(key), inherited: false, .. }) =
            self.descriptors.insert(descriptor, noted)
            && let Some(file) = self.files.get_mut(&key)
        {
            file.users = file.users.saturating_sub(1);
        }
    }

    /// A descriptor that was kept, for somebody who opens this file.
    fn reuse(&mut self, key: Key, access: c_int) -> Option<RawFd> {
        let file = self.files.get_mut(&key)?;
        file.kept.retain(|kept| look_at(*kept).is_some_and(|state| key_of(&state) == key));
        let found = file.kept.iter().position(|kept| access_of(*kept) == access)?;
        let descriptor = file.kept.swap_remove(found);
        self.note(descriptor, Some(key), false);
        Some(descriptor)
    }

    fn route(&mut self, descriptor: RawFd) -> Route {
        let noted = self.descriptors.get(&descriptor).copied();
        if noted.is_some_and(|noted| noted.inherited) {
            return Route::Refused;
        }
        let key = if let Some(key) = noted.and_then(|noted| noted.file) {
            key
        } else {
            // Never the process's: what would be locked there would be dropped elsewhere, and stay locked.
            let Some(state) = look_at(descriptor) else { return Route::Failed(last_error()) };
            let key = key_of(&state);
            self.files.entry(key).or_default();
            self.note(descriptor, Some(key), false);
            key
        };
        let file = self.files.entry(key).or_default();
        if file.owner == Owner::Nobody {
            match Owner::new(descriptor) {
                Ok(owner) => file.owner = owner,
                Err(error) => return Route::Failed(error),
            }
        }
        match file.owner {
            Owner::Description(owner) => Route::Description(owner),
            Owner::Nobody | Owner::Process => Route::Process,
        }
    }

    /// Takes note of a descriptor that SQLite closes. Gives what is to be closed instead, which may
    /// be nothing.
    fn release(&mut self, descriptor: RawFd) -> Vec<RawFd> {
        let noted = self.descriptors.remove(&descriptor);
        if noted.is_some_and(|noted| noted.inherited) {
            // Its offset is the parent's as well: nobody may read with it again.
            return Vec::new();
        }
        let state = look_at(descriptor);
        let known = noted.and_then(|noted| noted.file);
        let Some(key) = known.or_else(|| state.as_ref().map(key_of)) else {
            return vec![descriptor];
        };
        let may_be_locked = state.is_some_and(|state| {
            state.st_mode & libc::S_IFMT == libc::S_IFREG && state.st_nlink > 0
        }) && noted.is_some_and(|noted| !noted.beside);
        if may_be_locked {
            self.files.entry(key).or_default();
        }
        let Some(file) = self.files.get_mut(&key) else { return vec![descriptor] };
        if known.is_some() {
            file.users = file.users.saturating_sub(1);
        }
        if let (0, Owner::Description(owner)) = (file.users, file.owner) {
            // SQLite leaves some locks to be dropped by the close.
            let mut all = whole_file(libc::F_UNLCK);
            lock_call(owner, libc::F_OFD_SETLK, &mut all);
        }
        if file.owner == Owner::Process {
            // Nothing would be gained: Python's copy could not see these locks anyway.
            if file.users == 0 {
                self.files.remove(&key);
            }
            return vec![descriptor];
        }
        file.kept.push(descriptor);
        self.sweep()
    }

    /// Forgets the files that have no name any more. Gives what is to be closed.
    fn sweep(&mut self) -> Vec<RawFd> {
        let mut closed = Vec::new();
        self.files.retain(|key, file| {
            let owner = match file.owner {
                Owner::Description(owner) => Some(owner),
                Owner::Nobody | Owner::Process => None,
            };
            let mut ours = file.kept.iter().copied().chain(owner);
            let deleted = |descriptor| {
                look_at(descriptor)
                    .is_some_and(|state| key_of(&state) == *key && state.st_nlink == 0)
            };
            if file.users > 0 || !ours.clone().any(deleted) {
                return true;
            }
            closed.extend(ours.by_ref().filter(|descriptor| deleted(*descriptor)));
            false
        });
        closed
    }
}

impl Owner {
    /// Opens the file of `descriptor` once more, for the locks. What this gives holds for as long as
    /// the process uses the file, so that an error that may be over soon is none of the answers.
    fn new(descriptor: RawFd) -> Result<Self, c_int> {
        // For writing also if SQLite only reads: another connection may write, and there is one owner.
        let owner = match open_anew(descriptor, libc::O_RDWR) {
            Err(libc::EACCES | libc::EPERM | libc::EROFS) => open_anew(descriptor, libc::O_RDONLY)?,
            // Without /proc it is SQLite's own description, which a forked child keeps alive.
            Err(libc::ENOENT) => duplicate(descriptor)?,
            opened => opened?,
        };
        let mut probe = whole_file(libc::F_RDLCK);
        if lock_call(owner, libc::F_OFD_GETLK, &mut probe) == 0 {
            return Ok(Self::Description(owner));
        }
        let error = last_error();
        close_now(&[owner]);
        // So a kernel says that it has no such locks.
        if error == libc::EINVAL { Ok(Self::Process) } else { Err(error) }
    }
}

fn open_anew(descriptor: RawFd, access: c_int) -> Result<RawFd, c_int> {
    let path = format!("/proc/self/fd/{descriptor}\0");
    // SAFETY: the path ends in a zero.
    let opened = unsafe { libc::open(path.as_ptr().cast(), access | libc::O_CLOEXEC) };
    if opened >= 0 { Ok(opened) } else { Err(last_error()) }
}

fn duplicate(descriptor: RawFd) -> Result<RawFd, c_int> {
    // SAFETY: without a pointer.
    let duplicated = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    if duplicated >= 0 { Ok(duplicated) } else { Err(last_error()) }
}

fn last_error() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: SQLite gives paths that end in a zero.
    let name = unsafe { CStr::from_ptr(path) };
    if flags & (libc::O_EXCL | libc::O_TRUNC | libc::O_DIRECTORY) == 0
        && let Some(key) = key_at(name, flags)
        && may_open(name, flags)
        && let Some(kept) = with_table(|table| table.reuse(key, flags & libc::O_ACCMODE))
    {
        return kept;
    }
    // SAFETY: the path ends in a zero, and the mode is given.
    let opened = unsafe { libc::open(path, flags, mode) };
    if opened >= 0 {
        let bytes = name.to_bytes();
        let beside = flags & libc::O_EXCL != 0
            || [&b"-wal"[..], b"-journal"].iter().any(|end| bytes.ends_with(end));
        let file = look_at(opened).map(|state| key_of(&state));
        with_table(|table| table.note(opened, file, beside));
    }
    opened
}

extern "C" fn close(descriptor: c_int) -> c_int {
    let closed = with_table(|table| table.release(descriptor));
    close_now(&closed)
}

extern "C" fn fcntl(descriptor: c_int, command: c_int, argument: *mut c_void) -> c_int {
    let ours = match command {
        libc::F_SETLK => libc::F_OFD_SETLK,
        libc::F_SETLKW => libc::F_OFD_SETLKW,
        libc::F_GETLK => libc::F_OFD_GETLK,
        // SAFETY: what SQLite wants, as it wants it.
        _ => return unsafe { libc::fcntl(descriptor, command, argument) },
    };
    // SAFETY: with these commands SQLite gives a lock of its own, which no other thread uses.
    let lock = unsafe { &mut *argument.cast::<libc::flock>() };
    match with_table(|table| table.route(descriptor)) {
        Route::Description(owner) => {
            // The kernel demands it.
            lock.l_pid = 0;
            lock_call(owner, ours, lock)
        }
        Route::Process => lock_call(descriptor, command, lock),
        Route::Refused if command == libc::F_GETLK => {
            lock.l_type = libc::F_WRLCK as i16;
            0
        }
        Route::Refused | Route::Failed(_) if c_int::from(lock.l_type) == libc::F_UNLCK => 0,
        Route::Refused => fail(libc::EAGAIN),
        Route::Failed(error) => fail(error),
    }
}

fn fail(error: c_int) -> c_int {
    // SAFETY: this thread's own variable.
    unsafe { *libc::__errno_location() = error };
    -1
}

extern "C" fn stat(path: *const c_char, state: *mut libc::stat) -> c_int {
    // SAFETY: what SQLite wants, as it wants it.
    let code = unsafe { libc::stat(path, state) };
    in_this_generation(code, state)
}

extern "C" fn fstat(descriptor: c_int, state: *mut libc::stat) -> c_int {
    // SAFETY: what SQLite wants, as it wants it.
    let code = unsafe { libc::fstat(descriptor, state) };
    in_this_generation(code, state)
}

/// SQLite tells by device and number which of its connections share their locks.
fn in_this_generation(code: c_int, state: *mut libc::stat) -> c_int {
    if code == 0 {
        // SAFETY: the call succeeded, so SQLite's pointer is good and the state is filled in.
        unsafe { (*state).st_dev ^= GENERATION.load(Ordering::Relaxed) << 40 };
    }
    code
}

fn lock_call(descriptor: RawFd, command: c_int, lock: &mut libc::flock) -> c_int {
    // SAFETY: `lock` is one, and is not used by anybody else.
    unsafe { libc::fcntl(descriptor, command, std::ptr::from_mut(lock)) }
}

fn whole_file(kind: c_int) -> libc::flock {
    // SAFETY: a struct of numbers.
    let mut lock: libc::flock = unsafe { MaybeUninit::zeroed().assume_init() };
    lock.l_type = kind as i16;
    lock
}

fn look_at(descriptor: RawFd) -> Option<libc::stat> {
    let mut state = MaybeUninit::uninit();
    // SAFETY: there is room for the answer, which is there where the call succeeds.
    unsafe { (libc::fstat(descriptor, state.as_mut_ptr()) == 0).then(|| state.assume_init()) }
}

fn key_of(state: &libc::stat) -> Key {
    (state.st_dev, state.st_ino)
}

fn key_at(path: &CStr, flags: c_int) -> Option<Key> {
    let look = if flags & libc::O_NOFOLLOW == 0 { libc::stat } else { libc::lstat };
    let mut state = MaybeUninit::uninit();
    // SAFETY: as in `look_at`; the path ends in a zero.
    let state =
        unsafe { (look(path.as_ptr(), state.as_mut_ptr()) == 0).then(|| state.assume_init()) };
    state.map(|state| key_of(&state))
}

/// Whether the file could be opened anew: the process may have given rights up since.
fn may_open(path: &CStr, flags: c_int) -> bool {
    let access = match flags & libc::O_ACCMODE {
        libc::O_RDONLY => libc::R_OK,
        _ => libc::R_OK | libc::W_OK,
    };
    // SAFETY: the path ends in a zero.
    unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), access, libc::AT_EACCESS) == 0 }
}

fn access_of(descriptor: RawFd) -> c_int {
    // SAFETY: asks for flags, without a pointer.
    unsafe { libc::fcntl(descriptor, libc::F_GETFL, 0 as c_long) & libc::O_ACCMODE }
}

fn close_now(descriptors: &[RawFd]) -> c_int {
    descriptors.iter().fold(0, |code, descriptor| {
        // SAFETY: SQLite closes this one, or it is ours and left the table.
        code.min(unsafe { libc::close(*descriptor) })
    })
}

/// What is known of descriptors and files. A mutex would stay locked in the child of a fork.
struct Guarded(UnsafeCell<Table>);

// SAFETY: only `with_table` and `in_child` touch what is in it, both with the gate closed.
unsafe impl Sync for Guarded {}

fn with_table<R>(work: impl FnOnce(&mut Table) -> R) -> R {
    let _gate = GATE.pass();
    // SAFETY: whoever is here passed the gate, and `work` cannot come here again.
    work(unsafe { &mut *TABLE.0.get() })
}

extern "C" fn before_fork() {
    GATE.close();
}

extern "C" fn in_parent() {
    GATE.open();
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // SAFETY: `before_fork` passed the gate, and the child has no other thread.
    let table = unsafe { &mut *TABLE.0.get() };
    for file in table.files.values_mut() {
        if let Owner::Description(owner) = std::mem::take(&mut file.owner) {
            close_now(&[owner]);
        }
        // A child has no locks of the process that this could drop.
        close_now(&file.kept);
        file.kept.clear();
        file.users = 0;
    }
    for descriptor in table.descriptors.values_mut() {
        descriptor.inherited = true;
    }
    GATE.open();
}

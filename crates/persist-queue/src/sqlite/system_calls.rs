//! System calls of our copy of SQLite that are made in another way. With `process/fork.rs` the only
//! file with `unsafe`.
//!
//! **Locks.** A Python program may use its own copy of SQLite on the same file. Locks by `fcntl` belong
//! to the process, and closing any descriptor of the file drops them all: two copies in one process
//! take each other's locks away, and the database ends malformed. Locks of the open file description
//! belong to the descriptor. SQLite takes a lock through one descriptor and may give it back through
//! another one of the same file; what that leaves is a shared lock on the database file until its
//! descriptor is closed. In WAL mode, the only one that we use, nobody needs that file alone but to
//! remove the log when the last connection closes; then the log stays.
//!
//! **Mapping.** The log's index is a mapped file with holes where a block is smaller than a page.
//! Writing into a hole on a full disk kills the process (SIGBUS), so its blocks are allocated
//! before it is mapped.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::sync::OnceLock;

use libc::{off_t, size_t};
use rusqlite::ffi;

/// Sees to it, once a process; before the first connection is opened.
pub(super) fn install() -> Result<(), &'static str> {
    static INSTALLED: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        // SAFETY: it is always allowed to initialize, and to ask for the default VFS, which lives as
        // long as the program.
        let vfs = unsafe {
            if ffi::sqlite3_initialize() != ffi::SQLITE_OK {
                return Err("SQLite cannot be initialized");
            }
            ffi::sqlite3_vfs_find(std::ptr::null())
        };
        // SAFETY: both are functions of the number and size of arguments that SQLite calls them with.
        // `fcntl` is variadic there, with one more argument; on Linux that is passed as a plain one is.
        let (locks, maps) = unsafe {
            (
                std::mem::transmute::<Fcntl, unsafe extern "C" fn()>(fcntl),
                std::mem::transmute::<Mmap, unsafe extern "C" fn()>(mmap),
            )
        };
        for (name, replacement) in [(c"fcntl", locks), (c"mmap", maps)] {
            if !replace(vfs, name, replacement) {
                return Err("SQLite does not let its system calls be replaced");
            }
        }
        Ok(())
    })
}

fn replace(vfs: *mut ffi::sqlite3_vfs, name: &CStr, replacement: unsafe extern "C" fn()) -> bool {
    // SAFETY: a VFS that SQLite gave is valid or null.
    let Some(set) = (unsafe { vfs.as_ref() }).and_then(|vfs| vfs.xSetSystemCall) else {
        return false;
    };
    // SAFETY: called with its own VFS, a string, and a function as `install` says.
    unsafe { set(vfs, name.as_ptr(), Some(replacement)) == ffi::SQLITE_OK }
}

type Fcntl = extern "C" fn(c_int, c_int, *mut libc::flock) -> c_int;
type Mmap = extern "C" fn(*mut c_void, size_t, c_int, c_int, c_int, off_t) -> *mut c_void;

extern "C" fn fcntl(descriptor: c_int, command: c_int, argument: *mut libc::flock) -> c_int {
    let own = match command {
        libc::F_SETLK => libc::F_OFD_SETLK,
        libc::F_SETLKW => libc::F_OFD_SETLKW,
        libc::F_GETLK => libc::F_OFD_GETLK,
        // SAFETY: passed on as it came, whatever it is.
        other => return unsafe { libc::fcntl(descriptor, other, argument) },
    };
    // SAFETY: with these commands SQLite passes a lock of its own.
    unsafe {
        // The kernel insists; SQLite leaves what was on the stack.
        (*argument).l_pid = 0;
        libc::fcntl(descriptor, own, argument)
    }
}

extern "C" fn mmap(
    address: *mut c_void,
    size: size_t,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: off_t,
) -> *mut c_void {
    if protection & libc::PROT_WRITE != 0 && flags & libc::MAP_ANONYMOUS == 0 {
        let length = off_t::try_from(size).unwrap_or(off_t::MAX);
        // SAFETY: only numbers; a wrong one gives an error.
        let allocated =
            unsafe { libc::fallocate(descriptor, libc::FALLOC_FL_KEEP_SIZE, offset, length) };
        // A file system that cannot do it, as NFS, is used as SQLite does.
        if allocated != 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOSPC) {
            return libc::MAP_FAILED;
        }
    }
    // SAFETY: passed on as it came.
    unsafe { libc::mmap(address, size, protection, flags, descriptor, offset) }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    /// The kinds of locks that this process has on the file, by `/proc/locks`.
    fn kinds(inode: u64) -> Vec<String> {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let on = locks.lines().filter(|line| line.contains(&format!(":{inode} ")));
        on.filter_map(|line| Some(line.split_whitespace().nth(1)?.to_owned())).collect()
    }

    #[test]
    fn locks_belong_to_the_descriptor() {
        use std::os::unix::fs::MetadataExt;
        super::install().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for file in ["data.db", "data.db-shm"] {
            let inode = std::fs::metadata(dir.path().join(file)).unwrap().ino();
            let kinds = kinds(inode);
            assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind == "OFDLCK"), "{kinds:?}");
        }
    }
}

//! System calls of our copy of SQLite that are made in another way: those for locks, see
//! [`super::posix_locks`], those that read and write, see [`super::log_writes`], and the one that maps
//! the log's index.
//!
//! The index is a mapped file with holes where a block is smaller than a page. Writing into a hole on
//! a full disk kills the process (SIGBUS), so its blocks are allocated before it is mapped.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::mem::transmute;
use std::sync::OnceLock;

use libc::{off_t, size_t};
use rusqlite::ffi;

use super::{log_writes, posix_locks};

/// Sees to it, once a process. To be called before each opening of a database.
pub(super) fn install() -> Result<(), &'static str> {
    static INSTALLED: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        // SAFETY: initializes the library, which may be done at any time and more than once.
        if unsafe { ffi::sqlite3_initialize() } != ffi::SQLITE_OK {
            return Err("SQLite cannot be initialized");
        }
        // All VFS for Unix share one table of system calls.
        // SAFETY: the name ends in a zero; the result is null or lives as long as the program.
        let vfs = unsafe { ffi::sqlite3_vfs_find(c"unix".as_ptr()) };
        replace(vfs, c"mmap", mmap as *const ())?;
        // On 32 bits `struct flock`, `struct stat` and `off_t` depend on how SQLite was compiled.
        if cfg!(target_pointer_width = "64") {
            for (name, call) in posix_locks::calls()?.into_iter().chain(log_writes::calls()) {
                replace(vfs, name, call)?;
            }
        }
        Ok(())
    })
}

fn replace(vfs: *mut ffi::sqlite3_vfs, name: &CStr, call: *const ()) -> Result<(), &'static str> {
    // SAFETY: `install` says what it is.
    let methods =
        unsafe { vfs.as_ref() }.and_then(|vfs| vfs.xSetSystemCall.zip(vfs.xGetSystemCall));
    let Some((set, get)) = methods else {
        return Err("this SQLite cannot replace system calls");
    };
    // SAFETY: `call` is a function. SQLite casts it back to the type that the function of this name
    // has, which is the type that ours has. `fcntl` is called as one with a variable number of
    // arguments, which Linux's calling conventions for 64 bits pass like named ones.
    let call = Some(unsafe { transmute::<*const (), unsafe extern "C" fn()>(call) });
    // SAFETY: `vfs` is the one whose methods these are, and the name ends in a zero.
    let (code, current) = unsafe { (set(vfs, name.as_ptr(), call), get(vfs, name.as_ptr())) };
    let is_set = current.map(|current| current as usize) == call.map(|call| call as usize);
    if code == ffi::SQLITE_OK && is_set {
        Ok(())
    } else {
        Err("this SQLite does not let its system calls be replaced")
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

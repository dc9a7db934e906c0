//! Segments that are written through a mapping: what others see of it, and what happens where
//! somebody cuts the file.
//!
//! All other tests of the file queue run through a mapping too, and once more without
//! (`PERSISTQUEUE_MAPPED=0`).

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unsafe_code)]

#[path = "support/this_program.rs"]
mod this_program;

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use persist_queue::codec::Bytes;
use persist_queue::{Error, FileQueue, Options};
use this_program::this_program;

type Queue = FileQueue<Vec<u8>, Bytes>;

/// Where the frame of the first record starts.
const FIRST: u64 = 128;

fn open(dir: &Path) -> Queue {
    Options::new().mapped(true).autosave(true).open_with(dir, Bytes).unwrap()
}

fn first_segment(dir: &Path) -> PathBuf {
    dir.join("q00000")
}

fn size(dir: &Path) -> u64 {
    first_segment(dir).metadata().unwrap().len()
}

fn item(number: u8) -> Vec<u8> {
    vec![number; 100]
}

/// A frame of such an item.
const FRAME: u64 = 128;

fn take_all(queue: &Queue) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| queue.try_get().unwrap()).collect()
}

#[test]
fn an_item_is_in_the_file_as_soon_as_it_is_put() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    queue.put(item(7)).unwrap();
    let bytes = std::fs::read(first_segment(dir.path())).unwrap();
    let payload = FIRST as usize + 24;
    assert_eq!(bytes[payload..payload + 100], item(7));
}

#[test]
fn room_is_allocated_while_it_is_open_and_given_back_when_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path());
    queue.put(item(1)).unwrap();
    assert!(size(dir.path()) >= 64 * 1024, "{}", size(dir.path()));
    drop(queue);
    assert_eq!(size(dir.path()), FIRST + FRAME);
    assert_eq!(take_all(&open(dir.path())), [item(1)]);
}

#[test]
fn room_is_given_back_also_where_a_helper_thread_is_the_last_to_leave() {
    for _ in 0..2000 {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path());
        queue.put(item(1)).unwrap();
        drop(queue);
        assert_eq!(size(dir.path()), FIRST + FRAME);
    }
}

#[test]
fn without_a_mapping_the_file_is_as_long_as_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let queue: Queue = Options::new().mapped(false).open_with(dir.path(), Bytes).unwrap();
    queue.put(item(1)).unwrap();
    assert_eq!(size(dir.path()), FIRST + FRAME);
}

#[test]
fn a_segment_that_is_left_gives_its_room_back() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new().mapped(true).chunk_records(2);
    let queue: Queue = options.open_with(dir.path(), Bytes).unwrap();
    (0..3).for_each(|number| queue.put(item(number)).unwrap());
    assert_eq!(size(dir.path()), FIRST + 2 * FRAME);
}

#[test]
fn many_items_of_many_sizes_come_back_over_several_mappings() {
    let dir = tempfile::tempdir().unwrap();
    let items: Vec<_> = (0..3000).map(|number| vec![number as u8; number * 37 % 40_000]).collect();
    let queue = open(dir.path());
    let (single, many) = items.split_at(items.len() / 2);
    for item in single {
        queue.put(item.clone()).unwrap();
    }
    many.chunks(7).for_each(|items| queue.put_many(items.to_vec()).unwrap());
    drop(queue);
    assert!(take_all(&open(dir.path())) == items);
}

/// What is in the files now is what a killed process leaves.
fn killed(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[test]
fn what_is_finished_before_an_older_item_is_marked_in_every_segment() {
    let dir = tempfile::tempdir().unwrap();
    // Several windows of 64 KiB, of which the last in each segment ends with the file.
    let options = Options::new().mapped(true).chunk_records(1500);
    let queue: Queue = options.open_with(dir.path(), Bytes).unwrap();
    queue.put_many((0..=u8::MAX).cycle().take(4000).map(item).collect()).unwrap();
    let oldest = queue.get().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 1..4000 {
                queue.get().unwrap();
                queue.task_done().unwrap();
            }
        });
    });
    assert_eq!(take_all(&open(killed(dir.path()).path())), [oldest]);
}

/// Runs `body` in a process of its own, since a signal kills a process and its handler is the whole
/// process's. Gives how it ended.
fn in_own_process(name: &str, body: impl FnOnce(&Path)) -> Option<ExitStatus> {
    const ROLE: &str = "PERSIST_QUEUE_MAPPED_FOLDER";
    if let Some(dir) = std::env::var_os(ROLE) {
        body(Path::new(&dir));
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = this_program()
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ROLE, folder.path())
        .status()
        .unwrap();
    Some(status)
}

fn cut(path: &Path, size: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(size).unwrap();
}

#[test]
fn a_segment_that_somebody_cuts_is_an_error_and_does_not_kill_the_process() {
    let name = "a_segment_that_somebody_cuts_is_an_error_and_does_not_kill_the_process";
    let ended = in_own_process(name, |dir| {
        let queue = open(dir);
        queue.put(item(1)).unwrap();
        cut(&first_segment(dir), 0);
        let error = queue.put(item(2)).unwrap_err();
        assert!(matches!(error.error, Error::Io { action: "write", .. }), "{error}");
        assert!(error.error.to_string().contains("cut short"), "{error}");
        assert!(error.error.to_string().contains("q00000"), "{error}");
        // What was put before is in memory still; what is put now is stored.
        queue.put(item(3)).unwrap();
        assert_eq!(queue.try_get().unwrap(), Some(item(1)));
        drop(queue);
        assert_eq!(take_all(&open(dir)), [item(3)]);
    });
    assert!(ended.is_none_or(|status| status.success()), "{ended:?}");
}

/// Raises SIGBUS as a program does that maps a file of its own and has it cut.
fn fault(file: &File) {
    file.set_len(4096).unwrap();
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: the kernel chooses the place; nobody else knows of it.
    let map =
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, file.as_raw_fd(), 0) };
    assert_ne!(map, libc::MAP_FAILED);
    file.set_len(0).unwrap();
    // SAFETY: it is mapped; that the kernel refuses is the point.
    unsafe { map.cast::<u8>().write_volatile(1) };
}

#[test]
fn a_bus_error_of_the_programs_own_ends_it_as_ever() {
    let ended = in_own_process("a_bus_error_of_the_programs_own_ends_it_as_ever", |dir| {
        let queue = open(dir);
        queue.put(item(1)).unwrap();
        fault(&tempfile::tempfile().unwrap());
    });
    assert!(ended.is_none_or(|status| status.signal() == Some(libc::SIGBUS)), "{ended:?}");
}

#[test]
fn a_bus_error_that_was_sent_ends_the_program_as_ever() {
    let ended = in_own_process("a_bus_error_that_was_sent_ends_the_program_as_ever", |dir| {
        // Not as Rust's own, which takes a signal that was sent for a fault and waits for the next one.
        install(libc::SIG_DFL);
        let queue = open(dir);
        queue.put(item(1)).unwrap();
        // SAFETY: that it kills is the point.
        unsafe { libc::raise(libc::SIGBUS) };
    });
    assert!(ended.is_none_or(|status| status.signal() == Some(libc::SIGBUS)), "{ended:?}");
}

const HANDLED: i32 = 77;

extern "C" fn leave(_: libc::c_int) {
    // SAFETY: ends the process.
    unsafe { libc::_exit(HANDLED) }
}

fn install(handler: libc::sighandler_t) {
    // SAFETY: the handlers here do what one may do.
    unsafe { libc::signal(libc::SIGBUS, handler) };
}

fn leaving() -> libc::sighandler_t {
    leave as extern "C" fn(libc::c_int) as libc::sighandler_t
}

#[test]
fn a_handler_that_was_there_before_gets_the_programs_own_bus_errors() {
    let name = "a_handler_that_was_there_before_gets_the_programs_own_bus_errors";
    let ended = in_own_process(name, |dir| {
        install(leaving());
        let queue = open(dir);
        queue.put(item(1)).unwrap();
        assert!(size(dir) >= 64 * 1024, "it is mapped");
        fault(&tempfile::tempfile().unwrap());
    });
    assert!(ended.is_none_or(|status| status.code() == Some(HANDLED)), "{ended:?}");
}

#[test]
fn where_another_handler_came_later_nothing_more_is_mapped() {
    let name = "where_another_handler_came_later_nothing_more_is_mapped";
    let ended = in_own_process(name, |dir| {
        let first = dir.join("first");
        let queue = open(&first);
        queue.put(item(1)).unwrap();
        install(leaving());
        let second = dir.join("second");
        let queue = open(&second);
        queue.put(item(1)).unwrap();
        assert_eq!(size(&second), FIRST + FRAME);
    });
    assert!(ended.is_none_or(|status| status.success()), "{ended:?}");
}

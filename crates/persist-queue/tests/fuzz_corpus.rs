//! The functions of the fuzz targets over the inputs that fuzzing has kept: its short form, without a
//! nightly compiler.
// Helpers of tests may fail as tests do; an allocator cannot be made without `unsafe`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::ptr::null_mut;

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, dead_code)]
mod fuzz;

/// Memory in reasonable pieces: a file that claims gigabytes does not get them, and the test ends.
struct Bounded;

const MOST: usize = 64 << 20;

#[global_allocator]
static MEMORY: Bounded = Bounded;

// SAFETY: it is the system's allocator, or no memory.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: handed on as it is.
        if layout.size() > MOST { null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: all memory is from there.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn each_input(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let (mut inputs, corpus) = (0, fuzz.join("corpus").join(target));
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        check(&fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", corpus.display());
}

#[test]
fn record() {
    each_input("record", fuzz::record::check);
}

#[test]
fn control() {
    each_input("control", fuzz::control::check);
}

#[test]
fn segment() {
    each_input("segment", fuzz::segment::check);
}

#[test]
fn legacy() {
    each_input("legacy", fuzz::legacy::check);
}

#[test]
fn url() {
    each_input("url", fuzz::url::check);
}

#[test]
fn codec() {
    each_input("codec", fuzz::codec::check);
}

//! The functions of the fuzz targets over the inputs that fuzzing has kept: its short form, without a
//! nightly compiler.
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, dead_code)]
mod fuzz;

fn each_input(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let (mut inputs, corpus) = (0, fuzz.join("corpus").join(target));
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
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

//! Folders as persist-queue 1.x left them, and what a hostile one makes of them.

use super::folder::{disk, drain, goes_on, open, unpack};

pub const CODECS: [&str; 4] = ["pickle", "json", "msgpack", "cbor2"];

/// The input: the serializer, and a folder, as `folder` has it.
pub fn check(input: &[u8]) {
    let Some((codec, input)) = input.split_first() else { return };
    let codec = CODECS[usize::from(*codec) % CODECS.len()];
    let files = unpack(input, "info");
    let disk = disk(files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())));
    let Some(queue) = open(&disk, codec) else { return };
    for item in drain(&queue, input.len() + 64) {
        let is_there = |bytes: &[u8]| {
            item.is_empty() || bytes.windows(item.len()).any(|window| window == item)
        };
        assert!(files.iter().any(|file| is_there(&file.bytes)), "never put: {item:?}");
    }
    goes_on(queue, &disk, codec);
}

//! Bytes in which records are looked for.

use persist_queue::file::fuzzing;

use super::frames;

/// The input: a salt, and the bytes.
pub fn check(input: &[u8]) {
    let Some((salt, bytes)) = input.split_first_chunk() else { return };
    let salt = u32::from_le_bytes(*salt);
    let found = fuzzing::parse(bytes, salt);
    assert_eq!(found, frames::record(bytes, salt), "only what has the right checksum is a record");

    // Behind damage the first record in the range is found, and no later one.
    let wanted = 2..1 << 40;
    let expected = (0..bytes.len()).step_by(8).find(|at| {
        frames::record(&bytes[*at..], salt).is_some_and(|(sequence, _)| wanted.contains(&sequence))
    });
    assert_eq!(fuzzing::find(bytes, salt, wanted), expected);

    // What is put comes back.
    let frame = fuzzing::encode(salt, 3, bytes);
    assert_eq!(fuzzing::parse(&frame, salt), Some((3, bytes.to_vec())));
    assert_eq!(frame.len() % 8, 0);
    for cut in [1, frame.len() / 2, frame.len() - 8] {
        let whole = bytes.len() + 24 <= cut;
        assert_eq!(fuzzing::parse(&frame[..cut], salt).is_some(), whole, "cut at {cut}");
    }
}

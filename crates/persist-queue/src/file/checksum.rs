//! The checksum of records, headers and the control file: CRC-32C.
//!
//! The library makes a state of some 300 bytes for each sum, which takes three times as long as the sum of a short
//! record itself. Those are summed here where the processor has an instruction for it.
#![allow(unsafe_code)]

use crc_fast::{CrcAlgorithm, Digest};

/// From this size on, in bytes, the library is as fast, and soon faster.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 256;

/// The checksum of `bytes`.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// The checksum of what `before` is that of, and of `bytes` behind it.
#[inline]
pub(super) fn crc32c_append(before: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() < LONG && std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: this processor has the instructions that it is made of.
        return unsafe { append_short(before, bytes) };
    }
    append_any(before, bytes)
}

#[expect(clippy::cast_possible_truncation, reason = "it has 32 bits")]
fn append_any(before: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!before));
    digest.update(bytes);
    digest.finalize() as u32
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
#[expect(clippy::cast_possible_truncation, reason = "it has 32 bits")]
fn append_short(before: u32, bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};
    let (words, rest) = bytes.as_chunks();
    let (halves, rest) = rest.as_chunks();
    let sum = words
        .iter()
        .fold(u64::from(!before), |sum, word| _mm_crc32_u64(sum, u64::from_le_bytes(*word)));
    let sum =
        halves.iter().fold(sum as u32, |sum, half| _mm_crc32_u32(sum, u32::from_le_bytes(*half)));
    !rest.iter().fold(sum, |sum, byte| _mm_crc32_u8(sum, *byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 3720, B.4, and of one sum from two pieces.
    #[test]
    fn it_is_that_of_the_standard() {
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46DD_794E);
        for cut in 0..rising.len() {
            let (front, back) = rising.split_at(cut);
            assert_eq!(crc32c_append(crc32c(front), back), 0x46DD_794E, "cut at {cut}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn short_ones_are_those_of_the_library() {
        let bytes: Vec<u8> = (0..=u8::MAX).rev().cycle().take(LONG + 8).collect();
        for before in [0, 1, 0x8A91_36AA, u32::MAX] {
            for from in 0..8 {
                for size in 0..=LONG {
                    let bytes = &bytes[from..from + size];
                    let place = format!("{size} bytes from {from} on, behind {before:x}");
                    assert_eq!(crc32c_append(before, bytes), append_any(before, bytes), "{place}");
                }
            }
        }
    }
}

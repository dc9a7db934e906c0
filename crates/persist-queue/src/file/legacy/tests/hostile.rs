//! Damaged bytes of every kind: nothing panics, nothing runs away, nothing is lost unsaid.

use super::super::chunk::Chunk;
use super::super::pieces::{Piece, cut};
use super::super::{Unread, detect};
use super::{CASES, CODECS, bytes, format};

/// Every shorter part of `bytes`, and `bytes` with each bit turned, each byte zeroed or repeated.
fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..bytes.len()).map(|end| bytes[..end].to_vec()).collect();
    for at in 0..bytes.len() {
        let mut change = |to: u8| {
            let mut copy = bytes.to_vec();
            copy[at] = to;
            all.push(copy);
        };
        (0..8).for_each(|bit| change(bytes[at] ^ (1 << bit)));
        change(0);
        change(0xff);
        all.push([&bytes[..=at], &bytes[at..]].concat());
    }
    all
}

#[test]
fn a_damaged_info_file_is_refused_or_read() {
    for codec in CODECS {
        for case in CASES {
            for bytes in damaged(&bytes(&format!("{codec}/{case}/info"))) {
                if let Ok(info) = format(codec).info(&bytes) {
                    assert_eq!(info.checked(), Ok(info));
                }
                detect(&bytes);
            }
        }
    }
}

#[test]
fn a_damaged_chunk_accounts_for_every_item() {
    for codec in CODECS {
        for bytes in damaged(&bytes(&format!("{codec}/fresh/q00000"))) {
            let chunk = Chunk::new("q00000".into(), 0, bytes.clone(), 5, format(codec));
            let unread: Vec<Unread> = chunk.collect();
            let told: u64 = unread
                .iter()
                .map(|unread| match unread {
                    Unread::Item(_) => 1,
                    Unread::Damaged { records, .. } => *records,
                })
                .sum();
            assert!(told >= 5, "{codec} {bytes:?}: {unread:?}");
            assert!(unread.len() <= bytes.len() + 1);
        }
    }
}

#[test]
fn pieces_follow_one_another() {
    for codec in CODECS {
        for bytes in damaged(&bytes(&format!("{codec}/partly/q00002"))) {
            let mut at = 0;
            for piece in cut(&bytes, format(codec)) {
                let (Piece::Whole(range) | Piece::Broken(range, _)) = piece;
                assert!(at <= range.start && range.start < range.end, "{codec} {bytes:?}");
                at = range.end;
            }
            assert!(at <= bytes.len() && bytes.len() - at <= 1, "{codec} {bytes:?}");
        }
    }
}

#[test]
fn noise_is_survived() {
    let mut state = 1_u64;
    for length in 0..3_000 {
        let noise: Vec<u8> = (0..length % 100)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        detect(&noise);
        for codec in CODECS {
            cut(&noise, format(codec));
        }
    }
}

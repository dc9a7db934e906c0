//! Somebody else's work on the files.

use std::path::Path;
use std::sync::Arc;

use persist_queue::Error;
use persist_queue::storage::{Access, SimulatedDisk, Storage};
use proptest::prelude::*;

use crate::programs::{cases, programs};
use crate::support::oracle::Setup;
use crate::support::run::Run;
use crate::support::subject::Subject;
use crate::support::survivors::check_sound;

/// Somebody else's work on one file.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    /// Bytes are other ones; a number out of a million is where.
    Write {
        at: u64,
        bytes: Vec<u8>,
    },
    Flip {
        at: u64,
        bit: u8,
    },
    Cut {
        at: u64,
    },
    Append(Vec<u8>),
    Remove,
    /// It stands in the place of another file.
    Rename {
        to: usize,
    },
}

const MILLION: u64 = 1_000_000;

pub(crate) fn damages() -> impl Strategy<Value = Vec<(usize, Damage)>> {
    let bytes = prop::collection::vec(any::<u8>(), 1..600);
    let zeros = (1..600_usize).prop_map(|size| vec![0; size]);
    let bytes = prop_oneof![bytes, zeros];
    let damage = prop_oneof![
        3 => (0..MILLION, bytes.clone()).prop_map(|(at, bytes)| Damage::Write { at, bytes }),
        6 => (0..MILLION, 0..8_u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        2 => (0..MILLION).prop_map(|at| Damage::Cut { at }),
        2 => bytes.prop_map(Damage::Append),
        1 => Just(Damage::Remove),
        1 => (0..8_usize).prop_map(|to| Damage::Rename { to }),
    ];
    prop::collection::vec((0..8_usize, damage), 1..4)
}

pub(crate) fn harm(disk: &SimulatedDisk, path: &Path, file: usize, damage: &Damage) {
    let names = disk.list(path).unwrap_or_default();
    let Some(name) = names.get(file % names.len().max(1)) else { return };
    let file = path.join(name);
    let open = || Storage::open(disk, &file, Access::Write).unwrap();
    let size = open().size().unwrap();
    let place = |at: u64| at * size / MILLION;
    match damage {
        Damage::Write { at, bytes } => open().write_all_at(bytes, place(*at)).unwrap(),
        Damage::Flip { at, bit } => {
            let mut byte = [0];
            if open().read_at(&mut byte, place(*at)).unwrap() == 1 {
                open().write_all_at(&[byte[0] ^ 1 << bit], place(*at)).unwrap();
            }
        }
        Damage::Cut { at } => open().set_size(place(*at)).unwrap(),
        Damage::Append(bytes) => open().write_all_at(bytes, size).unwrap(),
        Damage::Remove => disk.remove(&file).unwrap(),
        Damage::Rename { to } => {
            disk.rename(&file, &path.join(&names[to % names.len()])).unwrap();
        }
    }
    // Damage is to the disk: a power loss does not mend it.
    if disk.exists(&file).unwrap() {
        open().sync().unwrap();
    }
    disk.sync_dir(path).unwrap();
}

/// Whether what is left is not taken for a queue.
pub(crate) fn is_refused(disk: &SimulatedDisk, path: &Path) -> bool {
    match Subject::open(Arc::new(disk.after_kill()), path, Setup::AUTOSAVE) {
        Ok(_) => false,
        Err(Error::Unrecognised { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(cases())]

    /// It may be refused as no queue, where nothing is left that says so; else it goes on.
    #[test]
    fn damage_after_any_program(ops in programs(), damages in damages()) {
        let mut run = Run::new();
        run.all(&ops);
        let disk = run.disk.after_kill();
        for (file, damage) in &damages {
            harm(&disk, run.path, *file, damage);
        }
        if !is_refused(&disk, run.path) {
            check_sound(&disk, run.path, &run.case());
        }
    }
}

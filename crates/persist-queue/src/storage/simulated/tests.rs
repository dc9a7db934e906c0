//! Each rule of the model, seen through the calls of [`Storage`].

mod calls;
mod faults;
mod power_loss;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::{Fault, SimulatedDisk};
use crate::storage::{Access, Storage, StorageFile};

fn p(path: &str) -> &Path {
    Path::new(path)
}

fn create(disk: &SimulatedDisk, path: &str) -> Arc<dyn StorageFile> {
    disk.open(p(path), Access::CreateNew).unwrap()
}

fn content(file: &dyn StorageFile) -> Vec<u8> {
    let mut bytes = vec![0xEE; file.size().unwrap() as usize];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), bytes.len());
    bytes
}

/// What the file holds, or nothing if there is none.
fn read(disk: &SimulatedDisk, path: &str) -> Option<Vec<u8>> {
    let file = disk.exists(p(path)).unwrap().then(|| disk.open(p(path), Access::Read).unwrap());
    file.map(|file| content(&*file))
}

fn names(disk: &SimulatedDisk) -> Vec<String> {
    let mut names = disk.list(p("/")).unwrap();
    names.sort();
    names
}

/// A disk with the durable file `/f`, which holds `bytes`.
fn disk_with(bytes: &[u8]) -> (SimulatedDisk, Arc<dyn StorageFile>) {
    let disk = SimulatedDisk::new();
    let file = create(&disk, "/f");
    file.write_all_at(bytes, 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(p("/")).unwrap();
    (disk, file)
}

fn every_state(disk: &SimulatedDisk) -> Vec<SimulatedDisk> {
    let states = disk.power_loss_states(10_000, 0);
    assert!(states.len() < 10_000, "not exhaustive");
    states
}

/// Everything that `/f` may hold after a power loss.
fn outcomes(disk: &SimulatedDisk) -> BTreeSet<Option<Vec<u8>>> {
    every_state(disk).iter().map(|state| read(state, "/f")).collect()
}

fn set<const N: usize>(outcomes: [&[u8]; N]) -> BTreeSet<Option<Vec<u8>>> {
    outcomes.into_iter().map(|bytes| Some(bytes.to_vec())).collect()
}

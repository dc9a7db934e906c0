//! What the calls do when nothing fails.

use super::*;
use crate::storage::Disk;

fn errno<T>(result: std::io::Result<T>) -> i32 {
    result.err().expect("an error").raw_os_error().unwrap()
}

#[test]
fn a_handle_outlives_the_name_of_its_file() {
    let (disk, file) = disk_with(b"one");
    disk.rename(p("/f"), p("/g")).unwrap();
    file.write_all_at(b"two", 0).unwrap();
    assert_eq!(read(&disk, "/g").unwrap(), b"two");
    disk.remove(p("/g")).unwrap();
    file.write_all_at(b"!", 3).unwrap();
    assert_eq!(content(&*file), b"two!");
    assert!(names(&disk).is_empty());
}

#[test]
fn a_rename_replaces_and_keeps_the_identity() {
    let (disk, _) = disk_with(b"one");
    let identity = disk.identity(p("/f")).unwrap();
    create(&disk, "/g").write_all_at(b"replaced", 0).unwrap();
    disk.rename(p("/f"), p("/g")).unwrap();
    assert_eq!(names(&disk), ["g"]);
    assert_eq!(read(&disk, "/g").unwrap(), b"one");
    assert_eq!(disk.identity(p("/g")).unwrap(), identity);
}

#[test]
fn an_identity_is_never_used_again() {
    let (disk, _) = disk_with(b"");
    let before = disk.identity(p("/f")).unwrap();
    disk.remove(p("/f")).unwrap();
    create(&disk, "/f");
    assert_ne!(disk.identity(p("/f")).unwrap(), before);
    assert_ne!(disk.after_kill().identity(p("/f")).unwrap(), disk.identity(p("/f")).unwrap());
    let state = disk.power_loss_states(2, 0).remove(0);
    create(&state, "/new");
    assert!(state.identity(p("/new")).unwrap().1 > disk.identity(p("/f")).unwrap().1);
}

#[test]
fn one_file_has_one_canonical_path() {
    let disk = SimulatedDisk::new();
    disk.create_dir_all(p("a/b")).unwrap();
    for path in ["a/b", "/a/b", "./a//b/", "/a/../a/./b"] {
        assert_eq!(disk.canonical(p(path)).unwrap(), p("/a/b"));
    }
    assert_eq!(errno(disk.canonical(p("/a/c"))), libc::ENOENT);
    assert_eq!(errno(disk.canonical(p(""))), libc::ENOENT);
}

/// The error numbers of calls that must fail, made in the folder `root`.
fn failures(storage: &dyn Storage, root: &Path) -> Vec<i32> {
    let at = |path: &str| root.join(path);
    storage.create_dir_all(&at("d/e")).unwrap();
    storage.create_dir_all(&at("d/e")).unwrap();
    let file = storage.open(&at("f"), Access::CreateNew).unwrap();
    let reader = storage.open(&at("f"), Access::Read).unwrap();
    assert!(!storage.exists(&at("x")).unwrap() && storage.exists(&at("d/e")).unwrap());
    let all = vec![
        errno(storage.open(&at("x"), Access::Read)),
        errno(storage.open(&at("x"), Access::Write)),
        errno(storage.open(&at("x/y"), Access::CreateNew)),
        errno(storage.open(&at("f"), Access::CreateNew)),
        errno(storage.open(&at("d"), Access::CreateNew)),
        errno(storage.open(&at("f/y"), Access::CreateNew)),
        errno(storage.open(&at("d"), Access::Write)),
        errno(storage.exists(&at("f/y"))),
        errno(storage.create_dir_all(&at("f"))),
        errno(storage.create_dir_all(&at("f/y"))),
        errno(storage.list(&at("x"))),
        errno(storage.list(&at("f"))),
        errno(storage.sync_dir(&at("x"))),
        errno(storage.sync_dir(Path::new(""))),
        errno(storage.remove(&at("x"))),
        errno(storage.remove(&at("d"))),
        errno(storage.rename(&at("x"), &at("y"))),
        errno(storage.rename(&at("f"), &at("x/y"))),
        errno(storage.rename(&at("f"), &at("d"))),
        errno(storage.rename(&at("d"), &at("f"))),
        errno(storage.identity(&at("x"))),
        errno(storage.canonical(&at("x"))),
        errno(storage.canonical(Path::new(""))),
        errno(reader.write_all_at(b"x", 0)),
    ];
    assert_eq!(file.size().unwrap(), 0);
    all
}

#[test]
fn errors_are_those_of_a_real_disk() {
    let root = tempfile::tempdir().unwrap();
    let real = failures(&Disk, root.path());
    assert_eq!(failures(&SimulatedDisk::new(), root.path()), real);
}

#[test]
fn errors_of_its_own() {
    let (disk, file) = disk_with(b"one");
    disk.create_dir_all(p("/d")).unwrap();
    assert_eq!(errno(disk.rename(p("/f"), p("/d/f"))), libc::EXDEV);
    assert_eq!(errno(disk.list(p("/f"))), libc::ENOTDIR);
    assert_eq!(errno(disk.sync_dir(p("/f"))), libc::ENOTDIR);
    assert_eq!(errno(file.write_all_at(b"xy", u64::MAX)), libc::EFBIG);
    assert_eq!(content(&*file), b"one");
}

#[test]
fn a_read_stops_where_the_file_ends() {
    let (_, file) = disk_with(b"one");
    let mut buffer = [0; 8];
    assert_eq!(file.read_at(&mut buffer, 1).unwrap(), 2);
    assert_eq!(&buffer[..2], b"ne");
    assert_eq!(file.read_at(&mut buffer, 3).unwrap(), 0);
    assert_eq!(file.read_at(&mut buffer, 400).unwrap(), 0);
}

#[test]
fn calls_are_counted_by_kind() {
    let (disk, file) = disk_with(b"one");
    assert_eq!((disk.calls(), disk.reads()), (4, 0));
    file.set_size(9).unwrap();
    disk.rename(p("/f"), p("/g")).unwrap();
    disk.create_dir_all(p("/d/e")).unwrap();
    disk.remove(p("/g")).unwrap();
    assert_eq!((disk.calls(), disk.reads()), (8, 0));

    disk.create_dir_all(p("/d/e")).unwrap();
    disk.list(p("/")).unwrap();
    disk.exists(p("/g")).unwrap();
    disk.canonical(p("/d")).unwrap();
    disk.identity(p("/d")).unwrap();
    file.size().unwrap();
    file.read_at(&mut [0], 0).unwrap();
    assert_eq!((disk.calls(), disk.reads()), (8, 7));
    disk.remove(p("/g")).unwrap_err();
    assert_eq!(disk.calls(), 8);
}

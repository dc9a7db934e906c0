//! Calls that fail, and processes that die.

use super::*;

fn error(at: u64, errno: i32, lasting: bool) -> Fault {
    Fault::Error { at, errno, part: 0, lasting }
}

fn fails_with<T>(errno: i32, result: std::io::Result<T>) {
    assert_eq!(result.err().expect("an error").raw_os_error(), Some(errno));
}

#[test]
fn a_dead_process_makes_no_call() {
    let (disk, file) = disk_with(b"one");
    disk.arm(Fault::Die { at: 2, part: 2 });
    file.write_all_at(b"two", 3).unwrap();
    assert!(!disk.fired());
    file.write_all_at(b"three", 6).unwrap_err();
    assert!(disk.fired());
    let calls = disk.calls();
    file.sync().unwrap_err();
    file.size().unwrap_err();
    disk.open(p("/f"), Access::Read).unwrap_err();
    disk.open(p("/g"), Access::CreateNew).unwrap_err();
    disk.exists(p("/f")).unwrap_err();
    disk.remove(p("/f")).unwrap_err();
    assert_eq!(disk.calls(), calls);
    disk.disarm();
    assert_eq!(content(&*file), b"onetwoth");
}

#[test]
fn the_last_call_happens_or_not() {
    type Last = fn(&SimulatedDisk, &dyn StorageFile) -> std::io::Result<()>;
    let last: [(Last, &[&str]); 5] = [
        (|disk, _| disk.rename(p("/f"), p("/g")), &["g"]),
        (|disk, _| disk.remove(p("/f")), &[]),
        (|disk, _| disk.create_dir_all(p("/d/e")), &["d", "f"]),
        (|disk, _| disk.open(p("/new"), Access::CreateNew).map(drop), &["f", "new"]),
        (|_, file| file.set_size(0), &["f"]),
    ];
    for (call, after) in last {
        for part in [0, 1] {
            let (disk, file) = disk_with(b"one");
            disk.arm(Fault::Die { at: 1, part });
            call(&disk, &*file).unwrap_err();
            disk.disarm();
            assert_eq!(names(&disk), if part == 0 { &["f"] } else { after });
        }
    }
}

#[test]
fn a_dying_sync_may_have_synced() {
    for (part, possible) in [(0, set([b"old", b"new"])), (1, set([b"new"]))] {
        let (disk, file) = disk_with(b"old");
        file.write_all_at(b"new", 0).unwrap();
        disk.arm(Fault::Die { at: 1, part });
        file.sync().unwrap_err();
        assert_eq!(outcomes(&disk), possible);
    }
}

#[test]
fn a_kill_loses_nothing_that_was_written_and_syncs_nothing() {
    let (disk, file) = disk_with(b"old");
    file.write_all_at(b"new", 0).unwrap();
    create(&disk, "/g");
    disk.arm(Fault::Die { at: 1, part: 1 });
    file.write_all_at(b"!!!", 3).unwrap_err();

    let next = disk.after_kill();
    assert_eq!((next.calls(), next.fired()), (0, false));
    assert_eq!(names(&next), ["f", "g"]);
    assert_eq!(read(&next, "/f").unwrap(), b"new!");
    assert_eq!(outcomes(&next), outcomes(&disk));

    next.open(p("/f"), Access::Write).unwrap().write_all_at(b"X", 0).unwrap();
    disk.disarm();
    assert_eq!(content(&*file), b"new!", "the dead process has a disk of its own");
}

#[test]
fn an_error_comes_once_and_undoes_nothing() {
    let (disk, file) = disk_with(b"one");
    disk.arm(Fault::Error { at: 2, errno: libc::EIO, part: 2, lasting: false });
    file.write_all_at(b"a", 3).unwrap();
    fails_with(libc::EIO, file.write_all_at(b"bcd", 4));
    assert_eq!(content(&*file), b"oneabc");
    file.write_all_at(b"bcd", 4).unwrap();
    assert_eq!(content(&*file), b"oneabcd");
    disk.arm(error(1, libc::EIO, false));
    fails_with(libc::EIO, disk.remove(p("/f")));
    assert_eq!(names(&disk), ["f"]);
}

#[test]
fn a_part_longer_than_the_write_is_the_write() {
    let (disk, file) = disk_with(b"");
    disk.arm(Fault::Error { at: 1, errno: libc::EIO, part: 99, lasting: false });
    file.write_all_at(b"one", 0).unwrap_err();
    assert_eq!(content(&*file), b"one");
}

#[test]
fn a_full_disk_refuses_only_what_needs_space() {
    let (disk, file) = disk_with(b"onetwo");
    disk.arm(error(1, libc::ENOSPC, true));
    for _ in 0..2 {
        fails_with(libc::ENOSPC, file.write_all_at(b"more", 4));
        fails_with(libc::ENOSPC, file.set_size(7));
        fails_with(libc::ENOSPC, disk.open(p("/g"), Access::CreateNew));
        fails_with(libc::ENOSPC, disk.create_dir_all(p("/d")));
    }
    assert_eq!(content(&*file), b"onetwo");
    file.write_all_at(b"TWO", 3).unwrap();
    file.set_size(4).unwrap();
    fails_with(libc::ENOSPC, file.set_size(5));
    file.sync().unwrap();
    disk.sync_dir(p("/")).unwrap();
    disk.rename(p("/f"), p("/g")).unwrap();
    disk.remove(p("/g")).unwrap();
    disk.disarm();
    create(&disk, "/f");
}

#[test]
fn a_broken_disk_refuses_every_change_and_can_be_read() {
    let (disk, file) = disk_with(b"one");
    disk.arm(error(1, libc::EIO, true));
    fails_with(libc::EIO, file.write_all_at(b"x", 0));
    fails_with(libc::EIO, file.set_size(0));
    fails_with(libc::EIO, file.sync());
    fails_with(libc::EIO, disk.sync_dir(p("/")));
    fails_with(libc::EIO, disk.rename(p("/f"), p("/g")));
    fails_with(libc::EIO, disk.remove(p("/f")));
    assert_eq!(read(&disk, "/f").unwrap(), b"one");
}

#[test]
fn syncs_alone_can_fail() {
    let (disk, file) = disk_with(b"one");
    disk.arm_syncs(error(2, libc::EIO, true));
    file.write_all_at(b"two", 0).unwrap();
    file.sync().unwrap();
    file.write_all_at(b"two", 3).unwrap();
    fails_with(libc::EIO, disk.sync_dir(p("/")));
    file.write_all_at(b"two", 6).unwrap();
    fails_with(libc::EIO, file.sync());
    assert_eq!(content(&*file), b"twotwotwo");
}

#[test]
fn nothing_saves_what_a_failed_sync_left_but_writing_it_again() {
    let (disk, file) = disk_with(b"old");
    file.write_all_at(b"new", 0).unwrap();
    disk.arm_syncs(error(1, libc::EIO, false));
    file.sync().unwrap_err();
    file.write_all_at(b"!", 2).unwrap();
    file.sync().unwrap();
    assert_eq!(content(&*file), b"ne!");
    assert_eq!(outcomes(&disk), set([b"ol!", b"ne!"]));
    file.write_all_at(b"new", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(outcomes(&disk), set([b"new"]));
}

#[test]
fn a_failed_sync_of_a_folder_can_be_tried_again() {
    let disk = SimulatedDisk::new();
    create(&disk, "/f");
    disk.arm_syncs(error(1, libc::EIO, false));
    disk.sync_dir(p("/")).unwrap_err();
    assert_eq!(outcomes(&disk).len(), 2);
    disk.sync_dir(p("/")).unwrap();
    assert_eq!(outcomes(&disk), set([b""]));
}

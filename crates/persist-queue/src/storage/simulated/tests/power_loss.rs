//! What a power loss may leave, and what it may not.

use super::*;

const SECTOR: usize = 512;

#[test]
fn what_was_synced_is_sure() {
    let (disk, file) = disk_with(b"one");
    file.set_size(2).unwrap();
    file.sync().unwrap();
    let states = every_state(&disk);
    assert_eq!(states.len(), 1);
    assert_eq!(read(&states[0], "/f").unwrap(), b"on");
    assert_eq!(every_state(&states[0]).len(), 1, "nothing is unsynced after a power loss");
}

#[test]
fn any_subset_of_the_writes_may_have_happened() {
    let (disk, file) = disk_with(b"....");
    file.write_all_at(b"ab", 0).unwrap();
    file.write_all_at(b"cd", 1).unwrap();
    assert_eq!(outcomes(&disk), set([b"....", b"ab..", b".cd.", b"acd."]));
    assert_eq!(every_state(&disk).len(), 4);
}

#[test]
fn a_size_change_is_a_change_like_a_write() {
    let (disk, file) = disk_with(b"1234");
    file.set_size(2).unwrap();
    file.write_all_at(b"x", 0).unwrap();
    assert_eq!(outcomes(&disk), set([b"1234", b"12", b"x234", b"x2"]));
}

#[test]
fn a_write_is_torn_only_where_sectors_meet() {
    let old = vec![b'o'; 3 * SECTOR];
    let (disk, file) = disk_with(&old);
    file.write_all_at(&[b'n'; SECTOR + 2], SECTOR as u64 - 1).unwrap();
    let cuts = [SECTOR - 1..SECTOR, SECTOR..2 * SECTOR, 2 * SECTOR..2 * SECTOR + 1];
    let mut expected = BTreeSet::new();
    for mask in 0..8 {
        let mut bytes = old.clone();
        for (bit, cut) in cuts.iter().enumerate() {
            bytes[cut.clone()].fill(if mask >> bit & 1 == 1 { b'n' } else { b'o' });
        }
        expected.insert(Some(bytes));
    }
    assert_eq!(outcomes(&disk), expected);
}

#[test]
fn a_file_that_was_never_synced_may_be_empty_zeros_or_partial() {
    let disk = SimulatedDisk::new();
    let bytes = [7; SECTOR + 3];
    create(&disk, "/f").write_all_at(&bytes, 0).unwrap();
    disk.sync_dir(p("/")).unwrap();
    let mut only_end = vec![0; SECTOR + 3];
    only_end[SECTOR..].fill(7);
    let mut only_start = bytes;
    only_start[SECTOR..].fill(0);
    let zeros = [0; SECTOR + 3];
    let expected = set([&[], &bytes[..SECTOR], &bytes, &only_end, &only_start, &zeros]);
    assert_eq!(outcomes(&disk), expected);
    assert_eq!(every_state(&disk).len(), 6, "each once");
}

#[test]
fn a_write_inside_a_file_never_leaves_zeros() {
    let (disk, file) = disk_with(b"old");
    file.write_all_at(b"new", 0).unwrap();
    assert_eq!(outcomes(&disk), set([b"old", b"new"]));
}

#[test]
fn syncing_a_file_does_not_save_its_name() {
    let disk = SimulatedDisk::new();
    let file = create(&disk, "/f");
    file.write_all_at(b"one", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(outcomes(&disk), BTreeSet::from([None, Some(b"one".to_vec())]));
    disk.sync_dir(p("/")).unwrap();
    assert_eq!(outcomes(&disk), set([b"one"]));
}

#[test]
fn syncing_a_folder_does_not_save_the_content_or_the_folder_itself() {
    let disk = SimulatedDisk::new();
    disk.create_dir_all(p("/d")).unwrap();
    create(&disk, "/d/f").write_all_at(b"one", 0).unwrap();
    disk.sync_dir(p("/d")).unwrap();
    let found: BTreeSet<_> = every_state(&disk).iter().map(|state| read(state, "/d/f")).collect();
    let content = [None, Some(vec![]), Some(vec![0; 3]), Some(b"one".to_vec())];
    assert_eq!(found, BTreeSet::from(content));
    disk.sync_dir(p("/")).unwrap();
    assert!(every_state(&disk).iter().all(|state| state.exists(p("/d/f")).unwrap()));
}

#[test]
fn entries_change_in_order() {
    let (disk, _) = disk_with(b"one");
    create(&disk, "/a");
    disk.rename(p("/f"), p("/b")).unwrap();
    disk.remove(p("/a")).unwrap();
    let found: BTreeSet<_> = every_state(&disk).iter().map(names).collect();
    let prefixes = [vec!["f"], vec!["a", "f"], vec!["a", "b"], vec!["b"]];
    let expected = prefixes.map(|names| names.into_iter().map(str::to_owned).collect());
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn folders_lose_entries_independently() {
    let disk = SimulatedDisk::new();
    disk.create_dir_all(p("/d")).unwrap();
    disk.sync_dir(p("/")).unwrap();
    create(&disk, "/f");
    create(&disk, "/d/f");
    let found: BTreeSet<_> = every_state(&disk)
        .iter()
        .map(|state| ["/f", "/d/f"].map(|path| state.exists(p(path)).unwrap()))
        .collect();
    assert_eq!(found.len(), 4);
}

#[test]
fn a_renamed_file_may_be_in_place_without_its_content() {
    let (disk, _) = disk_with(b"old");
    create(&disk, "/new").write_all_at(b"new", 0).unwrap();
    disk.rename(p("/new"), p("/f")).unwrap();
    assert_eq!(outcomes(&disk), set([b"old", b"", b"\0\0\0", b"new"]));
}

#[test]
fn a_file_that_was_synced_and_renamed_is_old_or_new() {
    let (disk, _) = disk_with(b"old");
    let file = create(&disk, "/new");
    file.write_all_at(b"new", 0).unwrap();
    file.sync().unwrap();
    disk.rename(p("/new"), p("/f")).unwrap();
    assert_eq!(outcomes(&disk), set([b"old", b"new"]));
}

#[test]
fn a_removed_file_may_come_back_with_what_it_had() {
    let (disk, file) = disk_with(b"old");
    file.write_all_at(b"new", 0).unwrap();
    disk.remove(p("/f")).unwrap();
    let back = [None, Some(b"old".to_vec()), Some(b"new".to_vec())];
    assert_eq!(outcomes(&disk), BTreeSet::from(back));
    assert_eq!(every_state(&disk).len(), 3, "without the file its content is no choice");
    disk.sync_dir(p("/")).unwrap();
    assert_eq!(outcomes(&disk), BTreeSet::from([None]));
}

/// Too many combinations for all: the telling ones are there whatever the seed.
#[test]
fn a_choice_has_nothing_everything_and_every_single_change() {
    let (disk, file) = disk_with(&[b'.'; 30]);
    for at in 0..30 {
        file.write_all_at(b"x", at).unwrap();
    }
    file.write_all_at(b"end", 30).unwrap();
    let alone = |at: usize| [vec![b'.'; at], vec![b'x'], vec![b'.'; 29 - at]].concat();
    let missing =
        |at: usize| [vec![b'x'; at], vec![b'.'], vec![b'x'; 29 - at], b"end".to_vec()].concat();
    let mut telling: Vec<_> = (0..30).flat_map(|at| [alone(at), missing(at)]).collect();
    telling.push(vec![b'.'; 30]);
    telling.push([vec![b'x'; 30], b"end".to_vec()].concat());
    telling.push([vec![b'x'; 30], vec![0; 3]].concat());
    telling.push(vec![b'x'; 30]);
    telling.push([vec![b'.'; 30], b"end".to_vec()].concat());
    for seed in 0..5 {
        let states = disk.power_loss_states(200, seed);
        let found: BTreeSet<_> = states.iter().map(|state| read(state, "/f").unwrap()).collect();
        assert_eq!((states.len(), found.len()), (200, 200));
        assert!(telling.iter().all(|bytes| found.contains(bytes)));
    }
}

#[test]
fn a_choice_has_every_number_of_entries() {
    let disk = SimulatedDisk::new();
    for name in 0..20 {
        create(&disk, &name.to_string()).write_all_at(b"one", 0).unwrap();
    }
    let states = disk.power_loss_states(300, 1);
    for count in 0..=20 {
        for content in [&b""[..], b"one"] {
            let is_it = |state: &&SimulatedDisk| {
                let names = names(state);
                names.len() == count
                    && names.iter().all(|name| read(state, name).unwrap() == content)
            };
            assert!(states.iter().any(|state| is_it(&state)), "{count} {content:?}");
        }
    }
}

#[test]
fn a_choice_finds_the_changes_of_a_removed_file() {
    let (disk, file) = disk_with(&[b'.'; 20]);
    for at in 0..20 {
        file.write_all_at(b"x", at).unwrap();
    }
    disk.remove(p("/f")).unwrap();
    let states = disk.power_loss_states(60, 3);
    let found: BTreeSet<_> = states.iter().map(|state| read(state, "/f")).collect();
    for at in 0..20 {
        let alone = [vec![b'.'; at], vec![b'x'], vec![b'.'; 19 - at]].concat();
        assert!(found.contains(&Some(alone)));
    }
    assert!(found.contains(&None));
}

#[test]
fn the_seed_decides_and_the_limit_holds() {
    let (disk, file) = disk_with(b"");
    for at in 0..40 {
        file.write_all_at(b"x", at).unwrap();
    }
    let contents = |limit, seed| {
        let states = disk.power_loss_states(limit, seed);
        states.iter().map(|state| read(state, "/f").unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(contents(150, 1), contents(150, 1));
    assert_ne!(contents(150, 1), contents(150, 2));
    for limit in [2, 3, 50, 500] {
        let contents = contents(limit, 1);
        assert_eq!(contents.len(), limit);
        assert!(contents.contains(&vec![]) && contents.contains(&vec![b'x'; 40]));
    }
    assert_eq!(contents(0, 1).len(), 2);
}

/// At the limit all of them come, one below it a choice.
#[test]
fn the_states_are_all_there_up_to_the_limit() {
    let (disk, file) = disk_with(&[b'.'; 8]);
    for at in 0..8 {
        file.write_all_at(b"x", at).unwrap();
    }
    assert_eq!(disk.power_loss_states(256, 0).len(), 256);
    assert_eq!(outcomes(&disk).len(), 256);
    assert!((200..=255).contains(&disk.power_loss_states(255, 0).len()));
}

/// Of a chain of new folders only the first few are there: one state for each length.
#[test]
fn what_is_in_a_lost_folder_is_no_choice() {
    let disk = SimulatedDisk::new();
    disk.create_dir_all(p("/1/2/3/4/5/6/7/8/9")).unwrap();
    let states = disk.power_loss_states(10, 0);
    assert_eq!(states.len(), 10);
    assert!(states.iter().any(|state| state.exists(p("/1/2/3/4/5/6/7/8/9")).unwrap()));
    assert_eq!(disk.power_loss_states(1000, 0).len(), 10);
}

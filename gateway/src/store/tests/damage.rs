//! Files that must not be opened, each with a sentence that says which and what to do.

use std::fs;

use redb::Builder;

use super::ground::*;
use crate::store::tables::{FORMAT, FORMAT_KEY, META};
use crate::store::{Op, Opened, StoreError};

fn refused(folder: &Folder) -> StoreError {
    match Opened::at(folder.path(), 1, NOW, |_| 0) {
        Ok((_, recovered)) => panic!("it was opened: {recovered:?}"),
        Err(error) => error,
    }
}

/// A closed store with so many sessions.
fn filled(sessions: usize) -> Folder {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    for _ in 0..sessions {
        let number = running.handle.session_number();
        let text = message("t", &[0x5a; 100]);
        running.commit(vec![session(number, "client"), queue(number, 1, &text)]);
    }
    assert!(running.store.end());
    folder
}

/// Asserts that the sentence names the file and the rest.
fn assert_says(error: &StoreError, folder: &Folder, parts: &[&str]) {
    let sentence = error.to_string();
    let file = folder.file();
    for part in parts.iter().chain(&[file.to_str().expect("a name")]) {
        assert!(sentence.contains(part), "{part:?} is not in: {sentence}");
    }
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let folder = Folder::new();
    let (opened, _) = open(&folder);
    assert_says(&refused(&folder), &folder, &["in use by another process"]);
    let running = start(opened);
    assert_says(&refused(&folder), &folder, &["in use by another process"]);
    assert!(running.store.end());
    open(&folder);
}

#[test]
fn a_store_of_a_newer_version_is_left_as_it_is() {
    let folder = filled(1);
    let database = Builder::new().open(folder.file()).expect("it is closed");
    let writing = database.begin_write().expect("it can be written");
    let set = writing
        .open_table(META)
        .and_then(|mut table| Ok(table.insert(FORMAT_KEY, FORMAT + 1).map(drop)?));
    set.expect("it can be written");
    writing.commit().expect("it can be written");
    drop(database);
    assert_says(
        &refused(&folder),
        &folder,
        &["format 2", "up to 1", "start the version"],
    );
}

#[test]
fn a_file_of_something_else_is_left_as_it_is() {
    for content in [&b"no store at all"[..], &[0; 1 << 16], &[0xff; 1 << 16]] {
        let folder = Folder::new();
        fs::write(folder.file(), content).expect("a file");
        assert_says(&refused(&folder), &folder, &["damaged", "put a backup"]);
        assert_eq!(fs::read(folder.file()).expect("it is there"), content);
    }
}

#[test]
fn a_path_that_cannot_be_used_is_named() {
    let folder = Folder::new();
    fs::write(folder.file(), b"").expect("a file");
    // A file stands where the folder should be.
    let Err(error) = Opened::at(&folder.file(), 1, NOW, |_| 0) else {
        panic!("it was opened");
    };
    assert_says(&error, &folder, &["cannot be used", "is writable"]);
}

#[test]
fn a_file_torn_off_anywhere_is_refused() {
    let folder = filled(200);
    let whole = fs::read(folder.file()).expect("it is there");
    for eighths in 0..8 {
        let length = (whole.len() * eighths / 8).max(1);
        fs::write(folder.file(), &whole[..length]).expect("it can be written");
        let sentence = refused(&folder).to_string();
        assert!(sentence.contains("damaged"), "{length} bytes: {sentence}");
    }
}

#[test]
fn a_byte_that_changed_is_found_or_means_nothing() {
    let folder = filled(200);
    let whole = fs::read(folder.file()).expect("it is there");
    let wanted = reopen(&folder).sessions;
    let (mut refusals, mut random) = (0, 1u64);
    let mut damaged = whole.clone();
    // Most of a new file is empty pages.
    let used: Vec<_> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    for _ in 0..60 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = used[(random >> 33) as usize % used.len()];
        damaged.copy_from_slice(&whole);
        damaged[at] ^= 0x10;
        fs::write(folder.file(), &damaged).expect("it can be written");
        match Opened::at(folder.path(), 1, NOW, |_| 0) {
            Ok((_, mut recovered)) => {
                recovered[0].sessions.sort_by_key(|session| session.number);
                assert_eq!(recovered[0].sessions, wanted, "byte {at}");
            }
            Err(error) => {
                refusals += 1;
                assert_says(&error, &folder, &["damaged"]);
            }
        }
    }
    assert!(refusals > 10, "only {refusals} of 60 hit something");
}

#[test]
fn an_entry_that_nobody_wrote_is_damage() {
    let folder = filled(1);
    let database = Builder::new().open(folder.file()).expect("it is closed");
    let writing = database.begin_write().expect("it can be written");
    {
        let table = writing.open_table(crate::store::tables::RETAINED);
        let mut table = table.expect("it is there");
        table
            .insert(&b"topic"[..], &b"\xff"[..])
            .expect("it can be written");
    }
    writing.commit().expect("it can be written");
    drop(database);
    assert_says(&refused(&folder), &folder, &["damaged", "retained"]);
}

#[test]
fn only_the_gateways_user_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = filled(1);
    let mode = fs::metadata(folder.file())
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut running = start(open(&folder).0);
    running.commit(vec![Op::RetainedDelete { topic: "t".into() }]);
}

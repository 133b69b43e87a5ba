//! Files that must not be opened, each with a sentence that says which and what to do.

use std::fs;

use redb::{Builder, ReadableDatabase};

use super::ground::*;
use crate::store::record::{read_session, write_session};
use crate::store::tables::{self, FORMAT, FORMAT_KEY, FORMAT_WITHOUT_USERS, META};
use crate::store::{Op, Opened, SessionRecord, StoreError, Whose};

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
        &["format 3", "up to 2", "start the version"],
    );
}

#[test]
fn a_store_from_before_users_were_kept_opens_and_says_of_no_session_whose_it_is() {
    let folder = filled(1);
    let database = Builder::new().open(folder.file()).expect("it is closed");
    let writing = database.begin_write().expect("it can be written");
    {
        let mut meta = writing.open_table(META).expect("it is there");
        meta.insert(FORMAT_KEY, FORMAT_WITHOUT_USERS)
            .expect("it can be written");
        let mut sessions = writing.open_table(tables::SESSIONS).expect("it is there");
        // As format 1 wrote it: MQTT 3.1.1, expiry, since when it is away, client id.
        let record = b"\x04\xff\xff\xff\xff\x01\0\0\0old";
        let key = [0, 0, 0, 0, 0, 0, 0, 9, 0];
        sessions
            .insert(&key[..], &record[..])
            .expect("it can be written");
    }
    writing.commit().expect("it can be written");
    drop(database);
    let sessions = reopen(&folder).sessions;
    let ids: Vec<_> = sessions.iter().map(|one| &*one.client_id).collect();
    assert_eq!(ids, ["client", "old"]);
    for session in &sessions {
        assert_eq!(session.record.whose, Whose::Unknown);
    }
    let database = Builder::new().open(folder.file()).expect("it is closed");
    let reading = database.begin_read().expect("it can be read");
    let meta = reading.open_table(META).expect("it is there");
    let format = meta.get(FORMAT_KEY).expect("it can be read");
    let format = format.map(|format| format.value());
    assert_eq!(format, Some(FORMAT), "an earlier version leaves it alone");
}

#[test]
fn a_record_cut_within_its_user_or_of_two_minds_whose_it_is_is_damage() {
    let record = SessionRecord {
        whose: Whose::User("ann".into()),
        ..RECORD
    };
    let mut whole = Vec::new();
    write_session(&mut whole, "c", &record);
    assert_eq!(read_session(&whole), Some(("c", record)));
    // Version, two seconds, the length of the user and the user itself.
    let fixed = 1 + 4 + 4 + 1 + 3;
    for length in 0..fixed {
        assert_eq!(read_session(&whole[..length]), None, "{length} bytes");
    }
    for bit in 3..8 {
        let mut damaged = whole.clone();
        damaged[0] |= 1 << bit;
        let is_as_written = damaged == whole;
        assert_eq!(read_session(&damaged).is_some(), is_as_written, "bit {bit}");
    }
    let mut damaged = whole.clone();
    damaged[9] = 200;
    assert_eq!(read_session(&damaged), None, "a user longer than the rest");
    damaged[9] = 3;
    damaged[10] = 0xff;
    assert_eq!(read_session(&damaged), None, "a user that is no text");
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
        let table = writing.open_table(tables::RETAINED);
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

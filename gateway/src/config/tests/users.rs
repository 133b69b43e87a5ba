//! Users of enhanced authentication: both ways of naming them, and that no secret is repeated.

use super::*;
use crate::auth::Credential;

/// The password "pencil" of RFC 7677 as it is kept: 4,096 iterations, salt, two keys.
const KEYS: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==\
    $WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/// A configuration that names a file of users with this text; the file lives as long as the first.
fn naming_a_file(users: &str) -> (TempFile, String) {
    let file = TempFile::with(users);
    let text = format!("[auth]\nscram_file = {:?}\n", file.0.display().to_string());
    (file, text)
}

#[test]
fn a_user_is_known_by_a_password_or_by_what_is_left_of_one() {
    let text = format!("[auth]\nscram_users = {{ plain = \"pen:cil\", kept = \"{KEYS}\" }}\n");
    let users = good(&text, &[]).auth;
    let [kept, plain] = &users[..] else {
        panic!("{users:?}")
    };
    assert_eq!((&*plain.name, &*kept.name), ("plain", "kept"));
    assert_eq!(plain.credential, Credential::Password("pen:cil".into()));
    let Credential::Keys {
        salt,
        iterations,
        stored_key,
        server_key,
    } = &kept.credential
    else {
        panic!("{kept:?}")
    };
    assert_eq!((salt.len(), *iterations), (16, 4_096));
    assert_eq!((stored_key[0], server_key[0]), (0x58, 0xc1));
    let shown = format!("{users:?}");
    assert!(!shown.contains("cil") && !shown.contains("88"), "{shown}");
}

#[test]
fn a_file_of_users_has_one_per_line_and_adds_to_those_in_the_section() {
    let (_file, text) = naming_a_file(&format!(
        "# fleet\n\none:pass:word\n two : x \nthree:{KEYS}\n"
    ));
    let text = format!("{text}scram_users = {{ zero = \"a\" }}\n");
    let users = good(&text, &[]).auth;
    let names: Vec<&str> = users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, ["zero", "one", " two ", "three"]);
    assert_eq!(
        users[1].credential,
        Credential::Password("pass:word".into())
    );
    assert_eq!(users[2].credential, Credential::Password(" x ".into()));
    assert!(matches!(users[3].credential, Credential::Keys { .. }));
}

#[test]
fn users_can_come_from_the_environment() {
    let users = good("", &[("TRIBUTARY_AUTH__SCRAM_USERS", "a=b, c=d")]).auth;
    let names: Vec<&str> = users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, ["a", "c"]);
}

#[test]
fn mistakes_in_a_file_of_users_are_told_by_its_line_and_repeat_no_secret() {
    const KEY: &str = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=";
    let lines = format!(
        "s3cret\n:s3cret\na:s3cret\na:s3cret\nb:\nc:SCRAM-SHA-1$s3cret\nd:SCRAM-SHA-256$s3cret\n\
         e:SCRAM-SHA-256$4095:W22ZaJ0SNY7soEsUEjb6gQ==${KEY}:{KEY}\n\
         f:SCRAM-SHA-256$4096:W22ZaA==${KEY}:{KEY}\n\
         g:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm:{KEY}\n"
    );
    let (file, text) = naming_a_file(&lines);
    let path = file.0.display();
    let said = faults(&text, &[]);
    let expected = [
        "1: has no \":\"; write NAME:CREDENTIAL",
        "2: \"\" is no name; use 1 to 255 bytes",
        "4: \"a\" is named twice; keep one",
        "5: \"b\": has an empty password; write",
        "6: \"c\": is of another mechanism than SCRAM-SHA-256; write SCRAM-SHA-256$",
        "7: \"d\": is not whole, or not base64 of 32 bytes per key; write SCRAM-SHA-256$",
        "8: \"e\": has 4095 iterations; a number from 4096",
        "9: \"f\": has a salt of 4 bytes; use 8 to 64",
        "10: \"g\": is not whole, or not base64 of 32 bytes per key",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for line in expected {
        let start = format!("2: [auth].scram_file: {path}:{line}");
        assert!(
            said.iter().any(|said| said.starts_with(&start)),
            "{start}\n{said:#?}"
        );
    }
    assert!(!said.concat().contains("s3cret"), "{said:#?}");
}

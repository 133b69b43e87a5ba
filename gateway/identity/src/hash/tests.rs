//! Hashes are read within their bounds, and only the right password fits.

use super::*;

const CHEAP: Shape = Shape {
    kibibytes: 8,
    passes: 1,
    lanes: 1,
};

/// Made by the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1`.
const REFERENCE: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[test]
fn a_hash_of_the_reference_implementation_is_understood() {
    let hash = PasswordHash::read(REFERENCE).expect("it is whole");
    assert!(hash.is_of(b"password"));
    assert!(!hash.is_of(b"Password"));
    assert_eq!(hash.to_string(), REFERENCE);
}

#[test]
fn what_was_made_can_be_written_and_read_again() {
    let hash = PasswordHash::make(b"s3cret", CHEAP);
    let again = PasswordHash::read(&hash.to_string()).expect("it was written here");
    assert_eq!(again, hash);
    assert!(again.is_of(b"s3cret") && !again.is_of(b"") && !again.is_of(b"s3cret "));
}

#[test]
fn two_hashes_of_one_password_differ() {
    let [one, other] = [0; 2].map(|_| PasswordHash::make(b"same", CHEAP).to_string());
    assert_ne!(one, other);
}

#[test]
fn no_password_fits_a_decoy() {
    let decoy = PasswordHash::decoy(CHEAP);
    for password in [&b""[..], b"password", &[0; 32]] {
        assert!(!decoy.is_of(password));
    }
}

#[test]
fn what_is_no_argon2id_or_costs_too_much_is_refused_with_a_remedy() {
    let salt_and_hash = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for (costs, wrong) in [
        ("m=262145,t=2,p=1", "has m=262145"),
        ("m=4294967295,t=1,p=1", "has m=4294967295"),
        ("m=7,t=2,p=1", "has m=7"),
        ("m=16,t=2,p=3", "has m=16"),
        ("m=64,t=11,p=1", "has t=11"),
        ("m=64,t=0,p=1", "has t=0"),
        ("m=64,t=1,p=5", "has p=5"),
        ("m=64,t=1,p=1,keyid=AAAA", "is no argon2id hash"),
        ("m=64,t=1", "is no argon2id hash"),
        ("t=1,m=64,p=1", "is no argon2id hash"),
        ("m=+64,t=1,p=1", "is no argon2id hash"),
        ("m=64,t=1,p=99999999999", "is no argon2id hash"),
    ] {
        let text = format!("$argon2id$v=19${costs}{salt_and_hash}");
        let fault = PasswordHash::read(&text).expect_err(costs);
        assert_eq!(fault.wrong, wrong, "{costs}");
        assert!(!fault.right.is_empty());
    }
    for text in [
        "",
        "secret",
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFh$CTFh",
        "$argon2id$v=19$m=64,t=1,p=1$!!$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$c2E$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFh",
    ] {
        assert!(PasswordHash::read(text).is_err(), "{text}");
    }
}

#[test]
fn neither_debug_nor_a_fault_shows_a_hash() {
    let hash = PasswordHash::read(REFERENCE).expect("it is whole");
    assert!(!format!("{hash:?}").contains("CTFh"));
    let cut = &REFERENCE[..REFERENCE.len() - 40];
    let fault = PasswordHash::read(cut).expect_err("it is cut");
    assert!(!format!("{fault:?}").contains("c29t"));
}

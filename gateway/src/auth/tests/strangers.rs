//! Whoever asks for a name that is not there gets what a known name would get.

use super::client::{Client, field};
use super::*;

#[test]
fn an_unknown_user_is_refused_at_the_end_and_for_the_same_reason() {
    let users = users(&[("sensor", "pw")]);
    let refused = run(&users, &Client::new("stranger", "pw"));
    assert_eq!(refused, Err(Refusal::Proof));
}

#[test]
fn an_unknown_user_has_one_salt_that_stays_and_that_no_other_has() {
    let users = users(&[("sensor", "pw")]);
    let salt = |name: &str| {
        let (server_first, _) = begin(&users, &format!("n,,n={name},r=abc"));
        field(&server_first, "s=").to_owned()
    };
    assert_eq!(salt("stranger"), salt("stranger"));
    assert_ne!(salt("stranger"), salt("another"));
    assert_ne!(salt("stranger"), salt("sensor"));
    assert_eq!(salt("stranger").len(), salt("sensor").len());
}

#[test]
fn an_unknown_user_looks_like_one_of_the_known_in_salt_and_iterations() {
    let known = |name: &str, salt: &[u8], iterations| ScramUser {
        name: name.to_owned(),
        credential: Credential::from_password("pw", salt, iterations).expect("plain ASCII"),
    };
    let users = vec![known("short", &[1; 8], 4096), known("long", &[2; 64], 5000)];
    let users = Users::new(users).expect("both are fine");
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..200 {
        let (server_first, _) = begin(&users, &format!("n,,n=stranger{number},r=abc"));
        let salt_length = field(&server_first, "s=").len();
        seen.insert((salt_length, field(&server_first, "i=").to_owned()));
    }
    // Base64 of 8 and of 64 bytes.
    let wanted = [(12, "4096".to_owned()), (88, "5000".to_owned())];
    assert_eq!(Vec::from_iter(seen), wanted);
}

#[test]
fn without_users_nobody_comes_in_and_the_exchange_looks_the_same() {
    let users = users(&[]);
    assert!(users.is_empty());
    let refused = run(&users, &Client::new("sensor", "pw"));
    assert_eq!(refused, Err(Refusal::Proof));
}

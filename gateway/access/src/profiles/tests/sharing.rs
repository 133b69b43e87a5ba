//! Who shares a profile, how long it lives, and what a reload changes.

use super::*;

#[test]
fn clients_of_one_kind_share_one_profile_and_the_last_to_leave_frees_it() {
    let mut fleet = everything(Allow, &["dev/%c/#"]);
    fleet.client = Some("dev-*".into());
    let mut profiles = Profiles::new(book(vec![fleet], Deny), 2, KEY);
    let names: Vec<String> = (0..1_000).map(|number| format!("dev-{number}")).collect();
    let indexes: Vec<_> = names
        .iter()
        .map(|name| {
            profiles
                .admit(&named(name, Some(name)), None)
                .expect("one kind")
        })
        .collect();
    assert_eq!(profiles.len(), 1);
    let ops = Identity {
        groups: &["ops"],
        ..named("x", None)
    };
    let other = profiles.admit(&ops, None).expect("there is room for two");
    assert_eq!(profiles.len(), 2);
    assert_eq!(
        profiles.admit(&named("stranger", None), None),
        Err(NoProfile::Full)
    );
    for (name, index) in names.iter().zip(&indexes) {
        let topic = format!("dev/{name}/up");
        let subject = named(name, None).subject;
        assert!(
            profiles
                .decide(index, subject, &ask(Publish, &topic))
                .allowed
        );
        assert!(
            !profiles
                .decide(&other, subject, &ask(Publish, &topic))
                .allowed
        );
    }
    for index in indexes {
        profiles.release(index);
    }
    assert_eq!(profiles.len(), 1);
    let _stranger = profiles
        .admit(&named("stranger", None), None)
        .expect("a place is free again");
    profiles.release(other);
    assert_eq!(profiles.len(), 1);
}

#[test]
fn a_huge_token_gets_no_profile() {
    let mut profiles = Profiles::new(book(vec![], Allow), 10, KEY);
    let long = "x".repeat(KIND_BYTES_MAX + 1);
    let huge = Identity {
        claims: &[("", &long)],
        ..named("c", None)
    };
    assert_eq!(profiles.admit(&huge, None), Err(NoProfile::TooLarge));
    assert!(profiles.is_empty());
}

#[test]
fn a_reload_applies_to_the_connected_one_by_one() {
    let ops = Identity {
        groups: &["ops"],
        claims: &[("site", "north")],
        ..named("c1", Some("ann"))
    };
    let mut before = everything(Allow, &["old"]);
    before.group = Some("ops".into());
    let mut after = everything(Allow, &["%{claim:site}"]);
    after.group = Some("ops".into());
    let mut profiles = Profiles::new(book(vec![before], Deny), 2, KEY);
    let mut first = profiles.admit(&ops, None).expect("there is room");
    let mut late = profiles.admit(&ops, None).expect("they are of one kind");
    profiles.set_rules(book(vec![after], Deny));
    let may = |profiles: &Profiles, index: &ProfileIndex| {
        let may = |topic| {
            profiles
                .decide(index, ops.subject, &ask(Publish, topic))
                .allowed
        };
        (may("old"), may("north"))
    };
    assert!(!profiles.is_current(&first));
    assert_eq!(
        may(&profiles, &first),
        (true, false),
        "the old rules hold until then"
    );
    assert_eq!(profiles.renew(&mut first, ops.subject, None), Ok(()));
    assert!(profiles.is_current(&first));
    assert_eq!(may(&profiles, &first), (false, true));
    assert_eq!(may(&profiles, &late), (true, false));
    assert_eq!(
        (
            profiles.len(),
            profiles.admit(&ops, None).expect("it is there")
        ),
        (2, ProfileIndex::at(1))
    );
    assert_eq!(profiles.renew(&mut late, ops.subject, None), Ok(()));
    assert_eq!((profiles.len(), &first), (1, &late));
}

#[test]
fn a_reload_that_finds_no_room_leaves_a_client_what_it_has() {
    let client = named("c", None);
    let mut profiles = Profiles::new(book(vec![], Allow), 1, KEY);
    let mut index = profiles.admit(&client, None).expect("there is room");
    profiles.set_rules(book(vec![], Deny));
    assert_eq!(
        profiles.renew(&mut index, client.subject, None),
        Err(NoProfile::Full)
    );
    assert!(
        profiles
            .decide(&index, client.subject, &ask(Publish, "a"))
            .allowed
    );
    profiles.release(index);
    assert!(profiles.is_empty());
}

#[test]
fn a_profile_is_small_enough_for_one_per_client() {
    assert!(size_of::<Profile>() <= 96, "{}", size_of::<Profile>());
    assert_eq!(size_of::<ProfileIndex>(), 4);
}

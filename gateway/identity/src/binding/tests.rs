//! An id fits for its own user, and nothing that a user is called makes it fit for more.

use super::*;

fn proven(user: Option<&str>, claims: &[(&str, &str)]) -> Proven {
    Proven {
        user: user.map(Into::into),
        claims: claims
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        ..Proven::default()
    }
}

fn fits(template: &str, client_id: &str, proven: &Proven) -> bool {
    Template::new(template)
        .expect(template)
        .fits(client_id, proven)
}

#[test]
fn ids_fit_their_own_user_and_claim() {
    let ann = proven(Some("ann"), &[("device", "d-7"), ("empty", "")]);
    for (template, client_id, is_fit) in [
        ("%u", "ann", true),
        ("%u", "anna", false),
        ("%u", "", false),
        ("%u-*", "ann-7", true),
        ("%u-*", "ann-", true),
        ("%u-*", "ann", false),
        ("%u-*", "bob-7", false),
        ("%u-??", "ann-07", true),
        ("%u-??", "ann-7", false),
        ("%{claim:device}", "d-7", true),
        ("%{claim:device}", "d-8", false),
        ("*/%u/%{claim:device}", "x/y/ann/d-7", true),
        ("*/%u/%{claim:device}", "x/y/ann/d-7/", false),
        ("%{claim:none}", "", false),
        ("*%{claim:none}*", "x", false),
        ("*%{claim:empty}*", "x", false),
        ("%%u", "%u", true),
        ("*", "whatever", true),
        ("*-ü?", "a-b-üé", true),
    ] {
        assert_eq!(
            fits(template, client_id, &ann),
            is_fit,
            "{template} {client_id}"
        );
    }
}

#[test]
fn a_wildcard_in_a_value_stands_for_itself() {
    for (user, client_id, is_fit) in [
        ("*", "bob", false),
        ("*", "*", true),
        ("?", "b", false),
        ("a*", "ann", false),
        ("%u", "ann", false),
        ("%{claim:device}", "d-7", false),
    ] {
        let proven = proven(Some(user), &[("device", "d-7")]);
        assert_eq!(fits("%u", client_id, &proven), is_fit, "{user} {client_id}");
    }
}

#[test]
fn nobody_without_a_name_fits_a_template_with_one() {
    let nobody = proven(None, &[]);
    assert!(!fits("%u", "", &nobody) && !fits("%u*", "x", &nobody) && !fits("*%u", "x", &nobody));
    assert!(fits("guest-*", "guest-1", &nobody));
}

#[test]
fn what_begins_no_placeholder_is_refused() {
    for template in [
        "",
        "%",
        "a%",
        "%c",
        "%{u}",
        "%{claim:}",
        "%{claim:x",
        &"x".repeat(257),
    ] {
        let fault = Template::new(template).expect_err(template);
        assert_eq!(fault.field, "client_id");
    }
}

#[test]
fn the_longest_comparison_stays_bounded() {
    let template = format!("{}x", "*a".repeat(127));
    let long = "a".repeat(BOUND_ID_BYTES_MAX);
    assert!(!fits(&template, &long, &proven(None, &[])));
    let user = "u".repeat(BOUND_ID_BYTES_MAX + 1);
    assert!(
        !fits("%u", &user, &proven(Some(&user), &[])),
        "longer than what is compared"
    );
}

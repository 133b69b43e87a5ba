//! Topic rules against the examples of the specification and a second matcher written otherwise.

use super::*;

#[test]
fn names_with_wildcards_or_without_characters_are_no_names() {
    for name in ["a", "/", "a/b", " ", "a b/ü", "$SYS/x", "finance//x"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["", "+", "#", "a/+", "a+b", "a/#", "a\0b"] {
        assert!(!is_name(name), "{name:?}");
    }
}

#[test]
fn a_wildcard_fills_its_level_and_only_the_last_may_be_a_hash() {
    for filter in [
        "#", "+", "/", "a/#", "+/+", "+/a/#", "/+", "a//+", "$SYS/#", "$share",
    ] {
        assert_eq!(check_filter(filter), Ok(()), "{filter}");
    }
    for filter in ["a#", "a/b#", "#/a", "a/#/b", "a+", "+a/b", "##", "++", "#/"] {
        assert_eq!(
            check_filter(filter),
            Err(Malformed::FilterWildcardMisplaced),
            "{filter}"
        );
    }
    assert_eq!(check_filter(""), Err(Malformed::FilterEmpty));
}

#[test]
fn a_shared_filter_names_a_share_and_a_valid_filter() {
    assert_eq!(shared("$share/fleet/a/+"), Some(("fleet", "a/+")));
    assert_eq!(shared("$share/fleet//a"), Some(("fleet", "/a")));
    assert_eq!(shared("a/b"), None);
    for filter in [
        "$share/",
        "$share/a",
        "$share/a/",
        "$share//a",
        "$share/+/a",
        "$share/a#/b",
    ] {
        assert_eq!(
            check_filter(filter),
            Err(Malformed::ShareInvalid),
            "{filter}"
        );
    }
    assert_eq!(
        check_filter("$share/a/b#"),
        Err(Malformed::FilterWildcardMisplaced)
    );
    assert_eq!(check_filter("$share/a/#"), Ok(()));
}

#[test]
fn the_examples_of_the_specification_match_as_it_says() {
    let yes = [
        ("sport/tennis/player1/#", "sport/tennis/player1"),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
        (
            "sport/tennis/player1/#",
            "sport/tennis/player1/score/wimbledon",
        ),
        ("sport/#", "sport"),
        ("#", "sport"),
        ("#", "/"),
        ("sport/tennis/+", "sport/tennis/player1"),
        ("sport/+", "sport/"),
        ("+/+", "/finance"),
        ("/+", "/finance"),
        ("$SYS/#", "$SYS/"),
        ("$SYS/monitor/+", "$SYS/monitor/Clients"),
        ("+/$x", "a/$x"),
    ];
    for (filter, name) in yes {
        assert!(matches(filter, name), "{filter} should match {name}");
    }
    let no = [
        ("sport/tennis/+", "sport/tennis/player1/ranking"),
        ("sport/+", "sport"),
        ("+", "/finance"),
        ("#", "$SYS/a"),
        ("+/monitor/Clients", "$SYS/monitor/Clients"),
        ("a/b", "a"),
        ("a", "a/b"),
        ("a/b", "A/b"),
        ("a/b", "a/b/"),
    ];
    for (filter, name) in no {
        assert!(!matches(filter, name), "{filter} should not match {name}");
    }
}

/// The rules once more, as recursion over lists of levels.
fn matches_again(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        ([], []) | (["#"], _) => true,
        (["+", filter @ ..], [_, name @ ..]) => matches_again(filter, name),
        ([a, filter @ ..], [b, name @ ..]) => a == b && matches_again(filter, name),
        _ => false,
    }
}

#[test]
fn every_short_filter_agrees_with_a_matcher_written_otherwise() {
    let filters = sequences(&["a", "b", "", "+", "#"]);
    let names = sequences(&["a", "b", ""]);
    let mut hits = 0;
    for filter in filters.iter().filter(|filter| is_filter(filter)) {
        for name in names.iter().filter(|name| is_name(name)) {
            let wanted: Vec<&str> = filter.split('/').collect();
            let levels: Vec<&str> = name.split('/').collect();
            let expected = matches_again(&wanted, &levels);
            assert_eq!(matches(filter, name), expected, "{filter} against {name}");
            hits += usize::from(expected);
        }
    }
    assert!(hits > 100, "the comparison saw only {hits} matches");
}

/// Every topic of one to four of these levels.
fn sequences(levels: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = levels.iter().map(|level| level.to_string()).collect();
    let mut from = 0;
    for _ in 1..4 {
        let until = all.len();
        for index in from..until {
            for level in levels {
                all.push(format!("{}/{level}", all[index]));
            }
        }
        from = until;
    }
    all
}

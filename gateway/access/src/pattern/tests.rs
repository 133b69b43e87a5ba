//! Patterns against sets of topics: they take in what the specification says they match.

use tributary_proto::topic;

use super::*;
use crate::fault::TopicFault;
use crate::limits::TOPIC_BYTES_MAX;
use crate::subject::Subject;

/// Levels of topics: those that filters name, and one that none does.
const LEVELS: [&str; 5] = ["a", "dev", "", "$s", "other"];

/// Every topic of up to four levels, the empty one too; filters here have three, so one level is
/// always beyond them.
fn topics() -> Vec<String> {
    sequences(&LEVELS, 4)
}

fn sequences(levels: &[&str], length: usize) -> Vec<String> {
    let mut all: Vec<String> = levels.iter().map(|level| level.to_string()).collect();
    let mut from = 0;
    for _ in 1..length {
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

fn values<'a>(client: &'a str, user: Option<&'a str>) -> Values<'a> {
    Values {
        subject: Subject { client, user },
        claims: &[],
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text, &mut Vec::new()).expect(text)
}

#[test]
fn every_short_pattern_takes_in_and_meets_what_its_topics_say() {
    let topics = topics();
    let matched = |filter: &str| -> Vec<bool> {
        topics
            .iter()
            .map(|name| topic::matches(filter, name))
            .collect()
    };
    let written: Vec<String> = sequences(&["a", "%c", "", "$s", "+", "#"], 3);
    let client = values("dev", None);
    let asked: Vec<(String, Vec<bool>)> = sequences(&["a", "dev", "", "$s", "+", "#"], 3)
        .into_iter()
        .filter(|filter| topic::is_filter(filter))
        .map(|filter| (filter.clone(), matched(&filter)))
        .collect();
    let (mut inside, mut apart, mut both) = (0, 0, 0);
    for text in &written {
        let plain = text.replace("%c", "dev");
        let parsed = Pattern::parse(text, &mut Vec::new());
        assert_eq!(parsed.is_ok(), topic::is_filter(&plain), "{text}");
        let Ok(pattern) = parsed else { continue };
        let own = matched(&plain);
        for (filter, theirs) in &asked {
            let pairs = || own.iter().zip(theirs);
            let takes_in = pairs().all(|(own, theirs)| *own || !theirs);
            let meets = pairs().any(|(own, theirs)| *own && *theirs);
            let yes = |is: bool| if is { Fit::Yes } else { Fit::No };
            assert_eq!(
                pattern.takes_in(filter, &client),
                yes(takes_in),
                "{text} over {filter}"
            );
            assert_eq!(
                pattern.meets(filter, &client),
                yes(meets),
                "{text} and {filter}"
            );
            inside += usize::from(takes_in);
            apart += usize::from(!meets);
            both += usize::from(meets && !takes_in);
        }
    }
    assert!(
        inside > 500 && apart > 500 && both > 500,
        "{inside} {apart} {both}"
    );
}

#[test]
fn an_exact_pattern_is_compared_as_text() {
    let client = values("dev", None);
    for text in ["#", "+/+", "a/#", "$s/+", "a", "a//+"] {
        let exact = pattern(&format!("eq {text}"));
        assert_eq!(exact.takes_in(text, &client), Fit::Yes, "{text}");
        assert_eq!(exact.meets(text, &client), Fit::Yes, "{text}");
        for other in ["+/#", "+", "a/+", "a/b", "b", "$s/a", "$s/#"] {
            assert_eq!(
                exact.takes_in(other, &client),
                Fit::No,
                "{text} is not {other}"
            );
            assert_eq!(
                exact.meets(other, &client),
                Fit::No,
                "{text} is not {other}"
            );
        }
    }
    assert_eq!(pattern("eq %c/#").takes_in("dev/#", &client), Fit::Yes);
    assert_eq!(pattern("eq %c/#").takes_in("a/#", &client), Fit::No);
}

#[test]
fn placeholders_stand_inside_a_level_and_several_in_one() {
    let client = values("c-1", Some("ann"));
    for (text, topic) in [
        ("dev/%c/up", "dev/c-1/up"),
        ("dev/x%c/up", "dev/xc-1/up"),
        ("%u/%c", "ann/c-1"),
        ("%u-%c-/+", "ann-c-1-/any"),
        ("100%%/%c", "100%/c-1"),
        ("%%c/+", "%c/x"),
    ] {
        assert_eq!(pattern(text).takes_in(topic, &client), Fit::Yes, "{text}");
        assert_eq!(pattern(text).meets(topic, &client), Fit::Yes, "{text}");
    }
    for (text, topic) in [
        ("dev/%c/up", "dev/c-2/up"),
        ("dev/%c/up", "dev/c-1"),
        ("dev/%c/up", "dev/+/up"),
        ("dev/x%c/up", "dev/c-1/up"),
        ("%u-%c", "ann-c-1-"),
    ] {
        assert_eq!(pattern(text).takes_in(topic, &client), Fit::No, "{text}");
    }
    assert_eq!(pattern("dev/%c/up").meets("dev/+/up", &client), Fit::Yes);
}

#[test]
fn a_value_that_could_reach_beyond_its_level_is_unusable() {
    for id in ["", "+", "#", "a/b", "a/#", "x+", "/", "a\0"] {
        let client = values(id, Some("ann"));
        for topic in ["dev/+/up", "dev/a/b/up", "dev/x/up", "dev//up", "dev/#"] {
            let fit = pattern("dev/%c/up").takes_in(topic, &client);
            assert_eq!(fit, Fit::Unusable, "{id:?} in {topic}");
        }
        // What no value at all could have made of it is apart from it.
        assert_eq!(pattern("dev/%c/up").takes_in("cat/x/up", &client), Fit::No);
        assert_eq!(pattern("dev/%c/up").meets("cat/#", &client), Fit::No);
        assert_eq!(
            pattern("dev/%c/up").meets("dev/+/down", &client),
            Fit::Unusable
        );
    }
    let anonymous = values("c-1", None);
    assert_eq!(pattern("%u/x").takes_in("/x", &anonymous), Fit::Unusable);
}

#[test]
fn a_client_cannot_name_itself_into_the_servers_own_topics() {
    let client = values("$SYS", None);
    assert_eq!(
        pattern("%c/#").takes_in("$SYS/broker", &client),
        Fit::Unusable
    );
    assert_eq!(pattern("%c/#").meets("+/broker", &client), Fit::Unusable);
    // Inside a topic the character means nothing.
    assert_eq!(
        pattern("a/%c/#").takes_in("a/$SYS/broker", &client),
        Fit::Yes
    );
    assert_eq!(pattern("a%c/#").takes_in("a$SYS/broker", &client), Fit::Yes);
}

#[test]
fn wildcards_at_the_front_pass_the_servers_own_topics_by() {
    let client = values("c", None);
    for wild in ["#", "+/#", "+/+"] {
        for own in ["$SYS/#", "$SYS/+", "$SYS/a"] {
            assert_eq!(
                pattern(wild).takes_in(own, &client),
                Fit::No,
                "{wild} {own}"
            );
            assert_eq!(pattern(wild).meets(own, &client), Fit::No, "{wild} {own}");
            assert_eq!(pattern(own).meets(wild, &client), Fit::No, "{own} {wild}");
        }
    }
    assert_eq!(pattern("$SYS/#").takes_in("$SYS/+", &client), Fit::Yes);
    assert_eq!(pattern("$dev-%c/x").meets("+/x", &client), Fit::No);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    for (text, fault) in [
        ("", TopicFault::Empty),
        ("eq ", TopicFault::Empty),
        ("a\0", TopicFault::Nul),
        ("$share/g/a", TopicFault::Share),
        ("eq $share/g/a", TopicFault::Share),
        ("a/#/b", TopicFault::WildcardMisplaced),
        ("a+", TopicFault::WildcardMisplaced),
        ("+%c", TopicFault::WildcardMisplaced),
        ("%c#", TopicFault::WildcardMisplaced),
        ("eq a/#/b", TopicFault::WildcardMisplaced),
        ("dev/%x", TopicFault::Placeholder("x".into())),
        ("dev/%", TopicFault::Placeholder("".into())),
        ("%{claim:}", TopicFault::Placeholder("{claim:}".into())),
        ("%{user}", TopicFault::Placeholder("{user}".into())),
    ] {
        let error = Pattern::parse(text, &mut Vec::new()).expect_err(text);
        assert_eq!(error, fault, "{text:?}");
    }
    let long = "a".repeat(TOPIC_BYTES_MAX + 1);
    let error = Pattern::parse(&long, &mut Vec::new()).expect_err("too long");
    assert_eq!(error, TopicFault::TooLong);
}

#[test]
fn claims_are_known_by_name_and_their_names_may_hold_slashes() {
    let mut names = Vec::new();
    let url = Pattern::parse(
        "%{claim:https://x.example/site}/%{claim:tenant}/#",
        &mut names,
    );
    Pattern::parse("%{claim:tenant}", &mut names).expect("it is known already");
    assert_eq!(names, ["https://x.example/site".into(), "tenant".into()]);
    let client = Values {
        subject: Subject {
            client: "c",
            user: None,
        },
        claims: &[Some("north".into()), None],
    };
    let url = url.expect("a name up to its brace");
    assert_eq!(url.takes_in("south/t/x", &client), Fit::No);
    assert_eq!(url.takes_in("north/t/x", &client), Fit::Unusable);
}

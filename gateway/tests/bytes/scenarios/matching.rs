//! Which topics a filter gets: the rules of section 4.7, through the whole server.

use super::{plays, two};
use crate::target::Target;

plays! {
    ALL "MQTT-4.7.1-2, MQTT-4.7.1-3" filters_get_the_topics_that_they_match_and_no_others,
    OASIS "MQTT-4.7.2-1" a_wildcard_in_front_gets_no_topic_of_a_dollar,
    OASIS "MQTT-4.7.3-4, MQTT-1.5.3-3, MQTT-1.5.4-3" topics_are_compared_byte_by_byte,
    OASIS "MQTT-4.7.3-3" a_topic_may_be_as_long_as_a_string,
}

/// Filter, topics it gets, topics it does not get, each behind a root of its own.
const MATCHES: [(&str, &[&str], &[&str]); 12] = [
    ("/a", &["/a"], &["/A", "/a/", "/a/b", "//a", "/ab"]),
    ("/#", &["", "/", "/a", "/a/b", "//"], &["x"]),
    (
        "/a/#",
        &["/a", "/a/", "/a/b", "/a/b/c"],
        &["/", "/ab", "/b/a"],
    ),
    ("/+", &["/", "/a"], &["", "/a/", "/a/b"]),
    ("/+/", &["/a/", "//"], &["/a", "/a/b"]),
    ("/+/b", &["/a/b", "//b"], &["/b", "/a/b/", "/a/c"]),
    ("/+/+", &["/a/b", "//"], &["/a", "/a/b/c"]),
    ("/+/#", &["/a", "/a/b", "/", "//"], &[""]),
    ("/a/+/c/#", &["/a/b/c", "/a/b/c/d"], &["/a/c", "/a/b/b/c"]),
    ("//", &["//"], &["/", "///"]),
    ("/$a/+", &["/$a/b"], &["/a/b"]),
    ("/a b/é", &["/a b/é"], &["/a b/e", "/a%20b/é"]),
];

fn filters_get_the_topics_that_they_match_and_no_others(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    for (filter, inside, outside) in MATCHES {
        let root = target.unique("match");
        subscriber.subscribe(&format!("{root}{filter}"), 1);
        for topic in outside.iter().chain(inside) {
            publisher.publish(0b0010, &format!("{root}{topic}"), filter);
        }
        for topic in inside {
            subscriber.hears(&format!("{root}{topic}"), filter);
        }
    }
}

fn a_wildcard_in_front_gets_no_topic_of_a_dollar(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let name = target.unique("own");
    let last = target.unique("last");
    subscriber.subscribe("#", 1);
    subscriber.subscribe(&format!("+/{name}"), 1);
    publisher.publish(0b0010, &format!("$own/{name}"), "hidden");
    publisher.publish(0b0010, &last, "last");
    loop {
        // Others publish to the same server meanwhile.
        let message = subscriber.message();
        assert!(!message.topic.starts_with('$'), "{message:?}");
        if message.topic == last {
            break;
        }
    }
    subscriber.unsubscribe("#");
    let (_, mut asker) = two(target, version);
    asker.subscribe(&format!("$own/{name}"), 1);
    publisher.publish(0b0010, &format!("$own/{name}"), "by name");
    asker.hears(&format!("$own/{name}"), "by name");
}

fn topics_are_compared_byte_by_byte(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let root = target.unique("bytes");
    // The same to the eye: composed, decomposed, behind a byte order mark.
    let names = ["\u{E9}", "e\u{301}", "\u{FEFF}\u{E9}", "E\u{301}"];
    for name in names {
        subscriber.subscribe(&format!("{root}/{name}"), 1);
        for other in names {
            publisher.publish(0b0010, &format!("{root}/{other}"), other);
        }
        subscriber.hears(&format!("{root}/{name}"), name);
        subscriber.unsubscribe(&format!("{root}/{name}"));
    }
}

fn a_topic_may_be_as_long_as_a_string(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let mut topic = target.unique("long/");
    topic.extend(std::iter::repeat_n('x', 65_535 - topic.len()));
    subscriber.subscribe(&topic, 1);
    publisher.publish(0b0010, &topic, "far");
    subscriber.hears(&topic, "far");
}

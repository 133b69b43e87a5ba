//! rumqttc, the stock Rust client, in version 5 against the server.

mod peer;

mod harness;

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS::{self, AtLeastOnce, AtMostOnce, ExactlyOnce};
use rumqttc::v5::mqttbytes::v5::{
    Filter, LastWillProperties, PublishProperties, RetainForwardRule,
};

use harness::{Names, control, cuts, pass, run_all};
use peer::{Peer, lasting, options, plain_port, text, will};

fn main() {
    run_all(&[
        ("persistent session", persistent_session),
        ("QoS 2 up over cuts", qos_2_up),
        ("QoS 2 down over cuts", qos_2_down),
        ("shared subscription", shared),
        ("will on reset and will delay", wills),
        ("retain handling", retain_handling),
        ("No Local and subscription identifiers", identifiers),
        ("request, response and user properties", request_response),
        ("CONNACK properties", connack),
        ("topic aliases upwards", aliases_up),
        ("topic aliases downwards", aliases_down),
        ("message and session expiry", expiry),
        ("receive maximum", receive_maximum),
    ]);
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn persistent_session(names: Names) {
    let mut away = Peer::connect(lasting(&names.id("away"), plain_port()));
    assert!(!away.connack.session_present, "session present at first");
    away.subscribe(&names.topic("t"), ExactlyOnce);
    away.end();
    let mut source = Peer::connect(options(&names.id("source")));
    for qos in [AtLeastOnce, ExactlyOnce] {
        for text in numbers(20) {
            source.publish(&names.topic("t"), &text, qos);
        }
    }
    let mut away = Peer::connect(lasting(&names.id("away"), plain_port()));
    assert!(
        away.connack.session_present,
        "no session present afterwards"
    );
    let found: Vec<_> = (0..40).map(|_| away.take()).collect();
    for qos in [AtLeastOnce, ExactlyOnce] {
        let queued: Vec<_> = found.iter().filter(|m| m.qos == qos).map(text).collect();
        assert_eq!(queued, numbers(20), "queued at {qos:?}");
    }
    away.end();
    let mut fresh = Peer::connect(options(&names.id("away")));
    assert!(
        !fresh.connack.session_present,
        "present after a clean start"
    );
    source.publish(&names.topic("t"), "to nobody", AtLeastOnce);
    assert!(fresh.quiet().is_empty(), "a message after a clean start");
    fresh.end();
    source.end();
}

fn qos_2_up(names: Names) {
    let mut witness = Peer::connect(options(&names.id("witness")));
    witness.subscribe(&names.topic("#"), ExactlyOnce);
    for (number, cut) in cuts("up", "down").iter().enumerate() {
        let (topic, port) = (
            names.topic(&number.to_string()),
            control(&format!("open cut {cut}")),
        );
        let mut peer = Peer::connect(lasting(&names.id(&number.to_string()), port));
        peer.send(&topic, "once", ExactlyOnce);
        peer.down();
        assert_eq!(control(&format!("cuts {port}")), 1, "links cut at {cut}");
        peer.up();
        assert!(
            peer.connack.session_present,
            "no session present after {cut}"
        );
        assert_eq!(witness.texts(1), ["once"], "after {cut}");
        peer.send(&topic, "next", ExactlyOnce);
        assert_eq!(witness.texts(1), ["next"], "after {cut}");
        peer.end();
    }
    assert!(witness.quiet().is_empty(), "duplicates");
    witness.end();
}

/// Each connection of rumqttc knows only the ids of its own PUBLISHes: a message sent again is one
/// to it once more, and it hangs up on a PUBREL for a former one. So it is cut before its PUBREC.
fn qos_2_down(names: Names) {
    let mut source = Peer::connect(options(&names.id("source")));
    for (number, cut) in cuts("down", "up").iter().take(5).enumerate() {
        let (topic, port) = (
            names.topic(&number.to_string()),
            control(&format!("open cut {cut}")),
        );
        let mut peer = Peer::connect(lasting(&names.id(&number.to_string()), port));
        peer.subscribe(&topic, ExactlyOnce);
        source.publish(&topic, "once", ExactlyOnce);
        peer.down();
        assert_eq!(control(&format!("cuts {port}")), 1, "links cut at {cut}");
        source.publish(&topic, "next", ExactlyOnce);
        peer.up();
        let mut found = vec![peer.take()];
        while text(&found[found.len() - 1]) != "next" {
            found.push(peer.take());
        }
        found.extend(peer.quiet());
        let seen: Vec<_> = found.iter().map(|m| (text(m), m.dup)).collect();
        let once = |dup| ("once".to_owned(), dup);
        let next = ("next".to_owned(), false);
        // Whether a part of the first PUBLISH was sent is nothing that DUP depends on.
        let again = seen == [once(true), next.clone()];
        let twice = seen == [once(false), once(true), next];
        assert!(again || twice && number >= 2, "{seen:?} after {cut}");
        peer.end();
    }
    source.end();
}

fn shared(names: Names) {
    let mut members: Vec<_> = (0..3)
        .map(|number| Peer::connect(options(&names.id(&number.to_string()))))
        .collect();
    for member in &mut members {
        member.subscribe(&format!("$share/g/{}", names.topic("+")), AtLeastOnce);
    }
    let mut source = Peer::connect(options(&names.id("source")));
    for text in numbers(120) {
        source.publish(&names.topic(&text[..1]), &text, AtLeastOnce);
    }
    let found: Vec<_> = members.iter_mut().map(Peer::quiet_texts).collect();
    let mut all: Vec<_> = found.concat();
    all.sort_by_key(|text| text.parse::<usize>().ok());
    assert_eq!(all, numbers(120), "messages together");
    let counts: Vec<_> = found.iter().map(Vec::len).collect();
    assert!(
        counts.iter().all(|count| *count >= 20),
        "balance {counts:?}"
    );
    members.into_iter().for_each(Peer::end);
    source.end();
}

fn wills(names: Names) {
    let mut watcher = Peer::connect(options(&names.id("watcher")));
    watcher.subscribe(&names.topic("#"), AtLeastOnce);
    let mortal = |role: &str, delay_secs: u32| {
        let mut will = will(names.topic(role), role);
        will.properties = Some(LastWillProperties {
            delay_interval: Some(delay_secs),
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type: Some("text/plain".to_owned()),
            response_topic: None,
            correlation_data: None,
            user_properties: vec![("a".to_owned(), "b".to_owned())],
        });
        let mut options = lasting(&names.id(role), control("open"));
        options.set_last_will(will);
        Peer::connect(options)
    };
    // The library comes back at once: the will with a delay is cancelled, the one without is not.
    let (mut prompt, mut back) = (mortal("prompt", 0), mortal("back", 1));
    for peer in [&mut back, &mut prompt] {
        peer.drop_link();
        peer.down();
        peer.up();
    }
    let told = watcher.take();
    assert_eq!(text(&told), "prompt", "the will without a delay");
    let properties = told.properties.expect("the will's properties");
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(
        properties.user_properties,
        [("a".to_owned(), "b".to_owned())]
    );
    pass(Duration::from_millis(1500));
    assert!(watcher.quiet().is_empty(), "the will with a delay");
    mortal("polite", 0).end();
    assert!(watcher.quiet().is_empty(), "the will of one that left");
    for peer in [watcher, prompt, back] {
        peer.end();
    }
}

fn retain(source: &mut Peer, topic: &str, payload: &str) {
    source.publish_with(
        topic,
        payload,
        AtLeastOnce,
        true,
        PublishProperties::default(),
    );
}

fn retain_handling(names: Names) {
    use RetainForwardRule::{Never, OnEverySubscribe, OnNewSubscribe};
    let topic = names.topic("t");
    let mut source = Peer::connect(options(&names.id("source")));
    retain(&mut source, &topic, "kept");
    for (rule, first, second) in [
        (OnEverySubscribe, 1, 1),
        (OnNewSubscribe, 1, 0),
        (Never, 0, 0),
    ] {
        let mut peer = Peer::connect(options(&names.id(&format!("{rule:?}"))));
        for (count, as_published) in [(first, false), (second, true)] {
            let mut filter = Filter::new(&topic, AtLeastOnce);
            filter.retain_forward_rule = rule.clone();
            filter.preserve_retain = as_published;
            peer.subscribe_with(filter, None);
            let found: Vec<_> = peer.quiet().iter().map(|m| (text(m), m.retain)).collect();
            assert_eq!(found, vec![("kept".to_owned(), true); count], "{rule:?}");
            retain(&mut source, &topic, "kept");
            assert_eq!(peer.take().retain, as_published, "Retain As Published");
        }
        peer.end();
    }
    retain(&mut source, &topic, "");
    source.end();
}

fn identifiers(names: Names) {
    let mut peer = Peer::connect(options(&names.id("s")));
    let mut own = Filter::new(names.topic("own"), AtLeastOnce);
    own.nolocal = true;
    peer.subscribe_with(own, None);
    peer.subscribe_with(Filter::new(names.topic("a/+"), AtLeastOnce), Some(1));
    peer.subscribe_with(Filter::new(names.topic("a/#"), AtLeastOnce), Some(200));
    peer.publish(&names.topic("own"), "own", AtLeastOnce);
    peer.publish(&names.topic("a/b"), "both", AtLeastOnce);
    let mut found = Vec::new();
    for message in peer.quiet() {
        assert_eq!(text(&message), "both", "one's own message came back");
        found.extend(
            message
                .properties
                .unwrap_or_default()
                .subscription_identifiers,
        );
    }
    found.sort_unstable();
    assert_eq!(found, [1, 200], "identifiers");
    peer.end();
}

fn request_response(names: Names) {
    let mut asking = Peer::connect(options(&names.id("asking")));
    let mut serving = Peer::connect(options(&names.id("serving")));
    asking.subscribe(&names.topic("answer"), AtLeastOnce);
    serving.subscribe(&names.topic("ask"), AtLeastOnce);
    let pairs = [("z", "1"), ("a", "2"), ("z", "1")];
    let given = PublishProperties {
        response_topic: Some(names.topic("answer")),
        correlation_data: Some(vec![0, 255, 1].into()),
        content_type: Some("text/plain".to_owned()),
        payload_format_indicator: Some(1),
        user_properties: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        ..PublishProperties::default()
    };
    asking.publish_with(
        &names.topic("ask"),
        "why?",
        AtLeastOnce,
        false,
        given.clone(),
    );
    let told = serving.take().properties.expect("properties");
    assert_eq!(told, given, "the request");
    let answer = PublishProperties {
        correlation_data: told.correlation_data,
        ..PublishProperties::default()
    };
    let to = told.response_topic.expect("a response topic");
    serving.publish_with(&to, "so", AtLeastOnce, false, answer);
    let told = asking.take().properties.expect("properties");
    assert_eq!(told.correlation_data, given.correlation_data, "the answer");
    asking.end();
    serving.end();
}

fn connack(names: Names) {
    let peer = Peer::connect(lasting(&names.id("a"), plain_port()));
    let told = peer.told();
    assert_eq!(told.max_qos, None, "QoS 2 is supported");
    let available = [
        told.retain_available,
        told.wildcard_subscription_available,
        told.subscription_identifiers_available,
        told.shared_subscription_available,
    ];
    assert!(
        available.iter().all(|flag| flag.unwrap_or(1) == 1),
        "{told:?}"
    );
    assert!(told.topic_alias_max.unwrap_or(0) > 0, "no topic aliases");
    assert_eq!(told.assigned_client_identifier, None, "an id assigned");
    peer.end();
    let nameless = Peer::connect(options(""));
    let assigned = nameless.told().assigned_client_identifier;
    assert!(assigned.is_some_and(|id| !id.is_empty()), "no id assigned");
    nameless.end();
}

fn aliases_up(names: Names) {
    let mut source = Peer::connect(options(&names.id("source")));
    let mut peer = Peer::connect(options(&names.id("s")));
    peer.subscribe(&names.topic("#"), ExactlyOnce);
    let alias = PublishProperties {
        topic_alias: Some(1),
        ..PublishProperties::default()
    };
    let sends = [("a", "1"), ("", "2"), ("b", "3"), ("", "4")];
    for (rest, text) in sends {
        let topic = if rest.is_empty() {
            String::new()
        } else {
            names.topic(rest)
        };
        source.publish_with(&topic, text, AtLeastOnce, false, alias.clone());
    }
    for (rest, payload) in [("a", "1"), ("a", "2"), ("b", "3"), ("b", "4")] {
        let message = peer.take();
        assert_eq!(text(&message), payload, "payload");
        assert_eq!(
            message.topic,
            names.topic(rest).as_bytes(),
            "topic of {payload}"
        );
    }
    source.end();
    peer.end();
}

fn aliases_down(names: Names) {
    let mut with_aliases = options(&names.id("s"));
    with_aliases.set_topic_alias_max(Some(2));
    let mut peer = Peer::connect(with_aliases);
    peer.subscribe(&names.topic("#"), AtLeastOnce);
    let mut source = Peer::connect(options(&names.id("source")));
    let mut used = 0;
    for number in 0..12 {
        let topic = names.topic(&(number % 3).to_string());
        source.publish(&topic, "x", AtLeastOnce);
        let message = peer.take();
        assert_eq!(message.topic, topic.as_bytes(), "topic of message {number}");
        let alias = message.properties.and_then(|p| p.topic_alias);
        assert!(alias.unwrap_or(1) <= 2, "alias {alias:?} over the maximum");
        used += usize::from(alias.is_some());
    }
    assert!(used > 0, "the server never used an alias");
    source.end();
    peer.end();
}

fn expiry(names: Names) {
    for (role, secs) in [("long", 60), ("short", 1)] {
        let mut options = lasting(&names.id(role), plain_port());
        options.set_session_expiry_interval(Some(secs));
        let mut peer = Peer::connect(options);
        peer.subscribe(&names.topic("t"), AtLeastOnce);
        peer.end();
    }
    let mut source = Peer::connect(options(&names.id("source")));
    for secs in [1, 100] {
        let properties = PublishProperties {
            message_expiry_interval: Some(secs),
            ..PublishProperties::default()
        };
        let topic = names.topic("t");
        source.publish_with(&topic, &secs.to_string(), AtLeastOnce, false, properties);
    }
    pass(Duration::from_millis(2500));
    let mut long = Peer::connect(lasting(&names.id("long"), plain_port()));
    let found = long.quiet();
    assert_eq!(
        found.iter().map(text).collect::<Vec<_>>(),
        ["100"],
        "queued"
    );
    let left = found[0]
        .properties
        .clone()
        .and_then(|p| p.message_expiry_interval);
    assert!(
        left.is_some_and(|left| (90..=98).contains(&left)),
        "{left:?} s left"
    );
    let short = Peer::connect(lasting(&names.id("short"), plain_port()));
    assert!(!short.connack.session_present, "a session of 1 s after 2.5");
    for peer in [source, long, short] {
        peer.end();
    }
}

fn receive_maximum(names: Names) {
    let mut slow = options(&names.id("s"));
    slow.set_receive_maximum(Some(1)).set_manual_acks(true);
    let mut peer = Peer::connect(slow);
    peer.subscribe(&names.topic("t"), AtLeastOnce);
    let mut source = Peer::connect(options(&names.id("source")));
    for text in numbers(5) {
        source.publish(&names.topic("t"), &text, AtLeastOnce);
    }
    for wanted in numbers(5) {
        let message = peer.take();
        assert_eq!(text(&message), wanted, "message");
        assert_eq!(message.qos, QoS::AtLeastOnce, "QoS");
        assert!(
            peer.quiet().is_empty(),
            "another one before the acknowledgement"
        );
        peer.client.ack(&message).expect("the library's queue");
    }
    source.publish(&names.topic("t"), "unqueued", AtMostOnce);
    assert_eq!(peer.texts(1), ["unqueued"], "QoS 0");
    source.end();
    peer.end();
}

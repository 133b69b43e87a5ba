//! Who may come in at all: passwords, tokens, certificates, a web service, and whoever shows none.

use crate::support::client::Client;
use crate::support::doorway::*;
use crate::support::gateway::{Gateway, Launch, config_file, run_to_end};
use crate::support::property::*;
use crate::support::wire::*;
use std::net::TcpListener;
use std::thread;

const BAD: u8 = 0x86;
const NOT_AUTHORIZED: u8 = 0x87;

#[test]
fn a_file_of_users_lets_in_who_knows_the_password_and_nobody_else() {
    let users = Users::of(&[("ann", "pencil"), ("bob", "other")]);
    let gateway = start("[\"users\"]", &users.section());
    for version in VERSIONS {
        let bad = if version == V5 { BAD } else { 4 };
        let nothing = if version == V5 { NOT_AUTHORIZED } else { 5 };
        for (user, password, reason) in [
            (Some("ann"), Some("pencil"), 0),
            (Some("bob"), Some("other"), 0),
            (Some("ann"), Some("other"), bad),
            (Some("ann"), Some(""), bad),
            (Some("ann"), None, bad),
            (Some("Ann"), Some("pencil"), bad),
            (Some("nobody"), Some("pencil"), bad),
            (Some(""), Some("pencil"), bad),
            (None, None, nothing),
        ] {
            let said = knock(&gateway, version, "d1", user, password);
            assert_eq!(said, reason, "{version} {user:?} {password:?}");
        }
    }
    let metrics = gateway.metrics();
    let refused = |reason| metrics.labelled("tributary_auth_refused_total", "reason", reason);
    assert_eq!(refused("wrong_password"), 6.0);
    assert_eq!(refused("nothing_shown"), 3.0);
    assert!(refused("unknown_user") >= 9.0);
    assert!(
        !gateway.whole_log().contains("pencil"),
        "no secret in a line"
    );
}

#[test]
fn anonymous_is_who_shows_nothing_and_only_where_it_is_said() {
    let users = Users::of(&[("ann", "pencil")]);
    let gateway = start("[\"users\", \"anonymous\"]", &users.section());
    assert_eq!(knock(&gateway, V5, "d1", None, None), 0);
    assert_eq!(knock(&gateway, V5, "d1", Some("ann"), Some("pencil")), 0);
    assert_eq!(knock(&gateway, V5, "d1", Some("ann"), Some("wrong")), BAD);
    assert_eq!(knock(&gateway, V5, "d1", Some("guest"), None), BAD);
    drop(gateway);
    let said = Launch::default().listeners("[listen.mqtt]\naddress = \"0.0.0.0:0\"\n");
    let ended = said.start_in_vain();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("other machines can come in"),
        "{}",
        ended.stderr
    );
}

#[test]
fn each_listener_asks_what_it_says() {
    let users = Users::of(&[("ann", "pencil")]);
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\nauth = [\"users\"]\n\
         [listen.open]\naddress = \"127.0.0.1:0\"\n\
         [listen.shut]\naddress = \"127.0.0.1:0\"\nauth = []\n{}{NULL_ROUTE}",
        users.section()
    );
    let gateway = Launch::default().listeners(&text).shards(4).start();
    for n in 0..8 {
        let id = format!("d{n}");
        let at = |name| knock_at(gateway.listener(name), V5, &id, None, None);
        assert_eq!(
            [at("mqtt"), at("open"), at("shut")],
            [NOT_AUTHORIZED, 0, NOT_AUTHORIZED]
        );
    }
}

#[test]
fn a_storm_of_wrong_passwords_keeps_nobody_else_from_talking() {
    const WRONG: usize = 1_000;
    let users = Users::of(&[("ann", "pencil")]);
    let gateway = start("[\"users\", \"anonymous\"]", &users.section());
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let target = gateway.mqtt();
    let attackers: Vec<_> = (0..4)
        .map(|attacker| {
            thread::spawn(move || {
                let mut reasons = Vec::new();
                // All at once: what they wait for is one service with bounded queues.
                let all: Vec<Client> = (0..WRONG / 4)
                    .map(|n| {
                        let mut client = Client::dial(target, V5);
                        let id = format!("a{attacker}-{n}");
                        let connect = shown(V5, &id, Some("ann"), Some("guess"));
                        client.send(&connect.encode());
                        client
                    })
                    .collect();
                for mut client in all {
                    reasons.push(client.packet().map(|packet| packet.reason()));
                }
                reasons
            })
        })
        .collect();
    let mut rounds = 0;
    while !attackers.iter().all(|one| one.is_finished()) {
        bystander.publish("null/x", b"still here");
        rounds += 1;
    }
    assert!(rounds > 0, "it was served meanwhile");
    for attacker in attackers {
        for reason in attacker.join().expect("it counts") {
            // Wrong, or too many at once; or the time for a CONNECT was over.
            assert!(matches!(reason, Some(BAD | 0x89) | None), "{reason:x?}");
        }
    }
    gateway.wait_for_connections(1);
    assert_eq!(gateway.metrics().imbalance(), 0.0);
}

#[test]
fn a_token_must_be_signed_by_a_known_key_and_hold_now() {
    let gateway = start("[\"jwt\"]", JWT);
    let later = now_unix_sec() + 600;
    let right = format!("{{\"sub\":\"ann\",\"exp\":{later}}}");
    let early = format!(
        "{{\"sub\":\"ann\",\"exp\":{later},\"nbf\":{}}}",
        later - 100
    );
    let hs256 = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    let by = |token: String| knock(&gateway, V5, "d1", Some("ann"), Some(&token));
    assert_eq!(by(token(hs256, &right, SECRET)), 0);
    for (header, claims, secret) in [
        (hs256, &*right, "another secret of 32 bytes or so"),
        (hs256, "{\"sub\":\"ann\",\"exp\":1000000}", SECRET),
        (hs256, "{\"sub\":\"ann\"}", SECRET),
        (hs256, &*early, SECRET),
        ("{\"alg\":\"HS512\"}", &*right, SECRET),
        ("{\"alg\":\"none\"}", &*right, SECRET),
        ("{\"alg\":\"RS256\"}", &*right, SECRET),
    ] {
        assert_eq!(by(token(header, claims, secret)), BAD, "{header} {claims}");
    }
    let whole = token("{\"alg\":\"none\"}", &right, SECRET);
    let unsigned = whole.rsplit_once('.').expect("it has three parts").0;
    assert_eq!(
        by(format!("{unsigned}.")),
        BAD,
        "alg none without a signature"
    );
    let long = format!(
        "{{\"sub\":\"ann\",\"exp\":{later},\"x\":\"{}\"}}",
        "x".repeat(9_000)
    );
    assert_eq!(by(token(hs256, &long, SECRET)), BAD, "over 8 KiB");
}

#[test]
fn a_connection_ends_with_the_token_that_it_came_by() {
    let gateway = start("[\"jwt\"]", &format!("{JWT}leeway_secs = 0\n"));
    let before = gateway.metrics();
    let claims = format!("{{\"sub\":\"ann\",\"exp\":{}}}", now_unix_sec() + 6);
    let short = token("{\"alg\":\"HS256\"}", &claims, SECRET);
    let mut clients = [V5, V311].map(|version| {
        let id = format!("d{version}");
        let connect = shown(version, &id, Some("ann"), Some(&short));
        Client::connect_to(gateway.mqtt(), connect).0
    });
    clients[0].expect_end(&[0xA0], "its token has ended");
    clients[1].expect_end(&[], "its token has ended");
    let ends = |metrics: &crate::support::metrics::Metrics| {
        metrics.labelled("tributary_disconnects_total", "reason", "proof_expired")
    };
    gateway.wait_until("both ends counted", |metrics| {
        ends(metrics) == ends(&before) + 2.0
    });
}

#[test]
fn claims_and_groups_of_a_proof_are_what_rules_see() {
    let rules = "[access]\nrules = [\n\
        { allow = [\"publish\"], topics = [\"ops/#\"], group = \"ops\" },\n\
        { allow = [\"publish\"], topics = [\"site/%{claim:site}/%u\"] },\n]\n";
    let gateway = start("[\"jwt\"]", &format!("{JWT}{rules}"));
    let claims = format!(
        "{{\"sub\":\"ann\",\"exp\":{},\"groups\":[\"ops\"],\"site\":\"north\"}}",
        now_unix_sec() + 600
    );
    let token = token("{\"alg\":\"HS256\"}", &claims, SECRET);
    // The name that it gives itself counts for nothing beside the proven one.
    let connect = shown(V5, "d1", Some("mallory"), Some(&token));
    let mut client = Client::connect_to(gateway.mqtt(), connect).0;
    for (topic, is_allowed) in [
        ("ops/x", true),
        ("site/north/ann", true),
        ("site/south/ann", false),
        ("site/north/mallory", false),
    ] {
        let reason = client.announce(Publish::qos1(0, topic, b"x"));
        assert_eq!(reason != NOT_AUTHORIZED, is_allowed, "{topic}");
    }
}

#[test]
fn another_user_takes_no_session_over_and_no_bound_client_id() {
    let users = Users::of(&[("ann", "pencil"), ("bob", "other")]);
    let gateway = start("[\"users\"]", &users.section());
    let expiry = four(SESSION_EXPIRY, 60);
    let by = |user, password| Connect {
        clean: false,
        properties: &expiry,
        ..shown(V5, "d1", Some(user), Some(password))
    };
    let mut ann = Client::connect_to(gateway.mqtt(), by("ann", "pencil")).0;
    let refused = |connect: Connect<'_>| {
        let mut client = Client::dial(gateway.mqtt(), V5);
        client.send(&connect.encode());
        client.expect(CONNACK).reason()
    };
    assert_eq!(
        refused(by("bob", "other")),
        NOT_AUTHORIZED,
        "she is connected"
    );
    ann.ping();
    ann.leave(0, &[]);
    assert_eq!(
        refused(by("bob", "other")),
        NOT_AUTHORIZED,
        "her session is there"
    );
    let (_, connack) = Client::connect_to(gateway.mqtt(), by("ann", "pencil"));
    assert_eq!(connack.body[0] & 1, 1, "and she comes back to it");
    assert_eq!(
        gateway.metrics().sum("tributary_takeovers_refused_total"),
        2.0
    );
    drop(gateway);
    let bound = "[access]\ndefault = \"allow\"\nclient_id = \"%u-*\"\ntakeover = \"anyone\"\n";
    let gateway = start("[\"users\"]", &format!("{}{bound}", users.section()));
    assert_eq!(knock(&gateway, V5, "ann-1", Some("ann"), Some("pencil")), 0);
    assert_eq!(
        knock(&gateway, V5, "ann-1", Some("bob"), Some("other")),
        0x85
    );
    assert_eq!(
        knock(&gateway, V5, "ann", Some("ann"), Some("pencil")),
        0x85
    );
    assert_eq!(
        knock(&gateway, V311, "bob-1", Some("ann"), Some("pencil")),
        2
    );
}

#[test]
fn what_comes_behind_a_connect_waits_for_the_answer_and_a_late_one_meets_nobody() {
    let users = Users::of(&[("ann", "pencil")]);
    let text = format!("{}[mqtt]\nconnect_timeout_secs = 5\n", users.section());
    let gateway = start("[\"users\"]", &text);
    for shard_chooser in 0..8 {
        let id = format!("d{shard_chooser}");
        let connect = shown(V5, &id, Some("ann"), Some("pencil"));
        let publish = Publish::qos1(1, "null/x", b"x").encode(V5);
        let mut client = Client::dial(gateway.mqtt(), V5);
        client.send(&[connect.encode(), publish, PINGREQ_BYTES.to_vec()].concat());
        assert_eq!(client.expect(CONNACK).reason(), 0);
        assert_eq!(client.expect(PUBACK).packet_id(), 1);
        client.expect(PINGRESP);
        // Whoever goes before the answer is nobody any more.
        let id = format!("g{shard_chooser}");
        let wrong = shown(V5, &id, Some("ann"), Some("wrong"));
        let mut gone = Client::dial(gateway.mqtt(), V5);
        gone.send(&wrong.encode());
        gone.reset();
    }
    gateway.wait_until("nobody is left", |metrics| {
        metrics.sum("tributary_connections") == 0.0
    });
}

#[test]
fn a_web_service_that_hangs_holds_nobody_up_but_who_waits_for_it() {
    let hook = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = hook.local_addr().expect("it is bound");
    let start_with = |timeout_millis: u32| {
        let section = format!(
            "[auth.http]\nurl = \"http://{url}/who\"\ntimeout_millis = {timeout_millis}\n\
             keep_deny_secs = 0\n"
        );
        start("[\"anonymous\", \"http\"]", &section)
    };
    let gateway = start_with(1_000);
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let mut asked = Client::dial(gateway.mqtt(), V5);
    asked.send(&shown(V5, "d1", Some("ann"), Some("x")).encode());
    let (stream, _) = hook.accept().expect("it is asked");
    bystander.publish("null/x", b"meanwhile");
    assert_eq!(
        asked.expect(CONNACK).reason(),
        0x88,
        "and refused when nothing comes"
    );
    drop((stream, bystander, asked, gateway));
    // Whoever answers may take its time.
    let gateway = start_with(30_000);
    let answers = [
        ("200 OK", "{\"result\":\"allow\",\"user\":\"ann\"}", 0),
        ("200 OK", "{\"result\":\"deny\"}", BAD),
        ("403 Forbidden", "", BAD),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "", 0x88),
        ("200 OK", "garbage", 0x88),
    ];
    for (number, (status, body, reason)) in answers.into_iter().enumerate() {
        let mut client = Client::dial(gateway.mqtt(), V5);
        let password = number.to_string();
        client.send(&shown(V5, "d1", Some("ann"), Some(&password)).encode());
        let (stream, _) = hook.accept().expect("it is asked anew");
        let request = answer(stream, status, body);
        assert!(request.contains("\"address\":\"127.0.0.1\""), "{request}");
        assert_eq!(client.expect(CONNACK).reason(), reason, "{status} {body}");
    }
}

#[test]
fn a_reload_reads_users_again_for_those_who_come() {
    let users = Users::of(&[("ann", "pencil")]);
    let gateway = start("[\"users\"]", &users.section());
    let connect = shown(V5, "here", Some("ann"), Some("pencil"));
    let mut here = Client::connect_to(gateway.mqtt(), connect).0;
    users.put("bob", "other");
    users.put("ann", "changed");
    gateway.reload();
    gateway.wait_for_line(&["users and keys are renewed"]);
    let joined = |user, password| {
        crate::support::ask_until(crate::support::DEADLINE, || {
            (knock(&gateway, V5, "d1", Some(user), Some(password)) == 0).then_some(())
        })
    };
    assert!(joined("bob", "other").is_some());
    assert!(joined("ann", "changed").is_some());
    assert_eq!(knock(&gateway, V5, "d1", Some("ann"), Some("pencil")), BAD);
    here.ping();
    std::fs::write(users.path(), "no colon in this line\n").expect("it can be written");
    gateway.reload();
    gateway.wait_for_line(&["stay as they were", "has no"]);
    assert_eq!(knock(&gateway, V5, "d1", Some("bob"), Some("other")), 0);
}

/// A gateway behind a balancer that knows ann, with these keys of `[auth]`.
fn relayed(users: &Users, keys: &str) -> Gateway {
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\nauth = [\"users\"]\n\
         proxy_protocol = \"required\"\nproxy_from = [\"127.0.0.1\"]\n\
         [auth]\n{keys}{}{NULL_ROUTE}",
        users.section()
    );
    Launch::default().listeners(&text).shards(1).start()
}

/// What ann is told who comes from this address.
fn come_from(gateway: &Gateway, address: &str, password: &str) -> u8 {
    let mut client = Client::dial(gateway.mqtt(), V5);
    let header = format!("PROXY TCP4 {address} 127.0.0.1 4000 1883\r\n").into_bytes();
    let connect = shown(V5, "d1", Some("ann"), Some(password)).encode();
    client.send(&[header, connect].concat());
    client.expect(CONNACK).reason()
}

/// How many wrong passwords from this address were answered before it was held off.
fn guesses(gateway: &Gateway, address: &str) -> usize {
    let reasons = (0..100).map(|_| come_from(gateway, address, "guess"));
    let answered: Vec<_> = reasons.take_while(|reason| *reason != 0x9F).collect();
    assert!(answered.iter().all(|one| *one == BAD), "{answered:x?}");
    answered.len()
}

#[test]
fn an_address_that_guesses_is_held_off_and_others_are_not() {
    let users = Users::of(&[("ann", "pencil")]);
    let gateway = relayed(&users, "");
    let count = guesses(&gateway, "203.0.113.7");
    assert!((30..100).contains(&count), "{count}");
    assert_eq!(
        come_from(&gateway, "203.0.113.8", "pencil"),
        0,
        "its neighbour is nobody's fault"
    );
    assert!(gateway.metrics().sum("tributary_auth_held_off_total") >= 1.0);
}

#[test]
fn how_many_guesses_an_address_has_is_the_operators_to_say() {
    let users = Users::of(&[("ann", "pencil")]);
    let keys = "failures_per_min = 1\nhold_off_secs = 3600\nhold_off_secs_max = 3600\n";
    let gateway = relayed(&users, keys);
    let count = guesses(&gateway, "203.0.113.7");
    assert!((1..30).contains(&count), "{count}");
    assert_eq!(come_from(&gateway, "203.0.113.8", "pencil"), 0);
}

#[test]
fn passwd_writes_what_the_gateway_reads() {
    let path = config_file("# fleet\n").display().to_string();
    let gone = run_to_end(&["passwd", &path, "ann", "--delete"]);
    assert_eq!(gone.code, Some(1), "there is nobody of that name");
    put(&path, "ann", "pencil");
    let text = std::fs::read_to_string(&path).expect("it is there");
    assert!(text.starts_with("# fleet\nann:$argon2id$"), "{text}");
    let deleted = run_to_end(&["passwd", &path, "ann", "--delete"]);
    assert_eq!(deleted.code, Some(0), "{}", deleted.stderr);
    assert_eq!(
        std::fs::read_to_string(&path).expect("it is there"),
        "# fleet\n"
    );
}

fn start(chain: &str, rest: &str) -> Gateway {
    let text =
        format!("[listen.mqtt]\naddress = \"127.0.0.1:0\"\nauth = {chain}\n{rest}{NULL_ROUTE}");
    Launch::default().listeners(&text).shards(2).start()
}

//! A web service is believed word for word, and one that misbehaves costs a bounded wait.

mod peer;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;
use crate::question::Password;
use crate::secret::Secret;

use peer::{Asked, Peer, Script, say};

fn settings(peer: &Peer) -> HookSettings {
    HookSettings {
        endpoint: EndpointSettings {
            url: format!("http://{}/who?x=1", peer.address),
            time_out_ms: 500,
            ..EndpointSettings::default()
        },
        ..HookSettings::default()
    }
}

/// A hook whose clock stands at 1,000 s until its hand is moved.
fn hook(settings: HookSettings) -> (Hook, Arc<AtomicU64>) {
    let hand = Arc::new(AtomicU64::new(1_000_000));
    let hook = Hook::new(settings, Clock::moved_by(Arc::clone(&hand)));
    (hook.expect("the settings are right"), hand)
}

fn question(user: &str) -> Question {
    Question {
        listener: "mqtt".into(),
        client_id: "c-1".into(),
        user: Some(user.into()),
        password: Some(Password::new(b"secret".as_slice().into())),
        address: Some([192, 0, 2, 7].into()),
        certificate: Some(Certificate {
            common_name: Some("press".into()),
            ..Certificate::default()
        }),
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it can be built").block_on(work)
}

fn verdict(look: Look) -> Option<Verdict> {
    match look {
        Look::NotMine => None,
        Look::Verdict(verdict) => Some(verdict),
        _ => panic!("the hook has not answered"),
    }
}

fn ask(hook: &Hook, user: &str) -> Option<Verdict> {
    verdict(wait(hook.ask(&question(user))))
}

fn refused(refusal: Refusal) -> Option<Verdict> {
    Some(Verdict::Refused(refusal))
}

#[test]
fn the_service_is_told_all_and_its_answer_is_taken_whole() {
    let peer = Peer::new(|stream, asked| {
        assert!(
            asked.head.starts_with("POST /who?x=1 HTTP/1.1\r\n"),
            "{}",
            asked.head
        );
        assert!(
            asked.head.contains("authorization: Bearer t0ken\r\n"),
            "{}",
            asked.head
        );
        assert!(
            asked.head.contains("content-type: application/json\r\n"),
            "{}",
            asked.head
        );
        let told = json!({"listener": "mqtt", "client_id": "c-1", "username": "ann",
            "password": "secret", "address": "192.0.2.7", "certificate": {"common_name": "press",
            "dns_names": [], "emails": [], "uris": [], "distinguished_name": ""}});
        assert_eq!(asked.body, told);
        let answer = json!({"result": "allow", "user": "Ann", "groups": ["ops"],
            "claims": {"plant": "north", "line": 3}, "expires_in_secs": 50,
            "rules": [{"deny": ["publish"], "topics": ["#"]}]});
        say(stream, "200 OK", &answer.to_string());
    });
    let mut settings = settings(&peer);
    let secret = Secret::new("Bearer t0ken");
    settings.endpoint.headers = vec![("Authorization".to_owned(), secret)];
    assert!(!format!("{settings:?}").contains("t0ken"));
    let (hook, _) = hook(settings);
    let Some(Verdict::Allowed(proven)) = ask(&hook, "ann") else {
        panic!("it says allow");
    };
    assert_eq!(proven.method, "http");
    assert_eq!(proven.user.as_deref(), Some("Ann"));
    assert_eq!(*proven.groups, ["ops"].map(Box::<str>::from));
    let claims = [("line", "3"), ("plant", "north")];
    assert_eq!(
        *proven.claims,
        claims.map(|(name, value)| (Box::<str>::from(name), Box::<str>::from(value)))
    );
    assert_eq!(
        proven.rules.as_deref().map(OwnRules::text),
        Some(r##"[{"deny":["publish"],"topics":["#"]}]"##)
    );
    assert_eq!(proven.expires_unix_sec, Some(1_050));
}

/// Answers by the name of the user: `STATUS BODY`.
fn echo(stream: &mut TcpStream, asked: Asked) {
    let name = asked.body["username"]
        .as_str()
        .expect("it is a text")
        .to_owned();
    let (status, body) = name.split_once(' ').unwrap_or((&name, ""));
    if status == "204" {
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        return stream.write_all(answer).expect("the client listens");
    }
    let status = match status {
        "301" | "302" | "307" | "308" => format!("{status} Moved\r\nlocation: /allow"),
        _ => format!("{status} X"),
    };
    say(stream, &status, body);
}

#[test]
fn each_answer_means_what_the_table_says() {
    let peer = Peer::new(echo);
    for when_down in [WhenDown::Refuse, WhenDown::Next] {
        let (hook, _) = hook(HookSettings {
            when_down,
            ..settings(&peer)
        });
        let down = verdict(when_down.look());
        for name in [
            r#"200 {"result":"deny"}"#,
            "401",
            "403",
            r#"403 {"result":"allow"}"#,
        ] {
            assert_eq!(ask(&hook, name), refused(Refusal::Denied), "{name}");
        }
        assert_eq!(ask(&hook, r#"200 {"result":"ignore"}"#), None);
        for name in ["204", r#"200 {"result":"allow"}"#] {
            let Some(Verdict::Allowed(proven)) = ask(&hook, name) else {
                panic!("{name} lets in");
            };
            assert_eq!(proven.user.as_deref(), Some(name));
        }
        for name in [
            "200",
            "200 allow",
            "200 {}",
            "200 []",
            r#"200 "allow""#,
            r#"200 {"result":true}"#,
            r#"200 {"result":"Allow"}"#,
            r#"200 {"result":"allow","user":7}"#,
            r#"200 {"result":"allow","user":""}"#,
            r#"200 {"result":"allow","groups":"a","claims":[]}"#,
            r#"200 {"result":"allow","groups":[1]}"#,
            r#"200 {"result":"allow","claims":{"a":[]}}"#,
            r#"200 {"result":"allow","expires_in_secs":-1}"#,
            r#"200 {"result":"allow"} {"result":"allow"}"#,
            r#"201 {"result":"allow"}"#,
            r#"301 {"result":"allow"}"#,
            r#"302 {"result":"allow"}"#,
            "307",
            "308",
            r#"404 {"result":"allow"}"#,
            r#"500 {"result":"allow"}"#,
        ] {
            assert_eq!(ask(&hook, name), down, "{name}");
        }
        assert_eq!(
            ask(&hook, "200 \n{\"result\":\"allow\"}"),
            down,
            "that is no name"
        );
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let peer = Peer::new(echo);
    let (hook, _) = hook(settings(&peer));
    assert_eq!(ask(&hook, "302"), refused(Refusal::Unavailable));
    assert_eq!(peer.requests(), 1);
}

#[test]
fn a_service_that_hangs_is_given_up_in_time() {
    let peer = Peer::new(|stream, _| {
        // Until the client gives up.
        let _ = stream.read(&mut [0]);
    });
    let (hook, _) = hook(settings(&peer));
    assert_eq!(ask(&hook, "ann"), refused(Refusal::Unavailable));
    assert_eq!(peer.requests(), 1, "it was asked");
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let endless_body: Script = |stream, _| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).expect("the client listens");
        let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).is_ok() {}
    };
    let endless_head: Script = |stream, _| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n")
            .expect("the client listens");
        while stream.write_all(b"x-more: and more and more\r\n").is_ok() {}
    };
    let huge: Script = |stream, _| {
        let body = format!(
            "{{\"result\":\"allow\",\"x\":\"{}\"}}",
            "y".repeat(64 << 10)
        );
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()));
    };
    for script in [endless_body, endless_head, huge] {
        let peer = Peer::new(script);
        let mut settings = settings(&peer);
        // What ends it is its length, and not the time.
        settings.endpoint.time_out_ms = 60_000;
        let (hook, _) = hook(settings);
        assert_eq!(ask(&hook, "ann"), refused(Refusal::Unavailable));
    }
}

#[test]
fn garbage_and_an_early_end_are_no_answer() {
    let garbage: Script = |stream, _| {
        let _ = stream.write_all(b"\x16\x03\x01 I am no web server\r\n\r\n");
    };
    let early_end: Script = |stream, _| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"result\":";
        stream.write_all(head).expect("the client listens");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    };
    let hang_up: Script = |stream, _| {
        let _ = stream.shutdown(std::net::Shutdown::Both);
    };
    for script in [garbage, early_end, hang_up] {
        let peer = Peer::new(script);
        let mut settings = settings(&peer);
        settings.endpoint.time_out_ms = 60_000;
        let (hook, _) = hook(settings);
        assert_eq!(ask(&hook, "ann"), refused(Refusal::Unavailable));
    }
    // A port where nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let peer = Peer {
        address: listener.local_addr().expect("it has an address"),
        requests: Arc::default(),
    };
    drop(listener);
    let (hook, _) = hook(settings(&peer));
    assert_eq!(ask(&hook, "ann"), refused(Refusal::Unavailable));
}

#[test]
fn a_connection_is_used_again_and_made_anew_when_the_service_has_closed_it() {
    let peer = Peer::new(|stream, asked| {
        let port = stream.peer_addr().expect("it is there").port();
        let answer = json!({"result": "allow", "user": port.to_string()});
        say(stream, "200 OK", &answer.to_string());
        if asked.body["username"] == "last" {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    let (hook, _) = hook(HookSettings {
        answers_max: 0,
        ..settings(&peer)
    });
    let ports = wait(async {
        let mut ports = Vec::new();
        for user in ["one", "two", "last", "after"] {
            let Some(Verdict::Allowed(proven)) = verdict(hook.ask(&question(user)).await) else {
                panic!("{user} is let in");
            };
            ports.push(proven.user.expect("it is a port"));
        }
        ports
    });
    assert_eq!(ports[0], ports[1]);
    assert_eq!(ports[1], ports[2]);
    assert_ne!(ports[2], ports[3]);
}

#[test]
fn an_answer_is_kept_for_its_time_and_for_its_question_alone() {
    let peer = Peer::new(echo);
    let (hook, hand) = hook(settings(&peer));
    let (allow, deny) = ("204", "401");
    for name in [allow, deny] {
        assert!(matches!(hook.look(&question(name)), Look::Work));
        let first = ask(&hook, name);
        assert_eq!(verdict(hook.look(&question(name))), first);
    }
    assert_eq!(peer.requests(), 2);
    let other = [
        Question {
            client_id: "c-2".into(),
            ..question(allow)
        },
        Question {
            address: None,
            ..question(allow)
        },
        Question {
            certificate: None,
            ..question(allow)
        },
        Question {
            listener: "other".into(),
            ..question(allow)
        },
        Question {
            password: None,
            ..question(allow)
        },
        Question {
            password: Some(Password::new([0xff].into())),
            ..question(allow)
        },
    ];
    for question in other {
        assert!(matches!(hook.look(&question), Look::Work), "{question:?}");
    }
    hand.fetch_add(5_000, Ordering::Release);
    assert!(matches!(hook.look(&question(deny)), Look::Work));
    assert!(matches!(hook.look(&question(allow)), Look::Verdict(_)));
    hand.fetch_add(55_000, Ordering::Release);
    assert!(matches!(hook.look(&question(allow)), Look::Work));
    // What ends sooner by its own word is kept until then.
    let short = r#"200 {"result":"allow","expires_in_secs":10}"#;
    assert!(matches!(ask(&hook, short), Some(Verdict::Allowed(_))));
    hand.fetch_add(9_999, Ordering::Release);
    assert!(matches!(hook.look(&question(short)), Look::Verdict(_)));
    hand.fetch_add(1, Ordering::Release);
    assert!(matches!(hook.look(&question(short)), Look::Work));
    // That it was down is not kept at all.
    assert_eq!(ask(&hook, "500"), refused(Refusal::Unavailable));
    assert!(matches!(hook.look(&question("500")), Look::Work));
}

#[test]
fn so_many_ask_at_once_and_so_many_wait_and_no_more() {
    static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let peer = Peer::new(|stream, _| {
        MOST.fetch_max(1 + AT_ONCE.fetch_add(1, Ordering::AcqRel), Ordering::AcqRel);
        // The answer waits until the time of all is up.
        let _ = stream.read(&mut [0]);
        AT_ONCE.fetch_sub(1, Ordering::AcqRel);
    });
    let mut settings = settings(&peer);
    settings.endpoint.at_once_max = 3;
    settings.endpoint.waiting_max = 4;
    let (hook, _) = hook(settings);
    let hook = Arc::new(hook);
    wait(async {
        let asked: Vec<_> = (0..20)
            .map(|n| {
                let hook = Arc::clone(&hook);
                tokio::spawn(async move { verdict(hook.ask(&question(&n.to_string())).await) })
            })
            .collect();
        for one in asked {
            assert_eq!(one.await.expect("it ends"), refused(Refusal::Unavailable));
        }
    });
    assert_eq!(peer.requests(), 3);
    assert_eq!(MOST.load(Ordering::Acquire), 3);
}

#[test]
fn a_password_that_is_no_text_is_told_in_base64() {
    let question = Question {
        password: Some(Password::new([0xff, 0].into())),
        ..question("ann")
    };
    let body = body(&question);
    assert_eq!(body["password"], Value::Null);
    assert_eq!(body["password_base64"], "/wA=");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let at = |url: &str| EndpointSettings {
        url: url.to_owned(),
        ..EndpointSettings::default()
    };
    let good = || at("http://127.0.0.1:1/");
    let header = |name: &str, value: &str| EndpointSettings {
        headers: vec![(name.to_owned(), Secret::new(value))],
        ..good()
    };
    let ca = |ca: &str| EndpointSettings {
        ca: Some(ca.to_owned()),
        ..at("https://127.0.0.1/")
    };
    for (endpoint, field) in [
        (at(""), "url"),
        (at("/path"), "url"),
        (at("127.0.0.1:80"), "url"),
        (at("ftp://127.0.0.1/"), "url"),
        (at("http://ann:swordfish@127.0.0.1/"), "url"),
        (ca("no certificate"), "ca_file"),
        (header("a b", "x"), "headers"),
        (header("a", "sword\nfish"), "headers"),
        (
            EndpointSettings {
                time_out_ms: 0,
                ..good()
            },
            "time_out_ms",
        ),
        (
            EndpointSettings {
                time_out_ms: 60_001,
                ..good()
            },
            "time_out_ms",
        ),
        (
            EndpointSettings {
                at_once_max: 0,
                ..good()
            },
            "at_once_max",
        ),
        (
            EndpointSettings {
                waiting_max: 0,
                ..good()
            },
            "waiting_max",
        ),
    ] {
        let settings = HookSettings {
            endpoint,
            ..HookSettings::default()
        };
        let fault = Hook::new(settings, Clock::system()).expect_err(field);
        assert_eq!(fault.field, field, "{fault}");
        assert!(!fault.to_string().contains("fish"), "{fault}");
    }
    for url in [
        "http://127.0.0.1:1/",
        "https://[::1]:8443/who",
        "https://hook.example/",
    ] {
        let endpoint = at(url);
        assert!(Endpoint::new(endpoint, 1).is_ok(), "{url}");
    }
}

//! What is asked of shards, and what becomes of their answers: pages, ids of every kind, refusals
//! with a remedy, and bounds on what is open at once.

use std::hash::BuildHasher;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tributary_proto::version::Version;

use super::{Plane, answer, json};
use crate::limits::INQUIRIES_MAX;
use crate::mailbox::{Answer, Ask, Inquiry, Mailboxes, Note, Sight};

/// Stands in for all shards until it is dropped: each has these clients, at places of their own.
struct Shards {
    thread: Option<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
}

impl Shards {
    fn with(plane: &Plane, clients: [Vec<Sight>; 2]) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (mailboxes, stop) = (plane.mailboxes.clone(), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for (mailbox, clients) in mailboxes.0.iter().zip(&clients) {
                    while let Some(Note::Inquiry(inquiry)) = mailbox.next_note() {
                        let Inquiry { ask, reply } = *inquiry;
                        reply.give(said(&ask, clients));
                    }
                }
                std::thread::yield_now();
            }
        });
        Self {
            thread: Some(thread),
            is_over,
        }
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking());
    }
}

/// Three at a time, however many are asked for.
fn said(ask: &Ask, clients: &[Sight]) -> Answer {
    match ask {
        Ask::Some { from, count } => {
            let from = *from as usize;
            let end = clients.len().min(from + (*count).min(3));
            Answer {
                clients: clients[from.min(end)..end].to_vec(),
                next: (end < clients.len()).then_some(end as u32),
            }
        }
        Ask::One { client_id } | Ask::End { client_id } => {
            let found = clients.iter().find(|one| one.client_id == *client_id);
            Answer {
                clients: found.cloned().into_iter().collect(),
                next: None,
            }
        }
    }
}

fn sight(client_id: &str, shard: usize) -> Sight {
    Sight {
        client_id: client_id.into(),
        user: None,
        certificate: None,
        is_connected: true,
        address: None,
        listener: Some("mqtt".into()),
        version: Version::V311,
        tls: None,
        session_expiry_secs: 0,
        subscription_count: 0,
        shard,
    }
}

/// Where this client must be for the control plane to find it.
fn at_home(plane: &Plane, one: Sight) -> [Vec<Sight>; 2] {
    let home = plane.hasher.hash_one(&*one.client_id) as usize % 2;
    let mut shards = [Vec::new(), Vec::new()];
    shards[home].push(one);
    shards
}

fn ids(page: &Value) -> Vec<String> {
    let clients = page["clients"].as_array().expect("a list");
    let id = |client: &Value| client["client_id"].as_str().map(str::to_owned);
    clients
        .iter()
        .map(|client| id(client).expect("an id"))
        .collect()
}

#[test]
fn pages_lead_through_all_shards_and_show_each_client_once() {
    let plane = Plane::start(None);
    let names = |shard: usize, count| {
        let one = move |number| sight(&format!("{shard}/{number}"), shard);
        (0..count).map(one).collect::<Vec<_>>()
    };
    let _shards = Shards::with(&plane, [names(0, 10), names(1, 4)]);
    for limit in [1, 2, 3, 7, 10, 13, 14, 1000] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/clients?limit={limit}{after}");
            let (status, text) = plane.ask(&format!("GET {path}"));
            assert_eq!(status, 200, "{text}");
            let page = json(&text);
            assert!(ids(&page).len() <= limit, "{page}");
            seen.extend(ids(&page));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        let wanted = names(0, 10).into_iter().chain(names(1, 4));
        let wanted: Vec<_> = wanted.map(|one| one.client_id.into_string()).collect();
        assert_eq!(seen, wanted, "by {limit}");
    }
}

#[test]
fn everything_that_is_known_of_a_client_is_shown() {
    let plane = Plane::start(None);
    let known = Sight {
        user: Some("ada".into()),
        certificate: Some("device-1".into()),
        address: Some(SocketAddr::from(([192, 0, 2, 7], 4_711))),
        version: Version::V5,
        tls: Some("lean"),
        session_expiry_secs: 3_600,
        subscription_count: 2,
        ..sight("known", 1)
    };
    let shards = at_home(&plane, known);
    let _shards = Shards::with(&plane, shards);
    let (status, text) = plane.ask("GET /api/v1/clients/known");
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("cache-control: no-store"), "{text}");
    let wanted = json!({
        "client_id": "known", "user": "ada", "certificate": "device-1", "connected": true,
        "address": "192.0.2.7:4711", "listener": "mqtt", "protocol": "MQTT 5.0", "tls": "lean",
        "session_expiry_secs": 3600, "subscriptions": 2, "shard": 1,
    });
    assert_eq!(json(&text), wanted);
}

#[test]
fn an_id_of_any_kind_finds_its_client() {
    let plane = Plane::start(None);
    for (id, encoded) in [
        ("plain", "plain"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("a b+c", "a%20b+c"),
        ("né/🌍", "n%C3%A9%2F%F0%9F%8C%8D"),
        ("../stats", "..%2Fstats"),
        ("?limit=1", "%3Flimit=1"),
        ("\"\u{1}", "%22%01"),
    ] {
        let shards = at_home(&plane, sight(id, 0));
        let _shards = Shards::with(&plane, shards);
        let (status, text) = plane.ask(&format!("GET /api/v1/clients/{encoded}"));
        assert_eq!(status, 200, "{id}: {text}");
        assert_eq!(json(&text)["client_id"], id);
        let (status, text) = plane.ask(&format!("DELETE /api/v1/clients/{encoded}"));
        assert_eq!(status, 204, "{id}: {text}");
    }
}

#[test]
fn what_is_not_there_is_said_with_a_remedy() {
    let plane = Plane::start(None);
    let away = Sight {
        is_connected: false,
        listener: None,
        ..sight("away", 0)
    };
    let shards = at_home(&plane, away);
    let _shards = Shards::with(&plane, shards);
    for (head, status, part) in [
        ("GET /api/v1/clients/nobody", 404, "lists them"),
        ("DELETE /api/v1/clients/nobody", 404, "lists them"),
        ("DELETE /api/v1/clients/away", 404, "not connected"),
        ("GET /api/v1/clients/%FF", 400, "percent-encode"),
        ("GET /api/v1/clients/", 404, "there is no"),
        ("GET /api/v1/clients/a/b", 404, "percent-encode"),
        ("PUT /api/v1/clients/away", 405, "use GET or DELETE"),
        ("DELETE /api/v1/clients", 405, "use GET"),
    ] {
        let (said, text) = plane.ask(head);
        assert_eq!(said, status, "{head}: {text}");
        let message = json(&text)["message"].to_string();
        assert!(message.contains(part), "{head}: {message}");
    }
    assert_eq!(plane.ask("GET /api/v1/clients/away").0, 200);
}

#[test]
fn a_page_that_cannot_be_meant_is_refused_with_place_and_remedy() {
    let plane = Plane::start(None);
    for (query, remedy) in [
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("limit=-1", "1 to 1000"),
        ("limit=", "1 to 1000"),
        ("limit=ten", "1 to 1000"),
        ("limit=99999999999999999999", "1 to 1000"),
        ("after=", "leave it out"),
        ("after=0", "leave it out"),
        ("after=2-0", "leave it out"),
        ("after=0-4294967296", "leave it out"),
        ("after=0--1", "leave it out"),
        ("limits=10", "use limit and after"),
        ("limit=10&offset=3", "use limit and after"),
    ] {
        let (status, text) = plane.ask(&format!("GET /api/v1/clients?{query}"));
        assert_eq!(status, 400, "{query}: {text}");
        let message = json(&text)["message"].to_string();
        let name = query.rsplit('&').next().expect("there is one");
        let name = name.split('=').next().expect("there is one");
        assert!(message.contains(&format!("?{name}")), "{message}");
        assert!(message.contains(remedy), "{message}");
    }
}

#[test]
fn clients_are_shown_and_ended_only_for_the_token_and_never_for_a_page_in_a_browser() {
    let plane = Plane::start(Some("s3cret"));
    let shards = at_home(&plane, sight("one", 0));
    let _shards = Shards::with(&plane, shards);
    for head in [
        "GET /api/v1/clients",
        "GET /api/v1/clients/one",
        "DELETE /api/v1/clients/one",
    ] {
        assert_eq!(plane.ask(head).0, 401, "{head}");
    }
    assert_eq!(plane.ask_as("/api/v1/clients/one", "Bearer s3cret"), 200);
    assert_eq!(plane.ask_as("/api/v1/clients", "Bearer s3cret"), 200);
    let plane = Plane::start(None);
    let shards = at_home(&plane, sight("one", 0));
    let _shards = Shards::with(&plane, shards);
    for origin in ["https://evil.example", "null", ""] {
        let head = format!("DELETE /api/v1/clients/one HTTP/1.1\r\norigin: {origin}");
        let (status, text) = raw(&plane, &head);
        assert_eq!(status, 403, "{origin}: {text}");
        assert!(text.contains("Origin"), "{text}");
    }
    assert_eq!(plane.ask("DELETE /api/v1/clients/one").0, 204);
}

/// A request whose first lines are these.
fn raw(plane: &Plane, head: &str) -> (u16, String) {
    use std::io::Write;
    let mut stream = TcpStream::connect(plane.address).unwrap();
    write!(stream, "{head}\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    answer(stream)
}

/// Questions that wait in the letter boxes.
fn waiting(mailboxes: &Mailboxes) -> Vec<Inquiry> {
    let notes = mailboxes.0.iter().map(|mailbox| mailbox.next_note());
    let inquiry = |note| match note {
        Note::Inquiry(inquiry) => *inquiry,
        note => panic!("nobody asked for {note:?}"),
    };
    notes.flatten().map(inquiry).collect()
}

#[test]
fn more_questions_than_may_be_open_are_turned_away_and_counted_and_the_others_answered() {
    let plane = Plane::start(None);
    std::thread::scope(|scope| {
        let ask = || plane.ask("GET /api/v1/clients/one").0;
        let askers: Vec<_> = (0..INQUIRIES_MAX).map(|_| scope.spawn(ask)).collect();
        let mut open = Vec::new();
        while open.len() < INQUIRIES_MAX {
            open.extend(waiting(&plane.mailboxes));
        }
        let (status, text) = plane.ask("GET /api/v1/clients");
        assert_eq!(status, 429, "{text}");
        assert!(text.contains("fewer at once"), "{text}");
        for inquiry in open {
            inquiry.reply.give(Answer::default());
        }
        for asker in askers {
            let status = asker.join().expect("it was answered");
            // Those that had to wait too long for this test's machine heard that instead.
            assert!([404, 503].contains(&status), "{status}");
        }
    });
    let (_, text) = plane.ask("GET /metrics");
    assert!(
        text.contains("tributary_inquiries_refused_total 1\n"),
        "{text}"
    );
    let _shards = Shards::with(&plane, [Vec::new(), Vec::new()]);
    assert_eq!(plane.ask("GET /api/v1/clients").0, 200);
}

#[test]
fn a_shard_that_has_ended_or_is_silent_is_named() {
    let plane = Plane::start(None);
    let named = |(status, text): (u16, String)| {
        assert_eq!(status, 503, "{text}");
        assert!(text.contains("shard 0 does not answer"), "{text}");
    };
    std::thread::scope(|scope| {
        let asker = scope.spawn(|| plane.ask("GET /api/v1/clients"));
        // A shard that ends drops what it was asked.
        while waiting(&plane.mailboxes).is_empty() {
            std::thread::yield_now();
        }
        named(asker.join().expect("it was answered"));
    });
    named(plane.ask("GET /api/v1/clients"));
    assert_eq!(waiting(&plane.mailboxes).len(), 1, "it may still look");
}

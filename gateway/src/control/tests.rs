//! What the control plane promises: exact names, health and readiness that mean something, a token
//! that is asked for, and bounds on who asks.

use std::hash::RandomState;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tributary_ring::Wake;

use super::*;
use crate::books::Names;
use crate::control_tls::ControlTlsFiles;
use crate::mailbox::{Directory, Mailbox, Mailboxes};

mod clients;
mod secure;

const NAMES: Names = Names {
    close: &["client_disconnect", "keep_alive"],
    refusal: &["topic_missing"],
    malformed: &["remaining_length"],
    transport: &["proxy_bad_thing"],
    tls: &["not_tls"],
    bound: &["reassembly"],
    loss: &["expired"],
};

/// Every name that DESIGN promises to the outside, as it stands in front of a sample.
const NAMES_PROMISED: &[&str] = &[
    "tributary_connections ",
    "tributary_connects_total{version=\"5\"} ",
    "tributary_disconnects_total{reason=\"keep_alive\"} ",
    "tributary_publishes_received_total{qos=\"1\"} ",
    "tributary_publishes_acknowledged_total{qos=\"2\"} ",
    "tributary_publishes_pending ",
    "tributary_publishes_refused_total{reason=\"topic_missing\"} ",
    "tributary_publishes_settled_after_gone_total ",
    "tributary_kafka_delivered_total{cluster=\"main\"} ",
    "tributary_kafka_failed_total{cluster=\"main\",reason=\"topic_missing\"} ",
    "tributary_kafka_state{cluster=\"main\",state=\"down\"} ",
    "tributary_spool_messages{cluster=\"main\"} ",
    "tributary_spool_fsyncs_total{cluster=\"main\"} ",
    "tributary_shard_loop_seconds_bucket{le=\"+Inf\",shard=\"1\"} ",
    "tributary_shard_loop_seconds_sum{shard=\"0\"} ",
    "tributary_shard_loop_seconds_count{shard=\"0\"} ",
    "tributary_user_bytes ",
    "process_resident_memory_bytes ",
    "process_cpu_seconds_total ",
];

struct Lane(LaneState);

impl LaneStats for Lane {
    fn cluster(&self) -> &str {
        "main"
    }
    fn delivered(&self) -> u64 {
        7
    }
    fn failed(&self) -> Vec<(&'static str, u64)> {
        vec![("topic_missing", 2)]
    }
    fn pending(&self) -> u64 {
        3
    }
    fn requests(&self) -> u64 {
        4
    }
    fn rebuilds(&self) -> u64 {
        0
    }
    fn state(&self) -> LaneState {
        self.0
    }
    fn trouble(&self) -> Option<crate::kafka::Trouble> {
        (self.0 == LaneState::Down).then(|| crate::kafka::Trouble {
            error: "SSL".to_string(),
            reason: "certificate verify failed".to_string(),
            remedy: "check ssl.ca.location",
        })
    }
    fn spooled(&self) -> u64 {
        0
    }
    fn spool(&self) -> Option<crate::kafka::SpoolReading> {
        None
    }
}

struct Plane {
    handle: Option<ControlHandle>,
    address: SocketAddr,
    books: Arc<[ShardBooks]>,
    readiness: Arc<Readiness>,
    tls: Option<Arc<ControlTls>>,
    mailboxes: Mailboxes,
    hasher: RandomState,
}

fn on(address: &str, token: Option<&str>) -> Control {
    Control {
        address: address.parse().unwrap(),
        token: token.map(|token| Token(token.to_string())),
        tls: None,
    }
}

impl Plane {
    fn start(token: Option<&str>) -> Self {
        Self::with_tls(token, None)
    }

    fn with_tls(token: Option<&str>, tls: Option<ControlTlsFiles>) -> Self {
        let books: Arc<[ShardBooks]> = (0..2).map(|_| ShardBooks::new(&NAMES)).collect();
        let readiness = Arc::new(Readiness::new());
        let mailbox = || Mailbox::new(Wake::new().unwrap());
        let mailboxes = Mailboxes((0..2).map(|_| mailbox()).collect());
        let hasher = RandomState::new();
        let directory = Directory::new(mailboxes.clone(), hasher.clone());
        let state = ControlState {
            books: books.clone(),
            lanes: vec![Arc::new(Lane(LaneState::Down))],
            downlinks: Vec::new(),
            readiness: readiness.clone(),
            routes: Vec::new(),
            clients: Clients::new(directory),
            token: token.map(|token| Token(token.to_string())),
            started: Instant::now(),
        };
        let settings = Control {
            tls,
            ..on("127.0.0.1:0", token)
        };
        let bound = Bound::open(&settings).unwrap();
        let (address, tls) = (bound.address, bound.tls());
        let handle = bound.serve(state, None).unwrap();
        Plane {
            handle: Some(handle),
            address,
            books,
            readiness,
            tls,
            mailboxes,
            hasher,
        }
    }

    /// Status and the rest of the answer, head and body.
    fn ask(&self, head: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        write!(
            stream,
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        answer(stream)
    }

    fn ask_as(&self, path: &str, authorization: &str) -> u16 {
        let head = format!("GET {path} HTTP/1.1\r\nauthorization: {authorization}\r\nhost: x");
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{head}\r\nconnection: close\r\n\r\n").unwrap();
        answer(stream).0
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.stop();
        }
    }
}

fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    (status_in(&text), text)
}

fn status_in(text: &str) -> u16 {
    let status = text.split(' ').nth(1);
    let status = status.and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {text:?}"))
}

fn json(text: &str) -> serde_json::Value {
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}"))
}

#[test]
fn every_promised_metric_is_there_from_the_start() {
    let plane = Plane::start(None);
    let (status, text) = plane.ask("GET /metrics");
    assert_eq!(status, 200);
    assert!(
        text.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{text}"
    );
    for name in NAMES_PROMISED {
        let count = text.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(count, 1, "{name} in\n{text}");
    }
}

#[test]
fn every_sample_belongs_to_a_family_with_help_and_type() {
    let plane = Plane::start(None);
    let (_, text) = plane.ask("GET /metrics");
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(body.ends_with("\n# EOF\n"));
    let mut family = String::new();
    let mut families = Vec::new();
    let mut samples = 0;
    for line in body.lines().filter(|line| *line != "# EOF") {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                assert!(!families.contains(&name.to_string()), "{name} comes twice");
                assert!(help.len() > 5, "{line}");
                family = name.to_string();
                families.push(family.clone());
            }
            ["#", "TYPE" | "UNIT", name, _] => assert_eq!(name, family),
            _ => {
                let name = line.split(['{', ' ']).next().unwrap();
                let suffix = name
                    .strip_prefix(&*family)
                    .unwrap_or_else(|| panic!("{line}"));
                assert!(
                    ["", "_total", "_sum", "_count", "_bucket"].contains(&suffix),
                    "{line}"
                );
                let value = line.rsplit(' ').next().unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                samples += 1;
            }
        }
    }
    assert!(families.len() > 25 && samples > families.len());
}

#[test]
fn a_scrape_sums_the_shards() {
    let plane = Plane::start(None);
    for books in plane.books.iter() {
        books.connections.add(20);
        books.publishes.on_received(1);
        books.publishes.settle();
        books.loop_time.observe(5);
    }
    let (_, text) = plane.ask("GET /metrics");
    for line in [
        "tributary_connections 40",
        "tributary_publishes_received_total{qos=\"1\"} 2",
        "tributary_publishes_pending 2",
        "tributary_shard_connections{shard=\"1\"} 20",
        "tributary_shard_loop_seconds_count{shard=\"1\"} 1",
        "tributary_kafka_delivered_total{cluster=\"main\"} 7",
        "tributary_kafka_up{cluster=\"main\"} 0",
    ] {
        assert!(text.lines().any(|there| there == line), "{line} in\n{text}");
    }
}

#[test]
fn ready_is_after_listening_and_before_draining() {
    let plane = Plane::start(None);
    let (status, text) = plane.ask("GET /readyz");
    assert_eq!(
        (status, json(&text)["reason"].as_str()),
        (503, Some("starting"))
    );
    plane.readiness.on_listening();
    let (status, text) = plane.ask("GET /readyz");
    assert_eq!((status, json(&text)["ready"].as_bool()), (200, Some(true)));
    assert_eq!(
        json(&text)["down"][0].as_str(),
        Some("main"),
        "told, and no reason"
    );
    let lane = &json(&text)["lanes"][0];
    assert_eq!(lane["state"], "down");
    assert_eq!(lane["trouble"]["error"], "SSL");
    assert_eq!(lane["trouble"]["remedy"], "check ssl.ca.location");
    plane.readiness.on_draining();
    let (status, text) = plane.ask("GET /readyz");
    assert_eq!(
        (status, json(&text)["reason"].as_str()),
        (503, Some("draining"))
    );
    // There is no way back.
    plane.readiness.on_listening();
    assert_eq!(plane.readiness.phase(), Phase::Draining);
    assert_eq!(plane.ask("GET /healthz").0, 200);
}

#[test]
fn a_shard_is_stuck_when_it_has_been_silent_for_too_long() {
    let plane = Plane::start(None);
    let now = Instant::now();
    let later = now + Duration::from_millis(api::SILENCE_MILLIS_MAX + 500);
    plane.books[0].beat(later);
    let stuck = api::stuck_shards(&plane.books, later);
    assert_eq!(
        stuck.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(),
        [1]
    );
    assert!(stuck[0].1 > api::SILENCE_MILLIS_MAX);
    assert!(api::stuck_shards(&plane.books, now).is_empty());
    let (status, text) = plane.ask("GET /healthz");
    assert_eq!(status, 200);
    assert!(text.ends_with("\r\n\r\nok\n"), "{text}");
}

#[test]
fn with_a_token_only_health_and_the_page_that_asks_for_it_are_open() {
    let plane = Plane::start(Some("s3cret"));
    assert_eq!(plane.ask("GET /healthz").0, 200);
    let (status, page) = plane.ask("GET /");
    assert_eq!(status, 200);
    assert!(
        page.contains("authorization: `Bearer") && !page.contains("s3cret"),
        "{page}"
    );
    for path in ["/metrics", "/readyz", "/api/v1/stats", "/nowhere"] {
        let (status, text) = plane.ask(&format!("GET {path}"));
        assert_eq!(status, 401, "{path}");
        assert!(text.contains("www-authenticate: Bearer"), "{text}");
        assert_eq!(json(&text)["error"], "Unauthorized");
        assert_eq!(plane.ask_as(path, "Bearer s3cre"), 401, "{path}");
        assert_ne!(plane.ask_as(path, "Bearer s3cret"), 401, "{path}");
    }
    assert_eq!(plane.ask_as("/metrics", "Bearer s3cret"), 200);
}

#[test]
fn beyond_loopback_there_is_no_start_without_tls_and_a_token() {
    for address in ["0.0.0.0:0", "[::]:0", "10.0.0.1:0", "[::ffff:127.0.0.1]:0"] {
        let refused = |token| Bound::open(&on(address, token)).err().unwrap().to_string();
        let said = refused(None);
        let remedy = "set [control].token, [control].certificate and [control].key, or use";
        assert!(said.contains(remedy), "{said}");
        let said = refused(Some("s3cret"));
        let remedy = "no TLS is set; set [control].certificate and [control].key, or use";
        assert!(said.contains(remedy) && !said.contains("s3cret"), "{said}");
    }
    for address in ["127.0.0.1:0", "127.9.8.7:0", "[::1]:0"] {
        assert!(Bound::open(&on(address, None)).is_ok(), "{address}");
    }
}

#[test]
fn a_port_that_is_taken_is_a_sentence() {
    let plane = Plane::start(None);
    let taken = plane.address.to_string();
    let said = Bound::open(&on(&taken, None)).err().unwrap().to_string();
    assert!(
        said.contains(&taken) && said.contains("--control"),
        "{said}"
    );
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let plane = Plane::start(None);
    let (status, text) = plane.ask("GET /nowhere");
    assert_eq!(
        (status, json(&text)["error"].as_str()),
        (404, Some("Not Found"))
    );
    let (status, text) = plane.ask("POST /metrics");
    assert_eq!(
        (status, json(&text)["error"].as_str()),
        (405, Some("Method Not Allowed"))
    );
}

#[test]
fn the_api_shows_totals_shards_and_lanes() {
    let plane = Plane::start(None);
    plane.books[1].disconnects.add(1, 4);
    let (status, text) = plane.ask("GET /api/v1/stats");
    let stats = json(&text);
    assert_eq!(status, 200);
    assert_eq!(stats["totals"]["disconnects"]["keep_alive"], 4);
    assert_eq!(stats["shards"][1]["books"]["disconnects"]["keep_alive"], 4);
    assert_eq!(stats["lanes"][0]["failed"]["topic_missing"], 2);
    assert!(stats["process"]["resident_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(stats["process"]["user_bytes"].as_u64().unwrap() > 0);
    assert_eq!(plane.ask("GET /api/v1/lanes").0, 200);
    assert_eq!(plane.ask("GET /api/v1/routes").0, 200);
}

#[test]
fn the_dashboard_needs_nothing_from_elsewhere() {
    let plane = Plane::start(None);
    let (status, text) = plane.ask("GET /");
    assert_eq!(status, 200);
    assert!(
        text.contains("content-security-policy: default-src 'none'"),
        "{text}"
    );
    for foreign in ["http://", "https://", "//cdn", "@import"] {
        assert!(!api::DASHBOARD.contains(foreign), "{foreign}");
    }
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let plane = Plane::start(None);
    let (status, _) = plane.ask(&format!("GET /{}", "x".repeat(20 * 1024)));
    assert!([414, 431].contains(&status), "{status}");
}

#[test]
fn one_connection_too_many_is_turned_away_and_the_others_are_served() {
    let plane = Plane::start(None);
    // Each proves that it was taken by the answer it gets, and is kept open.
    let taken: Vec<TcpStream> = (0..server::CONNECTIONS_MAX)
        .map(|_| {
            let mut stream = TcpStream::connect(plane.address).unwrap();
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                .unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let (status, _) = answer(TcpStream::connect(plane.address).unwrap());
    assert_eq!(status, 503);
    drop(taken);
    // Their places come free when the server sees them close. Until then it may turn us away
    // with a reset, since it does not read what it does not serve.
    let served = || {
        let mut stream = TcpStream::connect(plane.address).ok()?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .ok()?;
        let mut first = [0; 12];
        stream.read_exact(&mut first).ok()?;
        (&first == b"HTTP/1.1 200").then_some(())
    };
    while served().is_none() {
        std::thread::yield_now();
    }
}

//! What does TLS cost: bytes per idle connection, CPU per record, CPU per handshake? As JSON.
//!
//! `cargo run --release -p tributary-tls --example measure [CONNECTIONS]`. One thread, in memory;
//! the client's work is not counted. Ratios between the rows of one run say more than the figures.

#[path = "../tests/tls/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, OutboundChunks, OutboundPlainMessage, Tls13AeadAlgorithm,
};
use rustls::{ContentType, ProtocolVersion};
use serde_json::{Value, json};
use tikv_jemalloc_ctl::thread::{allocatedp, deallocatedp};
use tributary_tls::settings::ClientAuth;
use tributary_tls::{Handshake, Layer, Opened, Records, Settings, Verdict};

use support::NOW_SECS;
use support::client::{Client, Wishes, config, pump};
use support::random::Random;
use support::server::{Server, Site, build};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const DATA: [u8; 64] = [7; 64];
const ROUNDS: usize = 5;
const HANDSHAKES: usize = 1_000;

fn main() {
    let asked = std::env::args()
        .nth(1)
        .map(|text| text.parse().expect("a number of connections"));
    let connections: usize = asked.unwrap_or(5_000);
    let site = Site::new();
    let layers = [Layer::Lean, Layer::Rustls].map(|layer| {
        let settings = site.settings(layer);
        json!({
            "layer": format!("{layer:?}").to_lowercase(),
            "idle_bytes": idle_bytes(&site, &settings, connections),
            "nanos_per_64_byte_pair_on_one": nanos_per_pair(&site, &settings, 1, connections),
            "nanos_per_64_byte_pair_on_all": nanos_per_pair(&site, &settings, connections, 1),
            "handshake_median_micros": handshakes(&site, layer, ClientAuth::None),
            "handshake_with_client_certificate_median_micros":
                handshakes(&site, layer, ClientAuth::Required(site.trust(&[]))),
        })
    });
    let keys = [KEPT, MADE_ANEW].map(|is_anew| {
        json!({
            "made_for_each_record": is_anew,
            "nanos_per_sealed_and_opened_record": nanos_per_record(is_anew),
        })
    });
    let report = json!({ "connections": connections, "layers": layers, "keys": keys });
    println!("{report:#}");
}

/// Bytes that this thread has allocated and not freed, in the sizes that jemalloc hands out.
fn live_bytes() -> usize {
    let allocated = allocatedp::read().expect("jemalloc counts by thread").get();
    let freed = deallocatedp::read()
        .expect("jemalloc counts by thread")
        .get();
    (allocated - freed) as usize
}

fn connect(client: &mut Client, settings: &Arc<Settings>) -> Records {
    let mut server = Server::new(settings);
    pump(client, &mut server, usize::MAX);
    server.secured.expect("it is connected").records
}

/// The slope between one number of connections and twice as many.
fn idle_bytes(site: &Site, settings: &Arc<Settings>, connections: usize) -> usize {
    let config = Arc::new(config(site, &Wishes::default()));
    let mut kept = Vec::with_capacity(2 * connections);
    let more = |kept: &mut Vec<Records>| {
        kept.extend((0..connections).map(|_| connect(&mut Client::new(&config), settings)));
        live_bytes()
    };
    let first = more(&mut kept);
    size_of::<Records>() + (more(&mut kept) - first) / connections
}

/// One record of 64 bytes in and one out, each in a burst of its own, the connections in random
/// order: with one the caches are hot, with many they are as cold as idle connections are.
fn nanos_per_pair(
    site: &Site,
    settings: &Arc<Settings>,
    connections: usize,
    records_each: usize,
) -> u64 {
    let config = Arc::new(config(site, &Wishes::default()));
    let mut pairs: Vec<(Client, Records)> = (0..connections)
        .map(|_| {
            let mut client = Client::new(&config);
            let records = connect(&mut client, settings);
            (client, records)
        })
        .collect();
    let mut random = Random::new(1);
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut order: Vec<(usize, Vec<u8>)> = Vec::new();
        for (index, (client, _)) in pairs.iter_mut().enumerate() {
            for _ in 0..records_each {
                client.write(&DATA);
                order.push((index, client.take_out()));
            }
        }
        if connections > 1 {
            (1..order.len())
                .rev()
                .for_each(|last| order.swap(last, random.below(last + 1)));
        }
        let count = order.len() as u32;
        let mut out = Vec::with_capacity(256);
        let start = Instant::now();
        for (index, record) in &mut order {
            out.clear();
            let mut burst = pairs[*index].1.burst();
            let opened = burst.open(record, &mut out);
            burst.seal(&DATA, &mut out).expect("it is open");
            assert!(matches!(opened, Opened::Data(_)));
        }
        best = best.min(start.elapsed() / count);
    }
    best.as_nanos() as u64
}

/// The server's time for a full and for a resumed handshake.
fn handshakes(site: &Site, layer: Layer, client_auth: ClientAuth<'_>) -> Value {
    let identity = site.authority.client("device", 7);
    let mut options = site.options(layer);
    options.client_auth = client_auth;
    let settings = build(&options);
    let wishes = |resume| Wishes {
        resume,
        identity: Some(&identity),
        ..Wishes::default()
    };
    let full = Arc::new(config(site, &wishes(false)));
    let resuming = Arc::new(config(site, &wishes(true)));
    handshake(&resuming, &settings, false);
    let median = |config, resumed| {
        let mut micros: Vec<f64> = (0..HANDSHAKES)
            .map(|_| handshake(config, &settings, resumed).as_secs_f64() * 1e6)
            .collect();
        micros.sort_by(f64::total_cmp);
        (micros[HANDSHAKES / 2] * 10.0).round() / 10.0
    };
    json!({ "full": median(&full, false), "resumed": median(&resuming, true) })
}

fn handshake(
    config: &Arc<rustls::ClientConfig>,
    settings: &Arc<Settings>,
    resumed: bool,
) -> Duration {
    let mut client = Client::new(config);
    let mut handshake = Handshake::new(settings.clone());
    let (mut out, mut spent) = (Vec::with_capacity(8192), Duration::ZERO);
    loop {
        let bytes = client.take_out();
        let start = Instant::now();
        let taken = handshake.on_bytes(&bytes, NOW_SECS, &mut out);
        spent += start.elapsed();
        client.on_read(&std::mem::take(&mut out));
        match taken.verdict {
            Verdict::NeedMore => {}
            Verdict::Done(secured) => {
                assert_eq!(secured.resumed, resumed);
                return spent;
            }
            Verdict::Failed(fault) => panic!("{fault}"),
        }
    }
}

const KEPT: bool = false;
const MADE_ANEW: bool = true;

/// What rustls takes to seal and to open one record of so many bytes, with encrypters that it made
/// before or makes for each.
fn nanos_per_record(is_anew: bool) -> Value {
    let suites = [
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
    ];
    let rows = suites.into_iter().flat_map(|suite| {
        let aead = suite.tls13().expect("it is a suite of TLS 1.3").aead_alg;
        [64, 1024].map(|bytes| {
            let rounds = (0..ROUNDS).map(|_| nanos_of_aead(aead, is_anew, bytes));
            let name = format!("{:?}, {bytes} B", suite.suite());
            (name, Value::from(rounds.min().expect("there are rounds")))
        })
    });
    Value::Object(rows.collect())
}

fn nanos_of_aead(aead: &dyn Tls13AeadAlgorithm, is_anew: bool, bytes: usize) -> u64 {
    const RECORDS: u64 = 100_000;
    let plain = vec![7; bytes];
    let chunks = [&plain[..]];
    let (key, iv) = (|| AeadKey::from([7; 32]), || Iv::from([1; 12]));
    let (mut sealing, mut opening) = (aead.encrypter(key(), iv()), aead.decrypter(key(), iv()));
    let begun = Instant::now();
    for seq in 0..RECORDS {
        if is_anew {
            (sealing, opening) = (aead.encrypter(key(), iv()), aead.decrypter(key(), iv()));
        }
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::new(&chunks),
        };
        let mut sealed = sealing.encrypt(message, seq).expect("it seals");
        let (typ, version) = (sealed.typ, sealed.version);
        let message = InboundOpaqueMessage::new(typ, version, sealed.payload.as_mut());
        let opened = opening.decrypt(message, seq).expect("it opens");
        assert_eq!(opened.payload.len(), bytes);
    }
    begun.elapsed().as_nanos() as u64 / RECORDS
}

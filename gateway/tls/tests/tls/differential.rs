//! The same script of records, good and bad, for lean and for rustls's server: the verdicts agree.

use rustls::CipherSuite;
use tributary_tls::{Fault, Layer, limits};

use crate::support::forger::{Forger, Heard};
use crate::support::random::Random;
use crate::support::server::{Server, Site};

/// One step of a script.
#[derive(Clone, Debug)]
enum Step {
    /// A record of any content type with padding behind it, told in its own `kind`.
    Record {
        kind: u8,
        content: Vec<u8>,
        padding: usize,
    },
    /// An inner plaintext as it is, content type included.
    Inner(Vec<u8>),
    KeyUpdate {
        requested: bool,
    },
    /// The same message, cut into two records; the server sends while it waits for the second.
    SplitKeyUpdate {
        requested: bool,
        at: usize,
    },
    /// A record of data with one bit of its type or body turned.
    Flipped {
        content: Vec<u8>,
        bit: usize,
    },
    /// Bytes that never were under a key.
    Plain(Vec<u8>),
    /// The server sends.
    Answer(Vec<u8>),
    /// The server updates its key, and asks for one.
    Update,
}

fn step(random: &mut Random) -> Step {
    let requested = random.below(2) == 1;
    let padding = [0, 0, 1, 100, 1000][random.below(5)];
    match random.below(100) {
        0..35 => {
            let length = [0, 1, 2, 64, 300, 5000, limits::PLAIN_BYTES_MAX][random.below(7)];
            let padding = padding.min(limits::PLAIN_BYTES_MAX - length);
            Step::Record {
                kind: 23,
                content: random.bytes(length),
                padding,
            }
        }
        35..55 => Step::Answer({
            let length = 1 + random.below(20_000);
            random.bytes(length)
        }),
        55..70 => Step::KeyUpdate { requested },
        70..80 => Step::SplitKeyUpdate {
            requested,
            at: 1 + random.below(4),
        },
        80..90 => Step::Update,
        rare => bad(rare, random),
    }
}

/// What ends a connection, or comes near to it.
fn bad(choice: usize, random: &mut Random) -> Step {
    let record = |kind, content: &[u8]| Step::Record {
        kind,
        content: content.to_vec(),
        padding: 0,
    };
    match choice {
        90 => record(21, &[1, 0]),
        91 => record(21, &[1 + random.below(2) as u8, 90]),
        92 => record(21, &[2, random.below(100).max(1) as u8]),
        93 => record(21, &[random.below(4) as u8; 1]),
        94 => {
            let length = 1 + random.below(60);
            let bit = random.below(8 * (length + 17));
            Step::Flipped {
                content: random.bytes(length),
                bit,
            }
        }
        95 => record(20, &[1]),
        96 => Step::Inner(vec![0; 1 + random.below(40)]),
        97 => Step::Inner([vec![7; limits::PLAIN_BYTES_MAX + random.below(3)], vec![23]].concat()),
        98 => record(
            22,
            [&[1, 0, 0, 0][..], &[24, 0, 0, 1, 7], &[24, 0, 0, 1, 0, 24]][random.below(3)],
        ),
        _ => Step::Plain(
            [&[21, 3, 3, 0, 2, 2, 40][..], &[22, 3, 3, 0, 1, 0]][random.below(2)].to_vec(),
        ),
    }
}

/// A forged client and the server it is connected to.
struct Pair {
    forger: Forger,
    server: Server,
}

/// What can be seen of a connection from outside.
#[derive(PartialEq, Debug)]
struct Seen {
    data: Vec<u8>,
    heard: Vec<u8>,
    closed: bool,
    failed: bool,
}

impl Pair {
    fn new(site: &Site, layer: Layer, suite: CipherSuite) -> Pair {
        let mut server = Server::new(&site.settings(layer));
        let forger = Forger::connect(site, suite, &mut server);
        Pair { forger, server }
    }

    fn apply(&mut self, step: &Step) {
        let tx = &mut self.forger.tx;
        match step {
            Step::Record {
                kind,
                content,
                padding,
            } => {
                self.server.on_read(&tx.seal(*kind, content, *padding));
            }
            Step::Inner(inner) => self.server.on_read(&tx.seal_inner(inner.clone())),
            Step::KeyUpdate { requested } => {
                self.server
                    .on_read(&tx.seal(22, &[24, 0, 0, 1, u8::from(*requested)], 0));
                tx.update();
            }
            Step::SplitKeyUpdate { requested, at } => {
                let message = [24, 0, 0, 1, u8::from(*requested)];
                self.server.on_read(&tx.seal(22, &message[..*at], 1));
                if self.server.fault.is_none() {
                    self.server.send(b"between");
                }
                self.server.on_read(&tx.seal(22, &message[*at..], 0));
                tx.update();
            }
            Step::Flipped { content, bit } => {
                let mut record = tx.seal(23, content, 0);
                record[5 + bit / 8] ^= 1 << (bit % 8);
                self.server.on_read(&record);
            }
            Step::Plain(bytes) => self.server.on_read(bytes),
            Step::Answer(data) if self.server.fault.is_none() => self.server.send(data),
            Step::Update if self.server.fault.is_none() => {
                // Pays an update that is owed: rustls would send two, and both are right.
                self.server.send(b"first");
                let secured = self.server.secured.as_mut().expect("it is connected");
                secured
                    .records
                    .burst()
                    .update_keys(true, &mut self.server.out);
            }
            Step::Answer(_) | Step::Update => {}
        }
        self.forger.listen(&mut self.server);
    }

    fn seen(&mut self) -> Seen {
        Seen {
            data: std::mem::take(&mut self.server.data),
            heard: std::mem::take(&mut self.forger.heard.data),
            closed: self.server.closed,
            failed: self.server.fault.is_some(),
        }
    }
}

/// Runs one script to its end, and says how it ended.
fn run(site: &Site, suite: CipherSuite, seed: u64) -> Option<Fault> {
    let mut random = Random::new(seed);
    let mut lean = Pair::new(site, Layer::Lean, suite);
    let mut rustls = Pair::new(site, Layer::Rustls, suite);
    for number in 0..40 {
        let step = step(&mut random);
        lean.apply(&step);
        rustls.apply(&step);
        let at = || format!("seed {seed}, {suite:?}, step {number}: {step:?}");
        let (ours, theirs) = (lean.seen(), rustls.seen());
        assert!(
            ours == theirs,
            "{}\n{:?} {:?}",
            at(),
            lean.server.fault,
            rustls.server.fault
        );
        if let Some(fault) = lean.server.fault {
            agree(&step, &lean.forger.heard, &rustls.forger.heard, &at());
            return Some(fault);
        }
        assert_eq!(lean.forger.heard, rustls.forger.heard, "{}", at());
    }
    None
}

/// Whether the client was told the same, but for what is known and on purpose.
fn agree(step: &Step, ours: &Heard, theirs: &Heard, at: &str) {
    let told = |heard: &Heard| heard.alerts.last().copied();
    match (step, told(ours), told(theirs)) {
        // rustls says nothing about some of what it refuses; we do, as RFC 8446 6.2 asks.
        (_, Some(_), None) => {}
        // rustls tries to decrypt records of any type; an unexpected type is an unexpected_message
        // [RFC 8446 5].
        (Step::Plain(_), Some((2, 10)), Some((2, 20))) => {}
        // rustls parses a message before it looks whether one may come.
        (Step::Record { kind: 22, .. }, Some((2, 10)), Some((2, 50))) => {}
        (_, ours, theirs) => assert_eq!(ours, theirs, "{at}"),
    }
}

/// Scripts per suite; the environment may ask for more.
fn seeds() -> u64 {
    let asked = std::env::var("TRIBUTARY_TLS_SEEDS").ok();
    asked.map_or(150, |text| text.parse().expect("a number"))
}

#[test]
fn lean_and_rustls_agree_on_every_script() {
    let site = Site::new();
    let (mut ends, mut survivors) = (std::collections::HashMap::new(), 0);
    for suite in [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    ] {
        for seed in 0..seeds() {
            match run(&site, suite, seed) {
                Some(fault) => *ends.entry(fault).or_insert(0) += 1,
                None => survivors += 1,
            }
        }
    }
    // The scripts reach what they are for.
    for fault in [
        Fault::BadRecordMac,
        Fault::RecordOverflow,
        Fault::UnexpectedMessage,
        Fault::Malformed,
        Fault::PeerAlert,
    ] {
        assert!(ends.contains_key(&fault), "{fault}: {ends:?}");
    }
    assert!(survivors > 0, "{ends:?}");
}

#[test]
fn every_flipped_bit_is_refused_by_both() {
    let site = Site::new();
    let suite = CipherSuite::TLS13_AES_128_GCM_SHA256;
    for bit in 0..8 * (4 + 17) {
        let step = Step::Flipped {
            content: b"data".to_vec(),
            bit,
        };
        for layer in [Layer::Lean, Layer::Rustls] {
            let mut pair = Pair::new(&site, layer, suite);
            pair.apply(&step);
            assert_eq!(
                pair.server.fault,
                Some(Fault::BadRecordMac),
                "{layer:?}, bit {bit}"
            );
            assert_eq!(pair.forger.heard.alerts, [(2, 20)], "{layer:?}, bit {bit}");
        }
    }
}

#[test]
fn floods_are_ended_by_both_at_the_same_record() {
    let site = Site::new();
    let suite = CipherSuite::TLS13_AES_128_GCM_SHA256;
    let empty = Step::Record {
        kind: 23,
        content: Vec::new(),
        padding: 9,
    };
    for step in [
        empty,
        Step::KeyUpdate { requested: true },
        Step::KeyUpdate { requested: false },
    ] {
        for layer in [Layer::Lean, Layer::Rustls] {
            let mut pair = Pair::new(&site, layer, suite);
            for _ in 0..limits::HOLLOW_RECORDS_MAX {
                pair.apply(&step);
                assert_eq!(pair.server.fault, None, "{layer:?} {step:?}");
            }
            pair.apply(&step);
            assert_eq!(pair.server.fault, Some(Fault::Flood), "{layer:?} {step:?}");
        }
    }
}

//! Worlds without rings whose lanes never reach a broker, so that the test answers for Kafka.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::mem;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tributary_proto::malformed::Malformed;
use tributary_proto::session::Loss;
use tributary_ring::Wake;

use super::super::*;
use crate::books::Names;
use crate::config::Listener;
use crate::kafka::{LaneConfig, Outcome, Refusal, ReportSink};
use crate::mailbox::Mailbox;
use crate::route::{Local, RouteRule};
use crate::shard::admit::Entrance;
use crate::store::{Opened, Store};

/// Records that a lane takes before it is full.
pub(super) const ROOM_RECORDS: u64 = 8;
/// The second since 1970 in which every bench begins.
pub(super) const BASE_SEC: u32 = 1_000_000;

/// What the shards of one process share.
pub(super) struct Ground {
    mailboxes: Mailboxes,
    interest: Arc<Interest>,
    books: Arc<[ShardBooks]>,
    hasher: RandomState,
    topic_hasher: TopicHasher,
    routes: Arc<RouteTable>,
    /// A process of one shard may have a store.
    store: Option<(StoreHandle, Recovered)>,
    /// None unless a test has them.
    pub(super) rules: Option<Rules>,
}

/// One shard.
pub(super) struct Bench {
    pub(super) world: World,
    next_slot: u32,
    /// Records that Kafka has not answered: ticket, and the room it claims.
    pub(super) in_kafka: Vec<(u64, usize)>,
}

struct Deaf;

impl ReportSink for Deaf {
    fn report(&self, _ticket: u64, _outcome: Outcome) {}
    fn flush(&self) {}
    fn room(&self) {}
}

impl Ground {
    /// One lane, and a rule of each kind.
    pub(super) fn new(shards: usize) -> Ground {
        let rules = [
            RouteRule::new("k/#", "main", "t"),
            RouteRule {
                local: Local::AfterKafka,
                ..RouteRule::new("after/#", "main", "t")
            },
            RouteRule::new("null/#", "", ""),
        ];
        Ground::by_rules(shards, &rules)
    }

    fn by_rules(shards: usize, rules: &[RouteRule]) -> Ground {
        let names = Names {
            close: &Close::NAMES,
            refusal: Refusal::NAMES,
            malformed: Malformed::NAMES,
            transport: crate::transport_fault::NAMES,
            tls: tributary_tls::Fault::NAMES,
            bound: crate::bound::NAMES,
            loss: &Loss::NAMES,
        };
        let hasher = RandomState::new();
        let topic_hasher = TopicHasher::new(hasher.hash_one("topics"));
        let mailbox = || Mailbox::new(Wake::new().expect("an eventfd"));
        Ground {
            mailboxes: Mailboxes((0..shards).map(|_| mailbox()).collect()),
            interest: Arc::new(Interest::new(shards, topic_hasher.clone())),
            books: (0..shards).map(|_| ShardBooks::new(&names)).collect(),
            hasher,
            topic_hasher,
            routes: Arc::new(RouteTable::compile(rules).expect("good rules")),
            store: None,
            rules: None,
        }
    }

    /// All shards of this process.
    pub(super) fn shards(mut self, terms: &Terms) -> Vec<Bench> {
        let count = self.mailboxes.0.len();
        (0..count).map(|index| self.shard(index, terms)).collect()
    }

    fn shard(&mut self, index: usize, terms: &Terms) -> Bench {
        let plain = Listener::plain("mqtt".to_string(), (Ipv4Addr::LOCALHOST, 1883).into());
        let world = World::new(WorldPlan {
            index,
            shard_count: self.mailboxes.0.len(),
            connections_max: usize::MAX,
            connected: Arc::default(),
            terms: terms.clone(),
            connect_ticks_max: 100,
            routes: Arc::clone(&self.routes),
            lanes: self
                .routes
                .clusters()
                .iter()
                .map(|name| lane(name))
                .collect(),
            handshakes: Handshakes {
                full_per_sec: 1,
                resumed_per_sec: 1,
            },
            doors: Arc::new([Door::new(plain, None)]),
            books: Arc::clone(&self.books),
            hasher: self.hasher.clone(),
            topic_hasher: self.topic_hasher.clone(),
            interest: Arc::clone(&self.interest),
            mailboxes: self.mailboxes.clone(),
            subscription_bounds: subscriptions::Bounds::default(),
            retained_bounds: retained::Bounds {
                count_max: 1_000,
                bytes_max: 1 << 20,
            },
            store: self.store.take(),
            base_sec: BASE_SEC,
            users: Arc::new(Users::new(Vec::new()).expect("nobody is known")),
            gate: None,
            rules: self.rules.clone(),
            sys_interval_secs: 0,
            will_delay_secs_max: u32::MAX,
            server_reference: None,
        });
        Bench {
            world,
            next_slot: 0,
            in_kafka: Vec::new(),
        }
    }
}

/// Nobody listens on port 1 of the loopback interface: records wait.
fn lane(cluster: &str) -> Lane {
    let mut config = LaneConfig::new(cluster, vec![format!("{}:1", Ipv4Addr::LOCALHOST)]);
    config.bounds.pending_records_max = ROOM_RECORDS;
    Lane::start(config, 1, Arc::new(Deaf)).expect("a lane needs no broker to start")
}

impl Bench {
    /// The only shard of a process without a store.
    pub(super) fn new(terms: Terms) -> Bench {
        Ground::new(1).shard(0, &terms)
    }

    /// The same with these rules instead, and a lane for each of their clusters.
    pub(super) fn by_rules(terms: Terms, rules: &[RouteRule]) -> Bench {
        Ground::by_rules(1, rules).shard(0, &terms)
    }

    pub(super) fn socket(&mut self) -> Socket {
        self.next_slot += 1;
        Socket {
            ring: 0,
            conn: Conn {
                slot: self.next_slot,
                generation: 1,
            },
        }
    }

    /// Lets a client in; its CONNACK is sent.
    pub(super) fn connect(&mut self, id: &str, level: u8, keep_alive_secs: u8) -> u32 {
        let index = self.enter(&connect(id, level, keep_alive_secs));
        assert_eq!(self.sent(index)[0], 0x20);
        index
    }

    /// Lets a client in by this CONNECT.
    pub(super) fn enter(&mut self, bytes: &[u8]) -> u32 {
        let socket = self.socket();
        let Entrance::In {
            index,
            connect_bytes,
        } = self.world.on_stranger(socket, bytes, true)
        else {
            panic!("it is not let in");
        };
        assert_eq!(connect_bytes, bytes.len());
        index
    }

    /// What a client is owed and the store lets out; it counts as sent.
    pub(super) fn sent(&mut self, index: u32) -> Vec<u8> {
        self.world.dirty.retain(|other| *other != index);
        let Some(client) = self.world.clients.at(index) else {
            return Vec::new();
        };
        client.listed.leave(Listed::DIRTY);
        let words = client.io.as_mut().map(|io| {
            let mut words = mem::take(&mut io.ready);
            words.append(&mut io.out);
            words
        });
        self.world.fall_idle(index);
        words.unwrap_or_default()
    }

    /// Ends the turn: what was rendered for the first lane is in Kafka's hands.
    pub(super) fn carry(&mut self) {
        self.world.finish_turn();
        let carried = self.carry_lane(0);
        self.in_kafka.extend(carried);
    }

    /// What was rendered for one lane since it was last asked: ticket, and the room it claims.
    pub(super) fn carry_lane(&mut self, lane: usize) -> Vec<(u64, usize)> {
        let batch = mem::take(&mut self.world.desks[lane].batch);
        let records = batch.written().into_iter();
        records.map(|one| (one.ticket, one.bytes)).collect()
    }

    /// Kafka answers the record at this place; its room is free again.
    pub(super) fn answer(&mut self, place: usize) {
        self.answer_with(place, Outcome::Delivered);
    }

    /// The same, with whatever Kafka says.
    pub(super) fn answer_with(&mut self, place: usize, outcome: Outcome) {
        let (ticket, bytes) = self.in_kafka.remove(place);
        self.world.desks[0].lane.withdraw(bytes);
        self.world.on_report(ticket, outcome);
    }

    /// Reads what the other shards have left; says whether there was anything.
    pub(super) fn take_notes(&mut self) -> bool {
        let mailboxes = self.world.mailboxes.clone();
        self.world.begin_turn();
        let count = self.world.take_notes(&mailboxes.0[self.world.index]);
        self.carry();
        count > 0
    }

    pub(super) fn has(&mut self, index: u32, reason: Paused) -> bool {
        self.world
            .clients
            .at(index)
            .is_some_and(|client| client.paused.has(reason))
    }

    pub(super) fn ended(&self, close: Close) -> u64 {
        self.world.book().disconnects.read(close.index())
    }

    /// Whether the client is connected.
    pub(super) fn is_here(&self, index: u32) -> bool {
        let client = self.world.clients.look(index);
        client.is_some_and(|client| client.session.is_connected())
    }

    /// What is kept of half-received packets, counted anew.
    pub(super) fn kept_bytes(&mut self) -> usize {
        let (all, _) = self.world.clients.some_from(0, usize::MAX);
        let partials = all
            .into_iter()
            .map(|index| match self.world.clients.at(index) {
                Some(client) => client.io.as_ref().map_or(0, |io| io.partial.len()),
                None => 0,
            });
        let partials: usize = partials.sum();
        partials
            + self
                .world
                .half_connects
                .values()
                .map(Vec::len)
                .sum::<usize>()
    }
}

/// A shard with a store on disk, which may be killed and started again.
pub(super) struct Durable {
    pub(super) bench: Bench,
    folder: Folder,
    _store: Store,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind at worst: the test's answer does not depend on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Durable {
    pub(super) fn new(name: &str) -> Durable {
        let name = format!("tributary-shard-{}-{name}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).expect("a folder");
        let (bench, store) = Self::open(&folder.0, BASE_SEC);
        Durable {
            bench,
            folder,
            _store: store,
        }
    }

    fn open(folder: &Path, now_sec: u32) -> (Bench, Store) {
        let mut ground = Ground::new(1);
        let (opened, mut recovered) =
            Opened::at(folder, 1, now_sec, |_| 0).unwrap_or_else(|error| panic!("{error}"));
        let sink = Arc::new(ground.mailboxes.clone());
        let (store, mut handles) = opened.start(sink).expect("a thread");
        ground.store = handles.pop().zip(recovered.pop());
        (ground.shard(0, &Terms::default()), store)
    }

    /// Ends the turn, and waits until all of it is on disk.
    pub(super) fn commit(&mut self) {
        self.bench.carry();
        let mailboxes = self.bench.world.mailboxes.clone();
        let mailbox = &mailboxes.0[0];
        while mailbox.committed() < self.bench.world.keeper.submitted() {
            let fd = mailbox.wake().try_clone_fd().expect("a descriptor");
            let mut count = [0; 8];
            mailbox.open();
            if mailbox.committed() < self.bench.world.keeper.submitted() {
                File::from(fd).read_exact(&mut count).expect("an eventfd");
            }
        }
        self.bench.world.on_committed(mailbox.committed());
        self.bench.carry();
    }

    /// The process is no more, and another finds what it has left on disk.
    pub(super) fn restart(self) -> Durable {
        let Durable {
            bench,
            folder,
            _store: store,
        } = self;
        drop(bench);
        assert!(store.end());
        let (bench, store) = Self::open(&folder.0, BASE_SEC);
        Durable {
            bench,
            folder,
            _store: store,
        }
    }
}

/// A CONNECT of MQTT 3.1.1 (level 4) or 5.
pub(super) fn connect(id: &str, level: u8, keep_alive_secs: u8) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', level, 2, 0, keep_alive_secs];
    if level == 5 {
        body.push(0);
    }
    body.extend([0, id.len() as u8]);
    body.extend(id.as_bytes());
    packet(0x10, &body)
}

/// A CONNECT of MQTT 3.1.1 with a user name.
pub(super) fn connect_as(id: &str, user: &str) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0x82, 0, 0];
    for text in [id, user] {
        body.extend([0, text.len() as u8]);
        body.extend(text.as_bytes());
    }
    packet(0x10, &body)
}

/// A PUBLISH of MQTT 3.1.1.
pub(super) fn publish(topic: &str, qos: u8, packet_id: u16, payload_bytes: usize) -> Vec<u8> {
    let mut body = vec![0, topic.len() as u8];
    body.extend(topic.as_bytes());
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    body.extend(vec![b'x'; payload_bytes]);
    packet(0x30 | qos << 1, &body)
}

/// A CONNECT of MQTT 5 for a session that lasts so many seconds.
pub(super) fn connect_kept(id: &str, clean_start: bool, expiry_secs: u32) -> Vec<u8> {
    let flags = u8::from(clean_start) << 1;
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 5, flags, 0, 0, 5, 0x11];
    body.extend(expiry_secs.to_be_bytes());
    body.extend([0, id.len() as u8]);
    body.extend(id.as_bytes());
    packet(0x10, &body)
}

/// The same with a will of QoS 1 that waits so long.
pub(super) fn connect_with_will(
    id: &str,
    expiry_secs: u32,
    topic: &str,
    delay_secs: u32,
) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 5, 0x0C, 0, 0, 5, 0x11];
    body.extend(expiry_secs.to_be_bytes());
    body.extend([0, id.len() as u8]);
    body.extend(id.as_bytes());
    body.extend([5, 0x18]);
    body.extend(delay_secs.to_be_bytes());
    body.extend([0, topic.len() as u8]);
    body.extend(topic.as_bytes());
    body.extend([0, 4, b'g', b'o', b'n', b'e']);
    packet(0x10, &body)
}

/// A SUBSCRIBE of MQTT 5 to one filter.
pub(super) fn subscribe(packet_id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    body.extend([0, 0, filter.len() as u8]);
    body.extend(filter.as_bytes());
    body.push(qos);
    packet(0x82, &body)
}

/// A PUBLISH of MQTT 5 without properties; `flags` are those of the fixed header.
pub(super) fn publish_5(topic: &str, flags: u8, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0, topic.len() as u8];
    body.extend(topic.as_bytes());
    if flags & 0b110 != 0 {
        body.extend(packet_id.to_be_bytes());
    }
    body.push(0);
    body.extend(payload);
    packet(0x30 | flags, &body)
}

fn packet(first_byte: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 1 << 14);
    let length = match body.len() {
        short @ ..128 => vec![short as u8],
        long => vec![long as u8 | 0x80, (long >> 7) as u8],
    };
    [&[first_byte], &length[..], body].concat()
}

pub(super) const PINGREQ: [u8; 2] = [0xC0, 0];

/// SplitMix64, enough to pick what happens next.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((z ^ (z >> 27)) >> 8) as usize % bound
    }
}

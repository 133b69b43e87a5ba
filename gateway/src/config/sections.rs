//! Every section but the routes: its keys, their bounds and their defaults.

use std::net::{Ipv4Addr, SocketAddr};

use tracing::level_filters::LevelFilter;

use crate::cli::RunArgs;
use crate::log::Format;

use super::faults::Place;
use super::section::Section;
use super::settings::{
    Cluster, Control, Drain, EMBEDDED_CLUSTER, Listener, Log, Mqtt, Protocol, Shards, Token,
};

const MQTT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1883);
const CONTROL_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9883);
const ADDRESS_RIGHT: &str = "write an IP address and a port, as in \"0.0.0.0:1883\"";

/// The most the remaining length can say, 268,435,455 [MQTT-2.1.4], and the five bytes before it.
const PACKET_BYTES_LIMIT: u64 = 268_435_455 + 5;
/// A CONNECT with a client id of 23 bytes, a will and a password must fit.
const PACKET_BYTES_LEAST: u64 = 512;
const PACKET_BYTES_DEFAULT: u64 = 1 << 20;

/// A ticket has 8 bits for the shard and 24 for the slot.
const SHARDS_MAX: u64 = 1 << 8;
const CONNECTIONS_MAX: u64 = SHARDS_MAX << 24;

const PENDING_RECORDS_DEFAULT: u64 = 200_000;
const PENDING_BYTES_DEFAULT: u64 = 256 << 20;
/// Each ProduceRequest costs about 100 us between client and broker; 2,000 a second measured well.
const REQUESTS_PER_SEC_DEFAULT: u64 = 2_000;

/// What librdkafka must not be told from outside, since the promise to the devices hangs on it,
/// and the words that tell the same as the gateway does.
const PROPERTIES_FIXED: &[(&str, &[&str], &str)] = &[
    ("bootstrap.servers", &[], "use brokers"),
    ("metadata.broker.list", &[], "use brokers"),
    (
        "acks",
        &["all", "-1"],
        "leave it out: a PUBACK means that all in-sync replicas have it",
    ),
    (
        "request.required.acks",
        &["all", "-1"],
        "leave it out: it is always all",
    ),
    (
        "enable.idempotence",
        &["true"],
        "leave it out: without it retries reorder and duplicate",
    ),
];

/// `--listen` replaces what the file and the environment say; with none at all, the default.
pub(super) fn listeners(top: &mut Section<'_>, flags: &[SocketAddr]) -> Vec<Listener> {
    let mut listeners = Vec::new();
    let mut places: Vec<(SocketAddr, String)> = Vec::new();
    for (name, entry) in top.named("listen") {
        let mut section = top.child_of(format!("[listen.{name}]"), entry);
        let place = section.place.clone();
        let address = section.text("address");
        let protocol = [("mqtt", Protocol::Mqtt)];
        let protocol = section.choice("protocol", &protocol, &["mqtts", "ws", "wss"]);
        let protocol = protocol.unwrap_or(Protocol::Mqtt);
        match address {
            None => section.fault(place, "address", "is missing or wrong", ADDRESS_RIGHT),
            Some((text, place)) => match text.parse::<SocketAddr>() {
                Err(_) => {
                    let wrong = format!("\"{text}\" is not an address");
                    section.fault(place, "address", wrong, ADDRESS_RIGHT);
                }
                Ok(address) => {
                    let other = places.iter().find(|(a, _)| *a == address && a.port() != 0);
                    if let Some((_, other)) = other {
                        let wrong = format!("{address} is taken by [listen.{other}]");
                        section.fault(place, "address", wrong, "give each listener its own port");
                    }
                    places.push((address, name.clone()));
                    listeners.push(Listener {
                        name,
                        address,
                        protocol,
                    });
                }
            },
        }
        section.close();
    }
    if !flags.is_empty() {
        let name = |index| {
            if index == 0 {
                "mqtt".into()
            } else {
                format!("mqtt-{}", index + 1)
            }
        };
        let listener = |(index, address): (usize, &SocketAddr)| Listener {
            name: name(index),
            address: *address,
            protocol: Protocol::Mqtt,
        };
        listeners = flags.iter().enumerate().map(listener).collect();
    }
    if listeners.is_empty() {
        let (name, protocol) = ("mqtt".into(), Protocol::Mqtt);
        listeners.push(Listener {
            name,
            address: MQTT_ADDRESS,
            protocol,
        });
    }
    listeners
}

/// The named clusters; `--kafka` gives the brokers of `main`, whatever else is said about it.
pub(super) fn clusters(top: &mut Section<'_>, flags: &[String]) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for (name, entry) in top.named("kafka") {
        let overridden = name == EMBEDDED_CLUSTER && !flags.is_empty();
        let mut section = top.child_of(format!("[kafka.{name}]"), entry);
        clusters.push(cluster(&mut section, name, overridden));
        section.close();
    }
    if flags.is_empty() {
        return clusters;
    }
    for broker in flags.iter().filter(|broker| !is_broker(broker)) {
        let wrong = format!("\"{broker}\" is not HOST:PORT");
        top.fault(
            Place::Flag("--kafka"),
            "",
            wrong,
            "as in --kafka 10.0.0.5:9092,10.0.0.6:9092",
        );
    }
    match clusters
        .iter_mut()
        .find(|cluster| cluster.name == EMBEDDED_CLUSTER)
    {
        Some(main) => main.brokers = flags.to_vec(),
        None => clusters.insert(0, Cluster::with_defaults(EMBEDDED_CLUSTER, flags)),
    }
    clusters
}

fn cluster(section: &mut Section<'_>, name: String, overridden: bool) -> Cluster {
    let place = section.place.clone();
    let (brokers, place) = section.texts("brokers").unwrap_or((Vec::new(), place));
    let right = "write a list of HOST:PORT, as in [\"127.0.0.1:9092\"]";
    if brokers.is_empty() && !overridden {
        section.fault(place.clone(), "brokers", "is missing or empty", right);
    }
    for broker in brokers.iter().filter(|broker| !is_broker(broker)) {
        section.fault(
            place.clone(),
            "brokers",
            format!("\"{broker}\" is not HOST:PORT"),
            right,
        );
    }
    let mut cluster = Cluster::with_defaults(&name, &brokers);
    for (property, value, place) in section.map("properties") {
        let fixed = PROPERTIES_FIXED.iter().find(|(name, ..)| *name == property);
        if let Some((_, same, right)) = fixed
            && !same.contains(&value.as_str())
        {
            let wrong = format!("\"{property}\" cannot be set to \"{value}\"");
            section.fault(place, "properties", wrong, *right);
            continue;
        }
        cluster.properties.insert(property, value);
    }
    if let Some(records) = section.number("pending_records_max", 1..=100_000_000) {
        cluster.pending_records_max = records;
    }
    if let Some(bytes) = section.number("pending_bytes_max", 1 << 20..=1 << 40) {
        cluster.pending_bytes_max = bytes;
    }
    if let Some(requests) = section.number("requests_per_sec", 1..=1_000_000) {
        cluster.requests_per_sec = requests;
    }
    cluster
}

impl Cluster {
    fn with_defaults(name: &str, brokers: &[String]) -> Self {
        Cluster {
            name: name.to_string(),
            brokers: brokers.to_vec(),
            properties: Default::default(),
            pending_records_max: PENDING_RECORDS_DEFAULT,
            pending_bytes_max: PENDING_BYTES_DEFAULT,
            requests_per_sec: REQUESTS_PER_SEC_DEFAULT,
        }
    }
}

/// HOST:PORT, where a host with colons of its own stands in brackets.
fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = |c: char| !c.is_whitespace() && c != '/' && (bracketed || c != ':');
    !host.is_empty() && host.chars().all(plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

pub(super) fn mqtt(top: &mut Section<'_>) -> Mqtt {
    let mut section = top.section("mqtt");
    // Each range below ends where the type does, so no cast cuts anything off.
    let mut small = |key, range, default: u16| {
        section
            .number(key, range)
            .map_or(default, |number| number as u16)
    };
    let receive_max = small("receive_max", 1..=65_535, 256);
    let topic_alias_max = small("topic_alias_max", 0..=65_535, 16);
    let keep_alive_secs_max = small("keep_alive_secs_max", 1..=65_535, u16::MAX);
    let connect_timeout_secs = small("connect_timeout_secs", 1..=3_600, 10);
    // 23 bytes is what every server must take [MQTT-3.1.3-5].
    let client_id_bytes_max = small("client_id_bytes_max", 23..=65_535, 1_024);
    let packet_bytes_max =
        section.number("packet_bytes_max", PACKET_BYTES_LEAST..=PACKET_BYTES_LIMIT);
    section.close();
    Mqtt {
        packet_bytes_max: packet_bytes_max.unwrap_or(PACKET_BYTES_DEFAULT) as u32,
        receive_max,
        topic_alias_max,
        keep_alive_secs_max,
        connect_timeout_secs,
        client_id_bytes_max,
    }
}

pub(super) fn shards(top: &mut Section<'_>, args: &RunArgs) -> Shards {
    let mut section = top.section("shards");
    let mut number = |key, flag, given: Option<u64>, max: u64| {
        let configured = section.number(key, 1..=max);
        if let Some(wrong) = given.filter(|number| !(1..=max).contains(number)) {
            let right = format!("a number from 1 to {max}");
            section.fault(Place::Flag(flag), "", format!("is {wrong}"), right);
        }
        given.or(configured)
    };
    let count = number("count", "--shards", args.shards, SHARDS_MAX);
    let connections = number(
        "max_connections",
        "--max-connections",
        args.max_connections,
        CONNECTIONS_MAX - 1,
    );
    section.close();
    Shards {
        count: count.map(|count| count as u16),
        max_connections: connections.map(|connections| connections as u32),
    }
}

/// Beyond loopback only with a token: the control plane can see and end every client.
pub(super) fn control(top: &mut Section<'_>, flag: Option<SocketAddr>) -> Control {
    let mut section = top.section("control");
    let mut address = (CONTROL_ADDRESS, Place::File);
    if let Some((text, place)) = section.text("address") {
        match text.parse() {
            Ok(parsed) => address = (parsed, place),
            Err(_) => {
                let wrong = format!("\"{text}\" is not an address");
                section.fault(place, "address", wrong, ADDRESS_RIGHT);
            }
        }
    }
    let token = section.text("token");
    if let Some((text, place)) = &token
        && (text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let wrong = "is empty or cannot stand in a header";
        section.fault(
            place.clone(),
            "token",
            wrong,
            "use visible ASCII without spaces",
        );
    }
    if let Some(flag) = flag {
        address = (flag, Place::Flag("--control"));
    }
    let (address, place) = address;
    if !address.ip().is_loopback() && token.is_none() {
        let wrong = format!("{address} can be reached from outside and no token is set");
        let right = "set [control].token, or use 127.0.0.1";
        section.fault(place, "address", wrong, right);
    }
    section.close();
    Control {
        address,
        token: token.map(|(text, _)| Token(text)),
    }
}

pub(super) fn drain(top: &mut Section<'_>) -> Drain {
    let mut section = top.section("drain");
    let timeout_secs = section.number("timeout_secs", 0..=3_600).unwrap_or(30);
    section.close();
    Drain { timeout_secs }
}

pub(super) fn log(top: &mut Section<'_>) -> Log {
    let mut section = top.section("log");
    let formats = [
        ("auto", Format::Auto),
        ("human", Format::Human),
        ("json", Format::Json),
    ];
    let format = section.choice("format", &formats, &[]).unwrap_or_default();
    let levels = [
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
        ("off", LevelFilter::OFF),
    ];
    let level = section
        .choice("level", &levels, &[])
        .unwrap_or(LevelFilter::INFO);
    section.close();
    Log { format, level }
}

//! What does a record cost in a lane, and how long until it is acknowledged? Reads all back and
//! compares.
//!
//! ```text
//! cargo run --release -p tributary --example lane -- kafka=127.0.0.1:9092 topic=bench rate=10000
//!   secs=5  bytes=64  devices=5000  requests=2000  check=1
//!   property.linger.ms=5  (any librdkafka property)
//! ```
//!
//! The topic must exist; without `kafka=` the embedded Kafka is used, which keeps only 5 MiB per
//! partition: with more than that use `check=0`. CPU is that of this process, per thread and
//! message.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tributary::kafka::{
    Batch, Embedded, Lane, LaneConfig, Offer, Outcome, Properties, ReportSink, limits, partition,
};
use tributary::route::{Context, Route, RouteRule, RouteTable};

/// As in the gateway itself: librdkafka frees on one thread what another one allocated.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Failure = Box<dyn std::error::Error>;

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two turns of the publisher, as a shard that batches its wait has them.
const TURN: Duration = Duration::from_micros(200);

struct Arguments(BTreeMap<String, String>);

impl Arguments {
    fn read() -> Arguments {
        let pair = |argument: String| {
            let (name, value) = argument.split_once('=').unwrap_or((&argument, "1"));
            (name.to_owned(), value.to_owned())
        };
        Arguments(std::env::args().skip(1).map(pair).collect())
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, Failure> {
        self.0
            .get(name)
            .map_or(Ok(default), |value| Ok(value.replace('_', "").parse()?))
    }

    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    fn properties(&self) -> Properties {
        let property = |(name, value): (&String, &String)| {
            name.strip_prefix("property.")
                .map(|name| (name.to_owned(), value.clone()))
        };
        self.0.iter().filter_map(property).collect()
    }
}

/// When each record was due and when its answer came, in nanoseconds since the start.
struct Clock {
    start: Instant,
    due: Vec<AtomicU64>,
    answered: Vec<AtomicU64>,
    failed: AtomicU64,
}

impl ReportSink for Clock {
    fn report(&self, ticket: u64, outcome: Outcome) {
        match outcome {
            Outcome::Delivered | Outcome::Spooled => {
                let now = self.start.elapsed().as_nanos() as u64;
                self.answered[ticket as usize].store(now, Relaxed);
            }
            Outcome::Failed(_) => {
                self.failed.fetch_add(1, Relaxed);
            }
        }
    }

    fn flush(&self) {}

    fn room(&self) {}
}

fn main() -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::read();
    let topic = arguments.text("topic", "mqtt");
    let embedded = match arguments.0.contains_key("kafka") {
        true => None,
        false => Some(Embedded::start(&[(topic, 12)])?),
    };
    let brokers = embedded
        .as_ref()
        .map_or(arguments.text("kafka", ""), Embedded::brokers);
    let (rate, secs) = (
        arguments.number("rate", 10_000)?,
        arguments.number("secs", 5)?,
    );
    // The first second pays for connections and is not counted.
    let (warm, count) = (rate, rate * (secs + 1));
    let table = RouteTable::compile(&[RouteRule::new("#", "bench", topic)])
        .map_err(|errors| format!("{errors:?}"))?;
    let route = table.find("any").ok_or("a route for every topic")?;
    let clock = Arc::new(Clock {
        start: Instant::now(),
        due: (0..count).map(|_| AtomicU64::new(0)).collect(),
        answered: (0..count).map(|_| AtomicU64::new(0)).collect(),
        failed: AtomicU64::new(0),
    });
    let requests = arguments.number("requests", limits::REQUESTS_PER_SEC_DEFAULT.into())? as u32;
    let config = LaneConfig {
        properties: arguments.properties(),
        topics: vec![topic.to_owned()],
        requests_per_sec: requests,
        ..LaneConfig::new("bench", vec![brokers.to_owned()])
    };
    let lane = Lane::start(config, 1, Arc::clone(&clock) as Arc<dyn ReportSink>)?;
    let reader = Reader::before(brokers, topic)?;
    publish(&arguments, &lane, route, &clock, rate, 0..warm)?;
    let before = thread_cpu_nanos()?;
    let full = publish(&arguments, &lane, route, &clock, rate, warm..count)?;
    let after = thread_cpu_nanos()?;
    let left = lane.drain(PATIENCE);
    print_row(&lane, &clock, warm as usize, full, left);
    print_cpu(&before, &after, count - warm);
    if arguments.number("check", 1)? == 1 {
        reader.compare(&clock, arguments.number("devices", 5_000)?)?;
    }
    Ok(())
}

/// Offers records at a steady rate, whatever the lane says; gives how often it was full.
fn publish(
    arguments: &Arguments,
    lane: &Lane,
    route: &Route,
    clock: &Clock,
    rate: u64,
    numbers: Range<u64>,
) -> Result<u64, Failure> {
    let devices = arguments.number("devices", 5_000)?;
    let clients: Vec<String> = (0..devices)
        .map(|device| format!("dev-{device:07}"))
        .collect();
    let mut payload = vec![b'x'; arguments.number("bytes", 64)?.max(20) as usize];
    let (mut batch, mut sent, mut full) = (Batch::default(), numbers.start, 0);
    let begin = clock.start.elapsed().as_nanos() as u64;
    while sent < numbers.end {
        let now = clock.start.elapsed().as_nanos() as u64;
        let due = (u128::from(now - begin) * u128::from(rate) / 1_000_000_000) as u64;
        while sent < (numbers.start + due).min(numbers.end) {
            payload[..20].copy_from_slice(format!("{sent:020}").as_bytes());
            let client_id = &clients[(sent % devices) as usize];
            let context = Context {
                client_id,
                topic: "site/a12/line/7/temp",
                user: "",
                qos: 1,
                response_topic: "",
                correlation_data: &[],
            };
            let bytes = route.weigh(&context, payload.len());
            if lane.admit(bytes) != Offer::Accepted {
                full += 1;
                break;
            }
            let intended = begin + (sent - numbers.start + 1) * 1_000_000_000 / rate;
            clock.due[sent as usize].store(intended, Relaxed);
            route.render(&context, &mut batch, &payload, sent);
            sent += 1;
        }
        lane.submit(0, &mut batch);
        let next = begin + (sent - numbers.start + 1) * 1_000_000_000 / rate;
        let next = Duration::from_nanos(next);
        #[expect(
            clippy::disallowed_methods,
            reason = "a paced publisher, not a shard or a test"
        )]
        std::thread::sleep(next.saturating_sub(clock.start.elapsed()).max(TURN));
    }
    Ok(full)
}

fn print_row(lane: &Lane, clock: &Clock, warm: usize, full: u64, left: u64) {
    let mut waits: Vec<u64> = (clock.due.iter().zip(&clock.answered).skip(warm))
        .filter(|(_, answered)| answered.load(Relaxed) > 0)
        .map(|(due, answered)| answered.load(Relaxed).saturating_sub(due.load(Relaxed)))
        .collect();
    waits.sort_unstable();
    let millis = |percent: f64| {
        let index = (waits.len().saturating_sub(1)) as f64 * percent / 100.0;
        waits
            .get(index as usize)
            .map_or(f64::NAN, |nanos| *nanos as f64 / 1e6)
    };
    let (stats, failed) = (lane.stats(), clock.failed.load(Relaxed));
    println!(
        "delivered {} failed {failed} un-acked {left} full {full} blocks {} rebuilds {} | ms: p50 \
         {:.2} p99 {:.2} p99.9 {:.2} max {:.1}",
        stats.delivered(),
        stats.requests(),
        stats.rebuilds(),
        millis(50.0),
        millis(99.0),
        millis(99.9),
        millis(100.0)
    );
}

/// CPU of each thread of this process, by name, in nanoseconds.
fn thread_cpu_nanos() -> Result<BTreeMap<String, u64>, Failure> {
    let mut nanos = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let name = std::fs::read_to_string(task.join("comm"))?
            .trim()
            .to_owned();
        let stat = std::fs::read_to_string(task.join("schedstat"))?;
        let ran: u64 = stat.split(' ').next().ok_or("a number")?.parse()?;
        *nanos.entry(name).or_default() += ran;
    }
    Ok(nanos)
}

fn print_cpu(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, count: u64) {
    let per_message = |(name, nanos): (&String, &u64)| {
        let nanos = nanos.saturating_sub(before.get(name).copied().unwrap_or(0));
        (name.clone(), nanos as f64 / 1e3 / count as f64)
    };
    let mut threads: Vec<_> = after.iter().map(per_message).collect();
    threads.sort_by(|a, b| b.1.total_cmp(&a.1));
    let lane: f64 = threads
        .iter()
        .filter(|thread| thread.0 != "lane")
        .map(|thread| thread.1)
        .sum();
    print!("cpu us/message: {lane:.2} without the publisher (");
    for (name, micros) in threads.iter().filter(|thread| thread.1 >= 0.005) {
        print!(" {name} {micros:.2}");
    }
    println!(" )");
}

/// Reads what came into the topic since it was made.
struct Reader {
    consumer: BaseConsumer,
    partitions: i32,
}

impl Reader {
    fn before(brokers: &str, topic: &str) -> Result<Reader, Failure> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "lane-example")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "5")
            .create()?;
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
        let partitions = metadata
            .topics()
            .first()
            .map_or(0, |topic| topic.partitions().len());
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions as i32 {
            let (_, end) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
            list.add_partition_offset(topic, partition, Offset::Offset(end))?;
        }
        // What is assigned is fetched, which would be counted as CPU of the lane: pause it until
        // then.
        consumer.assign(&list)?;
        consumer.pause(&list)?;
        Ok(Reader {
            consumer,
            partitions: partitions as i32,
        })
    }

    fn compare(&self, clock: &Clock, devices: u64) -> Result<(), Failure> {
        self.consumer.resume(&self.consumer.assignment()?)?;
        let mut seen = vec![0u32; clock.due.len()];
        let mut last: HashMap<u64, usize> = HashMap::new();
        let (mut ends, mut disordered, mut misplaced) = (0, 0, 0);
        while ends < self.partitions {
            let message = match self.consumer.poll(PATIENCE).ok_or("silence")? {
                Ok(message) => message,
                Err(KafkaError::PartitionEOF(_)) => {
                    ends += 1;
                    continue;
                }
                Err(error) => {
                    // What the consumer met while the brokers were away.
                    eprintln!("reader: {error}");
                    continue;
                }
            };
            let payload = message.payload().ok_or("a payload")?;
            let number: usize = std::str::from_utf8(&payload[..20])?.parse()?;
            let key = message.key().ok_or("a key")?;
            let right = partition::choose(key, self.partitions as u32) as i32;
            misplaced += u64::from(message.partition() != right);
            seen[number] += 1;
            if seen[number] == 1 {
                let before = last.insert(number as u64 % devices, number);
                disordered += u64::from(before.is_some_and(|before| before > number));
            }
        }
        let acked = clock.answered.iter().map(|at| at.load(Relaxed) > 0);
        let lost = acked
            .zip(&seen)
            .filter(|(acked, count)| *acked && **count == 0)
            .count();
        let twice: u32 = seen.iter().map(|count| count.saturating_sub(1)).sum();
        let read = seen.iter().filter(|count| **count > 0).count();
        println!(
            "read {read}: lost {lost} twice {twice} out of order {disordered} misplaced {misplaced}"
        );
        if lost + disordered as usize + misplaced as usize > 0 {
            return Err("Kafka does not have what was acknowledged".into());
        }
        Ok(())
    }
}

//! Reads Kafka back to find out what is really there, and starts a real one where the embedded one
//! will not do.

use super::{DEADLINE, ask_until};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One record as it stands in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// The header `mqtt.topic`.
    pub(crate) mqtt_topic: Vec<u8>,
    /// All headers, in their order.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers.iter();
        headers
            .find(|(found, _)| found == name)
            .map(|(_, value)| &value[..])
    }
}

/// The last listener of the third node lies so far behind the first of the first.
const PORTS: u16 = 25;

/// Everything a topic holds at this moment, in order within each partition.
pub(crate) fn read_topic(bootstrap: &str, topic: &str) -> Vec<Record> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "hazards")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer needs no more than this");
    let ends = ask_until(DEADLINE, || partition_ends(&consumer, topic));
    let ends = ends.unwrap_or_else(|| panic!("Kafka at {bootstrap} tells the ends of {topic}"));
    let mut wanted: usize = ends
        .iter()
        .map(|(_, first, end)| (end - first) as usize)
        .sum();
    let mut assignment = TopicPartitionList::new();
    for (partition, first, _) in &ends {
        assignment
            .add_partition_offset(topic, *partition, Offset::Offset(*first))
            .expect("an offset that Kafka named is valid");
    }
    consumer.assign(&assignment).expect("the partitions exist");
    let mut records = Vec::with_capacity(wanted);
    while wanted > 0 {
        let polled = ask_until(DEADLINE, || {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => Some(record(&message)),
                _ => None,
            }
        });
        let record = polled.unwrap_or_else(|| panic!("{wanted} records of {topic} do not come"));
        records.push(record);
        wanted -= 1;
    }
    records
}

/// Partition, first offset and end of each partition; `None` while Kafka cannot say.
fn partition_ends(consumer: &BaseConsumer, topic: &str) -> Option<Vec<(i32, i64, i64)>> {
    let timeout = Duration::from_secs(5);
    let metadata = consumer.fetch_metadata(Some(topic), timeout).ok()?;
    let found = metadata
        .topics()
        .iter()
        .find(|found| found.name() == topic)?;
    let ends = found.partitions().iter().map(|partition| {
        let (first, end) = consumer
            .fetch_watermarks(topic, partition.id(), timeout)
            .ok()?;
        Some((partition.id(), first, end))
    });
    ends.collect::<Option<Vec<_>>>()
        .filter(|ends| !ends.is_empty())
}

/// The offsets that a group has committed, all partitions of the topic together; `None` while Kafka
/// cannot say.
pub(crate) fn committed_sum(bootstrap: &str, group: &str, topic: &str) -> Option<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .create()
        .expect("a consumer needs no more than this");
    let timeout = Duration::from_secs(5);
    let metadata = consumer.fetch_metadata(Some(topic), timeout).ok()?;
    let mut asked = TopicPartitionList::new();
    for partition in metadata.topics().first()?.partitions() {
        asked.add_partition(topic, partition.id());
    }
    let answered = consumer.committed_offsets(asked, timeout).ok()?;
    let offsets = answered.elements();
    let offsets = offsets
        .iter()
        .map(|one| one.offset().to_raw().filter(|raw| *raw >= 0));
    offsets.map(|raw| Some(raw.unwrap_or(0))).sum()
}

fn record(message: &impl Message) -> Record {
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    let headers: Vec<_> = headers
        .map(|header| {
            (
                header.key.to_owned(),
                header.value.unwrap_or_default().to_vec(),
            )
        })
        .collect();
    let mut topics = headers.iter().filter(|(name, _)| name == "mqtt.topic");
    Record {
        partition: message.partition(),
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
        mqtt_topic: topics
            .next()
            .map(|(_, value)| value.clone())
            .unwrap_or_default(),
        headers,
    }
}

/// An application that writes to Kafka.
pub(crate) struct Application(BaseProducer);

impl Application {
    pub(crate) fn new(bootstrap: &str) -> Application {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .create();
        Application(producer.expect("a producer needs no more than this"))
    }

    /// Writes one record; [`Application::flush`] waits until Kafka has it.
    pub(crate) fn write(&self, topic: &str, key: &str, value: Option<&[u8]>, headers: &[Pair<'_>]) {
        let mut owned = OwnedHeaders::new();
        for (key, value) in headers {
            let value = Some(*value);
            owned = owned.insert(Header { key, value });
        }
        let mut record = BaseRecord::to(topic).key(key).headers(owned);
        record.payload = value;
        self.send(record);
    }

    /// Writes a text to this partition, as soon as the producer has heard of it.
    pub(crate) fn write_to(&self, topic: &str, partition: i32, key: &str, text: &str) {
        let written = ask_until(DEADLINE, || {
            let record = BaseRecord::to(topic).key(key).payload(text);
            // Asking makes the producer look; it knows the topic's partitions for minutes.
            let metadata = self.0.client().fetch_metadata(Some(topic), DEADLINE);
            metadata.ok()?;
            self.0.send(record.partition(partition)).ok()
        });
        written.unwrap_or_else(|| panic!("partition {partition} of {topic} is not known"));
    }

    /// Writes a text as of so many seconds ago.
    pub(crate) fn say_of_old(&self, topic: &str, key: &str, text: &str, age_secs: i64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_millis = now.expect("it is after 1970").as_millis() as i64;
        let record = BaseRecord::to(topic).key(key).payload(text.as_bytes());
        self.send(record.timestamp(now_millis - age_secs * 1_000));
    }

    fn send(&self, record: BaseRecord<'_, str, [u8]>) {
        let written = self.0.send(record);
        let written = written.map_err(|(error, _)| error);
        written.expect("the queue has room");
        self.0.poll(Duration::ZERO);
    }

    /// Writes a text without headers.
    pub(crate) fn say(&self, topic: &str, key: &str, text: &str) {
        self.write(topic, key, Some(text.as_bytes()), &[]);
    }

    pub(crate) fn flush(&self) {
        self.0
            .flush(DEADLINE)
            .expect("Kafka takes what was written");
    }
}

/// A header: its name and value.
pub(crate) type Pair<'a> = (&'a str, &'a [u8]);

/// A real Apache Kafka of one node with a folder and ports of its own; gone with the test.
pub(crate) struct RealKafka {
    folder: PathBuf,
    port: u16,
}

impl RealKafka {
    /// Starts it with the topic `mqtt` of 12 partitions; topics are never made by use.
    pub(crate) fn start() -> RealKafka {
        RealKafka::start_with(&[])
    }

    /// The same with options of `kafka-node.sh`.
    pub(crate) fn start_with(options: &[&str]) -> RealKafka {
        let port = free_ports();
        let name = format!("kafka-{}-{port}", std::process::id());
        let kafka = RealKafka {
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name),
            port,
        };
        kafka.order(&[&["start"], options].concat());
        kafka.create("mqtt");
        kafka
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.listener(0)
    }

    /// Another listener of the first node, counted as `kafka-node.sh` has it.
    pub(crate) fn listener(&self, offset: u16) -> String {
        format!("127.0.0.1:{}", self.port + offset)
    }

    /// A file that the cluster has made, as its CA.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a class of Kafka's own tools.
    pub(crate) fn tool(&self, class: &str, arguments: &[&str]) {
        let bootstrap = self.bootstrap();
        let reach = ["tool", class, "--bootstrap-server", &bootstrap];
        self.order(&[&reach, arguments].concat());
    }

    pub(crate) fn create(&self, topic: &str) {
        self.create_with(topic, &["12"]);
    }

    /// The number of partitions, and what else `kafka-node.sh create` takes.
    pub(crate) fn create_with(&self, topic: &str, options: &[&str]) {
        self.order(&[&["create", topic], options].concat());
    }

    pub(crate) fn delete(&self, topic: &str) {
        self.order(&["delete", topic]);
    }

    /// The node that leads a partition.
    pub(crate) fn leader(&self, topic: &str, partition: &str) -> String {
        self.ask(&["leader", topic, partition]).trim().to_owned()
    }

    /// Ends one node in good order, and starts it again.
    pub(crate) fn restart_node(&self, node: &str, meanwhile: impl FnOnce()) {
        self.order(&["term", node]);
        meanwhile();
        self.order(&["restart", node]);
    }

    /// Ends a cluster of one node and starts it again with all its data at the address of another
    /// listener.
    pub(crate) fn move_to(&self, offset: u16) {
        self.stop();
        let path = self.folder.join("1/server.properties");
        let text = std::fs::read_to_string(&path).expect("the node's configuration");
        let [old, new] = [0, offset].map(|offset| format!("PLAINTEXT://{}", self.listener(offset)));
        assert!(text.contains(&old), "it listens there");
        std::fs::write(&path, text.replace(&old, &new)).expect("the node's configuration");
        self.restart();
    }

    /// Gives a topic more partitions.
    pub(crate) fn grow(&self, topic: &str, partitions: u32) {
        let (bootstrap, count) = (self.bootstrap(), partitions.to_string());
        let class = "org.apache.kafka.tools.TopicCommand";
        let server = ["tool", class, "--bootstrap-server", &bootstrap];
        let alter = ["--alter", "--topic", topic, "--partitions", &count];
        self.order(&[&server[..], &alter].concat());
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        self.order(&["kill", "1"]);
    }

    /// A clean end, after which `restart` brings the same records back.
    pub(crate) fn stop(&self) {
        self.order(&["stop"]);
    }

    /// SIGSTOP: its connections stay, and it says nothing.
    pub(crate) fn pause(&self) {
        self.order(&["pause", "1"]);
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.order(&["resume", "1"]);
    }

    pub(crate) fn restart(&self) {
        self.order(&["restart", "1"]);
    }

    fn order(&self, arguments: &[&str]) {
        self.ask(arguments);
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = self.script(arguments).output().expect("bash is there");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "kafka-node.sh {arguments:?} failed:\n{said}"
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/kafka/kafka-node.sh"
            ))
            .args(arguments)
            .env("KAFKA_NODE_DIR", &self.folder)
            .env("KAFKA_PORT", self.port.to_string())
            .stdin(Stdio::null());
        command
    }
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.join("1/out.log")).unwrap_or_default();
            let tail: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("Kafka's log, newest line first:\n{}", tail.join("\n"));
        }
        let _ = self.script(&["clean"]).output();
    }
}

/// Neighbouring free ports, enough for three nodes with all their listeners. They lie below the
/// range from which the kernel takes the ports of outgoing connections, so no client can sit on
/// them later.
fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 20) as u16 * 400;
    loop {
        let port = first + NEXT.fetch_add(PORTS, Ordering::Relaxed);
        let is_free = |offset| TcpListener::bind(("127.0.0.1", port + offset)).is_ok();
        if (0..PORTS).all(is_free) {
            return port;
        }
    }
}

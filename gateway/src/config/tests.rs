//! What the loader promises: who beats whom, what is assumed, and what is said of every mistake.

mod access;
mod downlinks;
mod groups;
mod identity;
mod listeners;
mod mistakes;
mod process;
mod quotas;
mod secrets;
mod tls;
mod users;

use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::cli::Descriptors;
use crate::log::Format;
use crate::route::{AckPolicy, Local, OnOutage, RouteRule};

/// A stand-in for the compiler of routes: knows two mistakes.
fn check_routes(rules: &[RouteRule]) -> Vec<RouteFault> {
    let mut faults = Vec::new();
    for (rule, route) in rules.iter().enumerate() {
        if route.filter.contains("+x") {
            let message = "\"+\" shares a level; write it alone".to_string();
            faults.push(RouteFault {
                rule,
                key: "filter",
                message,
            });
        }
        if route.key.contains("{3}") {
            let message = "{3} is beyond the wildcards; use {1}".to_string();
            faults.push(RouteFault {
                rule,
                key: "key",
                message,
            });
        }
    }
    faults
}

/// A file that is gone when the test is over.
struct TempFile(PathBuf);

impl TempFile {
    fn with(text: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tributary-config-{}-{number}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        TempFile(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn load_with(text: &str, env: &[(&str, &str)], mut args: RunArgs) -> Result<Settings, Faults> {
    let file = TempFile::with(text);
    args.config = Some(file.0.clone());
    let environment = env
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    load(&args, environment, check_routes)
}

fn good(text: &str, env: &[(&str, &str)]) -> Settings {
    load_with(text, env, RunArgs::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// One line per fault, without the path of the file: `3: [mqtt].key: wrong; right`.
fn faults(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    match load_with(text, env, RunArgs::default()) {
        Ok(settings) => panic!("nothing wrong with {text:?}: {settings:?}"),
        Err(faults) => {
            let file = format!("{}:", faults.file);
            faults
                .to_string()
                .lines()
                .map(|l| l.trim_start_matches(&file).to_string())
                .collect()
        }
    }
}

#[test]
fn nothing_at_all_gives_the_defaults() {
    let settings = load(&RunArgs::default(), [], check_routes).unwrap();
    assert_eq!(settings.listeners.len(), 1);
    let plain = Listener::plain("mqtt".into(), "127.0.0.1:1883".parse().unwrap());
    assert_eq!(settings.listeners[0], plain);
    assert_eq!(settings.control.address.to_string(), "127.0.0.1:9883");
    assert_eq!(settings.kafka, Kafka::Embedded);
    assert!(settings.clusters.is_empty());
    let [route] = &settings.routes[..] else {
        panic!("{:?}", settings.routes)
    };
    assert_eq!(
        (&*route.filter, &*route.topic, &*route.cluster),
        ("#", "mqtt", "main")
    );
    assert_eq!(route.key, "{client_id}");
    assert_eq!(
        route.headers,
        [("mqtt.topic".to_string(), "{topic}".to_string())]
    );
    assert_eq!(route.local, Local::Yes);
    assert_eq!(
        settings.mqtt,
        Mqtt {
            packet_bytes_max: 1 << 20,
            receive_max: 256,
            topic_alias_max: 16,
            keep_alive_secs_max: u16::MAX,
            connect_timeout_secs: 10,
            client_id_bytes_max: 1_024,
            maximum_qos: 2,
            response_information: None,
            session_expiry_secs_max: 604_800,
            will_delay_secs_max: 604_800,
            subscriptions_per_client_max: 1_000,
            queue_messages_max: 1_000,
            queue_bytes_max: 1 << 20,
            queue_drop: QueueDrop::Oldest,
            queued_bytes_max: 1 << 30,
            retained_count_max: 1_000_000,
            retained_bytes_max: 1 << 30,
            sys_interval_secs: 10,
        }
    );
}

#[test]
fn nothing_at_all_leaves_the_process_its_defaults() {
    let settings = load(&RunArgs::default(), [], check_routes).unwrap();
    assert_eq!(settings.store, Store::Memory);
    assert_eq!(settings.auth, []);
    assert_eq!(
        settings.shards,
        Shards {
            count: None,
            max_connections: None,
            descriptors: Descriptors::Refuse,
        }
    );
    assert_eq!(
        settings.overload,
        Overload {
            connects_per_sec: None,
            event_delay_millis_max: 1_000,
            memory_bytes_max: None,
            lane_full_secs_max: 60,
        }
    );
    assert_eq!(settings.drain.timeout_secs, 30);
    assert_eq!(settings.drain.server_reference, None);
    assert_eq!(
        settings.log,
        Log {
            format: Format::Auto,
            level: "info".parse().unwrap()
        }
    );
    assert_eq!(settings, good("", &[]));
}

#[test]
fn every_key_of_the_file_arrives() {
    let settings = good(include_str!("../../tests/check/every_key.toml"), &[]);
    assert_eq!(
        settings.summary(),
        "ok: 5 listeners, 5 routes, 2 clusters, 1 group"
    );
    let east = &settings.clusters[0];
    assert_eq!((&*east.name, east.brokers.len()), ("east", 2));
    assert_eq!(east.properties["compression.type"], "lz4");
    assert_eq!(east.properties["queue.buffering.max.kbytes"], "1024");
    assert_eq!(east.properties["socket.keepalive.enable"], "true");
    assert_eq!(
        (east.pending_records_max, east.pending_bytes_max),
        (1_000, 2_097_152)
    );
    assert_eq!(east.requests_per_sec, 500);
    let spool = east.spool.as_deref().and_then(|path| path.to_str());
    assert_eq!(spool, Some("/var/lib/tributary/spool"));
    assert_eq!(
        (east.down_after_secs, east.spool_bytes_max),
        (10, 1_048_576)
    );
    let telemetry = &settings.routes[0];
    assert_eq!(telemetry.ack, AckPolicy::Spool);
    assert_eq!(settings.routes[3].on_outage, OnOutage::Reject);
    assert_eq!(telemetry.local, Local::AfterKafka);
    assert_eq!(settings.routes[1], RouteRule::local_only("home/#"));
    assert_eq!(
        telemetry.headers[1],
        ("device".to_string(), "{1}".to_string())
    );
    assert!(settings.routes[2].is_null());
    assert_eq!(settings.routes[2].local, Local::Yes);
    assert_eq!(settings.routes[3].headers, []);
    assert_eq!(settings.routes[4].group.as_ref(), Some(&settings.groups[0]));
    assert_eq!(
        settings.shards,
        Shards {
            count: Some(2),
            max_connections: Some(1_000_000),
            descriptors: Descriptors::Fit,
        }
    );
    assert_eq!(
        settings.overload,
        Overload {
            connects_per_sec: Some(10_000),
            event_delay_millis_max: 250,
            memory_bytes_max: Some(4_294_967_296),
            lane_full_secs_max: 0,
        }
    );
    assert_eq!(
        settings.log,
        Log {
            format: Format::Json,
            level: "debug".parse().unwrap()
        }
    );
}

#[test]
fn every_key_of_what_is_kept_for_clients_arrives() {
    let settings = good(include_str!("../../tests/check/every_key.toml"), &[]);
    assert_eq!(
        settings.mqtt,
        Mqtt {
            packet_bytes_max: 268_435_460,
            receive_max: 10,
            topic_alias_max: 0,
            keep_alive_secs_max: 300,
            connect_timeout_secs: 5,
            client_id_bytes_max: 64,
            maximum_qos: 1,
            response_information: Some("response/".into()),
            session_expiry_secs_max: 3_600,
            will_delay_secs_max: 60,
            subscriptions_per_client_max: 20,
            queue_messages_max: 100,
            queue_bytes_max: 65_536,
            queue_drop: QueueDrop::Newest,
            queued_bytes_max: 16_777_216,
            retained_count_max: 10_000,
            retained_bytes_max: 33_554_432,
            sys_interval_secs: 0,
        }
    );
    let users: Vec<&str> = settings.auth.iter().map(|user| &*user.name).collect();
    assert_eq!(users, ["device 7", "fleet"]);
    assert!(!format!("{settings:?}").contains("pencil"));
    let path = "/var/lib/tributary".into();
    assert_eq!(settings.store, Store::Local { path });
    assert_eq!(
        settings.drain,
        Drain {
            timeout_secs: 5,
            server_reference: Some("spare.example:1883".into()),
        }
    );
}

#[test]
fn the_command_line_beats_the_environment_beats_the_file() {
    let text = "[listen.mqtt]\naddress = \"127.0.0.1:1\"\n[shards]\ncount = 1\n\
                [kafka.main]\nbrokers = [\"file:1\"]\nrequests_per_sec = 7\n";
    let env = [
        ("TRIBUTARY_LISTEN__MQTT__ADDRESS", "127.0.0.1:2"),
        ("TRIBUTARY_SHARDS__COUNT", "2"),
        ("TRIBUTARY_KAFKA__MAIN__BROKERS", "env:1, env:2"),
    ];
    let from_file = good(text, &[]);
    assert_eq!(from_file.listeners[0].address.to_string(), "127.0.0.1:1");
    assert_eq!(from_file.shards.count, Some(1));
    assert_eq!(from_file.clusters[0].brokers, ["file:1"]);
    let from_env = good(text, &env);
    assert_eq!(from_env.listeners[0].address.to_string(), "127.0.0.1:2");
    assert_eq!(from_env.shards.count, Some(2));
    assert_eq!(from_env.clusters[0].brokers, ["env:1", "env:2"]);
    let args = RunArgs {
        listen: vec![
            "127.0.0.1:3".parse().unwrap(),
            "127.0.0.1:4".parse().unwrap(),
        ],
        shards: Some(3),
        kafka: vec!["flag:1".into()],
        control: Some("127.0.0.1:5".parse().unwrap()),
        max_connections: Some(6),
        descriptors: Some(Descriptors::Fit),
        ..RunArgs::default()
    };
    let from_flags = load_with(text, &env, args).unwrap();
    let places = from_flags.listeners.iter();
    let places: Vec<_> = places
        .map(|one| format!("{} {}", one.name, one.address))
        .collect();
    assert_eq!(places, ["mqtt 127.0.0.1:3", "mqtt-2 127.0.0.1:4"]);
    assert_eq!(
        from_flags.shards,
        Shards {
            count: Some(3),
            max_connections: Some(6),
            descriptors: Descriptors::Fit,
        }
    );
    assert_eq!(from_flags.clusters[0].brokers, ["flag:1"]);
    // What the flag does not speak of stays as the file has it.
    assert_eq!(from_flags.clusters[0].requests_per_sec, 7);
    assert_eq!(from_flags.control.address.port(), 5);
}

#[test]
fn the_environment_nests_by_two_underscores() {
    let env = [
        ("TRIBUTARY_LISTEN__EDGE__ADDRESS", "127.0.0.1:7"),
        ("TRIBUTARY_MQTT__RECEIVE_MAX", "12"),
        ("TRIBUTARY_KAFKA__FAR_AWAY__BROKERS", "a:1"),
        ("TRIBUTARY_KAFKA__FAR_AWAY__PROPERTIES", "linger.ms=5"),
        ("TRIBUTARY_KAFKA__NEAR__BROKERS", "b:1"),
        (
            "TRIBUTARY_KAFKA__NEAR__PROPERTIES__SSL_CA_LOCATION",
            "probe",
        ),
        (
            "TRIBUTARY_KAFKA__NEAR__PROPERTIES__SECURITY_PROTOCOL",
            "ssl",
        ),
        ("TRIBUTARY_CONTROL__TOKEN", "t"),
        // Not ours, though they begin so: the log's own, and what Kubernetes sets for a service.
        ("TRIBUTARY_LOG", "debug"),
        ("TRIBUTARY_PORT_1883_TCP_ADDR", "10.0.0.1"),
        ("HOME", "/"),
    ];
    // The file spells the cluster with a dash, which no variable can.
    let text = "[kafka.far-away]\nbrokers = [\"x:1\"]\n\
                [[route]]\nfilter = \"#\"\ntopic = \"t\"\ncluster = \"near\"\n";
    let settings = good(text, &env);
    assert_eq!(settings.listeners[0].name, "edge");
    assert_eq!(settings.mqtt.receive_max, 12);
    let [far, near] = &settings.clusters[..] else {
        panic!("{:?}", settings.clusters)
    };
    assert_eq!(
        (&*far.name, &far.brokers[..]),
        ("far-away", &["a:1".to_string()][..])
    );
    assert_eq!(far.properties["linger.ms"], "5");
    assert_eq!(near.properties["ssl.ca.location"], "probe");
    assert_eq!(settings.control.token, Some(Token("t".into())));
}

#[test]
fn mistakes_in_the_environment_are_named_by_their_variable() {
    let env = [
        ("TRIBUTARY_MQTT__RECEIVE_MAX", "many"),
        ("TRIBUTARY_MQTT__RECIEVE_MAX", "1"),
        ("TRIBUTARY_ROUTE__0__FILTER", "#"),
    ];
    assert_eq!(
        faults("", &env),
        [
            "TRIBUTARY_MQTT__RECEIVE_MAX: [mqtt].receive_max: is \"many\"; \
             a number from 1 to 65535",
            "TRIBUTARY_MQTT__RECIEVE_MAX: [mqtt].recieve_max: unknown key; \
             did you mean \"receive_max\"?",
            "TRIBUTARY_ROUTE__0__FILTER: [[route]]: routes cannot be set here, since their order \
             decides; write them in the file",
        ]
    );
}

#[test]
fn null_routes_need_no_kafka_at_all() {
    let null = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
    assert_eq!(good(null, &[]).kafka, Kafka::Unneeded);
    let named = format!("{null}[kafka.a]\nbrokers = [\"a:1\"]\n[kafka.b]\nbrokers = [\"b:1\"]\n");
    assert_eq!(good(&named, &[]).kafka, Kafka::Unneeded);
    let mixed = format!("[[route]]\nfilter = \"a\"\ntopic = \"t\"\n{null}");
    let settings = good(&mixed, &[]);
    assert_eq!(settings.kafka, Kafka::Embedded);
    assert_eq!(
        (&*settings.routes[0].cluster, &*settings.routes[1].cluster),
        ("main", "")
    );
}

#[test]
fn routes_for_subscribers_alone_need_no_kafka_either() {
    let local = "[[route]]\nfilter = \"#\"\nkafka = false\n";
    let settings = good(local, &[]);
    assert_eq!(settings.kafka, Kafka::Unneeded);
    assert_eq!(settings.routes, [RouteRule::local_only("#")]);
    assert!(!settings.routes[0].is_null());
    let mixed = format!("[[route]]\nfilter = \"a\"\ntopic = \"t\"\nlocal = false\n{local}");
    let settings = good(&mixed, &[]);
    assert_eq!(settings.kafka, Kafka::Embedded);
    assert_eq!(settings.routes[0].local, Local::No);
}

#[test]
fn the_store_is_proven_by_a_write_and_leaves_nothing_behind() {
    assert_eq!(Store::Memory.prove_writable(), Ok(()));
    let file = TempFile::with("");
    let path = file.0.with_extension("store");
    let inside = path.join("a").join("b");
    let store = Store::Local {
        path: inside.clone(),
    };
    assert_eq!(store.prove_writable(), Ok(()));
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
    std::fs::remove_dir_all(&path).unwrap();
    // A file is in the way of the directory.
    let store = Store::Local {
        path: file.0.join("a"),
    };
    let said = store.prove_writable().unwrap_err();
    assert!(
        said.starts_with("[store].path: ") && said.contains("; give this user"),
        "{said}"
    );
}

#[test]
fn a_route_goes_to_the_only_cluster_there_is() {
    let settings = good("[kafka.here]\nbrokers = [\"a:1\"]\n", &[]);
    assert_eq!(settings.kafka, Kafka::Named);
    assert_eq!(settings.routes[0].cluster, "here");
}

#[test]
fn flags_out_of_bounds_are_named_as_flags() {
    let args = RunArgs {
        shards: Some(0),
        kafka: vec!["nowhere".into()],
        ..RunArgs::default()
    };
    let said = load(&args, [], check_routes).unwrap_err().to_string();
    assert!(
        said.contains("--shards: [shards]: is 0; a number from 1 to 256"),
        "{said}"
    );
    assert!(
        said.contains("--kafka: \"nowhere\" is not HOST:PORT; "),
        "{said}"
    );
    let args = RunArgs {
        control: "0.0.0.0:1".parse().ok(),
        ..RunArgs::default()
    };
    let said = load(&args, [], check_routes).unwrap_err().to_string();
    assert!(
        said.starts_with("--control: [control].address: 0.0.0.0:1 can be reached"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_sentence() {
    let args = RunArgs {
        config: Some("no/such/file.toml".into()),
        ..RunArgs::default()
    };
    let said = load(&args, [], check_routes).unwrap_err().to_string();
    assert!(
        said.starts_with("no/such/file.toml: cannot be read: No such file"),
        "{said}"
    );
}

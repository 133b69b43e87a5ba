//! What scenarios need beside the client: names of their own, the proxies, and verdicts.

use std::any::Any;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::panic;
use std::thread;
use std::time::Duration;

/// Client ids and topics that no other scenario, client or run uses.
pub struct Names {
    stem: String,
}

impl Names {
    pub fn id(&self, role: &str) -> String {
        format!("{}-{role}", self.stem)
    }

    pub fn topic(&self, rest: &str) -> String {
        format!("{}/{rest}", self.stem)
    }
}

/// The port that the environment names.
pub fn port(name: &str) -> u16 {
    let text = env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    text.parse().unwrap_or_else(|_| panic!("{name} is no port"))
}

/// Says one line to the proxies and hears one number.
pub fn control(line: &str) -> u16 {
    let mut peer = TcpStream::connect(("127.0.0.1", port("STOCK_CONTROL"))).expect("control port");
    writeln!(peer, "{line}").expect("control port");
    let mut answer = String::new();
    BufReader::new(peer)
        .read_line(&mut answer)
        .expect("control port");
    let number = answer.trim().parse();
    number.unwrap_or_else(|_| panic!("the proxy said {answer} to {line}"))
}

/// QoS 2 has four packets; the connection breaks before, in the middle of and behind each.
pub fn cuts(publish: &str, answer: &str) -> Vec<String> {
    let ways = [
        (publish, "PUBLISH"),
        (answer, "PUBREC"),
        (publish, "PUBREL"),
        (answer, "PUBCOMP"),
    ];
    let parts = ["none", "half", "all"];
    ways.iter()
        .flat_map(|(way, packet)| parts.map(|part| format!("{way} {packet} 1 {part}")))
        .collect()
}

/// Lets time pass: for what is to be old, and between two attempts to connect.
#[expect(clippy::disallowed_methods, reason = "an age is what is tested")]
pub fn pass(time: Duration) {
    thread::sleep(time);
}

pub type Scenario = (&'static str, fn(Names));

/// Runs the scenarios that the environment picks, and says a verdict for each.
pub fn run_all(scenarios: &[Scenario]) {
    let only = env::var("STOCK_ONLY").unwrap_or_default();
    let run = env::var("STOCK_RUN").expect("STOCK_RUN");
    let chosen: Vec<_> = scenarios.iter().filter(|s| s.0.contains(&only)).collect();
    println!("PLAN {}", chosen.len());
    panic::set_hook(Box::new(|_| {}));
    for (name, scenario) in chosen {
        println!("RUN {name}");
        let stem = format!("{run}-{}", name.replace(' ', "-").replace('.', ""));
        match panic::catch_unwind(|| scenario(Names { stem })) {
            Ok(()) => println!("PASS {name}"),
            Err(why) => println!("FAIL {name}: {}", said(why.as_ref())),
        }
    }
}

fn said(why: &dyn Any) -> String {
    let text = why
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| why.downcast_ref::<&str>().map(|text| text.to_string()));
    let text = text.unwrap_or_else(|| "a panic without words".to_owned());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

//! How many instructions does one QoS 1 PUBLISH of 64 bytes take to decode?
//!
//! `cargo bench -p tributary-proto` answers under callgrind: the same loop is run with two counts,
//! and the difference is divided by the difference of the counts, so that start and end of the
//! process cancel out. Where there is no valgrind it says so and answers nothing.

use std::hint::black_box;
use std::process::Command;

use tributary_proto::decode;
use tributary_proto::encode;
use tributary_proto::frame::{Front, front};
use tributary_proto::packet::{Packet, Publish, PublishProperties};
use tributary_proto::property::UserProperties;
use tributary_proto::reason::Reason;
use tributary_proto::version::{Qos, Version};

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;
const CASES: [&str; 4] = [
    "front",
    "publish 3.1.1",
    "publish 5",
    "publish 5 with properties",
];
const PUBACK: &str = "puback 5";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, case, count] = arguments.as_slice() {
        return run(case, count.parse().expect("a count"));
    }
    for case in CASES.into_iter().chain([PUBACK]) {
        match (instructions(case, FEW), instructions(case, MANY)) {
            (Some(few), Some(many)) => {
                println!("{case}: {} instructions", (many - few) / (MANY - FEW));
            }
            _ => println!("{case}: not counted, valgrind is not here or did not say"),
        }
    }
}

/// Runs this program again under callgrind and reads what it counted.
fn instructions(case: &str, count: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args([case, &count.to_string()])
        .output()
        .ok()?;
    let report = String::from_utf8(output.stderr).ok()?;
    let line = report.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn run(case: &str, count: u64) {
    let version = if case.contains("3.1.1") {
        Version::V311
    } else {
        Version::V5
    };
    let bytes = publish(version, case.contains("with"));
    let (is_publish, is_puback) = (case.starts_with("publish"), case == PUBACK);
    let mut out = Vec::with_capacity(64);
    for _ in 0..count {
        let Ok(Front::Frame {
            first_byte, body, ..
        }) = front(black_box(&bytes), 65_536)
        else {
            unreachable!("what encode wrote is a whole frame");
        };
        if is_publish {
            let packet = decode::packet(black_box(version), first_byte, body);
            let Ok(Packet::Publish(publish)) = &packet else {
                unreachable!("what encode wrote is a PUBLISH");
            };
            // By reference: a copy of the packet would be counted as part of the answer.
            black_box(publish);
        } else if is_puback {
            out.clear();
            encode::puback(
                &mut out,
                version,
                black_box(7),
                black_box(Reason::Success),
                None,
            );
        }
        black_box((body, &out));
    }
}

fn publish(version: Version, has_properties: bool) -> Vec<u8> {
    let properties = PublishProperties {
        message_expiry_secs: Some(60),
        content_type: Some("application/json"),
        user_properties: UserProperties::from_pairs(&[("unit", "C")]),
        ..Default::default()
    };
    let publish = Publish {
        dup: false,
        qos: Qos::AtLeastOnce,
        retain: false,
        topic: "dw/device-000001/telemetry",
        packet_id: 7,
        properties: if has_properties {
            properties
        } else {
            Default::default()
        },
        payload: &[0x5A; 64],
    };
    let mut bytes = Vec::new();
    encode::publish(&mut bytes, version, &publish);
    bytes
}

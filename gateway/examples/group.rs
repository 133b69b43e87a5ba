//! What does it cost a record that its cluster is picked from a group? One line per size of group.
//!
//! `cargo run --release -p tributary --example group`

use std::hint::black_box;
use std::time::Instant;

use tributary::route::{Context, GroupBy, GroupRule, RouteRule, RouteTable};

const CLIENTS: usize = 1_000;
const ROUNDS: usize = 2_000;

fn main() {
    let ids: Vec<String> = (0..CLIENTS)
        .map(|number| format!("device-{number:09}"))
        .collect();
    println!(
        "ns per record, client ids of {} bytes, best of 5",
        ids[0].len()
    );
    println!(
        "{:>8}  {:>11}  {:>14}",
        "clusters", "topic fixed", "topic templated"
    );
    println!("{:>8}  {:>11.1}", 1, nanos(&table(1, "telemetry"), &ids));
    for count in [2, 3, 4, 8, 16] {
        let fixed = nanos(&table(count, "telemetry"), &ids);
        let templated = nanos(&table(count, "telemetry-{1}"), &ids);
        println!("{count:>8}  {fixed:>11.1}  {templated:>14.1}");
    }
}

fn table(clusters: usize, topic: &str) -> RouteTable {
    let group = GroupRule {
        name: "fleet".into(),
        clusters: (0..clusters)
            .map(|number| (format!("k{number}"), 1 + number as u32))
            .collect(),
        by: GroupBy::Client,
    };
    let rule = RouteRule {
        group: Some(group),
        ..RouteRule::new("dw/+/t", "", topic)
    };
    RouteTable::compile(&[rule]).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The time of one pick, the best of five runs.
fn nanos(table: &RouteTable, ids: &[String]) -> f64 {
    let route = &table.routes()[0];
    let run = |_| {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            for client_id in ids {
                let context = Context {
                    client_id,
                    topic: "dw/hall-7/t",
                    user: "",
                    qos: 1,
                    response_topic: "",
                    correlation_data: &[],
                };
                black_box(route.lane(black_box(&context)));
            }
        }
        began.elapsed().as_nanos() as f64 / (ROUNDS * ids.len()) as f64
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

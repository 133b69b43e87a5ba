//! What does a subscription take in memory, and what does the interest in it cost the other shards?
//!
//! ```text
//! cargo run --release -p tributary --example subscriptions -- clients=1000000 json=FILE
//! ```
//!
//! Live bytes of the allocator, before and after a fleet subscribed, per subscription and with what
//! it takes in the client's own record. Each case is measured at half the clients and at all, and
//! the slope between the two is what counts: tables grow by doubling, so one size alone says
//! little. Afterwards all leave, and what is still there is told.

use std::fmt::Write as _;
use std::sync::Arc;

use tikv_jemalloc_ctl::{epoch, stats};
use tributary::interest::{Interest, View};
use tributary_proto::subscriptions::{
    Added, Bounds, Grant, Held, InterestChange, Subscriptions, TopicHasher,
};

/// As in the gateway itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CLIENTS: usize = 1_000_000;
const SHARDS: usize = 2;

/// What each client subscribes to: its filters, by its number and id.
struct Case {
    name: &'static str,
    filters_per_client: usize,
    filter: fn(usize, &str, usize) -> String,
}

const CASES: [Case; 5] = [
    Case {
        name: "topic of its own, dev/{client id}/cmd",
        filters_per_client: 1,
        filter: |_, id, _| format!("dev/{id}/cmd"),
    },
    Case {
        name: "10 topics of its own, dev/{client id}/cmd/{n}",
        filters_per_client: 10,
        filter: |_, id, nth| format!("dev/{id}/cmd/{nth}"),
    },
    Case {
        name: "10 exact filters that nobody else has",
        filters_per_client: 10,
        filter: |client, _, nth| format!("site/{client:07}/{nth}"),
    },
    Case {
        name: "exact filter that all share",
        filters_per_client: 1,
        filter: |_, _, _| "news".to_owned(),
    },
    Case {
        name: "filter with a wildcard that nobody else has",
        filters_per_client: 1,
        filter: |client, _, _| format!("site/{client:07}/+"),
    },
];

/// What one run of a case took.
struct Run {
    index_bytes: usize,
    interest_bytes: usize,
    left_bytes: usize,
}

fn main() {
    let argument = |name: &str| {
        let mut all = std::env::args().skip(1);
        all.find_map(|text| text.strip_prefix(name).map(str::to_owned))
    };
    let clients = argument("clients=").map_or(CLIENTS, |n| n.parse().expect("a number"));
    let mut rows = Vec::new();
    println!(
        "{:<46} {:>12} {:>12} {:>14} {:>10}",
        "bytes", "subscription", "all of one", "other shards", "left"
    );
    for case in &CASES {
        // Ten filters each are measured with a tenth of the clients: as many subscriptions.
        let clients = clients / case.filters_per_client;
        let (half, all) = (run(case, clients / 2), run(case, clients));
        let per_client = |half: usize, all: usize| {
            let more = (clients - clients / 2) as f64;
            // What is freed late can make a nothing negative.
            ((all as f64 - half as f64) / more).max(0.0)
        };
        let client = per_client(half.index_bytes, all.index_bytes) + size_of::<Held>() as f64;
        let per = client / case.filters_per_client as f64;
        let interest =
            per_client(half.interest_bytes, all.interest_bytes) / case.filters_per_client as f64;
        println!(
            "{:<46} {per:>12.1} {client:>12.1} {interest:>14.1} {:>10}",
            case.name, all.left_bytes
        );
        rows.push(format!(
            "{{\"case\": \"{}\", \"subscriptions\": {}, \"bytes_per_subscription\": {per:.1}, \
             \"bytes_per_client\": {client:.1}, \"interest_bytes_per_subscription\": \
             {interest:.1}, \"bytes_left\": {}}}",
            case.name,
            clients * case.filters_per_client,
            all.left_bytes
        ));
    }
    if let Some(file) = argument("json=") {
        let mut json = String::new();
        write!(json, "{{\"cases\": [\n  {}\n]}}\n", rows.join(",\n  ")).expect("a String grows");
        std::fs::write(file, json).expect("the file can be written");
    }
}

/// Live bytes of the allocator.
fn live_bytes() -> usize {
    epoch::advance().expect("jemalloc keeps statistics");
    stats::allocated::read().expect("jemalloc keeps statistics")
}

fn run(case: &Case, clients: usize) -> Run {
    let hasher = TopicHasher::new(5);
    let mut held: Vec<Held> = (0..clients).map(|_| Held::default()).collect();
    let mut changes: Vec<InterestChange> = Vec::new();
    let before = live_bytes();
    let mut index = Subscriptions::new(hasher.clone(), Bounds::default());
    for (client, held) in held.iter_mut().enumerate() {
        let id = format!("device-{client:09}");
        for nth in 0..case.filters_per_client {
            let filter = (case.filter)(client, &id, nth);
            let added = index.subscribe(
                client as u32,
                &id,
                held,
                &filter,
                Grant::default(),
                &mut changes,
            );
            assert_eq!(added, Added::New);
        }
    }
    let told = std::mem::take(&mut changes);
    let index_bytes = live_bytes() - before - bytes_of(&told);
    let interest_bytes = interest_bytes(told, &hasher);
    for (client, held) in held.iter_mut().enumerate() {
        index.unsubscribe_all(client as u32, held, &mut changes);
    }
    assert!(index.is_empty());
    drop(changes);
    Run {
        index_bytes,
        interest_bytes,
        left_bytes: live_bytes().saturating_sub(before),
    }
}

/// What the list of changes itself takes, as the allocator rounds it.
fn bytes_of(changes: &Vec<InterestChange>) -> usize {
    let with = live_bytes();
    let copy = {
        let mut copy = Vec::with_capacity(changes.capacity());
        copy.extend(changes.iter().cloned());
        copy
    };
    let bytes = live_bytes() - with;
    drop(copy);
    bytes
}

/// What the changes of one shard take in the view of another one.
fn interest_bytes(changes: Vec<InterestChange>, hasher: &TopicHasher) -> usize {
    let interest = Arc::new(Interest::new(SHARDS, hasher.clone()));
    let mut views: Vec<View> = (0..SHARDS)
        .map(|shard| View::new(Arc::clone(&interest), shard))
        .collect();
    // The table of cells has one size whoever subscribes, and the list is gone while it is read.
    let list_bytes = bytes_of(&changes);
    let before = live_bytes() - list_bytes;
    for change in changes {
        interest.tell(0, change);
        views.iter_mut().for_each(View::catch_up);
    }
    live_bytes() - before
}

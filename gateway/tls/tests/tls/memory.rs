//! What an idle connection keeps, counted by the allocator that Rust and aws-lc's C share.

use std::sync::Arc;

use rustls::CipherSuite;
use tikv_jemalloc_ctl::thread::{allocatedp, deallocatedp};
use tributary_tls::settings::ClientAuth;
use tributary_tls::{Handshake, Layer, Opened, Records, Settings, Verdict};

use crate::support::NOW_SECS;
use crate::support::client::{Client, Wishes, config, pump};
use crate::support::server::{Server, Site, build};

/// What a lean connection may cost beside a plain one: 80 bytes, and the word pair that finds them.
const LEAN_BYTES_MAX: usize = 96;
/// The same with the longer secrets of AES-256.
const LEAN_WIDE_BYTES_MAX: usize = 128;
/// rustls asks for 2.3 KB; jemalloc's sizes, 1,280 for its 1,088 among them, make it more. Keys
/// that are kept expanded would be 1.1 KB on top.
const RUSTLS_BYTES_MAX: usize = 2_560;

const CONNECTIONS: usize = 300;

/// Bytes that this thread has allocated and not freed, in the sizes that jemalloc hands out.
fn live_bytes() -> usize {
    let allocated = allocatedp::read().expect("jemalloc counts by thread").get();
    let freed = deallocatedp::read()
        .expect("jemalloc counts by thread")
        .get();
    (allocated - freed) as usize
}

/// Bytes per connection that has done its handshake and said hello both ways.
fn idle_bytes(site: &Site, settings: &Arc<Settings>, wishes: &Wishes<'_>) -> usize {
    let config = Arc::new(config(site, wishes));
    let mut kept: Vec<Records> = Vec::with_capacity(2 * CONNECTIONS);
    let connect = |kept: &mut Vec<Records>| {
        let mut client = Client::new(&config);
        let mut server = Server::new(settings);
        client.write(b"hello");
        pump(&mut client, &mut server, usize::MAX);
        server.send(b"hello");
        pump(&mut client, &mut server, usize::MAX);
        assert_eq!(
            (server.data.as_slice(), client.read().as_slice()),
            (&b"hello"[..], &b"hello"[..])
        );
        kept.push(server.secured.expect("it is connected").records);
    };
    // The first ones pay for what all share.
    (0..CONNECTIONS).for_each(|_| connect(&mut kept));
    let before = live_bytes();
    (0..CONNECTIONS).for_each(|_| connect(&mut kept));
    let grown = live_bytes() - before;
    assert_eq!(kept.len(), 2 * CONNECTIONS);
    size_of::<Records>() + grown.div_ceil(CONNECTIONS)
}

#[test]
fn idle_connections_keep_within_their_budgets() {
    let site = Site::new();
    let aes_256 = Wishes {
        suite: Some(CipherSuite::TLS13_AES_256_GCM_SHA384),
        ..Wishes::default()
    };
    let lean = idle_bytes(&site, &site.settings(Layer::Lean), &Wishes::default());
    let wide = idle_bytes(&site, &site.settings(Layer::Lean), &aes_256);
    let rustls = idle_bytes(&site, &site.settings(Layer::Rustls), &Wishes::default());
    println!("lean {lean} B, with AES-256 {wide} B, rustls {rustls} B");
    // Twice 80 would be a count that misses something, and so would less than the structure.
    assert!((80..=LEAN_BYTES_MAX).contains(&lean), "lean: {lean} bytes");
    assert!(
        (112..=LEAN_WIDE_BYTES_MAX).contains(&wide),
        "lean with AES-256: {wide} bytes"
    );
    assert!(
        (1_000..=RUSTLS_BYTES_MAX).contains(&rustls),
        "rustls: {rustls} bytes"
    );
    let aes_128 = Wishes {
        suite: Some(CipherSuite::TLS13_AES_128_GCM_SHA256),
        ..Wishes::default()
    };
    let expanded = idle_bytes(&site, &site.settings(Layer::Rustls), &aes_128);
    assert!(
        expanded > rustls + 1_000,
        "rustls expands keys of AES-128 alone: {expanded} and {rustls} bytes"
    );

    let identity = site.authority.client("device-7", 7);
    let mut options = site.options(Layer::Lean);
    options.client_auth = ClientAuth::Required(site.trust(&[]));
    let wishes = Wishes {
        identity: Some(&identity),
        ..Wishes::default()
    };
    let mutual = idle_bytes(&site, &build(&options), &wishes);
    assert_eq!(mutual, lean, "a client's certificate is not kept");
}

/// Bytes that are held of a client's first flight until it is whole.
const AWAIT_HELLO_BYTES_MAX: usize = 1 << 10;
/// The same once our flight is out and its Finished is waited for.
const AWAIT_FINISHED_BYTES_MAX: usize = 7 << 10;

#[test]
fn half_open_handshakes_keep_within_their_budgets() {
    let site = Site::new();
    let settings = site.settings(Layer::Lean);
    let hello = Client::new(&Arc::new(config(&site, &Wishes::default()))).take_out();
    let cut = hello.len() - 1;
    let mut out = Vec::with_capacity(1 << 20);
    let mut open: Vec<Handshake> = Vec::with_capacity(2 * CONNECTIONS);
    let mut begin = |open: &mut Vec<Handshake>, bytes: &[u8]| {
        let before = live_bytes();
        for _ in 0..CONNECTIONS {
            let mut handshake = Handshake::new(settings.clone());
            let taken = handshake.on_bytes(bytes, NOW_SECS, &mut out);
            assert!(matches!(taken.verdict, Verdict::NeedMore));
            out.clear();
            open.push(handshake);
        }
        size_of::<Handshake>() + (live_bytes() - before) / CONNECTIONS
    };
    let hello_bytes = begin(&mut open, &hello[..cut]);
    let finished_bytes = begin(&mut open, &hello);
    println!("half open: {hello_bytes} B before the hello is whole, {finished_bytes} B behind it");
    assert!(
        (cut..=AWAIT_HELLO_BYTES_MAX).contains(&hello_bytes),
        "{hello_bytes} bytes"
    );
    assert!(
        (1_000..=AWAIT_FINISHED_BYTES_MAX).contains(&finished_bytes),
        "{finished_bytes} bytes"
    );
}

#[test]
fn a_record_layer_is_a_word_pair_and_goes_to_any_thread() {
    assert_eq!(size_of::<Records>(), 16);
    assert_eq!(size_of::<Option<Records>>(), 16);
    assert!(size_of::<Opened>() <= 24);
    fn assert_send<T: Send>() {}
    assert_send::<Records>();
}

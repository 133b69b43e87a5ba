//! TLS as a pure state machine: handshakes, tickets, and two ways to keep an idle connection.
//!
//! ```text
//!  accept ──> Handshake ───────────────> Records ────────────────────────> MQTT
//!             bytes and time in,         Lean     two secrets, counters:
//!             alert or flight out                 80 bytes (112 with AES-256)
//!                 │                      Rustls   its connection: 3.7 KB
//!             Settings  certificates by name, client authorities, tickets
//! ```
//!
//! Bytes and time go in, verdicts come out; what the peer must get is appended to a buffer of the
//! caller's. There is no socket, no thread and no clock here. Only what a peer can do wrong is a
//! [`Fault`], and each way has one variant, one name for logs and counters, and one alert.
//!
//! # How the gateway uses it
//!
//! A connection begins as a [`Handshake`], which holds what was read until a whole record is there.
//! When it is done, [`Secured`] says who the client is; the gateway maps that to an identity and
//! keeps the [`Records`] alone, or what is in their box. Records are opened where they were
//! read, in the shard's buffer; one that is cut off by the end of a read goes to a pooled
//! buffer, as a cut packet does: [`frame::front`] says how much is missing. Nothing else is
//! kept between two reads.
//!
//! ```
//! use tributary_tls::frame::{self, Front};
//! use tributary_tls::{Opened, Records};
//!
//! /// Serves what one read brought; the rest is a record that is not whole yet.
//! fn on_read<'a>(records: &mut Records, mut bytes: &'a mut [u8], out: &mut Vec<u8>) -> &'a [u8] {
//!     let mut burst = records.burst(); // keys are derived once, for all records of a read
//!     loop {
//!         let length = match frame::front(bytes) {
//!             Front::Record { bytes } => bytes,
//!             Front::Short { .. } => return bytes,
//!             Front::Refused(fault) => {
//!                 burst.refuse(fault, out); // and closes behind it
//!                 return &[];
//!             }
//!         };
//!         let (record, rest) = bytes.split_at_mut(length);
//!         match burst.open(record, out) {
//!             Opened::Data(range) => serve(&record[range]),
//!             Opened::Control => {}
//!             Opened::Closed | Opened::Failed(_) => return &[], // closes behind `out`
//!         }
//!         bytes = rest;
//!     }
//! }
//! # fn serve(_: &[u8]) {}
//! ```
//!
//! All shards share one [`Settings`] behind an `Arc`, and one [`Tickets`] that outlives reloads. A
//! [`Records`] may go to another thread between two records, so it follows its socket to the home
//! shard. What a handshake costs is known when it is over ([`Secured::resumed`]); a budget charges
//! it then.
//!
//! # What lean is, and how to choose
//!
//! The handshake, and with it everything that needs judgement (certificates, key exchange,
//! versions, tickets), is rustls's in both layers. What differs is who opens and seals records
//! afterwards.
//!
//! * [`Layer::Rustls`] keeps rustls's connection. Its record layer is the one that everyone uses
//!   and reviews. An idle client costs 2.5 KB, more with its certificate, and 1.1 KB more if it
//!   offers nothing but AES-128, whose keys rustls keeps expanded; the other suites' are expanded
//!   for every record, by rustls as well.
//! * [`Layer::Lean`] is **a record layer of our own**: the module [`lean`], some 400 lines without
//!   `unsafe`, over aws-lc's AEAD and HKDF. It keeps both traffic secrets and the counters, 80
//!   bytes, and derives the keys again for every burst of records, which costs about a microsecond.
//!   It does all that RFC 8446 asks of a server after the handshake: KeyUpdate in both directions,
//!   alerts, close_notify, padding, empty and split records, limits of size and of use of a key.
//!   It compares the keys it derives with rustls's at every take-over, and is proven against
//!   RFC 8448's vectors, rustls and OpenSSL. It has not been audited by anyone else.
//!
//! Choose rustls up to some ten thousand clients, or where code of our own between the network and
//! a secret needs an argument; choose lean when memory is what limits the number of clients. Both
//! may run side by side on different listeners, and clients cannot tell them apart. Secrets stay in
//! memory for as long as a client is connected, as with any TLS: deny core dumps.
//!
//! rustls 0.24 drops the unbuffered API that both rest on, so this crate stays with 0.23 until
//! there is another way to feed it record by record. No caller names a type of rustls's.

#![forbid(unsafe_code)]

pub mod handshake;

pub mod settings;

pub mod peer;

pub mod records;

mod unbuffered;

pub mod lean;

mod opened;

pub mod tickets;

mod suites;

mod capture;

mod clock;

pub mod hello;

pub mod frame;

mod fault;

pub mod limits;

pub use clock::Clock;
pub use fault::Fault;
pub use handshake::{Handshake, Secured, Suite, Taken, Verdict, Version};
pub use opened::{Opened, Spent};
pub use peer::PeerName;
pub use records::{Burst, Records};
pub use settings::{Layer, Options, Settings};
pub use tickets::Tickets;
pub use unbuffered::Unbuffered;

//! A client with a record layer of its own, apart from the server's, to send what nobody should.

use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{self, KeyType, Prk};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{CipherSuite, ClientConfig, KeyLog};

use super::client::{Wishes, config};
use super::server::{Server, Site};

/// One direction of records.
pub(crate) struct Direction {
    suite: CipherSuite,
    secret: Vec<u8>,
    seq: u64,
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Direction {
    fn label(&self, label: &str, length: usize) -> Vec<u8> {
        let hash = match self.suite {
            CipherSuite::TLS13_AES_256_GCM_SHA384 => hkdf::HKDF_SHA384,
            _ => hkdf::HKDF_SHA256,
        };
        let name = format!("tls13 {label}");
        let mut info = (length as u16).to_be_bytes().to_vec();
        info.push(name.len() as u8);
        info.extend_from_slice(name.as_bytes());
        info.push(0);
        let mut out = vec![0; length];
        let prk = Prk::new_less_safe(hash, &self.secret);
        prk.expand(&[&info], Length(length))
            .expect("short")
            .fill(&mut out)
            .expect("its length");
        out
    }

    fn key(&self) -> (LessSafeKey, Nonce) {
        let algorithm = match self.suite {
            CipherSuite::TLS13_AES_128_GCM_SHA256 => &aead::AES_128_GCM,
            CipherSuite::TLS13_AES_256_GCM_SHA384 => &aead::AES_256_GCM,
            _ => &aead::CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, &self.label("key", algorithm.key_len()));
        let mut nonce: [u8; 12] = self.label("iv", 12).try_into().expect("12 bytes");
        for (index, byte) in self.seq.to_be_bytes().into_iter().enumerate() {
            nonce[4 + index] ^= byte;
        }
        (
            LessSafeKey::new(key.expect("its length")),
            Nonce::assume_unique_for_key(nonce),
        )
    }

    /// A record with any content type, `padding` zeros behind it.
    pub(crate) fn seal(&mut self, kind: u8, content: &[u8], padding: usize) -> Vec<u8> {
        let mut inner = content.to_vec();
        inner.push(kind);
        inner.resize(inner.len() + padding, 0);
        self.seal_inner(inner)
    }

    /// A record of which even the content type is the caller's.
    pub(crate) fn seal_inner(&mut self, mut inner: Vec<u8>) -> Vec<u8> {
        let length = ((inner.len() + 16) as u16).to_be_bytes();
        let header = [23, 3, 3, length[0], length[1]];
        let (key, nonce) = self.key();
        key.seal_in_place_append_tag(nonce, Aad::from(header), &mut inner)
            .expect("it fits");
        self.seq += 1;
        [&header[..], &inner].concat()
    }

    pub(crate) fn update(&mut self) {
        self.secret = self.label("traffic upd", self.secret.len());
        self.seq = 0;
    }

    /// Content type and content of a record; none if it does not decrypt.
    fn open(&mut self, record: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (header, body) = record.split_at(5);
        let (key, nonce) = self.key();
        let mut body = body.to_vec();
        let inner = key
            .open_in_place(nonce, Aad::from(header), &mut body)
            .ok()?;
        self.seq += 1;
        let end = inner.iter().rposition(|byte| *byte != 0)?;
        Some((inner[end], inner[..end].to_vec()))
    }
}

/// What the server has told a forger.
#[derive(PartialEq, Eq, Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) data: Vec<u8>,
    pub(crate) alerts: Vec<(u8, u8)>,
    pub(crate) key_updates: Vec<bool>,
}

/// See the head of the file.
pub(crate) struct Forger {
    pub(crate) tx: Direction,
    rx: Direction,
    unread: Vec<u8>,
    pub(crate) heard: Heard,
}

#[derive(Debug, Default)]
struct Log(Mutex<Vec<(String, Vec<u8>)>>);

impl KeyLog for Log {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        self.0
            .lock()
            .expect("nobody panicked")
            .push((label.to_owned(), secret.to_vec()));
    }
}

impl Forger {
    /// Completes a handshake; the server has taken the Finished when this returns.
    pub(crate) fn connect(site: &Site, suite: CipherSuite, server: &mut Server) -> Forger {
        let (mut forger, finished) = Forger::before_finished(site, suite, server);
        server.on_read(&finished);
        forger.listen(server);
        forger
    }

    /// The same, with the flight that holds the Finished still in hand.
    pub(crate) fn before_finished(
        site: &Site,
        suite: CipherSuite,
        server: &mut Server,
    ) -> (Forger, Vec<u8>) {
        let log = Arc::new(Log::default());
        let mut config: ClientConfig = config(
            site,
            &Wishes {
                suite: Some(suite),
                ..Wishes::default()
            },
        );
        config.key_log = log.clone();
        let name = ServerName::try_from("localhost").expect("it is a name");
        let mut connection =
            UnbufferedClientConnection::new(Arc::new(config), name).expect("it is whole");
        let (mut unread, mut out) = (Vec::new(), Vec::new());
        loop {
            let UnbufferedStatus { discard, state, .. } =
                connection.process_tls_records(&mut unread);
            let mut done = false;
            match state.expect("the server is in order") {
                ConnectionState::EncodeTlsData(mut encoder) => {
                    let start = out.len();
                    out.resize(start + 4096, 0);
                    let length = encoder.encode(&mut out[start..]).expect("it fits");
                    out.truncate(start + length);
                }
                ConnectionState::TransmitTlsData(transmit) => transmit.done(),
                ConnectionState::WriteTraffic(_) => done = true,
                ConnectionState::BlockedHandshake => {
                    server.on_read(&std::mem::take(&mut out));
                    unread.append(&mut server.out);
                }
                other => panic!("{other:?}"),
            }
            unread.drain(..discard);
            if done {
                break;
            }
        }
        let secret = |label: &str| {
            let log = log.0.lock().expect("nobody panicked");
            log.iter()
                .find(|(other, _)| other == label)
                .expect("it is logged")
                .1
                .clone()
        };
        let tx = Direction {
            suite,
            secret: secret("CLIENT_TRAFFIC_SECRET_0"),
            seq: 0,
        };
        let rx = Direction {
            suite,
            secret: secret("SERVER_TRAFFIC_SECRET_0"),
            seq: 0,
        };
        (
            Forger {
                tx,
                rx,
                unread,
                heard: Heard::default(),
            },
            out,
        )
    }

    /// Reads everything the server has said.
    pub(crate) fn listen(&mut self, server: &mut Server) {
        self.unread.append(&mut server.out);
        while self.unread.len() >= 5 {
            let length = 5 + usize::from(u16::from_be_bytes([self.unread[3], self.unread[4]]));
            let record: Vec<u8> = self.unread.drain(..length).collect();
            match self.rx.open(&record).expect("the server seals well") {
                (23, data) => self.heard.data.extend_from_slice(&data),
                (21, alert) => self.heard.alerts.push((alert[0], alert[1])),
                (22, message) if message[0] == 24 => {
                    self.heard.key_updates.push(message[4] == 1);
                    self.rx.update();
                }
                (22, message) => assert_eq!(message[0], 4, "a ticket"),
                (kind, _) => panic!("content type {kind}"),
            }
        }
    }
}

//! The TLS of a listener, and `[tls]`: certificates, versions, whose clients are trusted, what
//! handshakes may cost, and what tickets are sealed with.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use tributary_tls::Layer;
use tributary_tls::limits::{TICKET_ROTATION_SECS, TICKET_SECS_MAX};
use tributary_tls::tickets::SECRET_BYTES_MIN;

use super::section::Section;
use super::settings::{Handshakes, Protocol, TicketKeys, Token};
use crate::limits::{FULL_HANDSHAKES_PER_SEC, RESUMED_HANDSHAKES_PER_SEC};
use crate::tls::{self, Certificate, ClientAuth, Tls};

/// All that is said of TLS in `[listen.NAME]`.
const KEYS: [&str; 7] = [
    "certificates",
    "tls_versions",
    "client_auth",
    "client_ca",
    "client_crl",
    "record_layer",
    "handshake_timeout_secs",
];
const CERTIFICATES_RIGHT: &str =
    "write [{ chain = \"/PATH/fullchain.pem\", key = \"/PATH/key.pem\" }]";
const HANDSHAKE_TIMEOUT_SECS: u64 = 10;
/// A handshake is over within a second by any network that MQTT is of use in.
const HANDSHAKE_TIMEOUT_SECS_MAX: u64 = 120;
const RATE_MAX: u64 = 1_000_000;
/// A ticket is good for at most twice as long, which may be a week [RFC 8446 4.6.1].
const TICKET_ROTATION_SECS_RANGE: RangeInclusive<u64> = 60..=TICKET_SECS_MAX / 2;

/// What a listener asks of TLS, proven by reading its files; `None` where it asks for none.
pub(super) fn of_listener(
    section: &mut Section<'_>,
    name: &str,
    protocol: Protocol,
    is_secure: bool,
) -> Option<Box<Tls>> {
    if !is_secure {
        for key in KEYS {
            let wrong = "means nothing without TLS";
            section.forbid(
                key,
                wrong,
                "write protocol = \"mqtts\" or \"wss\", or leave it out",
            );
        }
        return None;
    }
    let places = KEYS.map(|key| (key, section.place_of(key)));
    let certificates = certificates(section, name);
    let tls12 = versions(section);
    let (client_auth, client_ca, client_crl) = clients(section);
    let layers = [("lean", Layer::Lean), ("rustls", Layer::Rustls)];
    let record_layer = section.choice("record_layer", &layers, &[]);
    let timeout = section.number("handshake_timeout_secs", 1..=HANDSHAKE_TIMEOUT_SECS_MAX);
    let tls = Tls {
        certificates: certificates?,
        tls12: tls12?,
        client_auth,
        client_ca,
        client_crl,
        record_layer: record_layer.unwrap_or_default(),
        // The range ends where the type does not.
        handshake_timeout_secs: timeout.unwrap_or(HANDSHAKE_TIMEOUT_SECS) as u16,
    };
    if tls.client_auth != ClientAuth::None && tls.client_ca.is_none() {
        return None; // It has been said.
    }
    if let Err(why) = tls::open(&tls, protocol.alpn(), None) {
        let place = places.into_iter().find(|(key, _)| *key == why.key);
        let place = place.map_or(section.place.clone(), |(_, place)| place);
        section.fault(place, why.key, why.wrong, why.right);
    }
    Some(Box::new(tls))
}

fn certificates(section: &mut Section<'_>, name: &str) -> Option<Vec<Certificate>> {
    section.require("certificates", CERTIFICATES_RIGHT);
    let place = section.place_of("certificates");
    let is_there = section.has("certificates");
    let entries = section.listed("certificates");
    if is_there && entries.is_empty() {
        let wrong = "names no certificate";
        section.fault(place, "certificates", wrong, CERTIFICATES_RIGHT);
    }
    let mut certificates = Vec::new();
    for entry in entries {
        let mut child = section.child_of(format!("[listen.{name}].certificates"), entry)?;
        child.require("chain", CERTIFICATES_RIGHT);
        child.require("key", CERTIFICATES_RIGHT);
        let (chain, key) = (child.text("chain"), child.text("key"));
        child.close();
        if let (Some((chain, _)), Some((key, _))) = (chain, key) {
            let (chain, key) = (PathBuf::from(chain), PathBuf::from(key));
            certificates.push(Certificate { chain, key });
        } else {
            return None;
        }
    }
    (!certificates.is_empty()).then_some(certificates)
}

/// Whether TLS 1.2 is offered beside 1.3.
fn versions(section: &mut Section<'_>) -> Option<bool> {
    if !section.has("tls_versions") {
        return Some(false);
    }
    let (versions, place) = section.texts("tls_versions")?;
    let offers = |version: &str| versions.iter().any(|other| other == version);
    let unknown = versions
        .iter()
        .find(|one| !["1.2", "1.3"].contains(&one.as_str()));
    let wrong = match unknown {
        Some(unknown) => format!("\"{unknown}\" is not a version that is offered"),
        None if !offers("1.3") => "leaves out the version that most clients want".to_string(),
        None => return Some(offers("1.2")),
    };
    let right = "write [\"1.3\"], or [\"1.3\", \"1.2\"] for clients that are older";
    section.fault(place, "tls_versions", wrong, right);
    None
}

fn clients(section: &mut Section<'_>) -> (ClientAuth, Option<PathBuf>, Vec<PathBuf>) {
    let words = [
        ("none", ClientAuth::None),
        ("optional", ClientAuth::Optional),
        ("required", ClientAuth::Required),
    ];
    let auth = section
        .choice("client_auth", &words, &[])
        .unwrap_or(ClientAuth::None);
    if auth == ClientAuth::None {
        for key in ["client_ca", "client_crl"] {
            let wrong = "means nothing where clients show no certificate";
            let right = "write client_auth = \"required\" or \"optional\", or leave it out";
            section.forbid(key, wrong, right);
        }
        return (auth, None, Vec::new());
    }
    section.require(
        "client_ca",
        "name the PEM file of the authorities that sign your clients",
    );
    let authorities = section
        .text("client_ca")
        .map(|(path, _)| PathBuf::from(path));
    let lists = section.texts("client_crl").map(|(paths, _)| paths);
    let lists = lists.unwrap_or_default().into_iter().map(PathBuf::from);
    (auth, authorities, lists.collect())
}

/// What handshakes may cost, and what tickets are sealed with.
pub(super) fn section(top: &mut Section<'_>) -> (Handshakes, TicketKeys) {
    let mut section = top.section("tls");
    let mut rate = |key, default: u32| {
        let rate = section.number(key, 1..=RATE_MAX);
        rate.map_or(default, |rate| rate as u32)
    };
    let handshakes = Handshakes {
        full_per_sec: rate("full_handshakes_per_sec", FULL_HANDSHAKES_PER_SEC),
        resumed_per_sec: rate("resumed_handshakes_per_sec", RESUMED_HANDSHAKES_PER_SEC),
    };
    let tickets = ticket_keys(&mut section);
    section.close();
    (handshakes, tickets)
}

fn ticket_keys(section: &mut Section<'_>) -> TicketKeys {
    let secret = section.secret("ticket_secret");
    let secret = secret.and_then(|(secret, place)| match secret.len() {
        SECRET_BYTES_MIN.. => Some(Token(secret)),
        bytes => {
            let wrong = format!("has {bytes} bytes of at least {SECRET_BYTES_MIN}");
            let right = "let `openssl rand -hex 32` make one, the same for all your gateways";
            section.fault(place, "ticket_secret", wrong, right);
            None
        }
    });
    let rotation_secs = section.number("ticket_rotation_secs", TICKET_ROTATION_SECS_RANGE);
    TicketKeys {
        secret,
        rotation_secs: rotation_secs.unwrap_or(TICKET_ROTATION_SECS),
    }
}

//! `[control]`: where the operator comes in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::faults::Place;
use super::section::Section;
use super::settings::{Control, Token};
use crate::control_tls::{ControlTls, ControlTlsFiles};

const CONTROL_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9883);
const ADDRESS_RIGHT: &str = "write an IP address and a port, as in \"127.0.0.1:9883\"";

/// Beyond loopback only with TLS and a token: the control plane can see and end every client, and a
/// token that goes over the wire as it is belongs to whoever listens there.
pub(super) fn control(top: &mut Section<'_>, flag: Option<SocketAddr>) -> Control {
    let mut section = top.section("control");
    let mut address = (CONTROL_ADDRESS, Place::File);
    if let Some((text, place)) = section.text("address") {
        match text.parse() {
            Ok(parsed) => address = (parsed, place),
            Err(_) => {
                let wrong = format!("\"{text}\" is not an address");
                section.fault(place, "address", wrong, ADDRESS_RIGHT);
            }
        }
    }
    // What is there and wrong is said where it is read, and is not called missing below.
    let (has_token, has_tls) = (section.has("token"), section.has("certificate"));
    let token = token(&mut section);
    let tls = tls(&mut section);
    if let Some(flag) = flag {
        address = (flag, Place::Flag("--control"));
    }
    let (address, place) = address;
    if let Some((wrong, right)) = exposed(address, has_token, has_tls) {
        section.fault(place, "address", wrong, right);
    }
    section.close();
    Control {
        address,
        token,
        tls,
    }
}

/// What is wrong with an address that can be reached from outside, and what to do.
pub fn exposed(address: SocketAddr, has_token: bool, has_tls: bool) -> Option<(String, String)> {
    let (missing, keys) = match (has_token, has_tls) {
        _ if address.ip().is_loopback() => return None,
        (true, true) => return None,
        (false, false) => (
            "neither token nor TLS is",
            "token, [control].certificate and [control].key",
        ),
        (false, true) => ("no token is", "token"),
        (true, false) => ("no TLS is", "certificate and [control].key"),
    };
    let wrong = format!("{address} can be reached from outside and {missing} set");
    Some((wrong, format!("set [control].{keys}, or use 127.0.0.1")))
}

fn token(section: &mut Section<'_>) -> Option<Token> {
    let (text, place) = section.secret("token")?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let wrong = "is empty or cannot stand in a header";
        section.fault(place, "token", wrong, "use visible ASCII without spaces");
        return None;
    }
    Some(Token(text))
}

/// The files, proven by reading them.
fn tls(section: &mut Section<'_>) -> Option<ControlTlsFiles> {
    let (certificate, key) = (section.text("certificate"), section.text("key"));
    let ((certificate, certificate_place), (key, key_place)) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        (Some((_, place)), None) => {
            section.fault(
                place,
                "key",
                "is missing",
                "name the key of the certificate",
            );
            return None;
        }
        (None, Some((_, place))) => {
            let right = "name the certificate of the key";
            section.fault(place, "certificate", "is missing", right);
            return None;
        }
    };
    let files = ControlTlsFiles {
        certificate: PathBuf::from(certificate),
        key: PathBuf::from(key),
    };
    match ControlTls::open(&files) {
        Ok(_) => Some(files),
        Err(why) => {
            let place = match why.key {
                "key" => key_place,
                _ => certificate_place,
            };
            section.fault(place, why.key, why.wrong, why.right);
            None
        }
    }
}

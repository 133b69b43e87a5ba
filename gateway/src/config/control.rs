//! `[control]`: where the operator comes in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::faults::Place;
use super::section::Section;
use super::settings::{Control, Token};

const CONTROL_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9883);
const ADDRESS_RIGHT: &str = "write an IP address and a port, as in \"127.0.0.1:9883\"";

/// Beyond loopback only with a token: the control plane can see and end every client.
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
    let token = section.text("token");
    if let Some((text, place)) = &token
        && (text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let wrong = "is empty or cannot stand in a header";
        section.fault(
            place.clone(),
            "token",
            wrong,
            "use visible ASCII without spaces",
        );
    }
    if let Some(flag) = flag {
        address = (flag, Place::Flag("--control"));
    }
    let (address, place) = address;
    if !address.ip().is_loopback() && token.is_none() {
        let wrong = format!("{address} can be reached from outside and no token is set");
        let right = "set [control].token, or use 127.0.0.1";
        section.fault(place, "address", wrong, right);
    }
    section.close();
    Control {
        address,
        token: token.map(|(text, _)| Token(text)),
    }
}

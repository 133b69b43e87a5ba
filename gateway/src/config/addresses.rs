//! `[listen.NAME]` and `[control]`: where the world may come in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::faults::Place;
use super::section::Section;
use super::settings::{Control, Listener, Protocol, Token};

const MQTT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883);
const CONTROL_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9883);
const ADDRESS_RIGHT: &str = "write an IP address and a port, as in \"0.0.0.0:1883\"";

/// `--listen` replaces what the file and the environment say; with none at all, the default.
pub(super) fn listeners(top: &mut Section<'_>, flags: &[SocketAddr]) -> Vec<Listener> {
    let mut listeners = Vec::new();
    let mut places: Vec<(SocketAddr, String)> = Vec::new();
    for (name, entry) in top.named("listen") {
        let Some(mut section) = top.child_of(format!("[listen.{name}]"), entry) else {
            continue;
        };
        section.require("address", ADDRESS_RIGHT);
        let address = section.text("address");
        let protocol = [("mqtt", Protocol::Mqtt)];
        let protocol = section.choice("protocol", &protocol, &["mqtts", "ws", "wss"]);
        let protocol = protocol.unwrap_or(Protocol::Mqtt);
        match address {
            None => {}
            Some((text, place)) => match text.parse::<SocketAddr>() {
                Err(_) => {
                    let wrong = format!("\"{text}\" is not an address");
                    section.fault(place, "address", wrong, ADDRESS_RIGHT);
                }
                Ok(address) => {
                    let other = places.iter().find(|(a, _)| *a == address && a.port() != 0);
                    if let Some((_, other)) = other {
                        let wrong = format!("{address} is taken by [listen.{other}]");
                        section.fault(place, "address", wrong, "give each listener its own port");
                    }
                    places.push((address, name.clone()));
                    listeners.push(Listener {
                        name,
                        address,
                        protocol,
                    });
                }
            },
        }
        section.close();
    }
    if !flags.is_empty() {
        let name = |index| {
            if index == 0 {
                "mqtt".into()
            } else {
                format!("mqtt-{}", index + 1)
            }
        };
        let listener = |(index, address): (usize, &SocketAddr)| Listener {
            name: name(index),
            address: *address,
            protocol: Protocol::Mqtt,
        };
        listeners = flags.iter().enumerate().map(listener).collect();
    }
    if listeners.is_empty() {
        let (name, protocol) = ("mqtt".into(), Protocol::Mqtt);
        listeners.push(Listener {
            name,
            address: MQTT_ADDRESS,
            protocol,
        });
    }
    listeners
}

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

//! `[listen.NAME]`: where clients may come in, and what is asked of them there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tributary_ring::UNIX_PATH_BYTES_MAX;
use tributary_transport::limits::PROXY_V2_BYTES_MAX;
use tributary_transport::proxy::{Mode, Networks, Policy};

use super::faults::Place;
use super::identity::methods;
use super::mqtt::{PACKET_BYTES_LEAST, PACKET_BYTES_LIMIT};
use super::section::Section;
use super::sections::CONNECTIONS_MAX;
use super::settings::{Address, Listener, Protocol};
use super::tls;
use crate::limits::LISTENERS_MAX;

const MQTT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883);
const ADDRESS_RIGHT: &str =
    "write an IP address and a port, as in \"0.0.0.0:1883\" or \"[::]:1883\", or \"unix:/PATH\"";
/// The path that clients ask for unless told otherwise.
const WEBSOCKET_PATH: &str = "/mqtt";
/// Who may come in by a Unix socket: its owner and the group.
const UNIX_MODE: u32 = 0o660;
/// What other lines on stdout begin with.
const NAMES_TAKEN: [&str; 2] = ["control", "kafka"];

/// `--listen` replaces what the file and the environment say; with none at all, the default.
pub(super) fn listeners(
    top: &mut Section<'_>,
    flags: &[SocketAddr],
) -> (Vec<Listener>, Vec<Place>) {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut places = Vec::new();
    for (name, entry) in top.named("listen") {
        let title = format!("[listen.{name}]");
        let Some(mut section) = top.child_of(title, entry) else {
            continue;
        };
        let place = section.place_of("address");
        if let Some(listener) = listener(&mut section, name, &listeners) {
            places.push(place);
            listeners.push(listener);
        }
        section.close();
    }
    if !flags.is_empty() {
        let name = |index| match index {
            0 => "mqtt".to_string(),
            _ => format!("mqtt-{}", index + 1),
        };
        let flags = flags.iter().enumerate();
        listeners = flags
            .map(|(index, address)| Listener::plain(name(index), *address))
            .collect();
        places = vec![Place::Flag("--listen"); listeners.len()];
    }
    if listeners.is_empty() {
        listeners.push(Listener::plain("mqtt".to_string(), MQTT_ADDRESS));
        places.push(Place::File);
    }
    (listeners, places)
}

/// Reads every key, so that all that is wrong is said at once.
fn listener(section: &mut Section<'_>, name: String, others: &[Listener]) -> Option<Listener> {
    let place = section.place.clone();
    if NAMES_TAKEN.contains(&name.as_str()) || name.contains(char::is_whitespace) {
        let wrong = format!("a listener cannot be called \"{name}\"");
        let right = "stdout has a line with each name; choose another one without spaces";
        section.fault(place, "", wrong, right);
    } else if others.len() == LISTENERS_MAX {
        let wrong = format!("is one more than the {LISTENERS_MAX} listeners there may be");
        section.fault(place, "", wrong, "let some of them share an address");
    }
    section.require("address", ADDRESS_RIGHT);
    let words = [
        ("mqtt", (Protocol::Mqtt, false)),
        ("mqtts", (Protocol::Mqtt, true)),
        ("ws", (Protocol::WebSocket, false)),
        ("wss", (Protocol::WebSocket, true)),
    ];
    let protocol = section.choice("protocol", &words, &[]);
    let (protocol, is_secure) = protocol.unwrap_or((Protocol::Mqtt, false));
    let is_plain = protocol == Protocol::Mqtt && !is_secure;
    let address = address(section, is_plain, others);
    let tls = tls::of_listener(section, &name, protocol, is_secure);
    let path = path(section, protocol);
    let proxy = proxy(section);
    let auth = methods(section, "auth");
    let connections_max = section.number("max_connections", 1..=CONNECTIONS_MAX - 1);
    let packet_bytes_max =
        section.number("packet_bytes_max", PACKET_BYTES_LEAST..=PACKET_BYTES_LIMIT);
    Some(Listener {
        name,
        address: address?,
        protocol,
        path,
        proxy,
        tls,
        // Both ranges end where the type does.
        connections_max: connections_max.map(|count| count as u32),
        packet_bytes_max: packet_bytes_max.map(|bytes| bytes as u32),
        auth: auth.map(|(methods, _)| methods),
    })
}

fn address(section: &mut Section<'_>, is_plain: bool, others: &[Listener]) -> Option<Address> {
    let mode = mode(section);
    let (text, place) = section.text("address")?;
    let unix_path = text.strip_prefix("unix:");
    let mode = match mode {
        Some((_, place)) if unix_path.is_none() => {
            let wrong = "only a Unix socket has permissions";
            section.fault(place, "mode", wrong, "leave it out");
            UNIX_MODE
        }
        mode => mode.map_or(UNIX_MODE, |(mode, _)| mode),
    };
    let address = match (unix_path, text.parse()) {
        (Some(path), _) => unix_address(path, mode, is_plain),
        (None, Ok(address)) => Ok(Address::Tcp(address)),
        (None, Err(_)) => Err((format!("\"{text}\" is not an address"), ADDRESS_RIGHT)),
    };
    let address = match address {
        Ok(address) => address,
        Err((wrong, right)) => {
            section.fault(place, "address", wrong, right);
            return None;
        }
    };
    if let Some(other) = others.iter().find(|other| other.address.is_same(&address)) {
        let wrong = format!("{address} is taken by [listen.{}]", other.name);
        let right = "give each listener its own port";
        section.fault(place, "address", wrong, right);
    }
    Some(address)
}

fn unix_address(path: &str, mode: u32, is_plain: bool) -> Result<Address, (String, &'static str)> {
    if !is_plain {
        let wrong = "a Unix socket takes MQTT as it is".to_string();
        return Err((
            wrong,
            "write protocol = \"mqtt\", or an IP address and a port",
        ));
    }
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        let wrong = format!("\"{path}\" is not the full path of a file");
        return Err((wrong, "write \"unix:/PATH\""));
    }
    if path.len() > UNIX_PATH_BYTES_MAX {
        let wrong = format!("the path has more than {UNIX_PATH_BYTES_MAX} bytes");
        return Err((
            wrong,
            "choose a shorter one: the kernel takes no longer path",
        ));
    }
    let path = PathBuf::from(path);
    Ok(Address::Unix { path, mode })
}

/// The permissions of a Unix socket.
fn mode(section: &mut Section<'_>) -> Option<(u32, Place)> {
    let (text, place) = section.text("mode")?;
    match u32::from_str_radix(&text, 8) {
        Ok(mode) if mode <= 0o777 && !text.starts_with('+') => Some((mode, place)),
        _ => {
            let wrong = format!("\"{text}\" is not three octal digits of permissions");
            section.fault(place, "mode", wrong, "write them in quotes, as in \"0660\"");
            None
        }
    }
}

/// The path of a WebSocket; none where there is no WebSocket.
fn path(section: &mut Section<'_>, protocol: Protocol) -> Option<String> {
    let asked = section.text("path");
    match (protocol, asked) {
        (Protocol::Mqtt, None) => None,
        (Protocol::Mqtt, Some((_, place))) => {
            let right = "leave it out, or write protocol = \"ws\"";
            section.fault(place, "path", "only a WebSocket has a path", right);
            None
        }
        (Protocol::WebSocket, None) => Some(WEBSOCKET_PATH.to_string()),
        (Protocol::WebSocket, Some((path, place))) => {
            let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
            if !path.starts_with('/') || !path.bytes().all(is_plain) {
                let wrong = format!("\"{path}\" is not a path");
                let right = "write it as browsers send it, as in \"/mqtt\", without a query";
                section.fault(place, "path", wrong, right);
            }
            Some(path)
        }
    }
}

/// From whom a PROXY header is required; by default nobody may send one.
fn proxy(section: &mut Section<'_>) -> Policy {
    let words = [("required", Mode::Required), ("refused", Mode::Refused)];
    let mode = section.choice("proxy_protocol", &words, &[]);
    let mode = mode.unwrap_or(Mode::Refused);
    let networks_place = section.place_of("proxy_from");
    let networks = section.texts("proxy_from").map(|(networks, _)| networks);
    match (mode, &networks) {
        (Mode::Required, None) => {
            let wrong = "is missing: whoever may send a header may be anybody";
            let right = "name the networks of your balancers, as in [\"10.0.0.0/8\"]";
            section.fault(networks_place.clone(), "proxy_from", wrong, right);
        }
        (Mode::Required, Some(networks)) if networks.is_empty() => {
            let right = "name the networks of your balancers, as in [\"10.0.0.0/8\"]";
            let wrong = "is empty: nobody could come in";
            section.fault(networks_place.clone(), "proxy_from", wrong, right);
        }
        (Mode::Refused | Mode::Optional, Some(_)) => {
            let wrong = "means nothing where headers are refused";
            let right = "write proxy_protocol = \"required\", or leave it out";
            section.fault(networks_place.clone(), "proxy_from", wrong, right);
        }
        _ => {}
    }
    let networks = networks.unwrap_or_default();
    let trusted = Networks::parse(networks.iter().map(String::as_str));
    let trusted = trusted.unwrap_or_else(|(index, fault)| {
        let wrong = format!("\"{}\": {fault}", networks[index]);
        let right = "write networks as in \"10.0.0.0/8\" or \"2001:db8::/32\", or \"unix\"";
        section.fault(networks_place, "proxy_from", wrong, right);
        Networks::default()
    });
    Policy {
        mode,
        trusted,
        v2_bytes_max: PROXY_V2_BYTES_MAX,
    }
}

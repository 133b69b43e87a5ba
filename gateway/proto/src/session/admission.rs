//! Judges a CONNECT: who comes in, under which terms, and what CONNACK says.

use super::terms::Terms;
use crate::encode;
use crate::packet::{ConnAck, ConnAckProperties, Connect};
use crate::reason::Reason;
use crate::version::Version;

/// A client that may come in, with what was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Which MQTT it speaks.
    pub version: Version,
    /// The keep-alive in force, in seconds; 0 is none \[MQTT-3.1.2-22\].
    pub keep_alive_secs: u16,
    /// Whether the keep-alive is ours rather than the client's \[MQTT-3.2.2-21\].
    pub keep_alive_is_ours: bool,
    /// The longest packet the client takes; `None` is the protocol's own limit.
    pub packet_bytes_max: Option<u32>,
    /// Whether the client asked for a session that outlives the connection.
    pub wants_session: bool,
}

/// Weighs a CONNECT against the server's terms. The client id may still be empty: the server then
/// assigns one \[MQTT-3.1.3-6\].
///
/// # Errors
/// The reason for a refusing CONNACK.
pub fn admit(connect: &Connect<'_>, terms: &Terms) -> Result<Admission, Reason> {
    let id_bytes = connect.client_id.len();
    if id_bytes > usize::from(terms.client_id_bytes_max) {
        return Err(Reason::ClientIdentifierNotValid);
    }
    // An MQTT 3 client without an id has no session to come back to [MQTT-3.1.3-8].
    if id_bytes == 0 && connect.version != Version::V5 && !connect.clean_start {
        return Err(Reason::ClientIdentifierNotValid);
    }
    if connect.properties.authentication_method.is_some() {
        return Err(Reason::BadAuthenticationMethod);
    }
    let asked = connect.keep_alive_secs;
    let longest = terms.keep_alive_secs_max;
    // Only MQTT 5 has the words to shorten a keep-alive; an MQTT 3 client keeps its own.
    let ours = connect.version == Version::V5 && longest > 0 && (asked == 0 || asked > longest);
    Ok(Admission {
        version: connect.version,
        keep_alive_secs: if ours { longest } else { asked },
        keep_alive_is_ours: ours,
        packet_bytes_max: connect.properties.packet_bytes_max,
        wants_session: match connect.version {
            Version::V5 => connect.properties.session_expiry_secs > 0,
            _ => !connect.clean_start,
        },
    })
}

/// Writes the CONNACK that lets a client in; says no to everything the server does not have yet.
///
/// `assigned` is the client id when the server chose it.
///
/// # Errors
/// [`Reason::PacketTooLarge`] when the client would not take so long a CONNACK \[MQTT-3.1.2-24\].
pub fn welcome(
    admission: &Admission,
    terms: &Terms,
    assigned: Option<&str>,
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    let start = out.len();
    let properties = ConnAckProperties {
        // Sessions end with their connection until there is a session store.
        session_expiry_secs: admission.wants_session.then_some(0),
        receive_max: Some(terms.receive_max),
        packet_bytes_max: Some(terms.packet_bytes_max),
        topic_alias_max: (terms.topic_alias_max > 0).then_some(terms.topic_alias_max),
        assigned_client_id: assigned,
        server_keep_alive_secs: admission
            .keep_alive_is_ours
            .then_some(admission.keep_alive_secs),
        retain_available: Some(false),
        wildcard_available: Some(false),
        subscription_ids_available: Some(false),
        shared_available: Some(false),
        ..ConnAckProperties::default()
    };
    let connack = ConnAck {
        session_present: false,
        reason: Reason::Success,
        properties,
    };
    encode::connack(out, admission.version, &connack);
    let longest = admission
        .packet_bytes_max
        .map_or(usize::MAX, |max| max as usize);
    if out.len() - start > longest {
        out.truncate(start);
        return Err(Reason::PacketTooLarge);
    }
    Ok(())
}

/// Writes the CONNACK that turns a client away; session present is 0 with every refusal
/// \[MQTT-3.2.2-6\].
pub fn turn_away(version: Version, reason: Reason, out: &mut Vec<u8>) {
    let properties = ConnAckProperties::default();
    encode::connack(
        out,
        version,
        &ConnAck {
            session_present: false,
            reason,
            properties,
        },
    );
}

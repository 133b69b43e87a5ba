//! Judges a CONNECT: who comes in, under which terms, and what CONNACK says.

use super::profile::Profile;
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
    /// Whether an earlier session ends here \[MQTT-3.1.2-4\].
    pub clean_start: bool,
    /// Whether the session expiry is ours rather than the client's (3.2.2.3.2).
    pub expiry_is_ours: bool,
    /// Whether it asked for response information \[MQTT-3.1.2-28\].
    pub wants_response_information: bool,
    /// Whether it named a method of authentication, which is among those on offer.
    pub has_method: bool,
    /// What stays of its CONNECT.
    pub profile: Profile,
}

/// What a CONNACK says that the terms do not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Welcome<'a> {
    /// Whether there is a session to go on with \[MQTT-3.2.2-2\].
    pub session_present: bool,
    /// The client id, its own or assigned.
    pub client_id: &'a str,
    /// Whether the server chose it \[MQTT-3.2.2-16\].
    pub is_assigned: bool,
    /// The method and the last data of an exchange that went well (4.12).
    pub authentication: Option<(&'a str, Option<&'a [u8]>)>,
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
    if let Some(method) = connect.properties.authentication_method
        && !terms
            .authentication_methods
            .iter()
            .any(|own| **own == *method)
    {
        return Err(Reason::BadAuthenticationMethod); // [MQTT-4.12.0-1]
    }
    if connect
        .will
        .is_some_and(|will| will.qos > terms.maximum_qos)
    {
        return Err(Reason::QosNotSupported); // [MQTT-3.2.2-12]
    }
    let asked = connect.keep_alive_secs;
    let longest = terms.keep_alive_secs_max;
    // Only MQTT 5 has the words to shorten a keep-alive; an MQTT 3 client keeps its own.
    let ours = connect.version == Version::V5 && longest > 0 && (asked == 0 || asked > longest);
    let properties = &connect.properties;
    let asked_expiry_secs = match (connect.version, connect.clean_start) {
        (Version::V5, _) => properties.session_expiry_secs,
        // Clean session is a session that ends with its connection [MQTT-3.1.1: 3.1.2-6].
        (_, true) => 0,
        (_, false) => terms.session_expiry_secs_max,
    };
    let session_expiry_secs = asked_expiry_secs.min(terms.session_expiry_secs_max);
    Ok(Admission {
        version: connect.version,
        keep_alive_secs: if ours { longest } else { asked },
        keep_alive_is_ours: ours,
        clean_start: connect.clean_start,
        expiry_is_ours: session_expiry_secs != asked_expiry_secs,
        wants_response_information: properties.request_response_information,
        has_method: properties.authentication_method.is_some(),
        // What goes beyond our own bounds makes no difference, and would make more profiles.
        profile: Profile {
            session_expiry_secs,
            packet_bytes_max: properties.packet_bytes_max.unwrap_or(u32::MAX),
            receive_max: properties.receive_max.min(terms.in_flight_max),
            topic_alias_max: properties.topic_alias_max.min(terms.topic_alias_out_max),
            problem_information: properties.request_problem_information,
        },
    })
}

/// Writes the CONNACK that lets a client in.
///
/// # Errors
/// [`Reason::PacketTooLarge`] when the client would not take so long a CONNACK \[MQTT-3.1.2-24\].
pub fn welcome(
    admission: &Admission,
    terms: &Terms,
    welcome: &Welcome<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    let start = out.len();
    let information = match (&terms.response_information, admission.version) {
        (Some(prefix), Version::V5) if admission.wants_response_information => {
            Some(format!("{prefix}{}", welcome.client_id))
        }
        _ => None,
    };
    let (method, data) = welcome.authentication.unzip();
    let agreed = &admission.profile;
    let properties = ConnAckProperties {
        session_expiry_secs: admission
            .expiry_is_ours
            .then_some(agreed.session_expiry_secs),
        receive_max: Some(terms.receive_max),
        maximum_qos: Some(terms.maximum_qos),
        packet_bytes_max: Some(terms.packet_bytes_max),
        topic_alias_max: (terms.topic_alias_max > 0).then_some(terms.topic_alias_max),
        assigned_client_id: welcome.is_assigned.then_some(welcome.client_id),
        server_keep_alive_secs: admission
            .keep_alive_is_ours
            .then_some(admission.keep_alive_secs),
        retain_available: Some(true),
        wildcard_available: Some(true),
        subscription_ids_available: Some(true),
        shared_available: Some(true),
        response_information: information.as_deref(),
        authentication_method: method,
        authentication_data: data.flatten(),
        ..ConnAckProperties::default()
    };
    // For a client that takes only short packets the second try leaves out what absence says too.
    let terse = ConnAckProperties {
        retain_available: None,
        wildcard_available: None,
        subscription_ids_available: None,
        shared_available: None,
        response_information: None,
        ..properties
    };
    for properties in [properties, terse] {
        let connack = ConnAck {
            session_present: welcome.session_present,
            reason: Reason::Success,
            properties,
        };
        encode::connack(out, admission.version, &connack);
        if out.len() - start <= agreed.packet_bytes_max as usize {
            return Ok(());
        }
        out.truncate(start);
    }
    Err(Reason::PacketTooLarge)
}

/// Writes the CONNACK that turns a client away; session present is 0 with every refusal
/// \[MQTT-3.2.2-6\]. `server_reference` says where else to go, with 0x9C and 0x9D.
pub fn turn_away(
    version: Version,
    reason: Reason,
    server_reference: Option<&str>,
    out: &mut Vec<u8>,
) {
    let properties = ConnAckProperties {
        server_reference,
        ..ConnAckProperties::default()
    };
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

//! What a finished handshake leaves: the record layer, who the client is, and what was agreed.

use rustls::server::UnbufferedServerConnection;
use rustls::{CipherSuite, HandshakeKind, ProtocolVersion};

use crate::capture::Secrets;
use crate::fault::Fault;
use crate::lean::Lean;
use crate::peer::PeerName;
use crate::records::Records;
use crate::settings::{Layer, Settings};
use crate::unbuffered::Unbuffered;

/// The version that was agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Version {
    Tls12,
    Tls13,
}

/// The suite that was agreed on, named by its AEAD.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Suite {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

/// A connection that can carry MQTT.
#[derive(Debug)]
pub struct Secured {
    /// What opens and seals records from here on; the only part worth keeping for long.
    pub records: Records,
    /// The names in the client's certificate, if it showed one.
    pub peer: Option<PeerName>,
    /// The server name the client asked for, in lower case.
    pub server_name: Option<String>,
    /// The protocol that was agreed on, if the client offered any.
    pub alpn: Option<Vec<u8>>,
    /// By a ticket, without certificates; it cost less than half of a full one.
    pub resumed: bool,
    pub version: Version,
    pub suite: Suite,
}

impl Secured {
    /// Reads off what outlives rustls, then hands the records to their layer.
    pub(super) fn new(
        connection: UnbufferedServerConnection,
        secrets: Option<Secrets>,
        settings: &Settings,
        out: &mut Vec<u8>,
    ) -> Result<Secured, Fault> {
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let (version, suite) = agreed(&connection)?;
        let names = peer(&connection, settings);
        let alpn = connection.alpn_protocol().map(<[u8]>::to_vec);
        let mut records = match (settings.layer, version) {
            (Layer::Lean, Version::Tls13) => take_over(connection, secrets)?,
            _ => Records::Rustls(Unbuffered::new(connection)),
        };
        let peer = names.inspect_err(|fault| records.burst().refuse(*fault, out))?;
        Ok(Secured {
            records,
            peer,
            server_name: None,
            alpn,
            resumed,
            version,
            suite,
        })
    }
}

/// The client's names. A resumed session stands for a certificate that was checked when the ticket
/// was issued, and may have expired since.
fn peer(
    connection: &UnbufferedServerConnection,
    settings: &Settings,
) -> Result<Option<PeerName>, Fault> {
    let Some(certificate) = connection.peer_certificates().and_then(<[_]>::first) else {
        return Ok(None);
    };
    let name = PeerName::of(certificate)?;
    if name.not_after_unix_secs < settings.clock.unix_secs() {
        return Err(Fault::CertificateExpired);
    }
    Ok(Some(name))
}

fn take_over(
    connection: UnbufferedServerConnection,
    secrets: Option<Secrets>,
) -> Result<Records, Fault> {
    let secrets = secrets.ok_or(Fault::KeysDisagree)?;
    // The second half would update keys for us and keep the certificate: 800 bytes.
    let (extracted, _) = connection
        .dangerous_into_kernel_connection()
        .map_err(|_| Fault::Internal)?;
    match secrets.client.len() {
        32 => Lean::take_over(&secrets, &extracted).map(Records::Lean),
        _ => Lean::take_over(&secrets, &extracted).map(Records::LeanWide),
    }
}

fn agreed(connection: &UnbufferedServerConnection) -> Result<(Version, Suite), Fault> {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => Version::Tls13,
        Some(ProtocolVersion::TLSv1_2) => Version::Tls12,
        _ => return Err(Fault::Internal),
    };
    let suite = match connection
        .negotiated_cipher_suite()
        .map(|suite| suite.suite())
    {
        Some(
            CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ) => Suite::Aes128Gcm,
        Some(
            CipherSuite::TLS13_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ) => Suite::Aes256Gcm,
        Some(_) => Suite::ChaCha20Poly1305,
        None => return Err(Fault::Internal),
    };
    Ok((version, suite))
}

//! A server that speaks MQTT 3.1.1 within TLS by rustls, a WebSocket, or both, with a thread for
//! each client.

use super::pki::{Authority, Identity};
use super::websocket::Socketed;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use tributary_loadgen::codec::{Malformed, each_frame, packet};

/// It lives until the test's process ends, in threads that wait for clients.
pub(crate) struct TlsServer {
    pub(crate) address: String,
}

impl TlsServer {
    /// Clients have to show a certificate of `trusted` where there is one.
    pub(crate) fn start(identity: &Identity, trusted: Option<&Authority>) -> Self {
        let config = Arc::new(config(identity, trusted));
        Self::serve_by(move |client| serve(within_tls(client, &config)))
    }

    /// MQTT in a WebSocket, and that in TLS where there is an identity.
    pub(crate) fn start_websocket(identity: Option<&Identity>) -> Self {
        let config = identity.map(|identity| Arc::new(config(identity, None)));
        Self::serve_by(move |client| match &config {
            // An error is a client that did not like us.
            Some(config) => {
                let _ = Socketed::accept(within_tls(client, config)).map(serve);
            }
            None => {
                let _ = Socketed::accept(client).map(serve);
            }
        })
    }

    fn serve_by(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, serve) = (client.expect("a client"), serve.clone());
                thread::spawn(move || serve(client));
            }
        });
        Self { address }
    }
}

fn within_tls(
    client: TcpStream,
    config: &Arc<ServerConfig>,
) -> StreamOwned<ServerConnection, TcpStream> {
    let connection = ServerConnection::new(Arc::clone(config)).expect("the settings are good");
    StreamOwned::new(connection, client)
}

fn config(identity: &Identity, trusted: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("both versions are there");
    let builder = match trusted {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let pem = CertificateDer::from_pem_file(&authority.pem.0).expect("it was written");
            roots.add(pem).expect("it is an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().expect("there is a root"))
        }
    };
    let chain = vec![CertificateDer::from(identity.chain_der.clone())];
    let key = PrivateKeyDer::try_from(identity.key_der.clone()).expect("PKCS 8");
    let mut config = builder.with_single_cert(chain, key).expect("they fit");
    config.ticketer = Ticketer::new().expect("there is randomness");
    config
}

fn serve(mut stream: impl Read + Write) {
    let (mut partial, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        // An error is a client that did not like us, or whom we did not like.
        let count = stream.read(&mut bytes).unwrap_or(0);
        if count == 0 {
            return;
        }
        let mut answers = Vec::new();
        each_frame::<Malformed>(&mut partial, &bytes[..count], |first_byte, body| {
            match first_byte >> 4 {
                packet::CONNECT => answers.extend_from_slice(&[0x20, 2, 0, 0]),
                packet::PINGREQ => answers.extend_from_slice(&[0xd0, 0]),
                packet::PUBLISH => {
                    let id_at = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                    answers.extend_from_slice(&[0x40, 2, body[id_at], body[id_at + 1]]);
                }
                _ => {}
            }
            Ok(())
        })
        .expect("loadgen writes MQTT");
        if stream
            .write_all(&answers)
            .and_then(|()| stream.flush())
            .is_err()
        {
            return;
        }
    }
}

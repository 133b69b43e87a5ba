//! A client's end of TLS as a process of its own would be: plain connections go in, TLS comes out.
//!
//! So every client of these tests can come by TLS, and none of them knows.

use super::pki::{Authority, Identity};
use rustix::event::{PollFd, PollFlags, poll};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// How a connection under TLS has ended, as its client saw it.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// The gateway said close_notify.
    CloseNotify,
    /// The gateway closed without it.
    Truncated,
    /// The gateway was wrong, or has said what was: rustls's words for it.
    Failed(String),
    /// The client went first.
    Left,
}

/// Takes plain connections for as long as the test lasts.
pub(crate) struct Tunnel {
    pub(crate) address: SocketAddr,
    ends: Receiver<End>,
    certificates: Receiver<Vec<u8>>,
}

impl Tunnel {
    /// Every connection goes on by TLS to the target, `piece_bytes` at a time.
    pub(crate) fn open(
        target: SocketAddr,
        config: &Arc<ClientConfig>,
        piece_bytes: usize,
    ) -> Tunnel {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let ((say, ends), (show, certificates)) = (channel(), channel());
        let config = Arc::clone(config);
        std::thread::spawn(move || {
            for plain in listener.incoming().map_while(Result::ok) {
                let (config, say, show) = (Arc::clone(&config), say.clone(), show.clone());
                std::thread::spawn(move || {
                    let sealed = TcpStream::connect(target).expect("the gateway accepts");
                    let end = carry(plain, sealed, config, piece_bytes, &show);
                    // The test may be over.
                    let _ = say.send(end);
                });
            }
        });
        Tunnel {
            address,
            ends,
            certificates,
        }
    }

    /// How the next connection to end has ended.
    pub(crate) fn end(&self) -> End {
        let end = self.ends.recv_timeout(super::DEADLINE);
        end.expect("a connection ends")
    }

    /// The certificate that the gateway has shown to the next connection.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let shown = self.certificates.recv_timeout(super::DEADLINE);
        shown.expect("a handshake ends")
    }
}

/// A client's configuration as rustls has it, with this certificate if any.
pub(crate) fn config(authority: &Authority, identity: Option<&Identity>) -> Arc<ClientConfig> {
    config_of(authority, identity, rustls::DEFAULT_VERSIONS)
}

/// The same with these versions of TLS alone.
pub(crate) fn config_of(
    authority: &Authority,
    identity: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("it is PEM");
    roots.add(authority).expect("it is an authority");
    let builder = ClientConfig::builder_with_protocol_versions(versions);
    let builder = builder.with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::from_pem_slice(identity.pem.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes());
            let chain = vec![chain.expect("it is PEM")];
            let built = builder.with_client_auth_cert(chain, key.expect("it is PEM"));
            built.expect("key and certificate go together")
        }
    };
    Arc::new(config)
}

fn carry(
    mut plain: TcpStream,
    mut sealed: TcpStream,
    config: Arc<ClientConfig>,
    piece_bytes: usize,
    show: &Sender<Vec<u8>>,
) -> End {
    sealed.set_nodelay(true).expect("TCP has no-delay");
    plain.set_nodelay(true).expect("TCP has no-delay");
    let name = ServerName::try_from("localhost").expect("it is a name");
    let mut tls = ClientConnection::new(config, name).expect("the configuration is whole");
    let (mut has_left, mut has_shown) = (false, false);
    let end = loop {
        // What the gateway said before it closed is still to be read.
        let _ = flush(&mut tls, &mut sealed, piece_bytes);
        let (from_plain, from_sealed) = readable(&plain, &sealed, has_left);
        if from_plain {
            let mut chunk = [0; 16 << 10];
            match plain.read(&mut chunk) {
                Ok(length @ 1..) => tls
                    .writer()
                    .write_all(&chunk[..length])
                    .expect("it buffers"),
                _ => {
                    has_left = true;
                    tls.send_close_notify();
                }
            }
        }
        if from_sealed {
            match tls.read_tls(&mut sealed) {
                Ok(1..) => {}
                _ if has_left => break End::Left,
                _ => break End::Truncated,
            }
            let state = tls.process_new_packets();
            let state = match state {
                Ok(state) => state,
                Err(error) => break End::Failed(error.to_string()),
            };
            let mut data = vec![0; state.plaintext_bytes_to_read()];
            tls.reader()
                .read_exact(&mut data)
                .expect("so much is there");
            let is_gone = plain.write_all(&data).is_err();
            if !has_shown && let Some([certificate, ..]) = tls.peer_certificates() {
                has_shown = true;
                let _ = show.send(certificate.to_vec());
            }
            if state.peer_has_closed() || is_gone {
                break End::CloseNotify;
            }
        }
    };
    let _ = flush(&mut tls, &mut sealed, usize::MAX);
    let _ = plain.shutdown(Shutdown::Both);
    end
}

/// Sends all that TLS has for the gateway.
fn flush(
    tls: &mut ClientConnection,
    sealed: &mut TcpStream,
    piece_bytes: usize,
) -> std::io::Result<()> {
    let mut records = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut records)?;
    }
    records
        .chunks(piece_bytes)
        .try_for_each(|piece| sealed.write_all(piece))
}

/// Waits until either can be read.
fn readable(plain: &TcpStream, sealed: &TcpStream, has_left: bool) -> (bool, bool) {
    let mut fds = vec![PollFd::new(sealed, PollFlags::IN)];
    if !has_left {
        fds.push(PollFd::new(plain, PollFlags::IN));
    }
    poll(&mut fds, None).expect("poll takes two descriptors");
    let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
    (fds.get(1).is_some_and(is_ready), is_ready(&fds[0]))
}

//! Takes HTTP connections, at most so many, each for so long: the control plane must not become a
//! way to exhaust the gateway.

use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;
use tributary_identity::Service;

use super::{ControlState, api};
use crate::control_tls::ControlTls;

pub(super) const CONNECTIONS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// hyper's buffer must hold a head and is otherwise 400 kB per connection.
const BUFFER_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;
/// Also how long a kept-alive connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A handshake is over by then, or the connection is.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that reads slowly holds its connection no longer than this.
const LIFETIME_MAX: Duration = Duration::from_secs(60);
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);
/// Accept fails when descriptors run out; trying again at once would spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The body of the thread: returns when `stop` is sent or its sender dropped.
pub(super) fn run(
    (listener, tls): (TcpListener, Option<Arc<ControlTls>>),
    state: Arc<ControlState>,
    service: Option<Service>,
    stop: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            if let Some(mut service) = service {
                runtime.spawn(async move { service.run().await });
            }
            runtime.block_on(accept(listener, tls, state, stop));
        }
        Err(error) => tracing::error!(%error, "the control plane has no runtime"),
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<Arc<ControlTls>>,
    state: Arc<ControlState>,
    mut stop: oneshot::Receiver<()>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the control plane cannot listen"),
    };
    let router = api::router(state);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            _ = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_RETRY).await;
            continue;
        };
        match slots.clone().try_acquire_owned() {
            Err(_) => {
                // Best effort: a fresh socket has room for these bytes. Under TLS nobody would
                // understand them.
                if tls.is_none() {
                    let _ = stream.try_write(BUSY);
                }
            }
            Ok(slot) => {
                let (router, tls) = (router.clone(), tls.clone());
                tokio::spawn(async move {
                    greet(stream, tls.as_deref(), router).await;
                    drop(slot);
                });
            }
        }
    }
}

/// Shakes hands first where there is TLS; how that failed concerns nobody but the peer.
async fn greet(stream: TcpStream, tls: Option<&ControlTls>, router: Router) {
    let Some(tls) = tls else {
        return converse(TokioIo::new(stream), router).await;
    };
    let handshake = TlsAcceptor::from(tls.config()).accept(stream);
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        converse(TokioIo::new(stream), router).await;
    }
}

async fn converse(stream: impl Read + Write + Unpin + Send, router: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http.serve_connection(stream, service));
    // How a conversation with a scraper ended concerns nobody.
    let ended = tokio::time::timeout(LIFETIME_MAX, connection.as_mut())
        .await
        .is_ok();
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, connection).await;
    }
}

//! One HTTP endpoint: a request, an answer of bounded length, in bounded time, never a redirect.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::gate::{Gate, NoAnswer};
use super::trust;
use crate::fault::Fault;
use crate::limits::HTTP_HEAD_BYTES_MAX;
use crate::secret::Secret;

/// Where to ask, and how long.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// `http://` or `https://`.
    pub url: String,
    /// PEM of the CAs that the server's certificate must come from; `None`: the system's.
    pub ca: Option<String>,
    /// Headers of each request, such as `Authorization`.
    pub headers: Vec<(String, Secret)>,
    /// From the question until the whole answer, waiting included.
    pub time_out_ms: u32,
    /// Requests on their way at once.
    pub at_once_max: usize,
    /// Questions that wait for one of these; one more counts as no answer.
    pub waiting_max: usize,
}

pub(crate) struct Endpoint {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    gate: Gate,
    /// Connections without a request, at most as many as may be at work.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    body_bytes_max: usize,
}

/// Why there is no answer. The log may show it; the peer never learns of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoResponse {
    Full,
    TimeOut,
    Connect,
    Tls,
    Broken,
    TooLong,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            ca: None,
            headers: Vec::new(),
            time_out_ms: 2_000,
            at_once_max: 32,
            waiting_max: 1_024,
        }
    }
}

impl Endpoint {
    pub(crate) fn new(settings: EndpointSettings, body_bytes_max: usize) -> Result<Self, Fault> {
        let fault = |wrong: &str| {
            let right = "write http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH";
            Fault::new("url", wrong, right)
        };
        let uri: Uri = settings.url.parse().map_err(|_| fault("is no URL"))?;
        let authority = uri.authority().ok_or_else(|| fault("names no host"))?;
        if authority.as_str().contains('@') {
            let right = "put them into a header, from a file or from the environment";
            return Err(Fault::new("url", "holds a user name or a password", right));
        }
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|_| fault("names a host that TLS cannot name"))?;
                (
                    Some((trust::client_config(settings.ca.as_deref())?, name)),
                    443,
                )
            }
            _ => return Err(fault("is of neither http nor https")),
        };
        let port = authority.port_u16().unwrap_or(port);
        let mut headers = vec![
            (
                HOST,
                HeaderValue::from_str(authority.as_str()).map_err(|_| fault("is no URL"))?,
            ),
            (USER_AGENT, HeaderValue::from_static("tributary")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ];
        for (name, value) in &settings.headers {
            headers.push(header(name, value)?);
        }
        Ok(Self {
            host,
            port,
            tls,
            headers,
            gate: Gate::new(
                settings.at_once_max,
                settings.waiting_max,
                settings.time_out_ms,
            )?,
            idle: Mutex::default(),
            uri,
            body_bytes_max,
        })
    }

    /// Sends `body` by POST, or asks by GET where there is none.
    pub(crate) async fn request(
        &self,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), NoResponse> {
        let answered = self.gate.pass(self.request_at_once(body)).await;
        match answered {
            Ok(answer) => answer,
            Err(NoAnswer::Full) => Err(NoResponse::Full),
            Err(NoAnswer::TimeOut) => Err(NoResponse::TimeOut),
        }
    }

    async fn request_at_once(
        &self,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), NoResponse> {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let body = Bytes::from(body.unwrap_or_default());
        // One that was idle may be closed by now: then the request goes out once more.
        while let Some(connection) = self.lend() {
            match self.send(connection, &method, &body).await {
                Err(NoResponse::Broken) => {}
                answered => return answered,
            }
        }
        let connection = self.connect().await?;
        self.send(connection, &method, &body).await
    }

    async fn send(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        method: &Method,
        body: &Bytes,
    ) -> Result<(StatusCode, Bytes), NoResponse> {
        connection.ready().await.map_err(|_| NoResponse::Broken)?;
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().map_err(|_| NoResponse::Broken)?;
        request.headers_mut().extend(self.headers.iter().cloned());
        let response = connection
            .send_request(request)
            .await
            .map_err(|_| NoResponse::Broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), self.body_bytes_max)
            .collect()
            .await;
        let body = body.map_err(|_| NoResponse::TooLong)?.to_bytes();
        self.give_back(connection);
        Ok((status, body))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoResponse> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await;
        let tcp = tcp.map_err(|_| NoResponse::Connect)?;
        tcp.set_nodelay(true).map_err(|_| NoResponse::Connect)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), tcp).await;
                Box::new(stream.map_err(|_| NoResponse::Tls)?)
            }
        };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HTTP_HEAD_BYTES_MAX);
        let (sender, driver) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| NoResponse::Broken)?;
        // It ends when the sender is dropped or the server closes; what went wrong shows there too.
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(sender)
    }

    fn lend(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn give_back(&self, connection: SendRequest<Full<Bytes>>) {
        if !connection.is_closed() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
        }
    }
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), Fault> {
    let right = "use a header's name, and a value of visible characters";
    let fault = || {
        Fault::new(
            "headers",
            format!("{name:?} or its value is no header"),
            right,
        )
    };
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())?;
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| fault())?;
    value.set_sensitive(true);
    Ok((key, value))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}:{})", self.host, self.port)
    }
}

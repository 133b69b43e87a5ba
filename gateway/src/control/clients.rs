//! Clients as operators see them: a list in pages, each by its id, and the end of its connection.
//!
//! The shards are asked one after the other and hold nothing for it: where a page ends is a place
//! of one shard, and what the next one shows is looked at when it is asked for. Whoever is there
//! throughout is on exactly one page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tributary_proto::version::Version;

use super::ControlState;
use super::api::problem;
use crate::limits::{
    INQUIRIES_MAX, INQUIRY_BYTES_MAX, INQUIRY_CLIENTS, INQUIRY_CLIENTS_MAX,
    INQUIRY_CLIENTS_PER_TURN, INQUIRY_TIMEOUT, INQUIRY_TURNS_MAX,
};
use crate::mailbox::{Answer, Ask, Directory, Inquiry, Reply, Sight};

/// What stands before a client id.
pub(super) const EACH: &str = "/api/v1/clients/";

/// How shards are asked about their clients, a few questions at once.
pub struct Clients {
    directory: Directory,
    places: Arc<Semaphore>,
    refused: AtomicU64,
}

/// Where a page begins: a place of one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cursor {
    shard: usize,
    index: u32,
}

/// What a list is asked for.
#[derive(PartialEq, Eq, Debug)]
struct Wanted {
    limit: usize,
    from: Cursor,
}

/// The right to ask, one question after the other.
struct Asker<'a> {
    clients: &'a Clients,
    /// Travels with each question: one whose asker has gone is open until its shard has looked.
    permit: OwnedSemaphorePermit,
}

/// Why somebody is not answered, and what to do about it.
pub(super) struct Refusal(StatusCode, String);

type Shared = State<Arc<ControlState>>;
type Id = Result<Path<String>, PathRejection>;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        problem(self.0, &self.1)
    }
}

impl Clients {
    /// By these letter boxes.
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            places: Arc::new(Semaphore::new(INQUIRIES_MAX)),
            refused: AtomicU64::new(0),
        }
    }

    /// Questions that were turned away.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn asker(&self) -> Result<Asker<'_>, Refusal> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Ok(Asker {
                clients: self,
                permit,
            }),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let message = format!(
                    "{INQUIRIES_MAX} questions about clients are open; ask again once they are \
                     answered, and fewer at once"
                );
                Err(Refusal(StatusCode::TOO_MANY_REQUESTS, message))
            }
        }
    }
}

impl Asker<'_> {
    async fn ask(self, shard: usize, ask: Ask) -> Result<(Self, Answer), Refusal> {
        let Self { clients, permit } = self;
        let (tell, told) = oneshot::channel();
        let reply = Reply::new(move |answer| {
            // Whoever asked may have gone.
            let _ = tell.send((answer, permit));
        });
        clients.directory.leave(shard, Inquiry { ask, reply });
        match tokio::time::timeout(INQUIRY_TIMEOUT, told).await {
            Ok(Ok((answer, permit))) => Ok((Self { clients, permit }, answer)),
            _ => {
                let message = format!(
                    "shard {shard} does not answer; see /healthz and tributary_shard_loop_seconds \
                     in /metrics, and ask again"
                );
                Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, message))
            }
        }
    }

    /// The client with this id, as its home shows it.
    async fn of(self, client_id: &str, ask: fn(Box<str>) -> Ask) -> Result<Sight, Refusal> {
        let shard = self.clients.directory.home(client_id);
        let (_, answer) = self.ask(shard, ask(client_id.into())).await?;
        let found = answer.clients.into_iter().next();
        found.ok_or_else(|| {
            let message = format!(
                "no client and no session is called {client_id:?}; ids are percent-encoded in a \
                 path, and /api/v1/clients lists them"
            );
            Refusal(StatusCode::NOT_FOUND, message)
        })
    }

    async fn page(mut self, wanted: Wanted) -> Result<(Vec<Sight>, Option<Cursor>), Refusal> {
        let shard_count = self.clients.directory.shard_count();
        let Wanted { limit, mut from } = wanted;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for _ in 0..INQUIRY_TURNS_MAX {
            let count = (limit - found.len()).min(INQUIRY_CLIENTS_PER_TURN);
            let index = from.index;
            let (asker, answer) = self
                .ask(from.shard, Ask::Some { from: index, count })
                .await?;
            self = asker;
            bytes += answer.clients.iter().map(Sight::name_bytes).sum::<usize>();
            found.extend(answer.clients);
            from = match answer.next {
                Some(index) => Cursor { index, ..from },
                None if from.shard + 1 == shard_count => return Ok((found, None)),
                None => Cursor {
                    shard: from.shard + 1,
                    index: 0,
                },
            };
            if found.len() >= limit || bytes >= INQUIRY_BYTES_MAX {
                break;
            }
        }
        Ok((found, Some(from)))
    }
}

/// `GET /api/v1/clients?limit=N&after=CURSOR`
pub(super) async fn list(
    State(state): Shared,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let clients = &state.clients;
    let wanted = Wanted::read(query.as_deref(), clients.directory.shard_count());
    let wanted = wanted.map_err(|wrong| Refusal(StatusCode::BAD_REQUEST, wrong))?;
    let (found, next) = clients.asker()?.page(wanted).await?;
    let found: Vec<Value> = found.iter().map(as_json).collect();
    let next = next.map(|Cursor { shard, index }| format!("{shard}-{index}"));
    Ok(fresh(json!({ "clients": found, "next": next })))
}

/// `GET /api/v1/clients/{id}`
pub(super) async fn show(State(state): Shared, id: Id) -> Result<Response, Refusal> {
    let id = readable(id)?;
    let ask = |client_id| Ask::One { client_id };
    let client = state.clients.asker()?.of(&id, ask).await?;
    Ok(fresh(as_json(&client)))
}

/// `DELETE /api/v1/clients/{id}`: the connection ends, the session stays as long as was agreed.
pub(super) async fn end(
    State(state): Shared,
    headers: HeaderMap,
    id: Id,
) -> Result<Response, Refusal> {
    // Browsers say so in everything that changes something; a page that somebody at this machine
    // happens to look at must not end connections.
    if headers.contains_key(ORIGIN) {
        let message = "connections are not ended for pages in browsers; leave the Origin header \
                       out, as curl does";
        return Err(Refusal(StatusCode::FORBIDDEN, message.into()));
    }
    let id = readable(id)?;
    let ask = |client_id| Ask::End { client_id };
    let client = state.clients.asker()?.of(&id, ask).await?;
    if !client.is_connected {
        let message =
            format!("{id:?} is not connected; only its session is here, which ends by itself");
        return Err(Refusal(StatusCode::NOT_FOUND, message));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn readable(id: Id) -> Result<String, Refusal> {
    let message = "the client id in the path is no UTF-8; percent-encode its bytes";
    match id {
        Ok(Path(id)) => Ok(id),
        Err(_) => Err(Refusal(StatusCode::BAD_REQUEST, message.into())),
    }
}

/// Nobody is to keep it.
fn fresh(body: Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn as_json(client: &Sight) -> Value {
    json!({
        "client_id": client.client_id,
        "user": client.user,
        "certificate": client.certificate,
        "connected": client.is_connected,
        "address": client.address.map(|address| address.to_string()),
        "listener": client.listener.as_deref(),
        "protocol": match client.version {
            Version::V31 => "MQTT 3.1",
            Version::V311 => "MQTT 3.1.1",
            Version::V5 => "MQTT 5.0",
        },
        "tls": client.tls,
        "session_expiry_secs": client.session_expiry_secs,
        "subscriptions": client.subscription_count,
        "shard": client.shard,
    })
}

impl Wanted {
    /// Reads the query of a list; else a sentence that says what is wrong with it.
    fn read(query: Option<&str>, shard_count: usize) -> Result<Self, String> {
        let pairs = query.unwrap_or_default().split('&');
        let pairs = pairs.filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut wanted = Self {
            limit: INQUIRY_CLIENTS,
            from: Cursor { shard: 0, index: 0 },
        };
        for (name, value) in pairs {
            match name {
                "limit" => wanted.limit = limit(value)?,
                "after" => wanted.from = Cursor::read(value, shard_count)?,
                _ => {
                    return Err(format!(
                        "?{name}: there is no such parameter; use limit and after"
                    ));
                }
            }
        }
        Ok(wanted)
    }
}

fn limit(value: &str) -> Result<usize, String> {
    let limit = value.parse().ok();
    let limit = limit.filter(|limit| (1..=INQUIRY_CLIENTS_MAX).contains(limit));
    limit.ok_or_else(|| {
        format!("?limit={value}: no number of clients; use 1 to {INQUIRY_CLIENTS_MAX}")
    })
}

impl Cursor {
    fn read(value: &str, shard_count: usize) -> Result<Self, String> {
        let read = || {
            let (shard, index) = value.split_once('-')?;
            let (shard, index) = (shard.parse().ok()?, index.parse().ok()?);
            (shard < shard_count).then_some(Self { shard, index })
        };
        read().ok_or_else(|| {
            format!(
                "?after={value}: no place in this list; use what `next` said, or leave it out to \
                 begin anew"
            )
        })
    }
}

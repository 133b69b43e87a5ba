//! The paths of the control plane and what each of them answers.

use std::sync::Arc;
use std::time::Instant;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, extract::State, middleware};
use serde_json::{Map, Value, json};

use super::metrics::Exporter;
use super::{ControlState, LaneState, Phase, access, clients, process};
use crate::books::{self, Entry, ShardBooks};
use crate::kafka::Trouble;
use crate::route::{AckPolicy, Local, OnOutage, RouteRule};

/// A shard that has shown no life for this long is reported as stuck.
pub(super) const SILENCE_MILLIS_MAX: u64 = 5_000;

pub(super) const DASHBOARD: &str = include_str!("dashboard.html");
/// The page brings its own style and script and may talk to this server only.
const DASHBOARD_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";

type Shared = State<Arc<ControlState>>;

pub(super) fn router(state: Arc<ControlState>) -> Router {
    let exporter = Arc::new(Exporter::new(state.clone()));
    let metrics = move || async move { exporter.expose() };
    Router::new()
        .route("/", get(dashboard))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/stats", get(stats))
        .route("/api/v1/lanes", get(lanes))
        .route("/api/v1/routes", get(routes))
        .route("/api/v1/clients", get(clients::list))
        .route(
            "/api/v1/clients/{id}",
            get(clients::show).delete(clients::end),
        )
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .layer(middleware::from_fn_with_state(state.clone(), access::admit))
        .with_state(state)
}

/// An error as every path gives it.
pub(super) fn problem(status: StatusCode, message: &str) -> Response {
    let reason = status.canonical_reason().unwrap_or("error");
    (status, Json(json!({ "error": reason, "message": message }))).into_response()
}

async fn unknown_path(uri: Uri) -> Response {
    let remedy = match uri.path().starts_with(clients::EACH) {
        true => "percent-encode the client id",
        false => "see /api/v1/stats, /metrics or /",
    };
    let message = format!("there is no {}; {remedy}", uri.path());
    problem(StatusCode::NOT_FOUND, &message)
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let may = match uri.path().starts_with(clients::EACH) {
        true => "GET or DELETE",
        false => "GET",
    };
    let message = format!("{} cannot be asked with {method}; use {may}", uri.path());
    problem(StatusCode::METHOD_NOT_ALLOWED, &message)
}

async fn dashboard() -> impl IntoResponse {
    (
        [(CONTENT_SECURITY_POLICY, DASHBOARD_POLICY)],
        Html(DASHBOARD),
    )
}

/// Whether to restart the process: 503 only when a shard no longer turns.
async fn healthz(State(state): Shared) -> Response {
    let stuck: Vec<Value> = stuck_shards(&state.books, Instant::now())
        .into_iter()
        .map(|(shard, silent_millis)| json!({ "shard": shard, "silent_millis": silent_millis }))
        .collect();
    if stuck.is_empty() {
        return ([(CONTENT_TYPE, "text/plain; charset=utf-8")], "ok\n").into_response();
    }
    let body = json!({ "status": "stuck", "shards": stuck });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// Index of each shard that is stuck, and for how many milliseconds it has been silent.
pub(super) fn stuck_shards(books: &[ShardBooks], now: Instant) -> Vec<(usize, u64)> {
    let silent = books
        .iter()
        .map(|books| books.silent_millis(now))
        .enumerate();
    silent
        .filter(|(_, silent_millis)| *silent_millis > SILENCE_MILLIS_MAX)
        .collect()
}

/// Whether to send clients here. A lane that is down is shown and does not count: clients are
/// better held back here than sent to a neighbour with the same Kafka.
async fn readyz(State(state): Shared) -> Response {
    let lanes: Vec<Value> = state
        .lanes
        .iter()
        .map(|lane| {
            json!({
                "cluster": lane.cluster(),
                "state": lane.state().name(),
                "trouble": trouble_as_json(&**lane),
            })
        })
        .collect();
    let is_down = |lane: &&Arc<dyn super::LaneStats>| lane.state() == LaneState::Down;
    let down: Vec<&str> = state
        .lanes
        .iter()
        .filter(is_down)
        .map(|lane| lane.cluster())
        .collect();
    let reason = match state.readiness.phase() {
        Phase::Ready => {
            let body = json!({ "ready": true, "down": down, "lanes": lanes });
            return Json(body).into_response();
        }
        Phase::Starting => "starting",
        Phase::Draining => "draining",
    };
    let body = json!({ "ready": false, "reason": reason, "down": down, "lanes": lanes });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

async fn stats(State(state): Shared) -> Response {
    let now = Instant::now();
    let entries: Vec<Vec<Entry>> = state.books.iter().map(|books| books.read()).collect();
    let shards: Vec<Value> = state
        .books
        .iter()
        .zip(&entries)
        .map(|(books, entries)| {
            let turns = books.loop_time.read();
            json!({
                "silent_millis": books.silent_millis(now),
                "turns": turns.count,
                "turns_secs": turns.sum_secs,
                "books": as_object(entries),
            })
        })
        .collect();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_secs": state.started.elapsed().as_secs_f64(),
        "phase": format!("{:?}", state.readiness.phase()).to_lowercase(),
        "totals": as_object(&books::sum(&entries)),
        "shards": shards,
        "lanes": lanes_as_json(&state),
        "process": {
            "user_bytes": books::user_bytes(),
            "resident_bytes": process::resident_bytes(),
            "cpu_secs": process::cpu_secs(),
        },
    });
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn lanes(State(state): Shared) -> Response {
    Json(json!({ "lanes": lanes_as_json(&state) })).into_response()
}

async fn routes(State(state): Shared) -> Response {
    let rule = |rule: &RouteRule| {
        json!({
            "filter": rule.filter,
            "cluster": rule.cluster,
            "group": rule.group.as_ref().map(|group| &group.name),
            "topic": rule.topic,
            "key": rule.key,
            "headers": rule.headers.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "kafka": rule.needs_kafka(),
            "ack": match rule.ack {
                AckPolicy::Kafka => "kafka",
                AckPolicy::Spool => "spool",
                AckPolicy::Accept => "accept",
            },
            "on_outage": match rule.on_outage {
                OnOutage::Withhold => "withhold",
                OnOutage::Spool => "spool",
                OnOutage::Reject => "reject",
            },
            "local": local_as_json(rule.local),
            "null": rule.is_null(),
        })
    };
    Json(json!({ "routes": state.routes.iter().map(rule).collect::<Vec<_>>() })).into_response()
}

/// As the configuration has it.
fn local_as_json(local: Local) -> Value {
    match local {
        Local::No => false.into(),
        Local::Yes => true.into(),
        Local::AfterKafka => "after-kafka".into(),
    }
}

fn lanes_as_json(state: &ControlState) -> Vec<Value> {
    let lane = |lane: &Arc<dyn super::LaneStats>| {
        let failed: Map<String, Value> = lane
            .failed()
            .into_iter()
            .map(|(reason, n)| (reason.into(), n.into()))
            .collect();
        json!({
            "cluster": lane.cluster(),
            "state": lane.state().name(),
            "trouble": trouble_as_json(&**lane),
            "delivered": lane.delivered(),
            "failed": failed,
            "pending": lane.pending(),
            "requests": lane.requests(),
            "rebuilds": lane.rebuilds(),
            "spooled": lane.spooled(),
            "spool_messages": lane.spool().map(|spool| spool.messages),
            "spool_bytes": lane.spool().map(|spool| spool.bytes),
        })
    };
    state.lanes.iter().map(lane).collect()
}

/// Null while the cluster answers.
fn trouble_as_json(lane: &dyn super::LaneStats) -> Value {
    let as_json =
        |Trouble {
             error,
             reason,
             remedy,
         }| { json!({ "error": error, "reason": reason, "remedy": remedy }) };
    lane.trouble().map_or(Value::Null, as_json)
}

/// By metric: a number, or an object of numbers by label. Without the prefix that all share.
fn as_object(entries: &[Entry]) -> Value {
    let value = |entry: &Entry| match entry.label {
        "" => Value::from(entry.sum()),
        _ => entry
            .labels
            .iter()
            .zip(&entry.values)
            .map(|(label, value)| (label.to_string(), Value::from(*value)))
            .collect::<Map<_, _>>()
            .into(),
    };
    let name = |entry: &Entry| entry.metric.trim_start_matches("tributary_").to_string();
    entries
        .iter()
        .map(|entry| (name(entry), value(entry)))
        .collect::<Map<_, _>>()
        .into()
}

//! Who may ask: anyone on loopback, or whoever knows the token when one is configured.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::ControlState;
use super::api::problem;

/// What needs no token: a supervisor that restarts us has no secret, and the dashboard's page,
/// which is the same for everyone, asks for it.
const OPEN_PATHS: [&str; 2] = ["/healthz", "/"];

pub(super) async fn admit(
    State(state): State<Arc<ControlState>>,
    request: Request,
    next: Next,
) -> Response {
    let open = OPEN_PATHS.contains(&request.uri().path());
    match &state.token {
        Some(token) if !open && !carries(request.headers(), &token.0) => {
            let body = problem(
                StatusCode::UNAUTHORIZED,
                "send `Authorization: Bearer TOKEN`",
            );
            ([(WWW_AUTHENTICATE, "Bearer")], body).into_response()
        }
        _ => next.run(request).await,
    }
}

fn carries(headers: &HeaderMap, token: &str) -> bool {
    let bearer = |value: &str| {
        let (scheme, credentials) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| same(credentials.trim(), token))
    };
    headers
        .get(AUTHORIZATION)
        .and_then(|value| bearer(value.to_str().ok()?))
        .unwrap_or(false)
}

/// Takes equally long wherever the first difference is, so that the token cannot be guessed byte by
/// byte. Its length is no secret.
fn same(given: &str, token: &str) -> bool {
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(same("secret", "secret"));
        for wrong in ["", "secre", "secrets", "Secret", "secreT"] {
            assert!(!same(wrong, "secret"), "{wrong:?}");
        }
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        let headers = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert!(carries(&headers("Bearer secret"), "secret"));
        assert!(carries(&headers("bearer  secret"), "secret"));
        assert!(!carries(&headers("Basic secret"), "secret"));
        assert!(!carries(&headers("secret"), "secret"));
        assert!(!carries(&HeaderMap::new(), "secret"));
    }
}

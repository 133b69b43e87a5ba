//! Requests that are understood and not granted, and the status of each.

use super::*;

#[test]
fn every_missing_or_wrong_field_has_its_refusal() {
    for (bytes, why) in [
        (without("Host"), Refusal::HostMalformed),
        (with("Host:"), Refusal::HostMalformed),
        (with("Host: a b"), Refusal::HostMalformed),
        (with("Host: a,b"), Refusal::HostMalformed),
        (with("Host: user@a"), Refusal::HostMalformed),
        (without("Upgrade"), Refusal::UpgradeMissing),
        (with("Upgrade: h2c"), Refusal::UpgradeMissing),
        (with("Upgrade: websockets"), Refusal::UpgradeMissing),
        (without("Connection"), Refusal::ConnectionMissing),
        (with("Connection: keep-alive"), Refusal::ConnectionMissing),
        (
            without("Sec-WebSocket-Version"),
            Refusal::WebSocketVersionUnknown,
        ),
        (
            with("Sec-WebSocket-Version: 8"),
            Refusal::WebSocketVersionUnknown,
        ),
        (
            with("Sec-WebSocket-Version: 13, 8"),
            Refusal::WebSocketVersionUnknown,
        ),
        (without("Sec-WebSocket-Key"), Refusal::KeyMalformed),
        (
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"),
            Refusal::KeyMalformed,
        ),
        (
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="),
            Refusal::KeyMalformed,
        ),
        (
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA"),
            Refusal::KeyMalformed,
        ),
        (
            with("Sec-WebSocket-Key: dGhlIHNhbXBs-SBub25jZQ=="),
            Refusal::KeyMalformed,
        ),
        (without("Sec-WebSocket-Protocol"), Refusal::ProtocolMissing),
        (
            with("Sec-WebSocket-Protocol: chat"),
            Refusal::ProtocolMissing,
        ),
        (
            with("Sec-WebSocket-Protocol: MQTT"),
            Refusal::ProtocolMissing,
        ),
        (
            with("Sec-WebSocket-Protocol: mqtt5"),
            Refusal::ProtocolMissing,
        ),
        (
            with("Sec-WebSocket-Protocol: \"mqtt\""),
            Refusal::ProtocolMissing,
        ),
    ] {
        assert_eq!(refusal(&bytes), Some(why), "{}", bytes.escape_ascii());
    }
}

#[test]
fn another_method_path_or_version_of_http_is_refused() {
    for (line, why) in [
        ("POST /mqtt HTTP/1.1", Refusal::MethodUnknown),
        ("OPTIONS /mqtt HTTP/1.1", Refusal::MethodUnknown),
        ("GET / HTTP/1.1", Refusal::PathUnknown),
        ("GET /mqtt/ HTTP/1.1", Refusal::PathUnknown),
        ("GET /MQTT HTTP/1.1", Refusal::PathUnknown),
        ("GET /%6dqtt HTTP/1.1", Refusal::PathUnknown),
        ("GET //mqtt HTTP/1.1", Refusal::PathUnknown),
        ("GET /mqtt HTTP/1.0", Refusal::VersionUnknown),
        ("GET /mqtt HTTP/2.0", Refusal::VersionUnknown),
        ("GET /mqtt http/1.1", Refusal::VersionUnknown),
        ("PRI * HTTP/2.0", Refusal::VersionUnknown),
        ("OPTIONS * HTTP/1.1", Refusal::TargetMalformed),
        ("CONNECT a.example:1883 HTTP/1.1", Refusal::TargetMalformed),
        (
            "GET http://a.example/mqtt HTTP/1.1",
            Refusal::TargetMalformed,
        ),
        ("GET /mqtt#x HTTP/1.1", Refusal::TargetMalformed),
        ("GET /mqtt\u{E4} HTTP/1.1", Refusal::TargetMalformed),
        ("GET  /mqtt HTTP/1.1", Refusal::RequestLineMalformed),
        ("GET /mqtt  HTTP/1.1", Refusal::RequestLineMalformed),
        ("GET /mqtt HTTP/1.1 ", Refusal::RequestLineMalformed),
        ("GET /mqtt", Refusal::RequestLineMalformed),
        ("GET\t/mqtt HTTP/1.1", Refusal::RequestLineMalformed),
        ("G(T /mqtt HTTP/1.1", Refusal::RequestLineMalformed),
    ] {
        assert_eq!(refusal(&request(line, &FIELDS)), Some(why), "{line:?}");
    }
}

#[test]
fn each_status_comes_with_what_its_rules_ask_for() {
    let answered = |refusal: Refusal| {
        let mut out = Vec::new();
        refusal.answer(&mut out);
        String::from_utf8(out).expect("the answer is ASCII")
    };
    assert_eq!(
        answered(Refusal::ProtocolMissing),
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        answered(Refusal::WebSocketVersionUnknown),
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Connection: Upgrade, close\r\nContent-Length: 0\r\n\r\n"
    );
    let line = |refusal| answered(refusal).lines().next().map(str::to_owned);
    assert_eq!(
        line(Refusal::UpgradeMissing).as_deref(),
        Some("HTTP/1.1 426 Upgrade Required")
    );
    assert_eq!(
        line(Refusal::PathUnknown).as_deref(),
        Some("HTTP/1.1 404 Not Found")
    );
    assert!(answered(Refusal::MethodUnknown).starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    assert!(answered(Refusal::MethodUnknown).contains("\r\nAllow: GET\r\n"));
    for refusal in [Refusal::HeadTooLong, Refusal::FieldsTooMany] {
        assert!(answered(refusal).starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
    }
}

#[test]
fn an_answer_says_nothing_that_the_request_did_not() {
    // One status for every kind of bad request: what a prober learns is that it was bad.
    for refusal in [
        Refusal::NotHttp,
        Refusal::KeyMalformed,
        Refusal::HasBody,
        Refusal::FieldTwice,
    ] {
        let mut out = Vec::new();
        refusal.answer(&mut out);
        assert!(
            !out.windows(7).any(|word| word == b"upgrade"),
            "its name stays here"
        );
        assert_eq!(refusal.status(), (400, "Bad Request"));
    }
}

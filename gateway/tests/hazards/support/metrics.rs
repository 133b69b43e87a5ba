//! Reads `/metrics` as a scraper would: a bare HTTP request, and the text taken apart by hand.

use super::DEADLINE;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// One scrape.
pub(crate) struct Metrics {
    pub(crate) text: String,
    samples: Vec<Sample>,
}

struct Sample {
    name: String,
    labels: String,
    value: f64,
}

impl Metrics {
    /// The sum over all label sets; panics when the gateway exports no such metric, since a missing
    /// name would else read as a comfortable zero. A declared metric may be without samples yet.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let family = name.trim_end_matches("_total");
        let declared = [name, family]
            .iter()
            .any(|n| self.text.contains(&format!("# TYPE {n} ")));
        let mut found = self
            .samples
            .iter()
            .filter(|sample| sample.name == name)
            .peekable();
        assert!(
            declared || found.peek().is_some(),
            "no metric {name} in:\n{}",
            self.text
        );
        found.map(|sample| sample.value).sum()
    }

    /// The sum over the label sets that hold `label="value"`; 0 when there is none, since a label
    /// may first appear with its first count.
    pub(crate) fn labelled(&self, name: &str, label: &str, value: &str) -> f64 {
        let wanted = format!("{label}=\"{value}\"");
        let of_name = self.samples.iter().filter(|sample| sample.name == name);
        of_name
            .filter(|sample| sample.labels.contains(&wanted))
            .map(|sample| sample.value)
            .sum()
    }

    /// How far the books are off: received less everything it can have become. Zero at every
    /// moment.
    pub(crate) fn imbalance(&self) -> f64 {
        self.sum("tributary_publishes_received_total")
            - self.sum("tributary_publishes_acknowledged_total")
            - self.sum("tributary_publishes_pending")
            - self.sum("tributary_publishes_refused_total")
            - self.sum("tributary_publishes_settled_after_gone_total")
    }

    /// The same for the downlinks: what was read less everything it can have become.
    pub(crate) fn downlink_imbalance(&self) -> f64 {
        self.sum("tributary_downlink_records_total")
            - self.sum("tributary_downlink_delivered_total")
            - self.sum("tributary_downlink_handed_off_elsewhere_total")
            - self.sum("tributary_downlink_pending")
            - self.sum("tributary_downlink_dropped_total")
    }
}

/// Fetches the metrics once.
pub(crate) fn scrape(control: SocketAddr) -> Metrics {
    let (head, text) = fetch(control, "/metrics");
    assert!(
        head.starts_with("HTTP/1.1 200"),
        "GET /metrics answers: {head}"
    );
    let samples = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(sample)
        .collect();
    Metrics { text, samples }
}

/// The head and the body of the answer to a GET.
pub(super) fn fetch(control: SocketAddr, path: &str) -> (String, String) {
    fetch_with(control, path, "")
}

/// The same, with header lines of its own.
pub(super) fn fetch_with(control: SocketAddr, path: &str, lines: &str) -> (String, String) {
    request(control, "GET", path, lines)
}

/// The same by any method.
pub(super) fn request(
    control: SocketAddr,
    method: &str,
    path: &str,
    lines: &str,
) -> (String, String) {
    let mut stream = TcpStream::connect(control).expect("the control port listens");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a socket takes a timeout");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {control}\r\nConnection: close\r\n{lines}\r\n"
    )
    .expect("the control port reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the control port answers");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .expect("HTTP has a head and a body");
    assert!(
        !head.to_lowercase().contains("chunked"),
        "a scrape of known length is not chunked"
    );
    (head.to_owned(), body.to_owned())
}

/// `name{labels} value`, with or without labels.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    Some(Sample {
        name: name.to_owned(),
        labels: labels.to_owned(),
        value: value.parse().ok()?,
    })
}

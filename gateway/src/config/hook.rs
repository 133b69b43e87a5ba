//! `[auth.http]`: the web service that knows who clients are.

use std::path::PathBuf;

use tributary_identity::remote::WhenDown;

use super::section::Section;
use super::settings::Token;

/// How a web service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub url: String,
    /// The CAs that its certificate must come from, in PEM; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// Headers of each request; their values are secrets.
    pub headers: Vec<(String, Token)>,
    /// From the question until the whole answer.
    pub timeout_millis: u32,
    /// Requests on their way at once, and questions that wait for one of them.
    pub at_once_max: usize,
    pub waiting_max: usize,
    pub when_down: WhenDown,
    /// How long an answer is taken for the same question.
    pub keep_allow_secs: u32,
    pub keep_deny_secs: u32,
}

/// Reads the table; its URL is looked at when it is used.
pub(super) fn hook(section: &mut Section<'_>) -> Hook {
    section.require(
        "url",
        "write http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH",
    );
    let mut text = |key| section.text(key).map(|(text, _)| text);
    let (url, ca_file) = (text("url").unwrap_or_default(), text("ca_file"));
    let headers = match section.fetch_files("headers") {
        true => section.map("headers"),
        false => Vec::new(),
    };
    let mut number = |key, range, otherwise| section.number(key, range).unwrap_or(otherwise);
    let timeout_millis = number("timeout_millis", 1..=60_000, 2_000);
    let at_once_max = number("at_once_max", 1..=1_024, 32);
    let waiting_max = number("waiting_max", 1..=65_536, 1_024);
    let keep_allow_secs = number("keep_allow_secs", 0..=86_400, 60);
    let keep_deny_secs = number("keep_deny_secs", 0..=86_400, 5);
    let words = [("refuse", WhenDown::Refuse), ("next", WhenDown::Next)];
    let when_down = section.choice("when_down", &words, &[]);
    let headers = headers.into_iter();
    Hook {
        url,
        ca_file: ca_file.map(PathBuf::from),
        headers: headers
            .map(|(name, value, _)| (name, Token(value)))
            .collect(),
        timeout_millis: timeout_millis as u32,
        at_once_max: at_once_max as usize,
        waiting_max: waiting_max as usize,
        when_down: when_down.unwrap_or(WhenDown::Refuse),
        keep_allow_secs: keep_allow_secs as u32,
        keep_deny_secs: keep_deny_secs as u32,
    }
}

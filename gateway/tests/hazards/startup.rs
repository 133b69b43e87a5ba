//! A gateway that cannot start says why in a sentence, what to do, and ends with the exit code for
//! it.

use crate::support::gateway::{Ended, Gateway, config_file, run_to_end};
use std::net::TcpListener;

const ANY_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];

fn run_with_config(text: &str) -> (Ended, String) {
    let path = config_file(text).to_string_lossy().into_owned();
    let arguments = [&["run", "--config", &path][..], &ANY_PORTS].concat();
    (run_to_end(&arguments), path)
}

#[test]
fn a_port_that_is_taken_is_named_and_not_shared() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let port = address.rsplit(':').next().expect("an address has a port");
    for (flag, other) in [("--listen", "--control"), ("--control", "--listen")] {
        let ended = run_to_end(&["run", flag, &address, other, "127.0.0.1:0"]);
        assert_eq!(ended.code, Some(1), "{flag} {address}: {}", ended.stderr);
        assert!(ended.stderr.contains(port), "{flag}: {}", ended.stderr);
        assert!(!ended.stdout.contains("ready"), "{}", ended.stdout);
    }
}

#[test]
fn a_second_gateway_on_the_same_port_is_refused_although_shards_share_theirs() {
    let first = Gateway::start();
    let address = first.mqtt().to_string();
    let ended = run_to_end(&["run", "--listen", &address, "--control", "127.0.0.1:0"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&first.mqtt().port().to_string()),
        "{}",
        ended.stderr
    );
}

#[test]
fn every_error_of_a_configuration_is_told_with_its_line_and_key() {
    // Text, the line that is wrong, and the word that must be named.
    let cases = [
        (
            "[mqtt]\nreceive_max = 4\nreceive_maxx = 5\n",
            3,
            "receive_maxx",
        ),
        (
            "[[route]]\nfilter = \"a/#/b\"\ntopic = \"t\"\n",
            2,
            "filter",
        ),
        ("[[route]]\nfilter = \"a+\"\ntopic = \"t\"\n", 2, "filter"),
        (
            "[[route]]\nfilter = \"a/+\"\ntopic = \"no spaces\"\n",
            3,
            "topic",
        ),
        (
            "[[route]]\nfilter = \"a/+\"\ntopic = \"t\"\nkey = \"{2}\"\n",
            4,
            "key",
        ),
        (
            "[[route]]\nfilter = \"a/+\"\ntopic = \"t\"\nkey = \"{nobody}\"\n",
            4,
            "key",
        ),
        ("[mqtt]\nreceive_max = \"many\"\n", 2, "receive_max"),
        (
            "[[route]]\nfilter = \"a\"\ntopic = \"t\"\ncluster = \"absent\"\n",
            4,
            "cluster",
        ),
    ];
    for (text, line, word) in cases {
        let (ended, path) = run_with_config(text);
        let place = format!("{path}:{line}");
        assert_eq!(ended.code, Some(1), "{text}\n{}", ended.stderr);
        assert!(
            ended.stderr.contains(&place),
            "{place} is not in:\n{}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains(word),
            "{word} is not in:\n{}",
            ended.stderr
        );
        let checked = run_to_end(&["check", "--config", &path]);
        assert_eq!(checked.code, Some(1), "`check` agrees: {}", checked.stderr);
        assert!(
            checked.stderr.contains(&place),
            "`check` names {place}: {}",
            checked.stderr
        );
    }
}

#[test]
fn a_rule_that_can_never_match_is_refused() {
    let first = "[[route]]\nfilter = \"a/#\"\ntopic = \"t\"\n\n";
    let second = "[[route]]\nfilter = \"a/+/c\"\ntopic = \"u\"\n";
    let (ended, path) = run_with_config(&[first, second].concat());
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let named = [5, 6]
        .iter()
        .any(|line| ended.stderr.contains(&format!("{path}:{line}")));
    assert!(named, "the second rule's line is not in:\n{}", ended.stderr);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let arguments = [&["run", "--config", "no/such/file.toml"][..], &ANY_PORTS].concat();
    let ended = run_to_end(&arguments);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no/such/file.toml"),
        "{}",
        ended.stderr
    );
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["--no-such-flag"][..],
        &["run", "--listen", "nowhere"],
        &["fly"],
        &["check"],
    ] {
        let ended = run_to_end(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(
            !ended.stderr.is_empty(),
            "{arguments:?} is told what is wrong"
        );
    }
}

#[test]
fn a_right_configuration_passes_the_check() {
    let path = config_file("[[route]]\nfilter = \"a/+\"\ntopic = \"t\"\nkey = \"{1}\"\n");
    let path = path.to_string_lossy();
    let ended = run_to_end(&["check", "--config", &path]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("ok"), "{}", ended.stdout);
}

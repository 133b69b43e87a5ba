//! Lints the repository: sizes, first sentences, and who may import what.
//!
//! What the compiler cannot keep apart is kept apart here: `unsafe` compiles in one crate, the
//! runtime is imported in one folder, librdkafka in one folder, tokio on the control thread alone.

mod order;
mod source;

use source::{Source, files, root, sources, words};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Fails with every finding at once.
fn assert_none(findings: Vec<String>) {
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

/// The places outside `allowed` where a word stands in the code of files that `of` picks.
fn strays(word: &str, of: fn(&Source) -> bool, allowed: &[&str]) -> Vec<String> {
    let picked = sources().into_iter().filter(of);
    let outside = picked.filter(|s| !allowed.iter().any(|place| lies_in(&s.path, place)));
    outside
        .filter(|source| words(&source.code).any(|(_, found)| found == word))
        .map(|source| format!("{}: `{word}` belongs to {allowed:?}", source.path))
        .collect()
}

/// Whether a file is `place`, `place.rs`, or lies in that folder.
fn lies_in(path: &str, place: &str) -> bool {
    let rest = path.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest == ".rs")
}

#[test]
fn the_lint_sees_the_repository() {
    let seen: Vec<_> = sources().into_iter().map(|source| source.path).collect();
    for path in [
        "gateway/src/main.rs",
        "gateway/proto/src/lib.rs",
        "loadgen/src/main.rs",
    ] {
        assert!(
            seen.iter().any(|other| other == path),
            "{path} is not among {seen:?}"
        );
    }
}

#[test]
fn no_file_is_longer_than_its_ceiling() {
    let long = sources()
        .into_iter()
        .filter(|s| s.text.lines().count() > FILE_LINES_MAX);
    assert_none(
        long.map(|s| format!("{}: {} lines", s.path, s.text.lines().count()))
            .collect(),
    );
}

#[test]
fn no_function_is_longer_than_its_ceiling() {
    let mut findings = Vec::new();
    for source in sources() {
        for (name, line, count) in source.functions() {
            if count > FUNCTION_LINES_MAX {
                findings.push(format!(
                    "{}:{line}: `{name}` has {count} lines",
                    source.path
                ));
            }
        }
    }
    assert_none(findings);
}

#[test]
fn no_line_is_wider_than_its_ceiling() {
    let mut findings = Vec::new();
    for source in sources() {
        for (number, line) in (1..).zip(source.text.lines()) {
            if line.chars().count() > COLUMNS_MAX {
                findings.push(format!(
                    "{}:{number}: over {COLUMNS_MAX} columns",
                    source.path
                ));
            }
        }
    }
    assert_none(findings);
}

#[test]
fn every_file_opens_with_a_sentence_that_says_what_it_is_for() {
    let speechless = sources().into_iter().filter(|source| {
        let first = source.text.lines().next().unwrap_or_default();
        !(first.starts_with("//! ") || first.starts_with("/// ") || first.starts_with("// "))
    });
    assert_none(
        speechless
            .map(|s| format!("{}: no opening sentence", s.path))
            .collect(),
    );
}

#[test]
fn unsafe_compiles_in_one_crate() {
    assert_none(strays("unsafe", |_| true, &["gateway/ring"]));
}

#[test]
fn the_runtime_is_imported_by_the_shards_and_the_wiring_alone() {
    let wiring = [
        "gateway/src/shard",
        "gateway/src/main",
        "gateway/src/run",
        "gateway/src/wiring",
    ];
    assert_none(strays("glommio", |_| true, &wiring));
}

#[test]
fn librdkafka_is_imported_in_one_folder_of_the_gateway() {
    let gateway = |source: &Source| source.path.starts_with("gateway/") && !source.is_test();
    assert_none(strays("rdkafka", gateway, &["gateway/src/kafka"]));
}

#[test]
fn tokio_stays_on_the_control_thread() {
    for word in ["tokio", "axum"] {
        // What identity asks over the network it asks from the control thread too.
        let control = [
            "gateway/src/control",
            "gateway/identity/src/service",
            "gateway/identity/src/remote",
        ];
        assert_none(strays(word, |source| !source.is_test(), &control));
    }
}

#[test]
fn only_the_shards_and_the_control_thread_await() {
    let gateway = |source: &Source| source.path.starts_with("gateway/src/") && !source.is_test();
    let may = [
        "gateway/src/shard",
        "gateway/src/control",
        "gateway/src/main",
        "gateway/src/run",
    ];
    assert_none(strays("await", gateway, &may));
}

#[test]
fn the_protocol_is_pure() {
    let mut findings = Vec::new();
    for source in sources() {
        if !source.path.starts_with("gateway/proto/src/") || source.path.ends_with("/tests.rs") {
            continue;
        }
        let impure = [
            "std::net",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
        ];
        let more = [
            "std::io",
            "std::fs",
            "std::env",
            "Instant::now",
            "SystemTime::now",
        ];
        for path in impure.iter().chain(&more) {
            if source.tested_code().contains(path) {
                findings.push(format!("{}: `{path}`", source.path));
            }
        }
    }
    assert_none(findings);
}

#[test]
fn the_load_generator_has_a_codec_of_its_own() {
    assert_none(strays(
        "tributary_proto",
        |s| s.path.starts_with("loadgen/"),
        &[],
    ));
    let manifest = std::fs::read_to_string(root().join("loadgen/Cargo.toml")).expect("it is there");
    assert!(
        !manifest.contains("tributary-proto"),
        "loadgen/Cargo.toml depends on the gateway's"
    );
}

#[test]
fn the_ring_knows_neither_mqtt_nor_kafka() {
    let ring = |source: &Source| source.path.starts_with("gateway/ring/");
    for word in ["tributary_proto", "rdkafka", "glommio"] {
        assert_none(strays(word, ring, &[]));
    }
}

#[test]
fn a_module_uses_only_modules_listed_below_it() {
    let sources = sources();
    let files: Vec<&Source> = sources.iter().collect();
    let is_root = |source: &&Source| {
        ["/src/lib.rs", "/src/main.rs"]
            .iter()
            .any(|end| source.path.ends_with(end))
    };
    let roots = files.iter().copied().filter(is_root);
    assert_none(
        roots
            .flat_map(|root| order::wrong_uses(root, &files))
            .collect(),
    );
}

#[test]
fn names_say_what_a_thing_is() {
    const EMPTY_WORDS: [&str; 5] = ["Manager", "Helper", "Utils", "Util", "Impl"];
    let mut findings = Vec::new();
    for source in sources() {
        if source.path.ends_with("/types.rs") || source.path.ends_with("/utils.rs") {
            findings.push(format!(
                "{}: a file is named for what is in it",
                source.path
            ));
        }
        let words: Vec<_> = words(&source.code).map(|(_, word)| word).collect();
        for pair in words.windows(2) {
            let empty = |name: &str| EMPTY_WORDS.iter().any(|word| name.ends_with(word));
            match pair {
                ["fn", name] if name.starts_with("get_") => {}
                ["struct" | "enum" | "trait", name] if empty(name) => {}
                _ => continue,
            }
            findings.push(format!("{}: `{}` is no name here", source.path, pair[1]));
        }
    }
    assert_none(findings);
}

#[test]
fn no_text_names_a_path_of_the_machine_it_was_written_on() {
    // Written apart, so that this file does not find itself.
    let paths = [["/wo", "rk/"], ["/fa", "rm/"], ["/tmp", "/w/"]].map(|parts| parts.concat());
    let mut findings = Vec::new();
    for file in files() {
        // What is not text has no paths to show.
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            if paths.iter().any(|path| names(line, path)) {
                findings.push(format!("{}:{number}: {line}", file.display()));
            }
        }
    }
    assert_none(findings);
}

/// Whether `line` holds the absolute path, and not merely a longer path with such a part.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-*}".contains(c))
    })
}

#[test]
fn comments_and_strings_are_not_taken_for_code() {
    let text = "// unsafe\n/* unsafe /* */ unsafe */ let a = \"unsafe\"; let b = r#\"unsafe\"#;\n\
                let c = '\"'; let d: &'static str = b\"unsafe\"; let e = b'\\''; real";
    let source = Source::new("a.rs", text);
    assert!(
        !words(&source.code).any(|(_, word)| word == "unsafe"),
        "{}",
        source.code
    );
    assert!(
        words(&source.code).any(|(_, word)| word == "real"),
        "{}",
        source.code
    );
    assert_eq!(source.code.lines().count(), text.lines().count());
}

#[test]
fn functions_are_measured_from_their_name_to_their_last_brace() {
    let text = "trait T {\n fn none(&self) -> [u8; 2];\n}\nfn one() { \"}\"; }\nfn two() {\n}\n";
    let functions = Source::new("a.rs", text).functions();
    let wanted = [("one".to_owned(), 4, 1), ("two".to_owned(), 5, 2)];
    assert_eq!(functions, wanted);
}

//! Who may lean on whom inside a crate: a module uses only modules that `lib.rs` (or `main.rs`)
//! lists below it, so that a crate reads top-down.

use super::source::{Source, is_word};
use std::collections::{BTreeMap, BTreeSet};

/// The uses that go the wrong way, each in a sentence, with an order that would hold.
pub(crate) fn wrong_uses(root_file: &Source, files: &[&Source]) -> Vec<String> {
    let listed = modules(root_file.tested_code());
    let folder = root_file
        .path
        .rsplit_once('/')
        .expect("a root file lies in a folder")
        .0;
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in files
        .iter()
        .filter(|file| !file.path.ends_with("/tests.rs"))
    {
        let Some(inside) = file
            .path
            .strip_prefix(folder)
            .and_then(|p| p.strip_prefix('/'))
        else {
            continue;
        };
        let top = inside
            .split(['/', '.'])
            .next()
            .expect("a split has a first part");
        let Some(module) = listed.iter().find(|module| **module == top) else {
            continue;
        };
        let is_top = !inside.contains('/') || inside == format!("{top}/mod.rs");
        let mut used = named_after(file.tested_code(), "crate::");
        if is_top {
            used.extend(named_after(file.tested_code(), "super::"));
        }
        let known = listed
            .iter()
            .filter(|other| used.contains(**other) && *other != module);
        uses.entry(module).or_default().extend(known);
    }
    let place = |module: &str| listed.iter().position(|other| *other == module);
    let mut wrong = Vec::new();
    for (module, used) in &uses {
        for other in used.iter().filter(|other| place(other) < place(module)) {
            wrong.push(format!(
                "{}: `{module}` uses `{other}`, listed above it",
                root_file.path
            ));
        }
    }
    if wrong.is_empty() {
        wrong
    } else {
        vec![wrong.join("\n"), advice(&listed, &uses)]
    }
}

/// The modules that a root file declares, in its order.
fn modules(code: &str) -> Vec<&str> {
    let declared = code
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'));
    declared
        .filter_map(|line| {
            line.strip_prefix("mod ")
                .or(line.split_once(" mod ").map(|(_, m)| m))
        })
        .map(str::trim)
        .collect()
}

/// The first path segments behind `prefix`, also inside braces: `crate::{a, b::{c, d}}` names a
/// and b.
fn named_after<'a>(code: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at]
            .chars()
            .next_back()
            .is_some_and(|c| is_word(c) || c == ':')
        {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        if !rest.starts_with('{') {
            named.extend(rest.split(|c| !is_word(c)).next());
            continue;
        }
        let mut depth = 0;
        let mut segment_begins = false;
        for (index, c) in rest.char_indices() {
            match c {
                '{' => (depth, segment_begins) = (depth + 1, depth == 0),
                '}' => depth -= 1,
                ',' => segment_begins = depth == 1,
                _ if is_word(c) && segment_begins => {
                    named.extend(rest[index..].split(|c| !is_word(c)).next());
                    segment_begins = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

/// An order in which every use points down, or the modules that lean on each other in a circle.
fn advice(listed: &[&str], uses: &BTreeMap<&str, BTreeSet<&str>>) -> String {
    let mut ordered: Vec<&str> = Vec::new();
    while ordered.len() < listed.len() {
        let ready = listed.iter().find(|module| {
            let mut used = uses.get(**module).into_iter().flatten();
            !ordered.contains(module) && used.all(|other| ordered.contains(other))
        });
        let Some(module) = ready else {
            let stuck = listed.iter().find(|module| !ordered.contains(module));
            return format!(
                "    a circle: {}",
                circle(stuck.expect("one is left"), &ordered, uses)
            );
        };
        ordered.push(module);
    }
    ordered.reverse();
    format!("    an order that holds: {}", ordered.join(", "))
}

/// Follows uses among the modules that no order can place until one comes up again.
fn circle(stuck: &str, ordered: &[&str], uses: &BTreeMap<&str, BTreeSet<&str>>) -> String {
    let mut path = vec![stuck];
    loop {
        let last = path[path.len() - 1];
        let mut next = uses[last].iter().filter(|other| !ordered.contains(other));
        let next = next
            .next()
            .expect("a module that cannot be placed uses another such");
        if let Some(begin) = path.iter().position(|module| module == next) {
            return format!("{} -> {next}", path[begin..].join(" -> "));
        }
        path.push(next);
    }
}

#[test]
fn a_use_of_a_higher_module_is_found_in_every_way_of_writing_it() {
    let root = Source::new(
        "a/src/lib.rs",
        "pub(crate) mod high;\npub mod middle;\nmod low;\n",
    );
    let wrong = |path: &str, text: &str| {
        let file = Source::new(path, text);
        wrong_uses(&root, &[&file]).len()
    };
    assert_eq!(
        wrong("a/src/high.rs", "use crate::{low::A, middle::{B, C}};"),
        0
    );
    assert_eq!(wrong("a/src/low.rs", "use crate::high::A;"), 2);
    assert_eq!(wrong("a/src/low.rs", "use super::high::A;"), 2);
    assert_eq!(
        wrong("a/src/low.rs", "use crate::{high::{self, A}, low::B};"),
        2
    );
    assert_eq!(
        wrong("a/src/low/deep.rs", "fn f() { crate::middle::g() }"),
        2
    );
    assert_eq!(
        wrong("a/src/low/deep.rs", "use super::high;"),
        0,
        "its own folder's `high`"
    );
    assert_eq!(
        wrong(
            "a/src/low.rs",
            "// crate::high\n#[cfg(test)] mod tests { use crate::high; }"
        ),
        0
    );
}

//! Whole configuration files through the loader: what a good one is worth, and what is said of one
//! in which nearly everything is wrong.

use std::path::PathBuf;

use tributary::cli::RunArgs;
use tributary::config::{self, Faults, Settings};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check");

fn load(name: &str) -> Result<Settings, Faults> {
    let config = Some(PathBuf::from(DIRECTORY).join(name));
    config::load(
        &RunArgs {
            config,
            ..RunArgs::default()
        },
        [],
        |_| Vec::new(),
    )
}

#[test]
fn a_good_file_is_summed_up_in_one_line() {
    let settings = load("every_key.toml").unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(
        settings.summary(),
        "ok: 5 listeners, 5 routes, 2 clusters, 1 group"
    );
}

#[test]
fn all_mistakes_of_a_file_are_said_at_once_in_its_order() {
    let faults = load("bad.toml").unwrap_err();
    let said = faults.to_string().replace(&format!("{DIRECTORY}/"), "");
    let expected = std::fs::read_to_string(format!("{DIRECTORY}/bad.expected")).unwrap();
    assert_eq!(said, expected.trim_end(), "\nsaid:\n{said}\n");
    assert_eq!(faults.iter().count(), expected.lines().count());
}

#[test]
fn a_key_of_the_program_is_in_the_file_that_has_every_key() {
    // An unknown key lists the known ones when none is near: each of them must stand in the file.
    let every_key = std::fs::read_to_string(format!("{DIRECTORY}/every_key.toml")).unwrap();
    let sections = [
        "listen.mqtt",
        "kafka.east",
        "group.both",
        "mqtt",
        "store",
        "auth",
        "auth.users",
        "auth.certificate",
        "auth.jwt",
        "auth.http",
        "auth.redis",
        "auth.mysql",
        "access",
        "shards",
        "control",
        "tls",
        "overload",
        "drain",
        "process",
        "log",
    ];
    let mut keys_seen = 0;
    for section in sections {
        let text = format!("[{section}]\nqqqqqqqqqqqqqqqqqqqqqqqq = 1\n");
        let path = std::env::temp_dir().join(format!("tributary-{}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let args = RunArgs {
            config: Some(path.clone()),
            ..RunArgs::default()
        };
        let said = config::load(&args, [], |_| Vec::new())
            .unwrap_err()
            .to_string();
        std::fs::remove_file(&path).unwrap();
        let (_, known) = said
            .split_once("there is: ")
            .unwrap_or_else(|| panic!("{said}"));
        for key in known.lines().next().unwrap_or_default().split(", ") {
            assert!(
                every_key.contains(&format!("\n{key} = "))
                    || every_key.contains(&format!("\n[{section}.{key}]\n")),
                "[{section}].{key}"
            );
            keys_seen += 1;
        }
    }
    assert!(keys_seen >= 35, "only {keys_seen} keys were compared");
}

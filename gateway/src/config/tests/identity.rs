//! Who is asked to prove what: chains, what methods need, and listeners of which nothing is said.

use std::time::Duration;

use tributary_access::holdoffs::Terms;
use tributary_access::rate::Rate;

use super::*;

const USERS: &str = "[auth.users]\nfile = \"/etc/tributary/passwd\"\n";

/// The methods of the listener called `x`.
fn auth_of(text: &str) -> Option<Vec<Method>> {
    let listeners = good(text, &[]).listeners;
    let found = listeners.into_iter().find(|one| one.name == "x");
    found.expect("there is such a listener").auth
}

#[test]
fn a_listener_asks_what_it_says_or_else_what_all_ask() {
    let own = "[listen.x]\naddress = \"0.0.0.0:1\"\nauth = [\"users\", \"anonymous\"]\n";
    let asked = auth_of(&format!("{own}{USERS}"));
    assert_eq!(asked, Some(vec![Method::Users, Method::Anonymous]));
    let all = "[listen.x]\naddress = \"0.0.0.0:1\"\n[auth]\nchain = [\"anonymous\"]\n";
    assert_eq!(auth_of(all), Some(vec![Method::Anonymous]));
    let nobody = "[listen.x]\naddress = \"0.0.0.0:1\"\nauth = []\n";
    assert_eq!(
        auth_of(nobody),
        Some(vec![]),
        "whoever does not come by AUTH"
    );
}

#[test]
fn where_no_other_machine_can_come_in_nothing_need_be_said() {
    for address in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
        "unix:/x",
    ] {
        let text = format!("[listen.x]\naddress = \"{address}\"\n");
        assert_eq!(auth_of(&text), None, "{address}");
    }
    for address in [
        "0.0.0.0:1",
        "[::]:1",
        "10.0.0.1:1",
        "[fe80::1]:1",
        "[::ffff:10.0.0.1]:1",
    ] {
        let said = faults(&format!("[listen.x]\naddress = \"{address}\"\n"), &[]);
        let begin = "2: [listen.x]: other machines can come in by";
        let is_told = said.len() == 1
            && said[0].starts_with(begin)
            && said[0].contains("add auth = [\"users\"] or another method")
            && said[0].contains("auth = [\"anonymous\"] to let everybody in");
        assert!(is_told, "{said:?}");
    }
}

#[test]
fn a_flag_alone_can_let_everybody_in_and_must_say_so() {
    let args = |anonymous| RunArgs {
        listen: vec!["0.0.0.0:1".parse().unwrap()],
        anonymous,
        ..RunArgs::default()
    };
    let said = load(&args(false), [], check_routes)
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("--listen: other machines can come in by 0.0.0.0:1"),
        "{said}"
    );
    assert!(
        said.contains("add --anonymous to let everybody in"),
        "{said}"
    );
    let settings = load(&args(true), [], check_routes).unwrap();
    assert_eq!(settings.listeners[0].auth, Some(vec![Method::Anonymous]));
}

#[test]
fn a_method_without_what_it_needs_is_told_and_so_is_a_wrong_one() {
    let ask = |chain: &str, rest: &str| {
        let text = format!("[listen.x]\naddress = \"0.0.0.0:1\"\nauth = [{chain}]\n{rest}");
        faults(&text, &[])
    };
    for (chain, rest, said) in [
        (
            "\"users\"",
            "",
            "2: [listen.x]: asks for users, and there is no file of them",
        ),
        (
            "\"jwt\"",
            "",
            "2: [listen.x]: asks for tokens, and nothing says how",
        ),
        (
            "\"http\"",
            "",
            "2: [listen.x]: asks a web service, and nothing says which",
        ),
        (
            "\"redis\"",
            "",
            "2: [listen.x]: asks a Redis, and nothing says which",
        ),
        (
            "\"mysql\"",
            "",
            "2: [listen.x]: asks a MySQL, and nothing says which",
        ),
        (
            "\"usrs\"",
            "",
            "3: [listen.x].auth: \"usrs\" is unknown; did you mean \"users\"?",
        ),
        (
            "\"anonymous\", \"anonymous\"",
            "",
            "3: [listen.x].auth: \"anonymous\" is named twice",
        ),
        (
            "\"jwt\"",
            "[auth.jwt]\nsecret = \"s\"\nalgorithms = [\"none\"]\n",
            "6: [auth.jwt].algorithms: \"none\" is unknown; list the ones in use",
        ),
        (
            "\"jwt\"",
            "[auth.jwt]\nsecret = \"s\"\nalgorithms = [\"HS256\"]\nrules_claim = \"acl\"\n",
            "7: [auth.jwt].rules_claim: names rules that would stand before those of [access], \
             which is missing; add [access] with default = \"deny\", or take it away",
        ),
        (
            "\"certificate\"",
            "[auth.certificate]\nuser = \"fleet\"\n",
            "5: [auth.certificate].user: \"fleet\" would make one user of all",
        ),
        ("", "[auth.users]\n", "4: [auth.users].file: is missing"),
    ] {
        let all = ask(chain, rest);
        assert!(
            all.len() == 1 && all[0].starts_with(said),
            "{all:?}\nnot\n{said}"
        );
    }
}

#[test]
fn secrets_stand_in_files_or_in_the_environment_and_in_no_error_or_debug() {
    let file = TempFile::with("t0p-s3cret\n");
    let text = format!(
        "[auth.jwt]\nsecret = {{ file = {:?} }}\nalgorithms = [\"HS256\"]\n\
         [auth.http]\nurl = \"https://who\"\nheaders = {{ Authorization = \"Bearer s3cret\" }}\n",
        file.0.display().to_string()
    );
    let settings = good(&text, &[]);
    let jwt = settings.identity.jwt.clone().expect("it is there");
    assert_eq!(jwt.secret, Some(Token("t0p-s3cret".into())));
    let by_environment = good(&text, &[("TRIBUTARY_AUTH__JWT__SECRET", "other")]);
    let jwt = by_environment.identity.jwt.expect("it is there");
    assert_eq!(jwt.secret, Some(Token("other".into())));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let wrong = faults(
        "[auth.jwt]\nsecret = { path = \"/x\" }\nalgorithms = [\"HS256\"]\n",
        &[],
    );
    assert!(
        wrong[0].starts_with("2: [auth.jwt].secret: is a table without a file"),
        "{wrong:?}"
    );
}

#[test]
fn client_ids_are_bound_by_a_template_that_is_looked_at() {
    let text = "[access]\ndefault = \"allow\"\nclient_id = \"%u-*\"\ntakeover = \"anyone\"\n";
    let access = good(text, &[]).access.expect("there is a section");
    assert_eq!(access.takeover, Takeover::Anyone);
    assert!(access.client_id.is_some());
    let said = faults("[access]\nclient_id = \"%d\"\ntakeover = \"same\"\n", &[]);
    assert!(
        said[0].starts_with("2: [access].client_id: \"%d\" has a %"),
        "{said:?}"
    );
    assert!(
        said[1].starts_with("3: [access].takeover: \"same\" is unknown"),
        "{said:?}"
    );
}

#[test]
fn rules_in_tokens_stand_before_those_of_the_file() {
    let jwt = "[auth.jwt]\nsecret = \"s\"\nalgorithms = [\"HS256\"]\nrules_claim = \"acl\"\n";
    let settings = good(&format!("{jwt}[access]\ndefault = \"deny\"\n"), &[]);
    let jwt = settings.identity.jwt.expect("it is there");
    assert_eq!(jwt.rules_claim.as_deref(), Some("acl"));
}

#[test]
fn wrong_passwords_are_held_off_as_the_file_says_or_else_as_ever() {
    let terms = |per_min: u32, first, longest, forgive| {
        let minute = Duration::from_secs(60);
        let rate = Rate::per(u64::from(per_min), minute, per_min).expect("in bounds");
        let [first, longest, forgive] = [first, longest, forgive].map(Duration::from_secs);
        Terms::new(rate, first, longest, forgive).expect("in bounds")
    };
    let of = |text: &str| good(text, &[]).identity.failures;
    assert_eq!(of(""), terms(30, 10, 600, 3_600));
    let said = "[auth]\nfailures_per_min = 5\nhold_off_secs = 60\nhold_off_secs_max = 60\n\
        forgive_secs = 120\n";
    assert_eq!(of(said), terms(5, 60, 60, 120));
    let long = "[auth]\nhold_off_secs = 900\n";
    assert_eq!(of(long), terms(30, 900, 900, 3_600));
    for (line, key, part) in [
        (
            "failures_per_min = 0",
            "failures_per_min",
            "a number from 1",
        ),
        (
            "hold_off_secs = 86401",
            "hold_off_secs",
            "a number from 1 to 86400",
        ),
        ("forgive_secs = 0", "forgive_secs", "a number from 1"),
        (
            "hold_off_secs_max = 9",
            "hold_off_secs_max",
            "at least hold_off_secs",
        ),
        (
            "hold_of_secs = 9",
            "hold_of_secs",
            "did you mean \"hold_off_secs\"?",
        ),
    ] {
        let said = faults(&format!("[auth]\n{line}\n"), &[]);
        assert_eq!(said.len(), 1, "{said:?}");
        let begin = format!("2: [auth].{key}: ");
        assert!(
            said[0].starts_with(&begin) && said[0].contains(part),
            "{said:?}"
        );
    }
}

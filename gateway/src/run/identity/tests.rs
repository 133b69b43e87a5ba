//! What a reload takes over, and what it must not forget.

use std::sync::mpsc::channel;

use tributary_identity::hash::{PasswordHash, Shape};
use tributary_identity::{Password, Question, Verdict};

use super::*;
use crate::cli::RunArgs;

const CHEAP: Shape = Shape {
    kibibytes: 8,
    passes: 1,
    lanes: 1,
};

fn question() -> Box<Question> {
    Box::new(Question {
        listener: "mqtt".into(),
        client_id: "c".into(),
        user: Some("ann".into()),
        password: Some(Password::new(b"pencil"[..].into())),
        address: None,
        certificate: None,
    })
}

#[test]
fn a_password_that_was_right_is_remembered_across_a_reload() {
    let folder = std::env::temp_dir().join(format!("tributary-proofs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let users = folder.join("users");
    let hash = PasswordHash::make(b"pencil", CHEAP);
    std::fs::write(&users, format!("ann:{hash}\n")).expect("it can be written");
    let file = folder.join("gateway.toml");
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\nauth = [\"users\"]\n\
         [auth.users]\nfile = {:?}\n[[route]]\nfilter = \"#\"\ntopic = \"\"\n",
        users.display().to_string()
    );
    std::fs::write(&file, text).expect("it can be written");
    let args = RunArgs {
        config: Some(file),
        ..RunArgs::default()
    };
    let none = std::iter::empty();
    let settings = config::load(&args, none, super::super::lanes::check_routes);
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));

    let identity = Identity::start(&settings).expect("it starts");
    let gate = identity.gate.as_ref().expect("a listener asks");
    let chain = gate.chains.0[0].clone().expect("it has methods");
    let (told, heard) = channel();
    let answer = move |verdict| told.send(verdict).expect("the test listens");
    let asked = gate.doorkeeper.ask(&chain, question(), Box::new(answer));
    asked.expect("there is room");
    let verdict = heard.recv().expect("an answer comes");
    assert!(matches!(verdict, Verdict::Allowed(_)), "{verdict:?}");

    let quick = |proofs: &Arc<Proofs>| {
        let chains = chains(&settings, proofs).expect("the files are right");
        chains.0[0]
            .as_ref()
            .and_then(|chain| chain.quick(&question()))
    };
    assert_eq!(quick(&identity.proofs), Some(verdict), "no argon2 again");
    let others = proofs().expect("it is within the bounds");
    assert_eq!(quick(&others), None, "others know nothing of it");
    let _ = std::fs::remove_dir_all(folder);
}

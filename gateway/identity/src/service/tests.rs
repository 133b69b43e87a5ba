//! Every question is answered once: in time, when the service ends, and when too many come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::chain::{ChainSettings, Method};
use crate::hash::{PasswordHash, Shape};
use crate::limits::WAIT_MILLIS_MAX;
use crate::proofs::Proofs;
use crate::question::Password;
use crate::users::Users;
use crate::verdict::Refusal;

const CHEAP: Shape = Shape {
    kibibytes: 8,
    passes: 1,
    lanes: 1,
};

struct World {
    doorkeeper: Doorkeeper,
    service: Service,
    chain: Arc<Chain>,
    hand: Arc<AtomicU64>,
    told: Sender<Verdict>,
    heard: Receiver<Verdict>,
}

/// A service whose file knows `ann`, with the password `right`.
fn world(settings: ServiceSettings) -> World {
    let hand = Arc::new(AtomicU64::new(1_000_000));
    let clock = Clock::moved_by(Arc::clone(&hand));
    let proofs = Proofs::new(16, 60, clock.clone()).expect("it is within the bounds");
    let hash = PasswordHash::make(b"right", CHEAP);
    let users = Users::read(&format!("ann:{hash}:ops"), &Arc::new(proofs)).expect("it is right");
    let chain = Chain::new(ChainSettings {
        methods: vec![Method::Users(Arc::new(users))],
        client_id: None,
    });
    let settings = ServiceSettings { clock, ..settings };
    let (doorkeeper, service) = Service::start(settings).expect("it starts");
    let (told, heard) = channel();
    World {
        doorkeeper,
        service,
        chain: Arc::new(chain),
        hand,
        told,
        heard,
    }
}

fn question(user: &str, password: &str) -> Box<Question> {
    Box::new(Question {
        listener: "mqtt".into(),
        client_id: "c".into(),
        user: Some(user.into()),
        password: Some(Password::new(password.as_bytes().into())),
        address: None,
        certificate: None,
    })
}

impl World {
    fn ask(&self, user: &str, password: &str) -> Result<(), Box<Question>> {
        let told = self.told.clone();
        let answer = Box::new(move |verdict| told.send(verdict).expect("the test listens"));
        self.doorkeeper
            .ask(&self.chain, question(user, password), answer)
    }

    fn verdict(&self, user: &str, password: &str) -> Verdict {
        self.ask(user, password).expect("there is room");
        self.heard.recv().expect("an answer comes")
    }

    /// Keeps the only worker busy until the returned sender is dropped.
    fn occupy(&self) -> Sender<()> {
        let (release, held) = channel::<()>();
        let (begun, has_begun) = channel();
        let answer = Box::new(move |_| {
            begun.send(()).expect("the test waits");
            let _ = held.recv();
        });
        let asked = self
            .doorkeeper
            .ask(&self.chain, question("ann", "right"), answer);
        asked.expect("there is room");
        has_begun.recv().expect("the worker comes to it");
        release
    }
}

#[test]
fn the_right_password_lets_in_and_is_known_at_once_the_next_time() {
    let world = world(ServiceSettings::default());
    assert_eq!(world.chain.quick(&question("ann", "right")), None);
    let Verdict::Allowed(proven) = world.verdict("ann", "right") else {
        panic!("the password is right");
    };
    assert_eq!(proven.user.as_deref(), Some("ann"));
    assert_eq!(
        (proven.method, &*proven.groups),
        ("users", &["ops"].map(Box::<str>::from)[..])
    );
    let at_once = world.chain.quick(&question("ann", "right"));
    assert_eq!(at_once, Some(Verdict::Allowed(proven)));
    assert_eq!(world.chain.quick(&question("ann", "wrong")), None);
    world.hand.fetch_add(60_000, Ordering::Release);
    assert_eq!(
        world.chain.quick(&question("ann", "right")),
        None,
        "it is not kept longer"
    );
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
    let world = world(ServiceSettings::default());
    for (user, password, refusal) in [
        ("ann", "wrong", Refusal::WrongPassword),
        ("ann", "", Refusal::WrongPassword),
        ("bob", "right", Refusal::UnknownUser),
        ("", "", Refusal::UnknownUser),
    ] {
        assert_eq!(world.verdict(user, password), Verdict::Refused(refusal));
    }
    assert_eq!(world.doorkeeper.questions(), 0);
}

#[test]
fn one_question_too_many_is_handed_back() {
    let world = world(ServiceSettings {
        questions_max: 3,
        ..ServiceSettings::default()
    });
    let release = world.occupy();
    // The answer that holds the worker has been given and takes no room any more.
    for _ in 0..3 {
        world.ask("ann", "wrong").expect("there is room");
    }
    let back = world
        .ask("ann", "one too many")
        .expect_err("there is no room");
    assert_eq!(
        back.password.as_deref().map(|p| &**p),
        Some(&b"one too many"[..])
    );
    drop(release);
    for _ in 0..3 {
        let verdict = world.heard.recv().expect("an answer comes");
        assert_eq!(verdict, Verdict::Refused(Refusal::WrongPassword));
    }
    assert_eq!(
        world.verdict("ann", "wrong"),
        Verdict::Refused(Refusal::WrongPassword)
    );
}

#[test]
fn passwords_beyond_those_that_may_wait_are_refused_as_busy() {
    let world = world(ServiceSettings {
        hashes_waiting_max: 2,
        ..ServiceSettings::default()
    });
    let release = world.occupy();
    for _ in 0..5 {
        world.ask("ann", "wrong").expect("there is room");
    }
    drop(release);
    let verdicts: Vec<_> = (0..5)
        .map(|_| world.heard.recv().expect("an answer comes"))
        .collect();
    let busy = |verdict: &&Verdict| **verdict == Verdict::Refused(Refusal::Busy);
    assert_eq!(verdicts.iter().filter(busy).count(), 3, "{verdicts:?}");
}

#[test]
fn what_has_waited_too_long_is_not_worked_out_any_more() {
    let world = world(ServiceSettings::default());
    let release = world.occupy();
    world.ask("ann", "right").expect("there is room");
    world.hand.fetch_add(WAIT_MILLIS_MAX + 1, Ordering::Release);
    drop(release);
    let verdict = world.heard.recv().expect("an answer comes");
    assert_eq!(verdict, Verdict::Refused(Refusal::Busy));
}

#[test]
fn whoever_waits_when_the_service_ends_is_told() {
    let world = world(ServiceSettings::default());
    let release = world.occupy();
    for _ in 0..4 {
        world.ask("ann", "right").expect("there is room");
    }
    let World {
        doorkeeper,
        service,
        chain,
        heard,
        told,
        ..
    } = world;
    // The worker is held, so the four are answered by the end itself, which waits for the worker.
    let ending = std::thread::spawn(move || drop(service));
    for _ in 0..4 {
        let verdict = heard.recv().expect("an answer comes");
        assert_eq!(verdict, Verdict::Refused(Refusal::Unavailable));
    }
    drop(release);
    ending.join().expect("it ends");
    assert_eq!(doorkeeper.questions(), 0);
    let answer = Box::new(move |verdict| told.send(verdict).expect("the test listens"));
    let back = doorkeeper.ask(&chain, question("ann", "right"), answer);
    assert!(back.is_err(), "nobody works any more");
    assert!(heard.recv().is_err(), "and nobody is answered");
}

#[test]
fn an_answer_that_panics_costs_no_worker() {
    let world = world(ServiceSettings::default());
    let answer = Box::new(|_| panic!("on purpose"));
    let asked = world
        .doorkeeper
        .ask(&world.chain, question("ann", "right"), answer);
    asked.expect("there is room");
    assert!(matches!(world.verdict("ann", "right"), Verdict::Allowed(_)));
    assert_eq!(world.doorkeeper.questions(), 0);
}

#[test]
fn many_at_once_are_all_answered_right() {
    let world = world(ServiceSettings {
        workers: 3,
        ..ServiceSettings::default()
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (doorkeeper, chain) = (&world.doorkeeper, &world.chain);
            let told = world.told.clone();
            scope.spawn(move || {
                for password in ["right", "wrong"].repeat(50) {
                    let told = told.clone();
                    let answer = Box::new(move |verdict| told.send(verdict).expect("it listens"));
                    let asked = doorkeeper.ask(chain, question("ann", password), answer);
                    asked.expect("there is room");
                }
            });
        }
    });
    let verdicts: Vec<_> = (0..400)
        .map(|_| world.heard.recv().expect("an answer"))
        .collect();
    let allowed = verdicts
        .iter()
        .filter(|v| matches!(v, Verdict::Allowed(_)))
        .count();
    assert_eq!(allowed, 200);
    assert_eq!(world.doorkeeper.questions(), 0);
}

#[test]
fn settings_out_of_bounds_are_named() {
    for (settings, field) in [
        (
            ServiceSettings {
                workers: 0,
                ..Default::default()
            },
            "workers",
        ),
        (
            ServiceSettings {
                workers: 65,
                ..Default::default()
            },
            "workers",
        ),
        (
            ServiceSettings {
                questions_max: 0,
                ..Default::default()
            },
            "questions_max",
        ),
    ] {
        let error = Service::start(settings).err().expect(field);
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

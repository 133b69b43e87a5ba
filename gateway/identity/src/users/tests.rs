//! A users file says what is wrong by line, and keeps what others wrote when a user changes.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::clock::Clock;

const CHEAP: Shape = Shape {
    kibibytes: 8,
    passes: 1,
    lanes: 1,
};

fn read(text: &str) -> Result<Users, Vec<Fault>> {
    let proofs = Proofs::new(16, 60, Clock::system()).expect("it is within the bounds");
    Users::read(text, &Arc::new(proofs))
}

fn hash(password: &str) -> PasswordHash {
    PasswordHash::make(password.as_bytes(), CHEAP)
}

#[test]
fn lines_are_users_and_comments_and_blank_lines_are_not() {
    let (ann, bob) = (hash("a"), hash("b"));
    let text = format!("# who\n\n  ann:{ann}:ops,night-shift \r\n\t# bob:x\nbob b:{bob}\n");
    let users = read(&text).expect("it is right");
    assert_eq!(users.count(), 2);
    let known = users.account("ann").expect("she is in the file");
    assert_eq!(*known.groups, ["ops", "night-shift"].map(Box::<str>::from));
    assert_eq!(*known.hash, ann);
    let known = users.account("bob b").expect("he is in the file");
    assert!(known.groups.is_empty());
    assert!(users.account("bob").is_none() && users.account("# bob").is_none());
}

#[test]
fn every_wrong_line_is_named_and_no_password_is_repeated() {
    let good = hash("a");
    let text = format!(
        "ann:{good}\nswordfish\nbob:swordfish\n:{good}\nann:{good}:ops\ncid:{good}:\n\
         dan:{good}:a b\neve:$argon2id$v=19$m=999999,t=1,p=1$c29tZXNhbHQ${}\n",
        "A".repeat(43)
    );
    let faults = read(&text).expect_err("seven lines are wrong");
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.clone()).collect();
    let wanted: Vec<_> = (2..=8)
        .map(|line| format!("users file, line {line}"))
        .collect();
    assert_eq!(fields, wanted);
    for fault in &faults {
        assert!(!fault.to_string().contains("swordfish"), "{fault}");
        assert!(!fault.right.is_empty(), "{fault}");
    }
    assert!(faults[3].wrong.contains("earlier"), "{}", faults[3]);
    assert!(faults[6].to_string().contains("m=999999"), "{}", faults[6]);
}

#[test]
fn strangers_cost_what_users_cost_and_always_the_same() {
    let shapes = [8, 16, 24].map(|kibibytes| Shape { kibibytes, ..CHEAP });
    let lines = shapes.map(|shape| {
        let hash = PasswordHash::make(b"x", shape);
        format!("user {}:{hash}", shape.kibibytes)
    });
    let users = read(&lines.join("\n")).expect("it is right");
    let mut seen = std::collections::HashSet::new();
    for n in 0..200 {
        let name = format!("stranger {n}");
        let shape = users.stranger(&name);
        assert_eq!(users.stranger(&name), shape);
        assert!(shapes.contains(&shape));
        seen.insert(shape);
    }
    assert_eq!(seen.len(), shapes.len(), "some cost nobody is drawn");
    assert_eq!(
        read("").expect("nobody is fine").stranger("x"),
        Shape::default()
    );
}

#[test]
fn a_document_changes_one_line_and_keeps_the_others() {
    let [one, two, three] = ["1", "2", "3"].map(hash);
    let text = format!("# the plant\nann:{one}:ops\n\n# nights\nbob:{two}\n");
    let mut document = Document::from_text(&text);
    assert!(!document.put("ann", &three, None).expect("a name"));
    assert!(document.put("cid", &three, Some("a,b")).expect("a name"));
    assert!(!document.put("bob", &three, Some("ops")).expect("a name"));
    let wanted =
        format!("# the plant\nann:{three}:ops\n\n# nights\nbob:{three}:ops\ncid:{three}:a,b\n");
    assert_eq!(document.text(), wanted);
    assert!(!document.put("ann", &one, Some("")).expect("a name"));
    assert!(
        document.text().contains(&format!("ann:{one}\n")),
        "no groups any more"
    );
    assert!(document.remove("bob") && !document.remove("bob") && !document.remove("dan"));
    assert_eq!(document.names().collect::<Vec<_>>(), ["ann", "cid"]);
    assert!(read(&document.text()).is_ok());
}

#[test]
fn a_document_takes_no_name_or_group_that_could_not_be_read_again() {
    let mut document = Document::default();
    let one = hash("1");
    for name in [
        "",
        "a:b",
        " a",
        "a\n",
        "#a",
        "a\tb",
        &"x".repeat(NAME_BYTES_MAX + 1),
    ] {
        assert!(document.put(name, &one, None).is_err(), "{name:?}");
    }
    for groups in ["a,,b", "a b", "a:b", "a,", "a\n"] {
        assert!(
            document.put("ann", &one, Some(groups)).is_err(),
            "{groups:?}"
        );
    }
    assert_eq!(document, Document::default());
}

#[test]
fn a_saved_document_is_whole_readable_by_its_owner_alone_and_leaves_nothing_beside_it() {
    let folder = std::env::temp_dir().join(format!("tributary-users-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("the folder is new");
    let path = folder.join("users");
    std::fs::write(&path, "# old\n").expect("it can be written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let mut document = Document::open(&path).expect("it can be read");
    document.put("ann", &hash("1"), None).expect("a name");
    document.save(&path).expect("it can be saved");
    assert_eq!(Document::open(&path).expect("it is there"), document);
    let mode = std::fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let names = std::fs::read_dir(&folder).expect("it is there").count();
    assert_eq!(names, 1, "a file was left beside it");
    assert!(
        Document::open(&folder.join("none"))
            .expect("none is fine")
            .text()
            .is_empty()
    );
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

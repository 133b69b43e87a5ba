//! Secrets for Kafka: from a file of their own, and repeated by nobody, whatever is wrong.

use super::*;

/// A cluster that wants a login, with this for its password.
fn login_with(password: &str) -> String {
    format!(
        "[kafka.main]\nbrokers = [\"a:1\"]\n\n[kafka.main.properties]\n\
         \"security.protocol\" = \"sasl_ssl\"\n\"sasl.mechanisms\" = \"PLAIN\"\n\
         \"sasl.username\" = \"fleet\"\n\"sasl.password\" = {password}\n"
    )
}

/// The line of `login_with` that has the password.
const LINE: usize = 8;

fn naming(path: &Path) -> String {
    login_with(&format!("{{ file = {:?} }}", path.display().to_string()))
}

#[test]
fn a_password_can_stand_in_a_file_of_its_own_with_one_end_of_line_that_is_not_part_of_it() {
    for (text, password) in [
        ("xyzzy", "xyzzy"),
        ("xyzzy\n", "xyzzy"),
        ("xyzzy\r\n", "xyzzy"),
        (" xyzzy \n\n", " xyzzy \n"),
    ] {
        let file = TempFile::with(text);
        let settings = good(&naming(&file.0), &[]);
        assert_eq!(settings.clusters[0].properties["sasl.password"], password);
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("sasl.password") && !shown.contains("xyzzy"),
            "{shown}"
        );
    }
}

#[test]
fn a_password_can_come_from_the_environment_instead() {
    let file = TempFile::with("from the file");
    let env = [("TRIBUTARY_KAFKA__MAIN__PROPERTIES__SASL_PASSWORD", "xyzzy")];
    let settings = good(&naming(&file.0), &env);
    assert_eq!(settings.clusters[0].properties["sasl.password"], "xyzzy");
}

#[test]
fn a_file_that_holds_no_value_is_said_with_its_line() {
    let (empty, long) = (TempFile::with("\n"), TempFile::with(&"x".repeat(70_000)));
    let missing = Path::new("/no/such/secret");
    for (path, wrong) in [
        (&*empty.0, "which is empty"),
        (&*long.0, "longer than 64 KiB"),
        (missing, "cannot be read"),
    ] {
        let said = faults(&naming(path), &[]).join("\n");
        let begin = format!("{LINE}: [kafka.main].properties: \"sasl.password\" is in ");
        assert!(said.starts_with(&begin) && said.contains(wrong), "{said}");
    }
    let said = faults(&login_with("{ path = \"/a\" }"), &[]).join("\n");
    assert!(said.contains("write { file = \"/PATH\" }"), "{said}");
}

#[test]
fn no_mistake_around_a_secret_repeats_it() {
    let variable = |name: &'static str, value: &'static str| [(name, value)];
    let with_comma = variable("TRIBUTARY_KAFKA__MAIN__PROPERTIES", "sasl.password=a,xyzzy");
    let misspelled = variable("TRIBUTARY_KAFKA__MAIN__PROPERTIES__SASL_PASSWRD", "xyzzy");
    let brokers = "[kafka.main]\nbrokers = [\"a:1\"]\n";
    let as_text = format!("{brokers}properties = \"sasl.password=xyzzy\"\n");
    let in_list = login_with("[\"xyzzy\"]");
    for (text, env) in [
        (brokers, &with_comma[..]),
        (brokers, &misspelled[..]),
        (&as_text, &[]),
        (&in_list, &[]),
    ] {
        let said = faults(text, env).join("\n");
        assert!(
            said.contains("properties") && !said.contains("xyzzy"),
            "{said}"
        );
    }
}

#[test]
fn what_librdkafka_will_not_have_is_said_with_its_line() {
    let kerberos = login_with("\"xyzzy\"").replace("PLAIN", "GSSAPI");
    let said = faults(&kerberos, &[]);
    assert_eq!(
        said,
        [
            "6: [kafka.main].properties: \"sasl.mechanisms\": \"GSSAPI\" is not in this build; \
          write \"PLAIN\", \"SCRAM-SHA-256\" or \"SCRAM-SHA-512\""
        ]
    );
    let unknown = login_with("\"xyzzy\"") + "\"no.such.thing\" = 1\n";
    let said = faults(&unknown, &[]).join("\n");
    assert!(
        said.starts_with("9: [kafka.main].properties: \"no.such.thing\": No such"),
        "{said}"
    );
}

//! Whom the process becomes, and how its control plane is locked.

use super::*;

#[test]
fn every_key_of_the_process_and_its_control_plane_arrives() {
    let settings = good(include_str!("../../../tests/check/every_key.toml"), &[]);
    assert_eq!(settings.control.token, Some(Token("s3cret".into())));
    assert!(!format!("{settings:?}").contains("s3cret"));
    assert_eq!(
        settings.process,
        Process {
            user: Some("tributary".into()),
            group: Some("devices".into()),
            core_dumps: true,
        }
    );
    let tls = settings.control.tls.expect("both files are named");
    assert!(tls.certificate.ends_with("tls/chain.pem"), "{tls:?}");
    assert!(tls.key.ends_with("tls/key.pem"), "{tls:?}");
}

//! Names cannot be made to look like others, and certificates of any shape parse or are refused.

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, KeyPair};
use rcgen::{SanType, SerialNumber};

use super::*;

fn of(change: impl FnOnce(&mut CertificateParams)) -> PeerName {
    let key = KeyPair::generate().expect("P-256 is there");
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    change(&mut params);
    let certificate = params.self_signed(&key).expect("it signs");
    PeerName::of(certificate.der()).expect("it parses")
}

fn subject(parts: &[(DnType, &str)]) -> PeerName {
    of(|params| {
        for (kind, text) in parts {
            params.distinguished_name.push(kind.clone(), *text);
        }
    })
}

#[test]
fn a_subject_is_written_most_specific_part_first() {
    let name = subject(&[
        (DnType::CountryName, "CH"),
        (DnType::OrganizationName, "Example"),
        (DnType::CommonName, "device-7"),
    ]);
    assert_eq!(name.subject, "CN=device-7,O=Example,C=CH");
    assert_eq!(name.issuer, name.subject, "it signed itself");
    assert_eq!(name.common_name.as_deref(), Some("device-7"));
}

#[test]
fn no_value_can_pass_for_two_parts() {
    let name = subject(&[(DnType::CommonName, "a,O=Other+OU=x;\"<>\\ ")]);
    assert_eq!(name.subject, r#"CN=a\,O\=Other\+OU\=x\;\"\<\>\\\ "#);
    let name = subject(&[(DnType::CommonName, "#41")]);
    assert_eq!(name.subject, r"CN=\#41");
    let name = subject(&[(DnType::CommonName, " a")]);
    assert_eq!(name.subject, r"CN=\ a");
}

#[test]
fn a_name_with_a_hidden_end_is_no_name() {
    let name = subject(&[(DnType::CommonName, "admin\0.example.org")]);
    assert_eq!(name.common_name, None);
    assert_eq!(name.subject, r"CN=admin\00.example.org");
    let name = subject(&[(DnType::CommonName, "admin\n")]);
    assert_eq!(name.common_name, None);
}

#[test]
fn of_two_common_names_neither_counts() {
    // One attribute type twice is what a list of pairs can say and rcgen's map cannot: the second
    // comes in through a type that is written as its number.
    let name = of(|params| {
        params.distinguished_name.push(DnType::CommonName, "one");
        let twin = DnType::CustomDnType(vec![2, 5, 4, 3]);
        params
            .distinguished_name
            .push(twin, DnValue::Utf8String("two".to_owned()));
    });
    assert_eq!(
        (name.common_name, name.subject.as_str()),
        (None, "CN=two,CN=one")
    );
}

#[test]
fn a_type_without_a_short_name_is_its_number() {
    let name = of(|params| {
        let kind = DnType::CustomDnType(vec![1, 2, 3, 4]);
        params
            .distinguished_name
            .push(kind, DnValue::Utf8String("x".to_owned()));
    });
    assert_eq!(name.subject, "1.2.3.4=#78");
}

#[test]
fn alternative_names_are_told_by_kind() {
    let name = of(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName("device.example.org".try_into().expect("it is ASCII")),
            SanType::URI(
                "spiffe://example.org/device"
                    .try_into()
                    .expect("it is ASCII"),
            ),
            SanType::Rfc822Name("device@example.org".try_into().expect("it is ASCII")),
            SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
            SanType::DnsName("hidden\0.example.org".try_into().expect("it is ASCII")),
        ];
    });
    assert_eq!(name.dns_names, ["device.example.org"]);
    assert_eq!(name.uris, ["spiffe://example.org/device"]);
    assert_eq!(name.emails, ["device@example.org"]);
}

#[test]
fn serial_and_end_are_told() {
    let name = of(|params| {
        params.serial_number = Some(SerialNumber::from_slice(&[0xfa, 0x0b]));
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    });
    assert_eq!(name.serial, "fa0b");
    assert_eq!(name.not_after_unix_secs, 1_893_456_000);
}

#[test]
fn a_certificate_cut_anywhere_is_refused_and_nothing_panics() {
    let key = KeyPair::generate().expect("P-256 is there");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
    let certificate = params.self_signed(&key).expect("it signs");
    let der = certificate.der();
    assert!(PeerName::of(der).is_ok());
    for length in 0..der.len() {
        let cut = CertificateDer::from(&der[..length]);
        assert_eq!(
            PeerName::of(&cut),
            Err(Fault::CertificateMalformed),
            "{length} bytes"
        );
    }
    for index in 0..der.len() {
        let mut garbled = der.to_vec();
        garbled[index] ^= 0xff;
        let _ = PeerName::of(&CertificateDer::from(garbled));
    }
}

#[test]
fn an_alternative_name_that_does_not_parse_is_refused() {
    let key = KeyPair::generate().expect("P-256 is there");
    let mut params = CertificateParams::default();
    let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], vec![0x30, 0x7f, 1]);
    params.custom_extensions.push(extension);
    let certificate = params.self_signed(&key).expect("it signs");
    assert_eq!(
        PeerName::of(certificate.der()),
        Err(Fault::CertificateMalformed)
    );
}

//! Authorities and certificates that tests make for themselves.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use tributary_tls::settings::{Chain, Pem};

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    pub(crate) serial: SerialNumber,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let key = KeyPair::generate().expect("P-256 is there");
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("it signs");
        Authority {
            pem: certificate.pem(),
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn server(&self, names: &[&str]) -> Identity {
        let mut params = params(names[0], names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, 1)
    }

    pub(crate) fn server_with_key(
        &self,
        names: &[&str],
        kind: &'static SignatureAlgorithm,
    ) -> Identity {
        let mut params = params(names[0], names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(kind).expect("aws-lc has them all");
        self.sign_key(params, 1, &key)
    }

    pub(crate) fn client(&self, name: &str, serial: u64) -> Identity {
        self.sign(client_params(name), serial)
    }

    /// A client's certificate that ended with the year 2025.
    pub(crate) fn expired_client(&self, name: &str) -> Identity {
        let mut params = client_params(name);
        params.not_after = date_time_ymd(2026, 1, 1);
        self.sign(params, 99)
    }

    /// A client's certificate that ends `after_secs` behind [`super::NOW_SECS`].
    pub(crate) fn client_until(&self, name: &str, after_secs: u64) -> Identity {
        let mut params = client_params(name);
        params.not_after = date_time_ymd(2026, 6, 1) + std::time::Duration::from_secs(after_secs);
        self.sign(params, 98)
    }

    pub(crate) fn sign(&self, params: CertificateParams, serial: u64) -> Identity {
        let key = KeyPair::generate().expect("P-256 is there");
        self.sign_key(params, serial, &key)
    }

    fn sign_key(&self, mut params: CertificateParams, serial: u64, key: &KeyPair) -> Identity {
        let serial = SerialNumber::from(serial);
        params.serial_number = Some(serial.clone());
        let certificate = params.signed_by(key, &self.issuer).expect("it signs");
        Identity {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            serial,
        }
    }

    /// A list in force from 2026 to the start of the given year that revokes these.
    pub(crate) fn revocation_list(&self, revoked: &[&Identity], until_year: i32) -> String {
        let revoked_certs = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: identity.serial.clone(),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(until_year, 1, 2),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params
            .signed_by(&self.issuer)
            .expect("it signs")
            .pem()
            .expect("it is text")
    }
}

impl Identity {
    /// Signed by nobody but itself.
    pub(crate) fn self_signed_client(name: &str) -> Identity {
        let key = KeyPair::generate().expect("P-256 is there");
        let certificate = client_params(name).self_signed(&key).expect("it signs");
        let serial = SerialNumber::from(1_u64);
        Identity {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            serial,
        }
    }

    pub(crate) fn chain(&self) -> Chain<'_> {
        Chain {
            certificates: Pem {
                name: "server.pem",
                bytes: self.pem.as_bytes(),
            },
            key: Pem {
                name: "server.key",
                bytes: self.key_pem.as_bytes(),
            },
        }
    }
}

pub(crate) fn client_params(name: &str) -> CertificateParams {
    let mut params = params(name, &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Example, Inc.");
    let uri = format!("spiffe://example.org/{name}");
    params
        .subject_alt_names
        .push(SanType::URI(uri.try_into().expect("it is ASCII")));
    params
}

fn params(name: &str, dns_names: &[&str]) -> CertificateParams {
    let names: Vec<String> = dns_names.iter().map(|name| name.to_string()).collect();
    let mut params = CertificateParams::new(names).expect("they are DNS names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

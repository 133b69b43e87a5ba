//! An authority of the test's own, and the files that a listener's TLS names.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A certificate authority and a folder for what it signs.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    serial: u64,
}

impl Authority {
    /// All that are made so have one name, and a key each.
    pub(crate) fn new() -> Authority {
        Authority::named("authority")
    }

    pub(crate) fn named(name: &str) -> Authority {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = format!("pki-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let key = KeyPair::generate().expect("P-256 is there");
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("it signs").pem();
        Authority {
            pem,
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    /// For `localhost`, with this serial number.
    pub(crate) fn server(&self, serial: u64) -> Identity {
        let mut params = params("gateway", &["localhost"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, serial)
    }

    pub(crate) fn client(&self, name: &str, serial: u64) -> Identity {
        let mut params = params(name, &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, serial)
    }

    /// A list that revokes these.
    pub(crate) fn revocation_list(&self, revoked: &[&Identity]) -> String {
        let revoked_certs = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).expect("it signs");
        list.pem().expect("it is text")
    }

    /// Writes a file, or writes it anew; its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("the folder can be written");
        path.display().to_string()
    }

    /// Writes the server's files; the line that names them.
    pub(crate) fn install(&self, server: &Identity) -> String {
        let chain = self.write("chain.pem", &server.pem);
        let key = self.write("key.pem", &server.key_pem);
        format!("certificates = [{{ chain = \"{chain}\", key = \"{key}\" }}]\n")
    }

    fn sign(&self, mut params: CertificateParams, serial: u64) -> Identity {
        let key = KeyPair::generate().expect("P-256 is there");
        params.serial_number = Some(SerialNumber::from(serial));
        let certificate = params.signed_by(&key, &self.issuer).expect("it signs");
        Identity {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            serial,
        }
    }
}

fn params(name: &str, dns_names: &[&str]) -> CertificateParams {
    let names: Vec<_> = dns_names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are ASCII");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

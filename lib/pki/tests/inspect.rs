//! What signing requests ask for, also when they are made to deceive.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::time::Duration;

use lib_pki::{CertificateRequest, PrivateKey, SigningRequestInfo, signing_request};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, SanType};

fn request(change: impl FnOnce(&mut CertificateParams)) -> String {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "mine");
    change(&mut parameters);
    let key = KeyPair::generate().unwrap();
    parameters.serialize_request(&key).unwrap().pem().unwrap()
}

#[track_caller]
fn refused(pem: &str, reason: &str) {
    let error = SigningRequestInfo::from_pem(pem).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn subject_and_names_are_read() {
    let mut wish = CertificateRequest::server(
        "system:node:one",
        vec!["one".to_owned()],
        vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        Duration::from_secs(60),
    );
    wish.organizations = vec!["system:nodes".to_owned()];
    let pem = signing_request(&wish, &PrivateKey::generate().unwrap()).unwrap();
    let info = SigningRequestInfo::from_pem(&pem).unwrap();
    assert_eq!(info.common_name, "system:node:one");
    assert_eq!(info.organizations, ["system:nodes"]);
    assert_eq!(info.dns_names, wish.dns_names);
    assert_eq!(info.ip_addresses, wish.ip_addresses);
}

#[test]
fn a_second_common_name_is_refused() {
    let common_name = DnType::CustomDnType(vec![2, 5, 4, 3]);
    let pem = request(|parameters| parameters.distinguished_name.push(common_name, "another"));
    refused(&pem, "several common names");
}

#[test]
fn other_parts_of_a_subject_are_refused() {
    let pem = request(|parameters| {
        parameters
            .distinguished_name
            .push(DnType::OrganizationalUnitName, "another");
    });
    refused(&pem, "parts other than common name and organizations");
}

#[test]
fn other_names_are_refused() {
    for name in [
        SanType::URI("spiffe://another".try_into().unwrap()),
        SanType::Rfc822Name("a@example.org".try_into().unwrap()),
    ] {
        let pem = request(|parameters| parameters.subject_alt_names.push(name));
        refused(&pem, "other than DNS names and addresses");
    }
}

#[test]
fn a_second_list_of_names_is_refused() {
    // A list with the one name `evil`, beside the one that the library writes.
    let list = [0x30, 0x06, 0x82, 0x04, b'e', b'v', b'i', b'l'];
    let pem = request(|parameters| {
        parameters.subject_alt_names = vec![SanType::DnsName("good".try_into().unwrap())];
        let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], list.to_vec());
        parameters.custom_extensions.push(extension);
    });
    let error = SigningRequestInfo::from_pem(&pem).unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn what_is_not_one_request_alone_is_refused() {
    let (one, other) = (request(|_| {}), request(|_| {}));
    for pem in [
        format!("{one}{other}"),
        format!("anything\n{one}"),
        format!("{one}anything"),
        one.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        String::new(),
    ] {
        refused(&pem, "one PEM block");
    }
}

#[test]
fn a_request_that_was_changed_is_refused() {
    let pem = request(|_| {});
    // The subject is in the first lines: one letter of it changed leaves a request that can be read.
    let forged: String = {
        let der = rcgen_der(&pem);
        let position = der.windows(4).position(|window| window == b"mine").unwrap();
        let mut der = der;
        der[position] = b'n';
        to_pem(&der)
    };
    refused(&forged, "not signed by its own key");
}

fn rcgen_der(pem: &str) -> Vec<u8> {
    use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};
    CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

fn to_pem(der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let lines: Vec<String> = STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        lines.join("\n")
    )
}

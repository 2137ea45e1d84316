//! Authorities, certificates and everything that can be wrong with them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::time::Duration;

use lib_clock::{Clock, ManualClock};
use lib_pki::{
    CertificateAuthority, CertificateInfo, CertificateRequest, Error, PrivateKey, Usage, bundle, signing_request,
    split_bundle,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn clock() -> ManualClock {
    ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap())
}

fn authority(clock: &dyn Clock) -> CertificateAuthority {
    CertificateAuthority::generate("kubernetes", 10 * DAY, clock).unwrap()
}

#[test]
fn an_authority_survives_pem() {
    let clock = clock();
    let made = authority(&clock);
    let read = CertificateAuthority::from_pem(made.certificate_pem(), &made.private_key().to_pem()).unwrap();
    assert_eq!(read.info(), made.info());
    assert!(read.info().is_authority);
    assert_eq!(read.info().common_name, "kubernetes");
    assert_eq!(read.info().not_before.to_string(), "2026-01-01T11:45:00Z");
    assert_eq!(read.info().not_after.to_string(), "2026-01-11T12:00:00Z");
    assert!(!made.certificate_pem().contains('\r'));
}

#[test]
fn a_server_certificate_has_its_names() {
    let clock = clock();
    let names = vec!["kube-apiserver".to_owned(), "*.example.org".to_owned()];
    let addresses = vec!["10.3.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let request = CertificateRequest::server("kube-apiserver", names.clone(), addresses.clone(), DAY);
    let issued = authority(&clock).issue(&request, &clock).unwrap();
    let info = CertificateInfo::from_pem(&issued.certificate_pem).unwrap();
    assert_eq!((info.dns_names, info.ip_addresses), (names, addresses));
    assert!(!info.is_authority);
    assert_eq!(info.not_after, issued.not_after);
}

#[test]
fn a_client_certificate_has_its_groups() {
    let clock = clock();
    let groups = vec!["gardener.cloud:system:seeds".to_owned(), "system:masters".to_owned()];
    let request = CertificateRequest::client("gardener.cloud:system:seed:local", groups.clone(), DAY);
    let issued = authority(&clock).issue(&request, &clock).unwrap();
    let info = CertificateInfo::from_pem(&issued.certificate_pem).unwrap();
    assert_eq!(info.common_name, "gardener.cloud:system:seed:local");
    assert_eq!(info.organizations, groups);
}

#[test]
fn three_groups_are_refused() {
    let clock = clock();
    let groups = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let error = authority(&clock)
        .issue(&CertificateRequest::client("x", groups, DAY), &clock)
        .unwrap_err();
    assert!(matches!(error, Error::TooManyOrganizations(3)));
}

#[test]
fn no_certificate_outlives_its_authority() {
    let clock = clock();
    let issued = authority(&clock)
        .issue(&CertificateRequest::client("x", vec![], 365 * DAY), &clock)
        .unwrap();
    assert_eq!(issued.not_after.to_string(), "2026-01-11T12:00:00Z");
}

#[test]
fn an_expired_authority_does_not_sign() {
    let clock = clock();
    let authority = authority(&clock);
    clock.advance(11 * DAY);
    let error = authority
        .issue(&CertificateRequest::client("x", vec![], DAY), &clock)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the certificate authority "kubernetes" expired at 2026-01-11T12:00:00Z"#
    );
}

#[test]
fn a_signing_request_keeps_its_subject_and_key() {
    let clock = clock();
    let key = PrivateKey::generate().unwrap();
    let mut wish = CertificateRequest::client("jane", vec!["dev".to_owned(), "ops".to_owned()], DAY);
    wish.dns_names = vec!["jane.example.org".to_owned()];
    let pem = signing_request(&wish, &key).unwrap();
    let signed = authority(&clock)
        .sign_request(&pem, &[Usage::Client], DAY, &clock)
        .unwrap();
    let info = CertificateInfo::from_pem(&signed).unwrap();
    assert_eq!(info.common_name, "jane");
    assert_eq!(info.dns_names, ["jane.example.org"]);
    let own = authority(&clock).issue_for_key(&wish, key, &clock).unwrap();
    assert_eq!(
        info.public_key_der,
        CertificateInfo::from_pem(&own.certificate_pem).unwrap().public_key_der
    );
}

#[test]
fn serial_numbers_differ_for_the_same_key() {
    let clock = clock();
    let (authority, key) = (authority(&clock), PrivateKey::generate().unwrap());
    let serial = || {
        let request = CertificateRequest::client("x", vec![], DAY);
        let issued = authority.issue_for_key(&request, key.clone(), &clock).unwrap();
        CertificateInfo::from_pem(&issued.certificate_pem)
            .unwrap()
            .serial_number
    };
    assert_ne!(serial(), serial());
}

#[test]
fn what_is_wrong_is_said() {
    let clock = clock();
    let (one, other) = (authority(&clock), authority(&clock));
    let leaf = one
        .issue(&CertificateRequest::client("x", vec![], DAY), &clock)
        .unwrap();
    let key = one.private_key().to_pem();
    let read = |certificate: &str, key: &str| {
        CertificateAuthority::from_pem(certificate, key)
            .unwrap_err()
            .to_string()
    };
    let cases = [
        (
            read("", &key),
            "failed to read the certificate: no PEM block CERTIFICATE in it",
        ),
        (
            read(&key, &key),
            "failed to read the certificate: no PEM block CERTIFICATE in it",
        ),
        (
            read("-----BEGIN CERTIFICATE-----\n!", &key),
            "failed to read the certificate",
        ),
        (read(one.certificate_pem(), "no key"), "failed to read the private key"),
        (
            read(one.certificate_pem(), one.certificate_pem()),
            "failed to read the private key",
        ),
        (
            read(one.certificate_pem(), &other.private_key().to_pem()),
            r#"the private key does not belong to the certificate of "kubernetes""#,
        ),
        (
            read(&leaf.certificate_pem, &leaf.private_key.to_pem()),
            r#"the certificate of "x" is not one of a certificate authority"#,
        ),
    ];
    for (actual, expected) in cases {
        assert_eq!(actual, expected);
    }
}

#[test]
fn a_certificate_of_garbage_is_refused() {
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        CertificateInfo::from_pem(garbage),
        Err(Error::BadCertificate(_))
    ));
    assert!(matches!(split_bundle(garbage), Err(Error::BadCertificate(_))));
    assert!(matches!(split_bundle("nothing"), Err(Error::NoCertificate)));
}

#[test]
fn a_bad_name_and_a_bad_request_are_refused() {
    let clock = clock();
    let bad = CertificateRequest::server("x", vec!["ä.example.org".to_owned()], vec![], DAY);
    assert!(matches!(
        authority(&clock).issue(&bad, &clock),
        Err(Error::BadName { .. })
    ));
    assert!(matches!(
        authority(&clock).sign_request("x", &[], DAY, &clock),
        Err(Error::BadRequest(_))
    ));
}

#[test]
fn a_bundle_is_split_as_it_was_joined() {
    let clock = clock();
    let (one, other) = (authority(&clock), authority(&clock));
    let pem = bundle([
        one.certificate_pem(),
        "",
        other.certificate_pem(),
        one.certificate_pem(),
    ]);
    let certificates = split_bundle(&pem).unwrap();
    assert_eq!(certificates, [one.certificate_pem(), other.certificate_pem()]);
}

#[test]
fn renewal_is_due_late_in_life() {
    let clock = clock();
    let info = authority(&clock).info().clone();
    assert!(!info.is_due(clock.now(), 0.2));
    assert!(!info.expires_within(9 * DAY, clock.now()));
    clock.advance(9 * DAY);
    assert!(info.is_due(clock.now(), 0.2));
    assert!(info.expires_within(DAY, clock.now()));
    assert!(!info.is_expired(clock.now()));
    clock.advance(DAY);
    assert!(info.is_expired(clock.now()));
}

#[test]
fn keys_are_pkcs8_and_never_printed() {
    let key = PrivateKey::generate().unwrap();
    assert!(key.to_pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(key.public_key_pem().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(
        PrivateKey::from_pem(&key.to_pem()).unwrap().public_key_pem(),
        key.public_key_pem()
    );
    assert_eq!(format!("{key:?}"), "PrivateKey(redacted)");
    let clock = clock();
    let secret = authority(&clock);
    assert!(!format!("{secret:?}").contains("PRIVATE KEY"));
}

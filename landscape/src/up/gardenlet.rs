//! Phases of gardenlet: its identity in the garden, its deployment in the seed, its Seed.
//!
//! The identity is asked for as gardenlet itself will do it later: a signing request in the garden, approved by an administrator.
//! The key is made here and lies in the seed's Secret only.

use std::time::Duration;

use api::core::v1beta1::Seed;
use controller::wait::{Progress, until};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use lib_pki::{CertificateInfo, CertificateRequest, PrivateKey, signing_request};
use serde_json::json;

use super::context::Phase;
use super::error::UpError;
use super::garden::missing_condition;
use crate::access::certificate_authority;
use crate::samples::{self, GARDENLET_GROUP, GARDENLET_KUBECONFIG, GARDENLET_USER, SEED};
use crate::seed::{ClientCertificate, Kubeconfig};

/// The name of the signing request; an earlier one that was interrupted is replaced.
const REQUEST: &str = "kubeception-gardenlet-local";

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// Signing takes as long as kube-controller-manager takes to notice: milliseconds when it runs.
const SIGNING: Duration = Duration::from_secs(60);

/// What a Seed must say of itself before shoots are put on it.
const CONDITIONS: [&str; 2] = ["GardenletReady", "SeedSystemComponentsHealthy"];

/// Gives gardenlet its identity unless it has one that lasts, and deploys it.
pub(crate) async fn apply(phase: Phase) -> Result<(), UpError> {
    let context = &phase.context;
    let seed = context.seed()?;
    let secrets: Api<Secret> = Api::namespaced(seed.client(), "garden");
    let existing = secrets
        .get_opt(GARDENLET_KUBECONFIG)
        .await
        .map_err(failed("read gardenlet's kubeconfig"))?;
    let authority = certificate_authority(&seed.client()).await?;
    let usable = |secret| usable_kubeconfig(secret, &authority, context.clock.now());
    let kubeconfig = match existing.as_ref().and_then(usable) {
        Some(kubeconfig) => kubeconfig,
        None => {
            let kubeconfig = new_kubeconfig(&phase, authority).await?;
            let secret = json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": GARDENLET_KUBECONFIG, "namespace": "garden"},
                "type": "Opaque",
                "stringData": {"kubeconfig": kubeconfig},
            });
            seed.apply(&phase, secret).await?;
            kubeconfig
        }
    };
    let objects = samples::gardenlet(
        context.gardenlet_image()?,
        &context.domain,
        &kubeconfig,
        &context.image_overwrite()?,
    );
    seed.apply_all(&phase, objects).await
}

/// The kubeconfig of an earlier run, if its certificate has most of its life before it, and the garden is still the same: one that was
/// deleted and made anew has other authorities.
fn usable_kubeconfig(secret: &Secret, authority: &str, now: Timestamp) -> Option<String> {
    let bytes = &secret.data.as_ref()?.get("kubeconfig")?.0;
    let text = String::from_utf8(bytes.clone()).ok()?;
    let document: serde_json::Value = serde_yaml_ng::from_str(&text).ok()?;
    let data = |path: &str| {
        let bytes: ByteString = serde_json::from_value(document.pointer(path)?.clone()).ok()?;
        String::from_utf8(bytes.0).ok()
    };
    let is_of_garden = data("/clusters/0/cluster/certificate-authority-data")? == authority;
    let information = CertificateInfo::from_pem(&data("/users/0/user/client-certificate-data")?).ok()?;
    (is_of_garden && !information.is_due(now, 0.5)).then_some(text)
}

async fn new_kubeconfig(phase: &Phase, authority: String) -> Result<String, UpError> {
    let context = &phase.context;
    let key = PrivateKey::generate()?;
    let subject = CertificateRequest::client(GARDENLET_USER, vec![GARDENLET_GROUP.to_owned()], Duration::ZERO);
    let request = signing_request(&subject, &key)?;
    phase.detail("asking the garden for gardenlet's certificate");
    let certificate = sign(context.garden()?.client(), &request).await?;
    let kubeconfig = Kubeconfig {
        name: "garden".to_owned(),
        server: format!("https://{}", context.domain.garden_host()),
        authority,
        proxy: None,
        client: ClientCertificate {
            certificate,
            key: key.to_pem(),
        },
    };
    Ok(kubeconfig.to_yaml()?)
}

/// Has a client certificate signed in the garden: request, approval, certificate.
async fn sign(garden: Client, request: &str) -> Result<String, UpError> {
    let requests: Api<CertificateSigningRequest> = Api::all(garden);
    let delete = requests.delete(REQUEST, &DeleteParams::default()).await;
    if let Err(error) = delete
        && !matches!(&error, kube::Error::Api(status) if status.code == 404)
    {
        return Err(failed("remove gardenlet's earlier signing request")(error));
    }
    let object = json!({
        "metadata": {"name": REQUEST},
        "spec": {
            "request": ByteString(request.as_bytes().to_vec()),
            "signerName": SIGNER,
            "usages": ["digital signature", "key encipherment", "client auth"],
        },
    });
    let object: CertificateSigningRequest = serde_json::from_value(object)?;
    let mut created = requests
        .create(&PostParams::default(), &object)
        .await
        .map_err(failed("create gardenlet's signing request"))?;
    let approval = json!({
        "conditions": [{
            "type": "Approved",
            "status": "True",
            "reason": "BringUp",
            "message": "The landscape's bring-up approves its own gardenlet.",
        }],
    });
    created.status = Some(serde_json::from_value(approval)?);
    requests
        .replace_subresource("approval", REQUEST, &PostParams::default(), &created)
        .await
        .map_err(failed("approve gardenlet's signing request"))?;
    let signed = until(&requests, REQUEST, "to be signed", SIGNING, |request| {
        match request.and_then(certificate_of) {
            Some(_) => Progress::Done,
            None => Progress::Waiting("not signed yet".to_owned()),
        }
    })
    .await?;
    Ok(signed.as_ref().and_then(certificate_of).unwrap_or_default())
}

fn certificate_of(request: &CertificateSigningRequest) -> Option<String> {
    let bytes = request.status.as_ref()?.certificate.as_ref()?;
    String::from_utf8(bytes.0.clone()).ok()
}

/// Waits until the seed takes shoots.
pub(crate) async fn wait(phase: Phase, deadline: Duration) -> Result<(), UpError> {
    let seeds: Api<Seed> = Api::all(phase.context.garden()?.client());
    until(&seeds, SEED, "to be ready", deadline, |seed| {
        let missing = match seed {
            None => Some("gardenlet has not registered it yet".to_owned()),
            Some(seed) => missing_condition(&seed.status.conditions, &CONDITIONS),
        };
        match missing {
            None => Progress::Done,
            Some(text) => super::seed::wait(&phase, &text),
        }
    })
    .await?;
    Ok(())
}

fn failed(step: &'static str) -> impl FnOnce(kube::Error) -> UpError {
    move |source| UpError::Request {
        step: step.to_owned(),
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use lib_clock::{Clock as _, ManualClock};
    use lib_pki::CertificateAuthority;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_kubeconfig_is_used_again_while_it_lasts_and_its_garden_does() {
        let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
        let authority = CertificateAuthority::generate("garden", DAY * 365, &clock).unwrap();
        let request = CertificateRequest::client(GARDENLET_USER, Vec::new(), DAY * 30);
        let issued = authority.issue(&request, &clock).unwrap();
        let kubeconfig = Kubeconfig {
            name: "garden".to_owned(),
            server: "https://garden".to_owned(),
            authority: "this garden's".to_owned(),
            proxy: None,
            client: ClientCertificate {
                certificate: issued.certificate_pem.clone(),
                key: issued.private_key.to_pem(),
            },
        };
        let text = kubeconfig.to_yaml().unwrap();
        let secret = Secret {
            data: Some([("kubeconfig".to_owned(), ByteString(text.clone().into_bytes()))].into()),
            ..Secret::default()
        };
        let usable = |authority| usable_kubeconfig(&secret, authority, clock.now());
        assert_eq!(usable("this garden's"), Some(text));
        assert_eq!(usable("that of a garden made anew"), None);
        clock.advance(DAY * 16);
        assert_eq!(usable("this garden's"), None);
    }
}

//! The secrets manager on a store in memory: what it makes, what it finds again, and each way it may go wrong.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time};
use lib_clock::{Clock, ManualClock};
use lib_pki::CertificateInfo;
use parking_lot::Mutex;

use crate::{ControlPlaneSecrets, SecretsWish};

use super::{
    metadata::{label, name, text},
    *,
};

/// Secrets in memory; clones share them.
#[derive(Clone)]
struct MemoryStore {
    secrets: Arc<Mutex<BTreeMap<String, Secret>>>,
    clock: Arc<ManualClock>,
}

impl SecretStore for MemoryStore {
    async fn list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Secret>, StoreError> {
        let fits = |secret: &&Secret| labels.iter().all(|(key, value)| label(secret, key) == value);
        Ok(self.secrets.lock().values().filter(fits).cloned().collect())
    }

    async fn create(&self, secret: &Secret) -> Result<Secret, StoreError> {
        let mut created = secret.clone();
        created.metadata.creation_timestamp = Some(Time(self.clock.now()));
        Ok(self
            .secrets
            .lock()
            .entry(name(secret).to_owned())
            .or_insert(created)
            .clone())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.secrets.lock().remove(name);
        Ok(())
    }
}

struct World {
    store: MemoryStore,
    options: ManagerOptions,
}

impl World {
    fn new() -> Self {
        let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let store = MemoryStore {
            secrets: Arc::default(),
            clock,
        };
        Self {
            store,
            options: ManagerOptions::new("shoot--dev--first", "gardenlet"),
        }
    }

    /// A manager as after a restart: it knows nothing but the store.
    async fn manager(&self) -> SecretsManager<MemoryStore> {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.store.clock);
        SecretsManager::load(self.store.clone(), clock, self.options.clone())
            .await
            .unwrap()
    }

    fn advance_days(&self, days: u64) {
        self.store.clock.advance(Duration::from_secs(days * 24 * 3600));
    }

    fn rotate(&mut self, name: &str) {
        self.options.rotations.insert(name.to_owned(), self.store.clock.now());
    }

    fn names(&self) -> Vec<String> {
        self.store.secrets.lock().keys().cloned().collect()
    }

    fn damage(&self, name: &str, key: &str) {
        let mut secrets = self.store.secrets.lock();
        let data = secrets.get_mut(name).unwrap().data.as_mut().unwrap();
        data.insert(key.to_owned(), ByteString(b"not a certificate".to_vec()));
    }
}

fn ca() -> AuthorityWish {
    AuthorityWish::new("ca", "kubernetes")
}

fn server(names: &[&str]) -> CertificateWish {
    CertificateWish::server(
        "kube-apiserver",
        "ca",
        names.iter().map(|name| (*name).to_owned()).collect(),
        Vec::new(),
    )
}

fn client() -> CertificateWish {
    CertificateWish::client("admin", "ca", "admin", &["system:masters"])
}

#[tokio::test]
async fn names_labels_and_keys_are_gardeners() {
    let world = World::new();
    let manager = world.manager().await;
    let authority = manager.authority(&ca()).await.unwrap();
    assert_eq!(authority.secret_name, "ca");
    let secret = world.store.secrets.lock()["ca"].clone();
    let labels: Vec<&str> = secret
        .metadata
        .labels
        .as_ref()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "checksum-of-config",
        "issued-at-time",
        "last-rotation-initiation-time",
        "managed-by",
        "manager-identity",
        "name",
        "persist",
        "valid-until-time",
    ];
    assert_eq!(labels, expected);
    assert_eq!(
        (label(&secret, "managed-by"), label(&secret, "manager-identity")),
        ("secrets-manager", "gardenlet")
    );
    assert_eq!(secret.immutable, Some(true));
    assert!(text(&secret, "ca.crt").is_some() && text(&secret, "ca.key").is_some());
    let certificate = manager.certificate(&server(&["localhost"])).await.unwrap();
    assert!(
        name(&certificate).starts_with("kube-apiserver-") && name(&certificate).len() == "kube-apiserver-".len() + 8
    );
    assert_eq!(certificate.type_.as_deref(), Some("kubernetes.io/tls"));
    assert!(!label(&certificate, "checksum-of-signing-ca").is_empty());
    let bundle = world.store.secrets.lock()[&authority.bundle_name].clone();
    assert_eq!(text(&bundle, "bundle.crt"), text(&secret, "ca.crt"));
    assert_eq!(label(&bundle, "bundle-for"), "ca");
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let world = World::new();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let manager = world.manager().await;
        manager.authority(&ca()).await.unwrap();
        manager.certificate(&server(&["localhost"])).await.unwrap();
        manager.signing_key("service-account-key").await.unwrap();
        manager.encryption_keys("encryption-key").await.unwrap();
        manager
            .derived("file", BTreeMap::from([("a".to_owned(), b"b".to_vec())]))
            .await
            .unwrap();
        assert_eq!(manager.cleanup().await.unwrap(), Vec::<String>::new());
        seen.push(world.store.secrets.lock().clone());
        world.advance_days(1);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].len(), 7);
}

#[tokio::test]
async fn a_lost_leaf_is_made_again_by_the_same_authority() {
    let world = World::new();
    let manager = world.manager().await;
    let before = manager.authority(&ca()).await.unwrap();
    let leaf = manager.certificate(&server(&["localhost"])).await.unwrap();
    world.store.secrets.lock().remove(name(&leaf));
    let manager = world.manager().await;
    let after = manager.authority(&ca()).await.unwrap();
    assert_eq!(before.authority.certificate_pem(), after.authority.certificate_pem());
    let again = manager.certificate(&server(&["localhost"])).await.unwrap();
    assert_eq!(name(&leaf), name(&again));
    assert_ne!(leaf.data, again.data);
    assert_eq!(text(&again, "ca.crt"), Some(before.authority.certificate_pem()));
}

#[tokio::test]
async fn a_damaged_leaf_is_replaced_and_a_damaged_authority_is_reported() {
    let world = World::new();
    let manager = world.manager().await;
    manager.authority(&ca()).await.unwrap();
    let leaf = manager.certificate(&server(&["localhost"])).await.unwrap();
    world.damage(name(&leaf), "tls.crt");
    let manager = world.manager().await;
    manager.authority(&ca()).await.unwrap();
    let again = manager.certificate(&server(&["localhost"])).await.unwrap();
    CertificateInfo::from_pem(text(&again, "tls.crt").unwrap()).unwrap();

    world.damage("ca", "ca.key");
    let error = world.manager().await.authority(&ca()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("Secret ca is damaged, and making another would break"),
        "{error}"
    );
    assert!(world.names().contains(&"ca".to_owned()));
}

#[tokio::test]
async fn an_authority_made_for_another_wish_is_kept() {
    let world = World::new();
    let before = world.manager().await.authority(&ca()).await.unwrap();
    // As another program writes it: another checksum, in another name.
    let mut foreign = world.store.secrets.lock().remove("ca").unwrap();
    foreign.metadata.name = Some("ca-f00dbabe".to_owned());
    foreign
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .insert("checksum-of-config".to_owned(), "1234".to_owned());
    world.store.secrets.lock().insert("ca-f00dbabe".to_owned(), foreign);
    let after = world
        .manager()
        .await
        .authority(&AuthorityWish::new("ca", "another name"))
        .await
        .unwrap();
    assert_eq!(after.secret_name, "ca-f00dbabe");
    assert_eq!(before.authority.certificate_pem(), after.authority.certificate_pem());
}

#[tokio::test]
async fn another_wish_for_a_leaf_makes_another_and_cleans_the_first() {
    let world = World::new();
    let manager = world.manager().await;
    manager.authority(&ca()).await.unwrap();
    let first = manager.certificate(&server(&["localhost"])).await.unwrap();
    let manager = world.manager().await;
    manager.authority(&ca()).await.unwrap();
    let second = manager.certificate(&server(&["localhost", "api.test"])).await.unwrap();
    assert_ne!(name(&first), name(&second));
    assert_eq!(manager.cleanup().await.unwrap(), [name(&first)]);
    assert!(!world.names().contains(&name(&first).to_owned()));
}

#[tokio::test]
async fn certificates_are_renewed_in_time_and_authorities_are_not() {
    let world = World::new();
    let make = async || {
        let manager = world.manager().await;
        let authority = manager.authority(&ca()).await.unwrap();
        (
            authority.authority.certificate_pem().to_owned(),
            name(&manager.certificate(&client()).await.unwrap()).to_owned(),
        )
    };
    let first = make().await;
    world.advance_days(200);
    assert_eq!(make().await, first);
    world.advance_days(100);
    let renewed = make().await;
    assert_eq!(renewed.0, first.0);
    assert_ne!(renewed.1, first.1);
    assert_eq!(make().await, renewed);
}

#[tokio::test]
async fn while_an_authority_is_rotated_both_are_trusted_and_servers_keep_the_old_one() {
    let mut world = World::new();
    let before = world.manager().await.authority(&ca()).await.unwrap();
    world.advance_days(1);
    world.rotate("ca");
    let manager = world.manager().await;
    let during = manager.authority(&ca()).await.unwrap();
    assert_ne!(before.authority.certificate_pem(), during.authority.certificate_pem());
    assert_ne!(during.secret_name, "ca");
    assert_eq!(lib_pki::split_bundle(&during.bundle).unwrap().len(), 2);
    let server = manager.certificate(&server(&["localhost"])).await.unwrap();
    assert_eq!(text(&server, "ca.crt"), Some(before.authority.certificate_pem()));
    let client = manager.certificate(&client()).await.unwrap();
    assert_eq!(text(&client, "ca.crt"), Some(during.authority.certificate_pem()));
    // The old authority is in use, so it is not cleaned.
    manager.cleanup().await.unwrap();
    assert!(world.names().contains(&"ca".to_owned()));

    world.options.completed.insert("ca".to_owned());
    let manager = world.manager().await;
    let after = manager.authority(&ca()).await.unwrap();
    assert_eq!(after.authority.certificate_pem(), during.authority.certificate_pem());
    assert_eq!(lib_pki::split_bundle(&after.bundle).unwrap().len(), 1);
    assert!(manager.cleanup().await.unwrap().contains(&"ca".to_owned()));
}

#[tokio::test]
async fn keys_have_bundles_and_rotate() {
    let mut world = World::new();
    let before = world.manager().await.signing_key("service-account-key").await.unwrap();
    let keys_before = world.manager().await.encryption_keys("encryption-key").await.unwrap();
    world.advance_days(1);
    world.rotate("service-account-key");
    world.rotate("encryption-key");
    let manager = world.manager().await;
    let after = manager.signing_key("service-account-key").await.unwrap();
    assert_ne!(before.secret_name, after.secret_name);
    let bundle = world.store.secrets.lock()[&after.bundle_name].clone();
    assert_eq!(
        text(&bundle, "bundle.key").unwrap().matches("BEGIN PUBLIC KEY").count(),
        2
    );
    let keys_after = manager.encryption_keys("encryption-key").await.unwrap();
    assert_eq!(keys_after.len(), 2);
    assert_eq!(keys_after[1], keys_before[0]);
    assert_ne!(keys_after[0].name, keys_after[1].name);
}

#[tokio::test]
async fn a_certificate_needs_its_authority_first() {
    let world = World::new();
    let error = world.manager().await.certificate(&client()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the authority ca of certificate admin was not asked for"
    );
}

#[tokio::test]
async fn another_managers_secrets_are_left_alone() {
    let mut world = World::new();
    world.manager().await.authority(&ca()).await.unwrap();
    world.options.identity = "gardener-operator".to_owned();
    assert_eq!(world.manager().await.cleanup().await.unwrap(), Vec::<String>::new());
    assert_eq!(world.names().len(), 2);
}

fn wish(tunnel: Option<&str>) -> SecretsWish {
    SecretsWish {
        cluster_name: "shoot--dev--first".to_owned(),
        service: "kube-apiserver".to_owned(),
        etcd: "etcd-main".to_owned(),
        hostnames: vec!["api.first.dev.shoots.example.org".to_owned()],
        addresses: vec!["100.64.0.1".parse().unwrap()],
        has_nodes: tunnel.is_some(),
        encrypted_resources: vec!["secrets".to_owned()],
        tunnel_server_name: tunnel.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_cluster_with_machines_has_certificates_for_kubelets_and_the_tunnel() {
    let world = World::new();
    let tunnel = "tunnel.first.dev.internal.example.org";
    let made = ControlPlaneSecrets::make(&world.manager().await, &wish(Some(tunnel)))
        .await
        .unwrap();
    let secret = |name: &Option<String>| world.store.secrets.lock()[name.as_ref().unwrap()].clone();
    let info = |secret: &Secret| CertificateInfo::from_pem(text(secret, "tls.crt").unwrap()).unwrap();
    let server = info(&secret(&made.names.tunnel_server));
    assert_eq!(server.dns_names, [tunnel]);
    let client = info(&secret(&made.names.tunnel_client));
    assert_eq!(client.common_name, "system:serviceaccount:kube-system:tunnel-server");
    assert!(client.organizations.is_empty());
    assert!(made.ca_vpn.is_some() && made.ca_kubelet.is_some() && made.names.kubelet_client.is_some());
}

#[tokio::test]
async fn a_cluster_without_machines_has_none() {
    let world = World::new();
    let made = ControlPlaneSecrets::make(&world.manager().await, &wish(None))
        .await
        .unwrap();
    assert!(made.ca_vpn.is_none() && made.ca_kubelet.is_none());
    assert!(made.names.tunnel_server.is_none() && made.names.tunnel_client.is_none());
    let secrets = world.store.secrets.lock();
    let for_machines = secrets
        .keys()
        .find(|name| name.contains("vpn") || name.contains("kubelet"));
    assert_eq!(for_machines, None);
}

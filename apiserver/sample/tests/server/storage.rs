//! What lies in etcd.

use apiserver::storage::{EtcdConfig, EtcdStore, Store};
use lib_resolve::Resolver;
use serde_json::{Value, json};

use crate::support::{Sample, serve};

const FLAVORS: &str = "/apis/icecream.example.com/v1/namespaces/summer/flavors";
const KEY: &str = "/registry-sample/icecream.example.com/flavors/summer/vanilla";
const ENCRYPTION: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [flavors.icecream.example.com]
  providers:
  - aescbc: {keys: [{name: key1, secret: YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=}]}
  - identity: {}
";

async fn stored(sample: &Sample) -> Vec<u8> {
    let config = EtcdConfig {
        endpoints: vec![sample.etcd.endpoint.clone()],
        ..EtcdConfig::default()
    };
    let store = EtcdStore::new(config, Resolver::new())
        .await
        .expect("configure the store");
    let found = store.get(KEY).await.expect("read etcd");
    found.item.expect("the key").value.to_vec()
}

#[tokio::test]
async fn objects_are_stored_in_the_storage_version_without_their_revision() {
    let sample = Sample::start().await;
    let old = "/apis/icecream.example.com/v1beta1/namespaces/summer/flavors";
    let flavor = json!({"metadata": {"name": "vanilla"}, "recipe": "cream"});
    sample.client.post(old, &flavor).await.expect(201);
    let stored: Value = serde_json::from_slice(&stored(&sample).await).expect("JSON");
    assert_eq!(
        (&stored["apiVersion"], &stored["spec"]["recipe"]),
        (&json!("icecream.example.com/v1"), &json!("cream"))
    );
    assert_eq!(stored["metadata"].get("resourceVersion"), None);
}

#[tokio::test]
async fn encryption_can_be_switched_on_later() {
    let sample = Sample::start().await;
    let flavor = json!({"metadata": {"name": "vanilla"}, "spec": {"recipe": "secret"}});
    sample.client.post(FLAVORS, &flavor).await.expect(201);
    assert!(stored(&sample).await.starts_with(b"{"));

    let directory = tempfile::tempdir().expect("make a directory");
    let file = directory.path().join("encryption.yaml");
    std::fs::write(&file, ENCRYPTION).expect("write the configuration");
    let flags = [format!("--encryption-provider-config={}", file.display())];
    let (client, _shutdown, _task) = serve(&sample.etcd, &flags).await;
    let vanilla = format!("{FLAVORS}/vanilla");
    let found = client.get(&vanilla).await.expect(200);
    assert_eq!(found["spec"]["recipe"], "secret");
    // A write that changes nothing seals it all the same: that is how everything stored gets sealed.
    client.put(&vanilla, &found).await.expect(200);
    let sealed = stored(&sample).await;
    assert!(
        sealed.starts_with(b"k8s:enc:aescbc:v1:key1:"),
        "{}",
        String::from_utf8_lossy(&sealed)
    );
    assert!(!sealed.windows(6).any(|window| window == b"secret"));
    assert_eq!(client.get(&vanilla).await.expect(200)["spec"]["recipe"], "secret");
}

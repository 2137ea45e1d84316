//! One Shoot through the aggregator, from its creation to its end.

use std::time::Duration;

use serde_json::{Value, json};
use testing_testkit::eventually;

use crate::fixtures::{cloud_profile, object, seed, shoot};
use crate::support::Garden;

const SHOOTS: &str = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-dev/shoots";
const DEADLINE: Duration = Duration::from_secs(30);
/// How often kube-apiserver looks for new OpenAPI documents of an aggregated API.
const AGGREGATOR_PERIOD: Duration = Duration::from_secs(60);

/// Namespaces, a project, a cloud profile and a seed.
async fn landscape() -> Garden {
    let garden = Garden::start().await;
    for namespace in ["garden", "garden-dev"] {
        garden
            .apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }))
            .await;
    }
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "dns", "namespace": "garden" } });
    garden.apply(&secret).await;
    garden
        .apply(&object("Project", "dev", &json!({ "namespace": "garden-dev" })))
        .await;
    garden.apply(&cloud_profile()).await;
    garden.apply(&seed()).await;
    garden
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shoot_lives_through_the_aggregator() {
    let garden = landscape().await;
    what_is_served_is_told(&garden).await;
    the_garden_is_set_up(&garden).await;
    let none = garden
        .kube
        .kubectl(&["get", "shoots", "--all-namespaces"])
        .await
        .unwrap();
    assert_eq!(none, "");

    garden.apply(&shoot("first")).await;
    a_new_shoot_is_completed(&garden).await;
    bad_shoots_are_refused(&garden).await;
    crate::pools::bad_pools_are_refused(&garden).await;
    a_binding_places_it(&garden).await;
    operations_make_generations(&garden).await;
    a_kubeconfig_is_given_out(&garden).await;
    collections_need_a_word_for_each(&garden).await;
    deletions_need_a_word(&garden).await;
    kubectl_explains(&garden).await;
}

async fn what_is_served_is_told(garden: &Garden) {
    let resources = garden
        .kube
        .kubectl(&["api-resources", "--api-group=core.gardener.cloud", "-o", "name"])
        .await
        .unwrap();
    let mut names: Vec<&str> = resources.lines().map(|line| line.split('.').next().unwrap()).collect();
    names.sort_unstable();
    let expected = [
        "cloudprofiles",
        "controllerdeployments",
        "controllerinstallations",
        "controllerregistrations",
        "internalsecrets",
        "projects",
        "seeds",
        "shoots",
    ];
    assert_eq!(names, expected);
}

async fn the_garden_is_set_up(garden: &Garden) {
    eventually(DEADLINE, "the cluster's identity", || async {
        let path = [
            "get",
            "configmap",
            "-n",
            "kube-system",
            "cluster-identity",
            "-o",
            "jsonpath={.data}",
        ];
        let data = garden.kube.kubectl(&path).await?;
        testing_testkit::ready_when(data.contains("\"cluster-identity\":\"garden-test\""), || data)
    })
    .await;
    for namespace in ["gardener-system-seed-lease", "gardener-system-shoot-issuer"] {
        garden.kube.kubectl(&["get", "namespace", namespace]).await.unwrap();
    }
    let project = garden.get("/apis/core.gardener.cloud/v1beta1/projects/dev").await;
    assert_eq!(project["spec"]["owner"]["name"], "admin");
    assert_eq!(project["spec"]["createdBy"]["name"], "admin");
    assert_eq!(project["spec"]["members"][0]["roles"], json!(["owner"]));
}

async fn a_new_shoot_is_completed(garden: &Garden) {
    let first = garden.get(&format!("{SHOOTS}/first")).await;
    assert_eq!(first["spec"]["kubernetes"]["version"], "1.35.4");
    assert_eq!(first["spec"]["purpose"], "evaluation");
    assert_eq!(first["metadata"]["annotations"]["gardener.cloud/created-by"], "admin");
    assert_eq!(first["metadata"]["generation"], 1);
    let table = garden
        .kube
        .kubectl(&["get", "shoots", "-n", "garden-dev"])
        .await
        .unwrap();
    let mut lines = table.lines();
    let headings: Vec<&str> = lines
        .next()
        .unwrap()
        .split("  ")
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    assert_eq!(
        headings,
        [
            "NAME",
            "CLOUDPROFILE",
            "PROVIDER",
            "REGION",
            "K8S VERSION",
            "HIBERNATION",
            "LAST OPERATION",
            "STATUS",
            "AGE"
        ]
    );
    let row: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(
        row[..8],
        [
            "first",
            "local",
            "local",
            "local",
            "1.35.4",
            "Awake",
            "<pending>",
            "<pending>"
        ]
    );
    let selected = garden
        .kube
        .kubectl(&["get", "shoots", "-A", "--field-selector=spec.seedName=", "-o", "name"])
        .await
        .unwrap();
    assert_eq!(selected, "shoot.core.gardener.cloud/first\n");
}

/// Each breaks one thing, and is told which.
async fn bad_shoots_are_refused(garden: &Garden) {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str); 8] = [
        (
            "unknown profile",
            |shoot| shoot["spec"]["cloudProfile"]["name"] = json!("moon"),
            "spec.cloudProfile.name: Not found: \"moon\"",
        ),
        (
            "unknown region",
            |shoot| shoot["spec"]["region"] = json!("moon"),
            "spec.region: Unsupported value: \"moon\"",
        ),
        (
            "unknown version",
            |shoot| shoot["spec"]["kubernetes"]["version"] = json!("1.99.0"),
            "spec.kubernetes.version",
        ),
        (
            "long name",
            |shoot| shoot["metadata"]["name"] = json!("a-very-long-shoot-name"),
            "metadata.name: Invalid value",
        ),
        (
            "bad name",
            |shoot| shoot["metadata"]["name"] = json!("two--hyphens"),
            "metadata.name: Invalid value",
        ),
        (
            "other namespace",
            |shoot| shoot["metadata"]["namespace"] = json!("default"),
            "belongs to no project",
        ),
        (
            "unknown namespace",
            |shoot| shoot["metadata"]["namespace"] = json!("nowhere"),
            "namespaces \"nowhere\" not found",
        ),
        (
            "binding without workers",
            |shoot| shoot["spec"]["credentialsBindingName"] = json!("mine"),
            "spec.credentialsBindingName",
        ),
    ];
    for (what, change, expected) in cases {
        let mut bad = shoot("bad");
        change(&mut bad);
        let file = garden.file(&bad).display().to_string();
        let error = garden.kube.kubectl(&["create", "-f", &file]).await.expect_err(what);
        assert!(error.contains(expected), "{what}: {error}");
    }
}

async fn a_binding_places_it(garden: &Garden) {
    let path = format!("{SHOOTS}/first");
    let mut first = garden.get(&path).await;
    first["spec"]["seedName"] = json!("one");
    let error = garden.put(&path, &first).await.unwrap_err();
    assert!(error.contains("shoots/binding"), "{error}");
    garden.put(&format!("{path}/binding"), &first).await.unwrap();
    let bound = garden.get(&path).await;
    assert_eq!(bound["spec"]["seedName"], "one");
    assert_eq!(bound["spec"]["dns"]["domain"], "first.dev.shoots.example.org");
    assert_eq!(bound["spec"]["networking"]["services"], "100.64.0.0/13");
    assert_eq!(bound["metadata"]["labels"]["name.seed.gardener.cloud/one"], "true");
    assert_eq!(bound["metadata"]["generation"], 2);
    let error = garden.kube.kubectl(&["delete", "seed", "one"]).await.unwrap_err();
    assert!(error.contains("still used by shoot(s) garden-dev/first"), "{error}");
}

async fn operations_make_generations(garden: &Garden) {
    let path = format!("{SHOOTS}/first");
    let mut first = garden.get(&path).await;
    first["status"]["lastOperation"] = json!({
        "type": "Create", "state": "Succeeded", "progress": 100, "description": "done", "lastUpdateTime": "2026-01-01T00:00:00Z",
    });
    first["status"]["advertisedAddresses"] =
        json!([{ "name": "external", "url": "https://api.first.dev.shoots.example.org" }]);
    first["status"]["technicalID"] = json!("shoot--dev--first");
    first["spec"]["region"] = json!("ignored here");
    garden.put(&format!("{path}/status"), &first).await.unwrap();
    let annotate = [
        "annotate",
        "shoot",
        "-n",
        "garden-dev",
        "first",
        "gardener.cloud/operation=reconcile",
    ];
    garden.kube.kubectl(&annotate).await.unwrap();
    let after = garden.get(&path).await;
    assert_eq!(after["spec"]["region"], "local");
    assert_eq!(after["metadata"]["generation"], 3);
    assert_eq!(after["metadata"]["annotations"].get("gardener.cloud/operation"), None);
    let table = garden
        .kube
        .kubectl(&["get", "shoots", "-n", "garden-dev", "--no-headers"])
        .await
        .unwrap();
    assert!(table.contains("Create Succeeded (100%)"), "{table}");
}

async fn a_kubeconfig_is_given_out(garden: &Garden) {
    let path = format!("{SHOOTS}/first/adminkubeconfig");
    let request = |seconds: i64| {
        json!({
            "apiVersion": "authentication.gardener.cloud/v1alpha1", "kind": "AdminKubeconfigRequest",
            "spec": { "expirationSeconds": seconds },
        })
    };
    let error = garden.post(&path, &request(60)).await.unwrap_err();
    assert!(
        error.contains("may not specify a duration less than 10 minutes"),
        "{error}"
    );
    let error = garden.post(&path, &request(600)).await.unwrap_err();
    assert!(error.contains("certificate authority is not there yet"), "{error}");

    publish_authorities(garden).await;
    let answer: Value = serde_json::from_str(&garden.post(&path, &request(600)).await.unwrap()).unwrap();
    let kubeconfig: k8s_openapi::ByteString = serde_json::from_value(answer["status"]["kubeconfig"].clone()).unwrap();
    let text = String::from_utf8(kubeconfig.0).unwrap();
    assert!(text.contains("current-context: garden-dev--first-external"), "{text}");
    let config: Value = serde_yaml_ng::from_str(&text).unwrap();
    let certificate = config["users"][0]["user"]["client-certificate-data"].clone();
    let certificate: k8s_openapi::ByteString = serde_json::from_value(certificate).unwrap();
    let info = lib_pki::CertificateInfo::from_pem(std::str::from_utf8(&certificate.0).unwrap()).unwrap();
    // The test's user may list Secrets everywhere.
    assert_eq!(info.common_name, "gardener.cloud:admin:admin");
    assert_eq!(info.organizations, ["gardener.cloud:system:admins"]);
    assert!(info.not_after.duration_since(info.not_before).as_secs() <= 600 + 15 * 60);
}

/// gardenlet's part: the authorities of the shoot.
async fn publish_authorities(garden: &Garden) {
    let clock = lib_clock::SystemClock;
    let ca = lib_pki::CertificateAuthority::generate("ca-client", Duration::from_secs(86400), &clock).unwrap();
    let secret = json!({
        "apiVersion": "core.gardener.cloud/v1beta1", "kind": "InternalSecret",
        "metadata": { "name": "first.ca-client", "namespace": "garden-dev" },
        "stringData": { "ca.crt": ca.certificate_pem(), "ca.key": ca.private_key().to_pem() },
    });
    garden.apply(&secret).await;
    garden
        .apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "first.ca-cluster", "namespace": "garden-dev" },
            "data": { "ca.crt": "CLUSTER-CA" },
        }))
        .await;
}

/// `deletecollection` asks for each object by itself: one word does not stand for another.
async fn collections_need_a_word_for_each(garden: &Garden) {
    let confirmation = "confirmation.gardener.cloud/deletion";
    let mut confirmed = shoot("early");
    confirmed["metadata"]["annotations"] = json!({ confirmation: "true" });
    let mut unconfirmed = shoot("late");
    unconfirmed["metadata"]["annotations"] = json!({ confirmation: "false" });
    for shoot in [&mut confirmed, &mut unconfirmed] {
        shoot["metadata"]["labels"] = json!({ "batch": "yes" });
        garden.apply(shoot).await;
    }
    let batch = format!("{SHOOTS}?labelSelector=batch%3Dyes");
    for (collection, name) in [(SHOOTS, "first"), (batch.as_str(), "late")] {
        let error = garden.kube.kubectl(&["delete", "--raw", collection]).await.unwrap_err();
        let reason = format!("\"{name}\" is forbidden: must have a \"{confirmation}\" annotation to delete");
        assert!(error.contains(&reason), "{error}");
    }
    for name in ["first", "late"] {
        let left = garden.get(&format!("{SHOOTS}/{name}")).await;
        assert_eq!(left["metadata"].get("deletionTimestamp"), None, "{name}");
    }

    let confirm = format!("{confirmation}=true");
    let annotate = [
        "annotate",
        "shoot",
        "-n",
        "garden-dev",
        "late",
        "--overwrite",
        confirm.as_str(),
    ];
    garden.kube.kubectl(&annotate).await.unwrap();
    garden.kube.kubectl(&["delete", "--raw", &batch]).await.unwrap();
    let left = garden.get(SHOOTS).await;
    let items = left["items"].as_array().unwrap();
    let names: Vec<&Value> = items.iter().map(|shoot| &shoot["metadata"]["name"]).collect();
    assert_eq!(names, ["first"]);
}

async fn deletions_need_a_word(garden: &Garden) {
    let delete = ["delete", "shoot", "-n", "garden-dev", "first", "--wait=false"];
    let error = garden.kube.kubectl(&delete).await.unwrap_err();
    assert!(
        error.contains("must have a \"confirmation.gardener.cloud/deletion\" annotation"),
        "{error}"
    );
    assert!(
        error.contains("annotate shoot first confirmation.gardener.cloud/deletion=true"),
        "{error}"
    );
    let confirm = [
        "annotate",
        "shoot",
        "-n",
        "garden-dev",
        "first",
        "confirmation.gardener.cloud/deletion=true",
    ];
    garden.kube.kubectl(&confirm).await.unwrap();
    garden.kube.kubectl(&delete).await.unwrap();
    let gone = garden
        .kube
        .kubectl(&["get", "shoot", "-n", "garden-dev", "first"])
        .await
        .unwrap_err();
    assert!(gone.contains("not found"), "{gone}");
    let error = garden.kube.kubectl(&["delete", "project", "dev"]).await.unwrap_err();
    assert!(
        error.contains("annotate project dev confirmation.gardener.cloud/deletion=true"),
        "{error}"
    );
    garden.kube.kubectl(&["delete", "seed", "one"]).await.unwrap();
}

/// Last: the aggregator asks for documents once a minute.
async fn kubectl_explains(garden: &Garden) {
    eventually(AGGREGATOR_PERIOD * 2, "kubectl explain to know shoots", || async {
        let text = garden.kube.kubectl(&["explain", "shoot.spec.region"]).await?;
        testing_testkit::ready_when(text.contains("FIELD: region <string>"), || text)
    })
    .await;
}

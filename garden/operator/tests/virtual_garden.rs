//! What the operator plans for the virtual garden, put into a real kube-apiserver: it takes all of it, and enforces it.
//!
//! The objects are those of the golden file, which another test keeps equal to the plan.

#![expect(clippy::panic, reason = "a test fails by panicking, and its helpers with it")]

use std::time::Duration;

use testing_testkit::{Etcd, KubeApiServer, eventually, ready_when};

const OBJECTS: &str = "tests/golden/virtual-garden.yaml";
const DEADLINE: Duration = Duration::from_secs(60);

async fn create(kube: &KubeApiServer, manifest: &str) -> Result<String, String> {
    let path = kube.directory.join("object.yaml");
    fs_err::write(&path, manifest).expect("write a file");
    kube.kubectl(&["create", "-f", &path.display().to_string()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodeless_garden_takes_the_plan_and_refuses_workload() {
    let etcd = Etcd::start().await;
    let kube = KubeApiServer::start(&etcd, &[]).await;
    // What this server cannot have: a certificate that is none.
    let objects = fs_err::read_to_string(OBJECTS).expect("read the golden file");
    let objects = objects.replace("caBundle: Q0VSVElGSUNBVEU=", "insecureSkipTLSVerify: true");
    let path = kube.directory.join("virtual-garden.yaml");
    fs_err::write(&path, objects).expect("write a file");
    let applied = kube
        .kubectl(&["apply", "--server-side", "-f", &path.display().to_string()])
        .await
        .unwrap();
    assert!(
        applied.contains("validatingadmissionpolicy.admissionregistration.k8s.io/nodeless-garden-workload"),
        "{applied}"
    );

    // No controller manager runs here that would make it; without it a pod is stopped before any policy is asked.
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: default}\n";
    create(&kube, account).await.unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default}\nspec: {containers: [{name: a, image: a}]}\n";
    eventually(DEADLINE, "pods to be refused", || async {
        let error = create(&kube, pod)
            .await
            .err()
            .unwrap_or_else(|| "it was taken".to_owned());
        ready_when(
            error.contains("the garden cluster has no nodes: pods belong into a shoot"),
            || error,
        )
    })
    .await;
    let service = |namespace: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: {namespace}}}\nspec: {{ports: [{{port: 80}}]}}\n"
        )
    };
    let error = create(&kube, &service("garden")).await.unwrap_err();
    assert!(
        error.contains("it routes to no Services but those of its own aggregated APIs"),
        "{error}"
    );
    create(&kube, &service("kube-system")).await.unwrap();
    what_a_garden_holds_is_taken(&kube).await;
}

async fn what_a_garden_holds_is_taken(kube: &KubeApiServer) {
    for (what, manifest) in [
        (
            "ConfigMaps",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: garden}\n",
        ),
        (
            "Secrets",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: garden}\n",
        ),
        (
            "Leases",
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: a, namespace: garden}\n",
        ),
        (
            "ResourceQuotas",
            "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: a, namespace: garden}\n",
        ),
    ] {
        create(kube, manifest)
            .await
            .unwrap_or_else(|error| panic!("{what} must work: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_garden_is_not_deleted_by_accident() {
    let etcd = Etcd::start().await;
    let kube = KubeApiServer::start(&etcd, &[]).await;
    let objects = fs_err::read_to_string("tests/golden/runtime.yaml").expect("read the golden file");
    let policies: String = objects
        .split("---\n")
        .filter(|document| document.contains("ValidatingAdmissionPolic"))
        .map(|document| format!("---\n{document}"))
        .collect();
    let definition = serde_json::to_string(&api::crds::garden()).expect("a definition is JSON");
    create(&kube, &definition).await.unwrap();
    create(&kube, &policies).await.unwrap();
    kube.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/gardens.operator.gardener.cloud",
        "--timeout=30s",
    ])
    .await
    .unwrap();
    let garden = "apiVersion: operator.gardener.cloud/v1alpha1\nkind: Garden\nmetadata: {name: local}\nspec:\n  \
                  runtimeCluster:\n    networking: {pods: [10.2.0.0/16], services: [10.3.0.0/16]}\n    \
                  ingress: {domains: [{name: ingress.example.org}], controller: {kind: nginx}}\n    provider: {}\n  \
                  virtualCluster:\n    dns: {domains: [{name: garden.example.org}]}\n    \
                  gardener: {clusterIdentity: local}\n    kubernetes: {version: 1.35.4}\n    \
                  maintenance: {timeWindow: {begin: 220000+0000, end: 230000+0000}}\n    networking: {services: [100.64.0.0/13]}\n";
    eventually(DEADLINE, "a Garden to be taken", || async {
        create(&kube, garden).await
    })
    .await;
    eventually(DEADLINE, "its deletion to be refused", || async {
        let dry = kube.kubectl(&["delete", "garden", "local", "--dry-run=server"]).await;
        let error = dry.err().unwrap_or_else(|| "it was allowed".to_owned());
        ready_when(
            error.contains("kubectl annotate garden <name> confirmation.gardener.cloud/deletion=true"),
            || error,
        )
    })
    .await;
    kube.kubectl(&[
        "annotate",
        "garden",
        "local",
        "confirmation.gardener.cloud/deletion=true",
    ])
    .await
    .unwrap();
    kube.kubectl(&["delete", "garden", "local"]).await.unwrap();
}

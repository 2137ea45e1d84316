//! Shoots: one more is made, used, hurt, and deleted with all it had.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    host, status,
    walk::{Cluster, Walk, eventually, refused},
};

/// The shoot that `examples/shoot-workerless.yaml` makes.
const EXAMPLE: &str = "second";
const SHOOT: &str = "dev/second";
const IN_SEED: &str = "shoot--dev--second";
const IN_STATUS: &str = "garden-dev/second";
/// Long enough for a machine that does other things as well.
const CREATED: u64 = 400;
/// Longest for what was killed or stopped to be back, and for care to see it.
const HEALED: u64 = 120;
/// The condition that tells whether the API server answers.
const ANSWERS: &str = "APIServerAvailable";

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("shoot: `first` answers through the gateway", first_answers);
    walk.step("shoot: one that no seed can take says why", no_seed_fits);
    walk.step(
        "shoot: the example is created, `status` says what it waits for, and it succeeds",
        create_example,
    );
    walk.step("shoot: plain objects, custom resources, roles", objects);
    walk.step("shoot: adminkubeconfig expires and works", admin_kubeconfig);
    walk.step("shoot: Secrets are encrypted at rest", encrypted_at_rest);
    walk.step("shoot: a killed etcd comes back with its data", killed_etcd_heals);
    walk.step(
        "shoot: an API server that gets a kill -9 comes back with its data",
        killed_api_server_heals,
    );
    walk.step(
        "shoot: a stopped API server comes back, and care and `status` say what is wrong meanwhile",
        stopped_api_server_heals,
    );
    walk.step(
        "shoot: deletion without confirmation, or with a wrong one, is refused",
        unconfirmed_deletion,
    );
    walk.step("shoot: deletion leaves nothing", deletion);
}

fn first_answers(walk: &Walk) -> Result<()> {
    let answer = walk.kubectl(Cluster::Shoot("dev/first"), &["get", "--raw", "/readyz"])?;
    ensure!(answer == "ok", "it said {answer:?}");
    Ok(())
}

fn get_shoot(walk: &Walk, name: &str) -> Result<Value> {
    let text = walk.kubectl(
        Cluster::Garden,
        &["get", "shoot", name, "--namespace", "garden-dev", "--output", "json"],
    )?;
    serde_json::from_str(&text).context("kubectl's answer is not JSON")
}

/// A condition of the shoot; null when it is absent.
fn condition(shoot: &Value, kind: &str) -> Value {
    let mut conditions = shoot["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.find(|condition| condition["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// Its Services would have the addresses of the seed's own.
const NO_SEED_FITS: &str = r"
apiVersion: core.gardener.cloud/v1beta1
kind: Shoot
metadata: {name: homeless, namespace: garden-dev, annotations: {confirmation.gardener.cloud/deletion: 'true'}}
spec:
  cloudProfile: {kind: CloudProfile, name: local}
  region: local
  provider: {type: local}
  kubernetes: {version: 1.35.4}
  networking: {services: 10.3.0.0/16}
";

fn no_seed_fits(walk: &Walk) -> Result<()> {
    walk.apply(Cluster::Garden, NO_SEED_FITS)?;
    eventually(60, "the scheduler to say why", || {
        let shoot = get_shoot(walk, "homeless")?;
        let operation = &shoot["status"]["lastOperation"];
        let says = operation["description"].as_str().unwrap_or_default();
        ensure!(
            operation["state"] == "Pending" && says.contains("overlap"),
            "last operation: {operation}"
        );
        Ok(())
    })?;
    walk.kubectl(
        Cluster::Garden,
        &[
            "delete",
            "shoot",
            "homeless",
            "--namespace",
            "garden-dev",
            "--timeout=60s",
        ],
    )
    .map(|_| ())
}

fn create_example(walk: &Walk) -> Result<()> {
    walk.kubectl(Cluster::Garden, &["apply", "-f", "examples/shoot-workerless.yaml"])?;
    status::tells(walk, IN_STATUS, "Create Processing ", "")?;
    eventually(CREATED, "the shoot to succeed", || {
        let shoot = get_shoot(walk, EXAMPLE)?;
        let operation = &shoot["status"]["lastOperation"];
        ensure!(
            operation["state"] == "Succeeded",
            "last operation: {operation}; errors: {}",
            shoot["status"]["lastErrors"]
        );
        for kind in [ANSWERS, "ControlPlaneHealthy", "SystemComponentsHealthy"] {
            let condition = condition(&shoot, kind);
            ensure!(condition["status"] == "True", "{kind} is not True: {condition}");
        }
        Ok(())
    })
}

const OBJECTS: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: apples.fruit.example.org}
spec:
  group: fruit.example.org
  scope: Namespaced
  names: {kind: Apple, plural: apples, singular: apple}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {color: {type: string}}}}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: fruit}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: basket, namespace: fruit}
data: {kind: wicker}
---
apiVersion: v1
kind: Secret
metadata: {name: recipe, namespace: fruit}
stringData: {text: cinnamon-and-patience}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: picker, namespace: fruit}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: picker, namespace: fruit}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: picker, namespace: fruit}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: picker}
subjects: [{kind: ServiceAccount, name: picker, namespace: fruit}]
";

fn objects(walk: &Walk) -> Result<()> {
    let shoot = Cluster::Shoot(SHOOT);
    walk.apply(shoot, OBJECTS)?;
    walk.kubectl(
        shoot,
        &[
            "wait",
            "--for=condition=Established",
            "crd/apples.fruit.example.org",
            "--timeout=30s",
        ],
    )?;
    let apple =
        "apiVersion: fruit.example.org/v1\nkind: Apple\nmetadata: {name: one, namespace: fruit}\nspec: {color: red}\n";
    eventually(30, "the custom resource to be served", || walk.apply(shoot, apple))?;
    let picker = "--as=system:serviceaccount:fruit:picker";
    let may = walk.kubectl(
        shoot,
        &["auth", "can-i", "get", "configmaps", "--namespace", "fruit", picker],
    )?;
    ensure!(may == "yes", "the picker may get ConfigMaps: {may}");
    refused(
        walk.kubectl(shoot, &["get", "secrets", "--namespace", "fruit", picker]),
        "forbidden",
    )
}

fn admin_kubeconfig(walk: &Walk) -> Result<()> {
    let request = r#"{"apiVersion":"authentication.gardener.cloud/v1alpha1","kind":"AdminKubeconfigRequest","spec":{"expirationSeconds":900}}"#;
    let file = walk.file("request.json", request)?;
    let path = format!("/apis/core.gardener.cloud/v1beta1/namespaces/garden-dev/shoots/{EXAMPLE}/adminkubeconfig");
    let answer = walk.kubectl(
        Cluster::Garden,
        &["create", "--raw", &path, "-f", &file.display().to_string()],
    )?;
    let answer: Value = serde_json::from_str(&answer).context("the answer is not JSON")?;
    ensure!(
        answer["status"]["expirationTimestamp"].is_string(),
        "no expiration in {answer}"
    );
    works(walk, answer["status"]["kubeconfig"].as_str().unwrap_or_default())?;
    let too_short = request.replace("900", "60");
    let file = walk.file("request.json", &too_short)?;
    refused(
        walk.kubectl(
            Cluster::Garden,
            &["create", "--raw", &path, "-f", &file.display().to_string()],
        ),
        "expirationSeconds",
    )
}

/// What the kubeconfig gives is the shoot, and its administrator's rights.
fn works(walk: &Walk, encoded: &str) -> Result<()> {
    let kubeconfig = STANDARD.decode(encoded).context("the kubeconfig is not base64")?;
    let kubeconfig = String::from_utf8(kubeconfig).context("the kubeconfig is not text")?;
    let file = walk.file("admin.kubeconfig", &kubeconfig)?;
    let ready = walk.kubectl_with(&file, &["get", "--raw", "/readyz"])?;
    ensure!(ready == "ok", "with the kubeconfig, /readyz says {ready:?}");
    let may = walk.kubectl_with(&file, &["auth", "can-i", "*", "*", "--all-namespaces"])?;
    ensure!(may == "yes", "with the kubeconfig, may everything be done? {may:?}");
    Ok(())
}

/// The Secret's text must not lie readable in the volume of the shoot's etcd.
fn encrypted_at_rest(walk: &Walk) -> Result<()> {
    let volume = walk.kubectl(
        Cluster::Seed,
        &[
            "get",
            "pvc",
            "--namespace",
            IN_SEED,
            "--output",
            "jsonpath={.items[0].spec.volumeName}",
        ],
    )?;
    ensure!(!volume.is_empty(), "etcd has no volume");
    let state = format!("/var/lib/kubeception/{}", walk.landscape);
    let found = std::process::Command::new("grep")
        .args([
            "--recursive",
            "--files-with-matches",
            "--binary-files=text",
            "cinnamon-and-patience",
            &state,
        ])
        .output()
        .context("failed to run grep")?;
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    let leaks: Vec<&str> = found.lines().filter(|path| path.contains(&volume)).collect();
    ensure!(leaks.is_empty(), "the Secret is readable in {}", leaks.join(", "));
    let files = std::process::Command::new("find")
        .args([&state, "-path", &format!("*{volume}*"), "-name", "db"])
        .output()?;
    ensure!(
        !files.stdout.is_empty(),
        "no database was found below {state} for {volume}: the check looked at nothing"
    );
    Ok(())
}

fn killed_etcd_heals(walk: &Walk) -> Result<()> {
    walk.kubectl(
        Cluster::Seed,
        &[
            "delete",
            "pod",
            "etcd-main-0",
            "--namespace",
            IN_SEED,
            "--grace-period=0",
            "--force",
        ],
    )?;
    data_is_back(walk)
}

fn data_is_back(walk: &Walk) -> Result<()> {
    let basket = ["get", "configmap", "basket", "--namespace", "fruit"];
    let path = ["--output", "jsonpath={.data.kind}"];
    eventually(HEALED, "the data to be back", || {
        let value = walk.kubectl(Cluster::Shoot(SHOOT), &[&basket[..], &path].concat())?;
        ensure!(value == "wicker", "the ConfigMap says {value:?}");
        Ok(())
    })
}

/// The process itself, which its kubelet starts again in the same pod.
fn killed_api_server_heals(walk: &Walk) -> Result<()> {
    let pod = api_server_pod(walk)?;
    let missing = format!("no API server runs in the pod {pod}");
    host::kill_and_see_another(HEALED, &missing, || api_servers(&pod))?;
    data_is_back(walk)?;
    care_sees_it_back(walk)
}

/// The uid of the pod of the shoot's API server.
fn api_server_pod(walk: &Walk) -> Result<String> {
    let label = "app=kubernetes,role=apiserver";
    let path = "jsonpath={.items[*].metadata.uid}";
    let pods = ["get", "pods", "--namespace", IN_SEED, "-l", label, "--output", path];
    let uid = walk.kubectl(Cluster::Seed, &pods)?;
    ensure!(!uid.is_empty() && !uid.contains(' '), "not one pod, but: {uid:?}");
    Ok(uid)
}

/// Processes of kube-apiserver in the pod. systemd's names of control groups have no hyphens within.
fn api_servers(pod: &str) -> Result<Vec<String>> {
    let groups = [format!("pod{pod}"), format!("pod{}", pod.replace('-', "_"))];
    let found = host::all_processes()?.into_iter().filter(|process| {
        let file = process.arguments.first().and_then(|path| Path::new(path).file_name());
        file.is_some_and(|file| file == "kube-apiserver")
            && groups.iter().any(|group| process.control_groups.contains(group))
    });
    Ok(found.map(|process| process.id).collect())
}

fn stopped_api_server_heals(walk: &Walk) -> Result<()> {
    let scale = |replicas: &str| {
        let words = ["scale", "deployment", "kube-apiserver", "--namespace", IN_SEED];
        walk.kubectl(Cluster::Seed, &[&words[..], &["--replicas", replicas]].concat())
    };
    scale("0")?;
    let told = eventually(HEALED, "care to say what is wrong", || {
        says_why(&condition(&get_shoot(walk, EXAMPLE)?, ANSWERS))
    })
    .and_then(|()| status::tells(walk, IN_STATUS, "", &format!("{ANSWERS}: ")));
    scale("1")?;
    told?;
    care_sees_it_back(walk)?;
    data_is_back(walk)
}

/// The condition is False, for a reason that programs know, with a message that names the cause.
fn says_why(condition: &Value) -> Result<()> {
    let message = condition["message"].as_str().unwrap_or_default();
    let cause = message.split_once("does not answer its health check: ");
    ensure!(
        condition["status"] == "False"
            && condition["reason"] == "HealthzRequestFailed"
            && cause.is_some_and(|(_, cause)| !cause.is_empty()),
        "{ANSWERS} is: {condition}"
    );
    Ok(())
}

fn care_sees_it_back(walk: &Walk) -> Result<()> {
    eventually(HEALED, "care to see it back", || {
        let condition = condition(&get_shoot(walk, EXAMPLE)?, ANSWERS);
        ensure!(condition["status"] == "True", "{ANSWERS} is: {condition}");
        Ok(())
    })
}

fn unconfirmed_deletion(walk: &Walk) -> Result<()> {
    let delete = || {
        refused(
            walk.kubectl(
                Cluster::Garden,
                &["delete", "shoot", EXAMPLE, "--namespace", "garden-dev", "--wait=false"],
            ),
            "confirmation.gardener.cloud/deletion",
        )
    };
    let annotate = |annotation: &str| {
        let annotate = ["annotate", "shoot", EXAMPLE, annotation, "--overwrite"];
        walk.kubectl(
            Cluster::Garden,
            &[&annotate[..], &["--namespace", "garden-dev"]].concat(),
        )
    };
    delete().context("without the annotation")?;
    annotate("confirmation.gardener.cloud/deletion=no")?;
    let with_no = delete().context("with the annotation saying no");
    annotate("confirmation.gardener.cloud/deletion-")?;
    with_no
}

fn deletion(walk: &Walk) -> Result<()> {
    let namespace = ["--namespace", "garden-dev"];
    let annotate = [
        "annotate",
        "shoot",
        EXAMPLE,
        "confirmation.gardener.cloud/deletion=true",
        "--overwrite",
    ];
    walk.kubectl(Cluster::Garden, &[&annotate[..], &namespace].concat())?;
    walk.kubectl(
        Cluster::Garden,
        &[&["delete", "shoot", EXAMPLE, "--timeout=400s"][..], &namespace].concat(),
    )?;
    refused(walk.kubectl(Cluster::Seed, &["get", "namespace", IN_SEED]), "not found")?;
    let volumes = walk.kubectl(Cluster::Seed, &["get", "persistentvolumes", "--output", "json"])?;
    ensure!(!volumes.contains(IN_SEED), "a volume of the shoot is left");
    let records = walk.kubectl(
        Cluster::Seed,
        &["get", "dnsrecords", "--all-namespaces", "--output", "name"],
    )?;
    ensure!(
        !records.contains(EXAMPLE),
        "a DNS record of the shoot is left: {records}"
    );
    let left = walk.kubectl(
        Cluster::Garden,
        &[
            "get",
            "configmaps,internalsecrets",
            "--namespace",
            "garden-dev",
            "--output",
            "name",
        ],
    )?;
    ensure!(
        !left.contains(&format!("{EXAMPLE}.")),
        "objects of the shoot are left in its project: {left}"
    );
    Ok(())
}

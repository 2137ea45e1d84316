//! The sample server behind a real kube-apiserver, used with the real kubectl.

use std::path::Path;

use apiserver::{server::ServerConfig, tls::ClientTls};
use serde_json::json;
use testing_testkit::{Etcd, KubeApiServer, eventually, ready_when};
use tokio_util::sync::CancellationToken;

use crate::support::{Client, DEADLINE, options};

const FLAVORS: &str = "/apis/icecream.example.com/v1/namespaces/default/flavors";

/// kube-apiserver reaches the server through a Service that is only a name.
fn registration(port: u16) -> String {
    let api_service = |version: &str, priority: u32| {
        format!(
            "---\napiVersion: apiregistration.k8s.io/v1\nkind: APIService\n\
             metadata: {{name: {version}.icecream.example.com}}\n\
             spec: {{group: icecream.example.com, version: {version}, groupPriorityMinimum: 1000, \
             versionPriority: {priority}, insecureSkipTLSVerify: true, \
             service: {{namespace: default, name: icecream, port: {port}}}}}\n"
        )
    };
    let service = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: icecream, namespace: default}}\n\
         spec: {{type: ExternalName, externalName: localhost, ports: [{{port: {port}}}]}}\n"
    );
    [service, api_service("v1", 20), api_service("v1beta1", 10)].concat()
}

struct Landscape {
    kube: KubeApiServer,
    client: Client,
    shutdown: CancellationToken,
    directory: tempfile::TempDir,
    _etcd: Etcd,
}

impl Landscape {
    async fn start() -> Self {
        let etcd = Etcd::start().await;
        let kube = KubeApiServer::start(&etcd, &["--enable-aggregator-routing=false"]).await;
        let flags = [
            format!("--etcd-servers={}", etcd.endpoint),
            format!("--kubeconfig={}", kube.kubeconfig_path.display()),
        ];
        let config = ServerConfig::new(options(&flags), "/registry-sample");
        let completed = config.complete().await.expect("complete the configuration");
        let server = apiserver_sample::server(completed).expect("make the server");
        let listening = server.listen().await.expect("listen");
        let client = Client {
            address: listening.address(),
            headers: Vec::new(),
            tls: ClientTls {
                insecure: true,
                ..ClientTls::default()
            },
        };
        let shutdown = CancellationToken::new();
        tokio::spawn(listening.serve(shutdown.clone()));
        let directory = tempfile::tempdir().expect("make a directory");
        let landscape = Self {
            kube,
            client,
            shutdown,
            directory,
            _etcd: etcd,
        };
        landscape.register().await;
        landscape
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("write a file");
        path.display().to_string()
    }

    /// Runs kubectl; no argument may hold a space.
    async fn kubectl(&self, command: &str) -> String {
        let result = self.try_kubectl(command).await;
        result.unwrap_or_else(|error| panic!("kubectl {command}: {error}"))
    }

    async fn try_kubectl(&self, command: &str) -> Result<String, String> {
        self.kube.kubectl(&command.split(' ').collect::<Vec<_>>()).await
    }

    async fn register(&self) {
        let file = self.file("registration.yaml", &registration(self.client.address.port()));
        self.kubectl(&format!("apply -f {file}")).await;
        eventually(DEADLINE, "the API to be available", || async {
            let path =
                r#"jsonpath={range .items[?(@.spec.group=="icecream.example.com")]}{.status.conditions}{"\n"}{end}"#;
            let found = self.kube.kubectl(&["get", "apiservices", "-o", path]).await?;
            ready_when(
                found.matches(r#""status":"True","type":"Available""#).count() == 2,
                || found,
            )
        })
        .await;
    }

    /// The server itself, with the certificate of a name in the cluster's files.
    fn direct(&self, certificate: &str) -> Client {
        let file = |suffix: &str| Some(Path::new(&self.kube.directory).join(format!("{certificate}.{suffix}")));
        let tls = ClientTls {
            certificate_file: file("crt"),
            key_file: file("key"),
            insecure: true,
            ..ClientTls::default()
        };
        Client {
            tls,
            ..self.client.clone()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_works_as_with_any_other_kind() {
    let landscape = Landscape::start().await;
    applies(&landscape).await;
    shows(&landscape).await;
    changes(&landscape).await;
    explains(&landscape).await;
    landscape.kubectl("delete flavor vanilla").await;
    assert_eq!(landscape.kubectl("get flavors -o name").await, "");
    landscape.shutdown.cancel();
}

async fn applies(landscape: &Landscape) {
    let manifest =
        "apiVersion: icecream.example.com/v1\nkind: Flavor\nmetadata: {name: vanilla}\nspec: {recipe: cream}\n";
    let apply = format!("apply -f {}", landscape.file("flavor.yaml", manifest));
    let created = landscape.kubectl(&apply).await;
    assert_eq!(created, "flavor.icecream.example.com/vanilla created\n");
    let unchanged = landscape.kubectl(&apply).await;
    assert_eq!(unchanged, "flavor.icecream.example.com/vanilla unchanged\n");
    let creator = r"get fl vanilla -o jsonpath={.metadata.annotations.icecream\.example\.com/creator}";
    assert_eq!(
        landscape.kubectl(creator).await,
        "admin",
        "the front proxy names the user"
    );
}

async fn shows(landscape: &Landscape) {
    let table = landscape.kubectl("get flavors").await;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "RECIPE", "AGE"]);
    assert_eq!(lines[1][..2], ["vanilla", "cream"]);
    let all = landscape.kubectl("get all").await;
    assert!(all.contains("flavor.icecream.example.com/vanilla"), "{all}");
    let wide = landscape.kubectl("get fl -A -o wide").await;
    assert!(wide.contains("SWEETNESS"), "{wide}");
    let old = landscape
        .kubectl("get flavors.v1beta1.icecream.example.com vanilla -o jsonpath={.sugar}")
        .await;
    assert_eq!(old, "5");
}

async fn changes(landscape: &Landscape) {
    landscape.kubectl("label flavor vanilla cold=yes").await;
    let patch = r#"patch flavor vanilla --subresource=status --type=merge -p {"status":{"portions":3}}"#;
    landscape.kubectl(patch).await;
    let portions = landscape
        .kubectl("get fl -l cold -o jsonpath={.items[0].status.portions}")
        .await;
    assert_eq!(portions, "3");
}

async fn explains(landscape: &Landscape) {
    let explained = eventually(DEADLINE, "the schema to be known", || async {
        landscape.try_kubectl("explain flavor.spec.sweetness").await
    });
    let explained = explained.await;
    assert!(
        explained.contains("How sweet it is, from 0 to 10; 5 if not given."),
        "{explained}"
    );
    let typo = "apiVersion: icecream.example.com/v1\nkind: Flavor\nmetadata: {name: x}\nspec: {recipee: x}\n";
    let create = format!("create -f {}", landscape.file("typo.yaml", typo));
    let refused = landscape.try_kubectl(&create).await.expect_err("a typo");
    assert!(refused.contains(r#"unknown field "spec.recipee""#), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_by_claiming_to_be_somebody() {
    let landscape = Landscape::start().await;
    strangers_stay_out(&landscape).await;
    the_front_proxy_is_believed(&landscape).await;
    users_may_what_their_roles_say(&landscape).await;
    landscape.shutdown.cancel();
}

fn claiming(client: &Client, user: &str, group: &str) -> Client {
    client.with("x-remote-user", user).with("x-remote-group", group)
}

async fn strangers_stay_out(landscape: &Landscape) {
    let nobody = landscape.client.get(FLAVORS).await.expect(403);
    assert_eq!(
        nobody["message"],
        "flavors.icecream.example.com is forbidden: User \"system:anonymous\" cannot list resource \"flavors\" in API \
         group \"icecream.example.com\" in the namespace \"default\""
    );
    claiming(&landscape.client, "root", "system:masters")
        .get(FLAVORS)
        .await
        .expect(403);
    let token = landscape.client.with("authorization", "Bearer nonsense");
    token.get(FLAVORS).await.expect(401);
}

async fn the_front_proxy_is_believed(landscape: &Landscape) {
    let front_proxy = landscape.direct("front-proxy");
    claiming(&front_proxy, "root", "system:masters")
        .get(FLAVORS)
        .await
        .expect(200);
    claiming(&front_proxy, "bob", "tasters").get(FLAVORS).await.expect(403);
    // A user's certificate is no front proxy's: the claim is ignored, and the user is who it is.
    let user = claiming(&landscape.direct("admin"), "bob", "tasters");
    let flavor = json!({"metadata": {"name": "x"}, "spec": {"recipe": "x"}});
    let created = user.post(FLAVORS, &flavor).await.expect(201);
    assert_eq!(
        created["metadata"]["annotations"]["icecream.example.com/creator"],
        "admin"
    );
}

async fn users_may_what_their_roles_say(landscape: &Landscape) {
    landscape
        .kubectl("create clusterrole tasters --verb=list --resource=flavors.icecream.example.com")
        .await;
    landscape
        .kubectl("create clusterrolebinding tasters --clusterrole=tasters --user=bob")
        .await;
    let bob = landscape.direct("front-proxy").with("x-remote-user", "bob");
    eventually(DEADLINE, "the role to count", || async {
        let answer = bob.get(FLAVORS).await;
        ready_when(answer.code == 200, || {
            String::from_utf8_lossy(&answer.bytes).into_owned()
        })
    })
    .await;
    bob.delete(&format!("{FLAVORS}/x")).await.expect(403);
    landscape.kubectl("create serviceaccount taster").await;
    let token = landscape.kubectl("create token taster").await;
    let robot = landscape
        .client
        .with("authorization", &format!("Bearer {}", token.trim()));
    let refused = robot.get(FLAVORS).await.expect(403);
    let message = refused["message"].as_str().expect("a message");
    assert!(
        message.contains(r#"User "system:serviceaccount:default:taster""#),
        "{message}"
    );
}

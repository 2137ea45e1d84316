//! Reading: gets, lists, pages, selectors, tables, metadata, watches, discovery.

use serde_json::{Value, json};

use crate::support::{Client, Sample, serve};

const FLAVORS: &str = "/apis/icecream.example.com/v1/namespaces/summer/flavors";
const ALL_FLAVORS: &str = "/apis/icecream.example.com/v1/flavors";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

fn flavor(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"letter": &name[..1]}}, "spec": {"recipe": name}})
}

async fn create(client: &Client, names: &[&str]) {
    for name in names {
        client.post(FLAVORS, &flavor(name)).await.expect(201);
    }
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item["metadata"]["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn lists_show_what_is_selected() {
    let sample = Sample::start().await;
    let client = &sample.client;
    create(client, &["apple", "banana", "blueberry"]).await;
    let winter = "/apis/icecream.example.com/v1/namespaces/winter/flavors";
    client.post(winter, &flavor("cinnamon")).await.expect(201);
    let list = |query: &'static str| async move { client.get(&format!("{FLAVORS}{query}")).await.expect(200) };

    let all = list("").await;
    assert_eq!(
        (&all["kind"], &all["apiVersion"]),
        (&json!("FlavorList"), &json!("icecream.example.com/v1"))
    );
    assert_eq!(names(&all), ["apple", "banana", "blueberry"]);
    assert_eq!(
        names(&list("?labelSelector=letter%20in%20(a,b),letter!%3Da").await),
        ["banana", "blueberry"]
    );
    assert_eq!(names(&list("?fieldSelector=metadata.name%3Dapple").await), ["apple"]);
    assert_eq!(
        names(&list("?fieldSelector=spec.recipe!%3Dapple").await),
        ["banana", "blueberry"]
    );
    assert_eq!(names(&list("?resourceVersion=0").await).len(), 3);
    let everywhere = client.get(ALL_FLAVORS).await.expect(200);
    assert_eq!(names(&everywhere), ["apple", "banana", "blueberry", "cinnamon"]);
    let unknown = client
        .get(&format!("{FLAVORS}?fieldSelector=spec.sweetness%3D1"))
        .await
        .expect(400);
    assert_eq!(unknown["message"], "field label not supported: spec.sweetness");
    client.get(&format!("{FLAVORS}?labelSelector=!!")).await.expect(400);
    client
        .get(&format!("{FLAVORS}?resourceVersion=999999999"))
        .await
        .expect(504);
}

#[tokio::test]
async fn pages_are_one_snapshot() {
    let sample = Sample::start().await;
    let client = &sample.client;
    create(client, &["a", "b", "c", "d", "e"]).await;
    let first = client.get(&format!("{FLAVORS}?limit=2")).await.expect(200);
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["a", "b"], &json!(3))
    );
    // What happens between the pages is not seen.
    client.delete(&format!("{FLAVORS}/c")).await.expect(200);
    create(client, &["bb"]).await;
    client
        .merge(&format!("{FLAVORS}/d"), &json!({"spec": {"sweetness": 9}}))
        .await
        .expect(200);
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let second = client
        .get(&format!("{FLAVORS}?limit=2&continue={token}"))
        .await
        .expect(200);
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["items"][1]["spec"]["sweetness"], 5);
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    let token = second["metadata"]["continue"].as_str().expect("a token");
    let last = client
        .get(&format!("{FLAVORS}?limit=2&continue={token}"))
        .await
        .expect(200);
    assert_eq!((names(&last), last["metadata"].get("continue")), (vec!["e"], None));
    assert_eq!(
        names(&client.get(FLAVORS).await.expect(200)),
        ["a", "b", "bb", "d", "e"]
    );
    client.get(&format!("{FLAVORS}?continue=nonsense")).await.expect(400);
}

#[tokio::test]
async fn tables_and_metadata_are_answered() {
    let sample = Sample::start().await;
    let client = &sample.client;
    create(client, &["apple", "banana"]).await;
    let table = client.with("accept", TABLE).get(FLAVORS).await.expect(200);
    assert_eq!(
        (&table["kind"], &table["apiVersion"]),
        (&json!("Table"), &json!("meta.k8s.io/v1"))
    );
    let columns: Vec<&Value> = table["columnDefinitions"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| &column["name"])
        .collect();
    assert_eq!(columns, ["Name", "Recipe", "Sweetness", "Age"]);
    assert_eq!(table["columnDefinitions"][2]["priority"], 1);
    let cells = table["rows"][1]["cells"].as_array().expect("cells");
    assert_eq!(&cells[..3], [json!("banana"), json!("banana"), json!(5)]);
    assert_eq!(table["rows"][1]["object"]["kind"], "PartialObjectMetadata");
    let whole = client
        .with("accept", TABLE)
        .get(&format!("{FLAVORS}/apple?includeObject=Object"))
        .await
        .expect(200);
    assert_eq!(whole["rows"][0]["object"]["spec"]["recipe"], "apple");

    let metadata = client.with("accept", METADATA_LIST).get(FLAVORS).await.expect(200);
    assert_eq!(
        (&metadata["kind"], names(&metadata)),
        (&json!("PartialObjectMetadataList"), vec!["apple", "banana"])
    );
    assert_eq!(metadata["items"][0].get("spec"), None);
    let metadata = client
        .with("accept", METADATA)
        .get(&format!("{FLAVORS}/apple"))
        .await
        .expect(200);
    assert_eq!(
        (&metadata["kind"], metadata.get("spec")),
        (&json!("PartialObjectMetadata"), None)
    );
    client.with("accept", "text/html").get(FLAVORS).await.expect(406);
}

#[tokio::test]
async fn a_watch_tells_what_happens_and_resumes() {
    let sample = Sample::start().await;
    let client = &sample.client;
    create(client, &["apple"]).await;
    let mut watch = client.watch(&format!("{FLAVORS}?watch=1")).await;
    assert_eq!(watch.next_short().await, "ADDED apple");
    create(client, &["banana"]).await;
    let added = watch.next().await.expect("an event");
    assert_eq!(
        (&added["type"], &added["object"]["metadata"]["name"]),
        (&json!("ADDED"), &json!("banana"))
    );
    client
        .merge(&format!("{FLAVORS}/apple"), &json!({"spec": {"sweetness": 1}}))
        .await
        .expect(200);
    assert_eq!(watch.next_short().await, "MODIFIED apple");
    client.delete(&format!("{FLAVORS}/banana")).await.expect(200);
    let deleted = watch.next().await.expect("an event");
    assert_eq!(
        (&deleted["type"], &deleted["object"]["spec"]["recipe"]),
        (&json!("DELETED"), &json!("banana"))
    );
    assert_ne!(
        deleted["object"]["metadata"]["resourceVersion"],
        added["object"]["metadata"]["resourceVersion"]
    );

    let revision = added["object"]["metadata"]["resourceVersion"]
        .as_str()
        .expect("a revision");
    let mut resumed = client
        .watch(&format!("{ALL_FLAVORS}?watch=1&resourceVersion={revision}"))
        .await;
    assert_eq!(resumed.next_short().await, "MODIFIED apple");
    assert_eq!(resumed.next_short().await, "DELETED banana");
    // Another server on the same etcd begins with what there is now.
    let (other, _shutdown, _task) = serve(&sample.etcd, &[]).await;
    let mut lost = other.watch(&format!("{FLAVORS}?watch=1&resourceVersion=1")).await;
    let error = lost.next().await.expect("an event");
    assert_eq!(
        (&error["type"], &error["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
    assert_eq!(lost.next().await, None);
}

#[tokio::test]
async fn a_watch_sees_objects_come_into_view_and_leave_it() {
    let sample = Sample::start().await;
    let client = &sample.client;
    create(client, &["apple"]).await;
    let mut watch = client
        .watch(&format!("{FLAVORS}?watch=1&labelSelector=letter%3Db"))
        .await;
    create(client, &["banana", "cherry"]).await;
    assert_eq!(watch.next_short().await, "ADDED banana");
    let relabel = |name: &'static str, letter: &'static str| async move {
        let labels = json!({"metadata": {"labels": {"letter": letter}}});
        client.merge(&format!("{FLAVORS}/{name}"), &labels).await.expect(200)
    };
    relabel("cherry", "b").await;
    assert_eq!(watch.next_short().await, "ADDED cherry");
    let left = relabel("banana", "x").await;
    let event = watch.next().await.expect("an event");
    assert_eq!(event["type"], "DELETED");
    assert_eq!(
        event["object"]["metadata"]["labels"]["letter"], "b",
        "the last state in view"
    );
    assert_eq!(
        event["object"]["metadata"]["resourceVersion"],
        left["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn a_watch_list_marks_the_end_of_its_beginning() {
    let sample = Sample::start().await;
    let client = &sample.client;
    create(client, &["apple", "banana"]).await;
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = client.watch(&format!("{FLAVORS}?{query}")).await;
    assert_eq!(watch.next_short().await, "ADDED apple");
    assert_eq!(watch.next_short().await, "ADDED banana");
    let bookmark = watch.next().await.expect("an event");
    assert_eq!(
        (&bookmark["type"], &bookmark["object"]["kind"]),
        (&json!("BOOKMARK"), &json!("Flavor"))
    );
    assert_eq!(
        bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    create(client, &["cherry"]).await;
    assert_eq!(watch.next_short().await, "ADDED cherry");
    client
        .get(&format!("{FLAVORS}?watch=1&sendInitialEvents=true"))
        .await
        .expect(400);
}

#[tokio::test]
async fn watches_have_shapes_and_ends() {
    let sample = Sample::start().await;
    let client = &sample.client;
    create(client, &["apple", "banana"]).await;
    let mut tables = client
        .with("accept", TABLE)
        .watch(&format!("{FLAVORS}?watch=1&timeoutSeconds=1&allowWatchBookmarks=1"))
        .await;
    let first = tables.next().await.expect("an event");
    assert_eq!(first["object"]["kind"], "Table");
    assert_eq!(first["object"]["columnDefinitions"].as_array().map(Vec::len), Some(4));
    let second = tables.next().await.expect("an event");
    assert_eq!(
        (
            &second["object"]["columnDefinitions"],
            &second["object"]["rows"][0]["cells"][0]
        ),
        (&json!([]), &json!("banana"))
    );
    let bookmark = tables.next().await.expect("an event");
    assert_eq!(
        (&bookmark["type"], &bookmark["object"]["kind"]),
        (&json!("BOOKMARK"), &json!("Table"))
    );
    assert_eq!(tables.next().await, None, "the timeout ends it");

    let mut metadata = client
        .with("accept", METADATA)
        .watch(&format!("{FLAVORS}?watch=1"))
        .await;
    let event = metadata.next().await.expect("an event");
    assert_eq!(
        (&event["object"]["kind"], event["object"].get("spec")),
        (&json!("PartialObjectMetadata"), None)
    );
    sample.shutdown.cancel();
    metadata.next().await;
    assert_eq!(metadata.next().await, None, "so does the server's");
    tokio::time::timeout(crate::support::DEADLINE, sample.task)
        .await
        .expect("the server to stop")
        .expect("no panic");
}

#[tokio::test]
async fn a_watch_may_be_asked_to_last_for_ever() {
    let sample = Sample::start().await;
    let client = &sample.client;
    for wrong in ["-1", "1.5", "soon", "99999999999999999999"] {
        let refused = client
            .get(&format!("{FLAVORS}?watch=1&timeoutSeconds={wrong}"))
            .await
            .expect(400);
        assert_eq!(
            refused["message"],
            format!("timeoutSeconds: Invalid value: {wrong:?}: must be a whole number of 0 or more")
        );
    }
    let mut watches = Vec::new();
    for seconds in [i64::MAX.unsigned_abs(), u64::MAX] {
        let query = format!("watch=1&timeoutSeconds={seconds}&allowWatchBookmarks=true");
        watches.push(client.watch(&format!("{FLAVORS}?{query}")).await);
    }
    create(client, &["apple"]).await;
    for watch in &mut watches {
        assert_eq!(watch.next_short().await, "ADDED apple");
    }
}

#[tokio::test]
async fn discovery_names_what_is_served() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let groups = client.get("/apis").await.expect(200);
    assert_eq!(groups["groups"][0]["name"], "icecream.example.com");
    assert_eq!(groups["groups"][0]["preferredVersion"]["version"], "v1");
    let resources = client.get("/apis/icecream.example.com/v1").await.expect(200);
    let listed: Vec<&str> = resources["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .filter_map(|found| found["name"].as_str())
        .collect();
    assert_eq!(
        listed,
        [
            "flavors",
            "flavors/sample",
            "flavors/status",
            "flavors/tasting",
            "shops"
        ]
    );
    assert_eq!(resources["resources"][0]["shortNames"], json!(["fl"]));
    assert_eq!(resources["resources"][1]["kind"], "SampleRequest");
    let beta = client.get("/apis/icecream.example.com/v1beta1").await.expect(200);
    assert!(!beta.to_string().contains("shops"), "shops are not served in v1beta1");
    client.get("/apis/icecream.example.com/v2").await.expect(404);

    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let aggregated = client.with("accept", accept).get("/apis").await;
    assert!(
        aggregated.headers["content-type"]
            .to_str()
            .expect("text")
            .contains("as=APIGroupDiscoveryList")
    );
    let aggregated = aggregated.expect(200);
    let flavors = &aggregated["items"][0]["versions"][0]["resources"][0];
    assert_eq!(
        (&flavors["resource"], &flavors["scope"]),
        (&json!("flavors"), &json!("Namespaced"))
    );
    assert_eq!(flavors["subresources"][0]["responseKind"]["kind"], "SampleRequest");
}

/// The OpenAPI document of a version, by the link that the index gives.
async fn openapi(client: &Client, version: &str) -> Value {
    let index = client.get("/openapi/v3").await.expect(200);
    let url = index["paths"][format!("apis/icecream.example.com/{version}")]["serverRelativeURL"]
        .as_str()
        .expect("a link");
    let expected = format!("/openapi/v3/apis/icecream.example.com/{version}?hash=");
    assert!(url.starts_with(&expected), "{url}");
    client.get(url).await.expect(200)
}

/// Every reference of a document, wherever it stands.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// The kinds whose schemas a document holds, as `group/version kind`.
fn kinds(document: &Value) -> Vec<String> {
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let marked = schemas
        .values()
        .filter_map(|schema| schema["x-kubernetes-group-version-kind"].as_array());
    let text = |kind: &Value| {
        let [group, version, kind] = ["group", "version", "kind"].map(|part| kind[part].as_str().unwrap_or_default());
        format!("{group}/{version} {kind}")
    };
    let mut kinds: Vec<String> = marked.flatten().map(text).collect();
    kinds.sort();
    kinds
}

#[tokio::test]
async fn openapi_names_only_what_is_served() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let (stable, beta) = (openapi(client, "v1").await, openapi(client, "v1beta1").await);
    // What is posted to an action is part of both, and of a group of its own.
    assert_eq!(
        kinds(&stable),
        [
            "icecream.example.com/v1 Flavor",
            "icecream.example.com/v1 FlavorList",
            "icecream.example.com/v1 Shop",
            "icecream.example.com/v1 ShopList",
            "tasting.example.com/v1 SampleRequest",
        ]
    );
    assert_eq!(
        kinds(&beta),
        [
            "icecream.example.com/v1beta1 Flavor",
            "icecream.example.com/v1beta1 FlavorList",
            "tasting.example.com/v1 SampleRequest",
        ]
    );
    assert!(
        !beta["paths"].to_string().contains("shops"),
        "shops are not served in v1beta1"
    );
    for document in [&stable, &beta] {
        let mut found = Vec::new();
        references(document, &mut found);
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }
    client.get("/openapi/v3/apis/icecream.example.com/v9").await.expect(404);
}

#[tokio::test]
async fn openapi_says_what_operations_take_and_answer() {
    let sample = Sample::start().await;
    let package = "cloud.kubeception.apiserver-sample";
    for version in ["v1", "v1beta1"] {
        let document = openapi(&sample.client, version).await;
        let root = format!("/apis/icecream.example.com/{version}/namespaces/{{namespace}}/flavors");
        let operation = |path: &str, method: &str| &document["paths"][format!("{root}{path}")][method];
        let schema = |content: &Value| content["application/json"]["schema"]["$ref"].clone();
        let answer = |path: &str, method: &str| schema(&operation(path, method)["responses"]["200"]["content"]);
        let body = |path: &str, method: &str| schema(&operation(path, method)["requestBody"]["content"]);
        let component = |name: &str| format!("#/components/schemas/{package}.{name}");
        let flavor = component(&format!("{version}.Flavor"));
        assert_eq!(answer("", "get"), component(&format!("{version}.FlavorList")));
        for path in ["/{name}", "/{name}/status"] {
            assert_eq!((answer(path, "get"), body(path, "put")), (json!(flavor), json!(flavor)));
        }
        assert_eq!(body("", "post"), flavor);
        assert_eq!(body("/{name}/tasting", "post"), flavor);
        // An action has a kind of its own, whatever the version of its object.
        let request = component("v1.SampleRequest");
        assert_eq!(answer("/{name}/sample", "post"), request);
        assert_eq!(body("/{name}/sample", "post"), request);
        let kind = &operation("/{name}/sample", "post")["x-kubernetes-group-version-kind"];
        assert_eq!(
            kind,
            &json!({"group": "tasting.example.com", "version": "v1", "kind": "SampleRequest"})
        );
        let parameters = operation("/{name}", "patch")["parameters"]
            .as_array()
            .expect("parameters");
        assert!(
            parameters
                .iter()
                .any(|parameter| parameter["name"] == "fieldValidation")
        );
    }
}

#[tokio::test]
async fn health_and_version_are_open() {
    let sample = Sample::start().await;
    for path in ["/healthz", "/livez", "/readyz"] {
        let answer = sample.client.get(path).await;
        assert_eq!((answer.code.as_u16(), answer.bytes.as_ref()), (200, b"ok".as_slice()));
    }
    let verbose = sample.client.get("/readyz?verbose").await;
    assert!(String::from_utf8_lossy(&verbose.bytes).contains("[+]cache-flavors.icecream.example.com ok"));
    assert!(
        sample
            .client
            .get("/version")
            .await
            .expect(200)
            .get("gitVersion")
            .is_some()
    );
}

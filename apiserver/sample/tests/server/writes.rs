//! Creating, changing and deleting objects, over HTTPS and on etcd.

use http::Method;
use serde_json::{Value, json};

use crate::support::Sample;

const FLAVORS: &str = "/apis/icecream.example.com/v1/namespaces/summer/flavors";
const SHOPS: &str = "/apis/icecream.example.com/v1/shops";

fn flavor(name: &str) -> Value {
    json!({
        "apiVersion": "icecream.example.com/v1",
        "kind": "Flavor",
        "metadata": {"name": name},
        "spec": {"recipe": format!("{name} and milk")},
    })
}

#[tokio::test]
async fn a_flavor_from_creation_to_deletion() {
    let sample = Sample::start().await;
    let client = &sample.client;

    let created = client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    assert_eq!(created["kind"], "Flavor");
    assert_eq!(created["metadata"]["namespace"], "summer");
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(created["spec"]["sweetness"], 5, "defaults are there");
    assert_eq!(
        created["metadata"]["annotations"]["icecream.example.com/creator"], "alice",
        "plugins ran"
    );
    assert!(created["metadata"]["uid"].is_string() && created["metadata"]["creationTimestamp"].is_string());

    let vanilla = format!("{FLAVORS}/vanilla");
    assert_eq!(client.get(&vanilla).await.expect(200), created);
    let again = client.post(FLAVORS, &flavor("vanilla")).await.expect(409);
    assert_eq!(again["reason"], "AlreadyExists");
    assert_eq!(
        again["message"],
        r#"flavors.icecream.example.com "vanilla" already exists"#
    );

    let mut changed = created.clone();
    changed["spec"]["toppings"] = json!(["nuts", "cream"]);
    let updated = client.put(&vanilla, &changed).await.expect(200);
    assert_eq!(
        updated["spec"]["toppings"],
        json!(["cream", "nuts"]),
        "the canonical form is sorted"
    );
    assert_eq!(updated["metadata"]["generation"], 2);
    let outdated = client.put(&vanilla, &changed).await.expect(409);
    assert_eq!(outdated["reason"], "Conflict");
    let same = client.put(&vanilla, &updated).await.expect(200);
    assert_eq!(
        same["metadata"]["resourceVersion"], updated["metadata"]["resourceVersion"],
        "nothing changed"
    );

    let deleted = client.delete(&vanilla).await.expect(200);
    assert_eq!(
        (&deleted["status"], &deleted["details"]["uid"]),
        (&json!("Success"), &created["metadata"]["uid"])
    );
    assert_eq!(
        client.get(&vanilla).await.expect(404)["message"],
        r#"flavors.icecream.example.com "vanilla" not found"#
    );
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let mut invalid = flavor("bitter");
    invalid["spec"] = json!({"sweetness": 11});
    let status = client.post(FLAVORS, &invalid).await.expect(422);
    assert_eq!(
        status["message"],
        "Flavor.icecream.example.com \"bitter\" is invalid: [spec.recipe: Required value: a flavor needs a recipe, \
         spec.sweetness: Invalid value: 11: must be between 0 and 10]"
    );
    let mut misplaced = flavor("x");
    misplaced["metadata"]["namespace"] = json!("winter");
    assert_eq!(
        client.post(FLAVORS, &misplaced).await.expect(400)["reason"],
        "BadRequest"
    );
    let mut foreign = flavor("x");
    foreign["kind"] = json!("Shop");
    client.post(FLAVORS, &foreign).await.expect(400);
    client.request(Method::POST, FLAVORS, "{").await.expect(400);
    client
        .with("content-type", "text/plain")
        .request(Method::POST, FLAVORS, "x")
        .await
        .expect(415);
    client
        .post(FLAVORS, &json!({"metadata": {"name": "A b"}, "spec": {"recipe": "/"}}))
        .await
        .expect(201);
    client
        .post(FLAVORS, &json!({"metadata": {"name": "a/b"}, "spec": {"recipe": "r"}}))
        .await
        .expect(422);
    client.get("/apis/icecream.example.com/v1/cones").await.expect(404);
    client.get("/apis/icecream.example.com/v7/flavors").await.expect(404);
    client.get(&format!("{FLAVORS}/x/scale")).await.expect(404);
    let huge = "x".repeat(4 * 1024 * 1024);
    client.request(Method::POST, FLAVORS, huge).await.expect(413);
}

#[tokio::test]
async fn field_validation_is_as_strict_as_asked() {
    let sample = Sample::start().await;
    let client = sample.client.with("content-type", "application/json");
    let body = |name: &str| {
        format!(
            r#"{{"metadata": {{"name": "{name}"}}, "spec": {{"recipe": "{name}", "colour": "red", "taster": "a", "taster": "b"}}}}"#
        )
    };
    let create = |query: &str, name: &str| {
        let (client, path, body) = (client.clone(), format!("{FLAVORS}{query}"), body(name));
        async move { client.request(Method::POST, &path, body).await }
    };
    let warned = create("", "a").await;
    warned.expect(201);
    assert_eq!(
        warned.warnings(),
        [
            r#"299 - "unknown field \"spec.colour\"""#,
            r#"299 - "duplicate field \"spec.taster\"""#
        ]
    );
    let ignored = create("?fieldValidation=Ignore", "b").await;
    ignored.expect(201);
    assert!(ignored.warnings().is_empty());
    let refused = create("?fieldValidation=Strict", "c").await.expect(400);
    assert_eq!(
        refused["message"],
        r#"strict decoding error: unknown field "spec.colour", duplicate field "spec.taster""#
    );
    create("?fieldValidation=Maybe", "d").await.expect(400);
    let sweet = client.request(
        Method::POST,
        FLAVORS,
        r#"{"metadata":{"name":"e"},"spec":{"recipe":"e","sweetness":10}}"#,
    );
    assert_eq!(sweet.await.warnings(), [r#"299 - "spec.sweetness: 10 is very sweet""#]);
}

#[tokio::test]
async fn dry_runs_change_nothing() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let created = client
        .post(&format!("{FLAVORS}?dryRun=All"), &flavor("vanilla"))
        .await
        .expect(201);
    assert_eq!(
        created["metadata"]["annotations"]["icecream.example.com/creator"],
        "alice"
    );
    let vanilla = format!("{FLAVORS}/vanilla");
    client.get(&vanilla).await.expect(404);
    let created = client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    let patched = client
        .merge(&format!("{vanilla}?dryRun=All"), &json!({"spec": {"sweetness": 1}}))
        .await
        .expect(200);
    assert_eq!(patched["spec"]["sweetness"], 1);
    client.delete(&format!("{vanilla}?dryRun=All")).await.expect(200);
    let client = &client.with("content-type", "application/json");
    client
        .request(Method::DELETE, &vanilla, r#"{"dryRun":["All"]}"#)
        .await
        .expect(200);
    assert_eq!(client.get(&vanilla).await.expect(200), created);
    let client = &sample.client;
    client
        .post(&format!("{FLAVORS}?dryRun=All"), &flavor("vanilla"))
        .await
        .expect(409);
    client
        .post(&format!("{FLAVORS}?dryRun=Some"), &flavor("other"))
        .await
        .expect(400);
}

#[tokio::test]
async fn patches_of_both_kinds_and_no_others() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let created = client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    let vanilla = format!("{FLAVORS}/vanilla");
    let change = json!({"metadata": {"labels": {"cold": "yes"}}, "spec": {"sweetness": 2}});
    let merged = client.merge(&vanilla, &change).await.expect(200);
    assert_eq!(
        (&merged["spec"]["sweetness"], &merged["metadata"]["labels"]["cold"]),
        (&json!(2), &json!("yes"))
    );
    let json_patch = |operations: Value| {
        let client = client.with("content-type", "application/json-patch+json");
        let vanilla = vanilla.clone();
        async move { client.request(Method::PATCH, &vanilla, operations.to_string()).await }
    };
    let patched = json_patch(json!([{"op": "replace", "path": "/spec/sweetness", "value": 3}]))
        .await
        .expect(200);
    assert_eq!(patched["spec"]["sweetness"], 3);
    json_patch(json!([{"op": "test", "path": "/spec/sweetness", "value": 9}]))
        .await
        .expect(422);
    json_patch(json!({"op": "test"})).await.expect(400);
    let outdated =
        json!({"metadata": {"resourceVersion": created["metadata"]["resourceVersion"]}, "spec": {"sweetness": 4}});
    client.merge(&vanilla, &outdated).await.expect(409);
    client
        .merge(&vanilla, &json!({"spec": {"recipe": "water"}}))
        .await
        .expect(422);
    client
        .merge(&vanilla, &json!({"metadata": {"name": "other"}}))
        .await
        .expect(400);
    client.merge(&format!("{FLAVORS}/absent"), &json!({})).await.expect(404);
    let strategic = client.with("content-type", "application/strategic-merge-patch+json");
    let refused = strategic.request(Method::PATCH, &vanilla, "{}").await.expect(415);
    assert_eq!(
        refused["message"],
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json"
    );
}

#[tokio::test]
async fn many_patches_at_once_all_count() {
    let sample = Sample::start().await;
    sample.client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    let patch = |number: usize| {
        let client = sample.client.clone();
        async move {
            let labels = json!({"metadata": {"labels": {format!("label-{number}"): "x"}}});
            client.merge(&format!("{FLAVORS}/vanilla"), &labels).await.expect(200);
        }
    };
    tokio::join!(patch(0), patch(1), patch(2), patch(3));
    let found = sample.client.get(&format!("{FLAVORS}/vanilla")).await.expect(200);
    assert_eq!(
        found["metadata"]["labels"].as_object().map(serde_json::Map::len),
        Some(4)
    );
}

#[tokio::test]
async fn finalizers_keep_an_object_until_they_are_gone() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let mut kept = flavor("vanilla");
    kept["metadata"]["finalizers"] = json!(["example.com/spoon"]);
    client.post(FLAVORS, &kept).await.expect(201);
    let vanilla = format!("{FLAVORS}/vanilla");
    let pending = client.delete(&vanilla).await.expect(200);
    assert!(pending["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(
        (
            &pending["metadata"]["generation"],
            &pending["metadata"]["deletionGracePeriodSeconds"]
        ),
        (&json!(2), &json!(0))
    );
    assert_eq!(
        client.delete(&vanilla).await.expect(200)["metadata"],
        pending["metadata"],
        "once is enough"
    );
    let more = json!({"metadata": {"finalizers": ["example.com/spoon", "example.com/fork"]}});
    client.merge(&vanilla, &more).await.expect(422);
    client
        .merge(&vanilla, &json!({"metadata": {"finalizers": null}}))
        .await
        .expect(200);
    client.get(&vanilla).await.expect(404);
}

#[tokio::test]
async fn deletions_keep_to_their_preconditions() {
    let sample = Sample::start().await;
    let client = sample.client.with("content-type", "application/json");
    client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    let vanilla = format!("{FLAVORS}/vanilla");
    let wrong = r#"{"preconditions": {"uid": "other"}}"#;
    assert_eq!(
        client.request(Method::DELETE, &vanilla, wrong).await.expect(409)["reason"],
        "Conflict"
    );
    let orphan = client
        .request(Method::DELETE, &vanilla, r#"{"propagationPolicy": "Orphan"}"#)
        .await
        .expect(200);
    assert_eq!(orphan["metadata"]["finalizers"], json!(["orphan"]));
}

#[tokio::test]
async fn a_collection_is_deleted_as_selected() {
    let sample = Sample::start().await;
    let client = &sample.client;
    for (name, color) in [("a", "red"), ("b", "red"), ("c", "blue")] {
        let mut flavor = flavor(name);
        flavor["metadata"]["labels"] = json!({"color": color});
        client.post(FLAVORS, &flavor).await.expect(201);
    }
    let deleted = client
        .delete(&format!("{FLAVORS}?labelSelector=color%3Dred"))
        .await
        .expect(200);
    assert_eq!(deleted["items"].as_array().map(Vec::len), Some(2));
    let left = client.get(FLAVORS).await.expect(200);
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn subresources_change_only_their_part() {
    let sample = Sample::start().await;
    let client = &sample.client;
    client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    let vanilla = format!("{FLAVORS}/vanilla");
    let change = json!({"spec": {"sweetness": 1}, "status": {"portions": 7}});
    let changed = client.merge(&format!("{vanilla}/status"), &change).await.expect(200);
    assert_eq!(
        (&changed["status"]["portions"], &changed["spec"]["sweetness"]),
        (&json!(7), &json!(5))
    );
    let changed = client
        .merge(&vanilla, &json!({"spec": {"sweetness": 1}, "status": {"portions": 8}}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["status"]["portions"], &changed["spec"]["sweetness"]),
        (&json!(7), &json!(1))
    );
    client
        .merge(&format!("{vanilla}/status"), &json!({"status": {"portions": -1}}))
        .await
        .expect(422);
    assert_eq!(
        client.get(&format!("{vanilla}/status")).await.expect(200)["status"]["portions"],
        7
    );

    let tasting = json!({"metadata": {"name": "vanilla"}, "spec": {"taster": "bob", "recipe": "ignored"}});
    let tasted = client.post(&format!("{vanilla}/tasting"), &tasting).await.expect(201);
    assert_eq!(
        (&tasted["spec"]["taster"], &tasted["spec"]["recipe"]),
        (&json!("bob"), &json!("vanilla and milk"))
    );
    client.get(&format!("{vanilla}/tasting")).await.expect(405);

    let request = json!({"apiVersion": "tasting.example.com/v1", "kind": "SampleRequest", "spoons": 2});
    let answer = client.post(&format!("{vanilla}/sample"), &request).await.expect(201);
    assert_eq!(
        (&answer["kind"], &answer["taste"]),
        (&json!("SampleRequest"), &json!("vanilla and milk, 2 spoons, for alice"))
    );
    client
        .post(&format!("{vanilla}/sample"), &json!({"spoons": 4}))
        .await
        .expect(422);
    client
        .post(&format!("{FLAVORS}/absent/sample"), &request)
        .await
        .expect(404);
}

#[tokio::test]
async fn plugins_refuse_by_looking_at_other_objects() {
    let sample = Sample::start().await;
    let client = &sample.client;
    client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    // The plugin looks at the cache, which may lag behind the write: a consistent list waits for it.
    client.get(FLAVORS).await.expect(200);
    let mut copy = flavor("copy");
    copy["spec"]["recipe"] = json!("vanilla and milk");
    let refused = client.post(FLAVORS, &copy).await.expect(403);
    assert_eq!(
        refused["message"],
        r#"flavors.icecream.example.com "copy" is forbidden: flavor "vanilla" has the same recipe"#
    );
}

#[tokio::test]
async fn names_are_generated() {
    let sample = Sample::start().await;
    let mut nameless = flavor("x");
    nameless["metadata"] = json!({"generateName": "mixed-"});
    let created = sample.client.post(FLAVORS, &nameless).await.expect(201);
    let name = created["metadata"]["name"].as_str().expect("a name");
    assert!(name.starts_with("mixed-") && name.len() == "mixed-".len() + 5, "{name}");
    nameless["metadata"] = json!({});
    nameless["spec"]["recipe"] = json!("other");
    sample.client.post(FLAVORS, &nameless).await.expect(422);
}

#[tokio::test]
async fn a_put_creates_and_overwrites_where_the_strategy_allows_it() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let shop = |street: &str| json!({"metadata": {"name": "corner"}, "street": street});
    let corner = format!("{SHOPS}/corner");
    client.put(&corner, &shop("first")).await.expect(201);
    let changed = client.put(&corner, &shop("second")).await.expect(200);
    assert_eq!(changed["street"], "second");
    client
        .put(&format!("{FLAVORS}/vanilla"), &flavor("vanilla"))
        .await
        .expect(404);
    client.post(FLAVORS, &flavor("vanilla")).await.expect(201);
    let status = client
        .put(&format!("{FLAVORS}/vanilla"), &flavor("vanilla"))
        .await
        .expect(422);
    let message = status["message"].as_str().expect("a message");
    assert!(
        message.contains("metadata.resourceVersion: Invalid value: 0: must be specified for an update"),
        "{message}"
    );
}

#[tokio::test]
async fn yaml_and_older_versions_are_understood() {
    let sample = Sample::start().await;
    let client = &sample.client;
    let yaml =
        "apiVersion: icecream.example.com/v1beta1\nkind: Flavor\nmetadata: {name: vanilla}\nrecipe: cream\nsugar: 3\n";
    let old = "/apis/icecream.example.com/v1beta1/namespaces/summer/flavors";
    let created = client
        .with("content-type", "application/yaml")
        .request(Method::POST, old, yaml)
        .await
        .expect(201);
    assert_eq!(
        (&created["apiVersion"], &created["sugar"]),
        (&json!("icecream.example.com/v1beta1"), &json!(3))
    );
    let stored = client.get(&format!("{FLAVORS}/vanilla")).await.expect(200);
    assert_eq!(
        (&stored["apiVersion"], &stored["spec"]["sweetness"]),
        (&json!("icecream.example.com/v1"), &json!(3))
    );
    let patched = client
        .merge(&format!("{old}/vanilla"), &json!({"sugar": 4}))
        .await
        .expect(200);
    assert_eq!(patched["sugar"], 4);
    let wrong = client.post(old, &flavor("x")).await.expect(400);
    assert_eq!(
        wrong["message"],
        "the API version in the data (icecream.example.com/v1) does not match the expected API version (icecream.example.com/v1beta1)"
    );
    let shown = client
        .with("accept", "application/yaml")
        .get(&format!("{FLAVORS}/vanilla"))
        .await;
    assert!(String::from_utf8_lossy(&shown.bytes).contains("sweetness: 4\n"));
}

#[tokio::test]
async fn protobuf_bodies_are_understood() {
    let sample = Sample::start().await;
    let client = sample
        .client
        .with("content-type", "application/vnd.kubernetes.protobuf");
    let mut flavor = apiserver_sample::v1::Flavor::default();
    flavor.metadata.name = Some("vanilla".to_owned());
    flavor.spec.recipe = "cream".to_owned();
    flavor.spec.toppings = vec!["nuts".to_owned()];
    let body = apimachinery::protobuf::encode_object(&flavor);
    let created = client.request(Method::POST, FLAVORS, body.clone()).await.expect(201);
    assert_eq!(
        (&created["spec"]["recipe"], &created["spec"]["toppings"]),
        (&json!("cream"), &json!(["nuts"]))
    );
    client.request(Method::POST, FLAVORS, "k8s\0nonsense").await.expect(400);
    client.request(Method::POST, SHOPS, body).await.expect(400);
}

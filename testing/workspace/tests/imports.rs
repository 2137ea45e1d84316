//! The rooms import each other one way only, and the pure rooms reach no runtime and no client.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Which rooms a room may import, itself apart. A room is a top-level folder.
const ROOMS: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("apimachinery", &[]),
    ("api", &["lib", "apimachinery"]),
    ("apiserver", &["lib", "apimachinery"]),
    ("controller", &["lib", "apimachinery"]),
    ("plan", &["lib", "apimachinery", "api"]),
    ("deploy", &["lib", "apimachinery", "api", "plan", "controller"]),
    (
        "garden",
        &[
            "lib",
            "apimachinery",
            "api",
            "plan",
            "deploy",
            "controller",
            "apiserver",
        ],
    ),
    ("seed", &["lib", "apimachinery", "api", "plan", "deploy", "controller"]),
    ("node", &["lib", "apimachinery", "api", "plan", "deploy", "controller"]),
    // Of `cloud` only the client, and only the local provider: see CLOUD_CLIENT_USERS.
    (
        "extensions",
        &["lib", "apimachinery", "api", "plan", "deploy", "controller", "cloud"],
    ),
    ("cloud", &["lib"]),
    (
        "landscape",
        &[
            "lib",
            "apimachinery",
            "api",
            "plan",
            "deploy",
            "controller",
            "garden",
            "seed",
            "node",
            "extensions",
            "cloud",
        ],
    ),
    (
        "cli",
        &[
            "lib",
            "apimachinery",
            "api",
            "plan",
            "deploy",
            "controller",
            "garden",
            "seed",
            "node",
            "extensions",
            "cloud",
            "landscape",
        ],
    ),
    // Of `landscape` only the recipes for upstream components, which build in seconds.
    ("xtask", &["lib", "landscape"]),
    ("testing", &["lib", "apimachinery", "api", "controller"]),
];

/// Crates that a room must not reach, not even through another crate's dependencies.
const UNREACHABLE: &[(&str, &[&str])] = &[
    ("apimachinery", &["tokio", "hyper", "kube", "kube-client"]),
    ("api", &["tokio", "hyper", "kube", "kube-client"]),
    ("plan", &["tokio", "hyper", "kube", "kube-client"]),
];

/// Only these may import the client of the local cloud: to everyone else it is a foreign cloud.
const CLOUD_CLIENT_USERS: &[&str] = &[
    "cloud-daemon",
    "cloud-testkit",
    "extensions-provider-local",
    "landscape",
    "kubeception",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path("../../Cargo.toml")
        .exec()
        .expect("cargo metadata of the workspace")
}

/// The top-level folder that a workspace member lies in.
fn room_of(metadata: &Metadata, id: &PackageId) -> String {
    let manifest = &metadata[id].manifest_path;
    let inside = manifest
        .strip_prefix(&metadata.workspace_root)
        .expect("a member lies in the workspace");
    inside.components().next().expect("a member has a folder").to_string()
}

/// Normal (not test) imports between crates, by package id.
fn imports(metadata: &Metadata) -> BTreeMap<&PackageId, BTreeSet<&PackageId>> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let normal = |kinds: &[cargo_metadata::DepKindInfo]| kinds.iter().any(|info| info.kind == DependencyKind::Normal);
    let of = |node: &'_ cargo_metadata::Node| -> BTreeSet<PackageId> {
        node.deps
            .iter()
            .filter(|dep| normal(&dep.dep_kinds))
            .map(|dep| dep.pkg.clone())
            .collect()
    };
    resolve
        .nodes
        .iter()
        .map(|node| {
            (
                &metadata[&node.id].id,
                of(node).iter().map(|id| &metadata[id].id).collect(),
            )
        })
        .collect()
}

#[test]
fn rooms_import_one_way() {
    let metadata = metadata();
    let imports = imports(&metadata);
    let members: BTreeSet<&PackageId> = metadata.workspace_members.iter().collect();
    let mut wrong = Vec::new();
    for member in &members {
        let room = room_of(&metadata, member);
        let allowed = ROOMS.iter().find(|(name, _)| *name == room);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("room `{room}` is not in the picture: add it to ROOMS"));
        for imported in imports[*member].iter().filter(|id| members.contains(*id)) {
            let target = room_of(&metadata, imported);
            if target != room && !allowed.contains(&target.as_str()) {
                wrong.push(format!(
                    "{} ({room}) imports {} ({target})",
                    metadata[*member].name, metadata[*imported].name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the direction:\n{}", wrong.join("\n"));
}

#[test]
fn only_its_users_import_the_cloud_client() {
    let metadata = metadata();
    let imports = imports(&metadata);
    for member in &metadata.workspace_members {
        let name = metadata[member].name.as_str();
        let uses = imports[member]
            .iter()
            .any(|id| metadata[*id].name.as_str() == "cloud-client");
        assert!(
            !uses || CLOUD_CLIENT_USERS.contains(&name),
            "{name} imports cloud-client: go through an extension"
        );
    }
}

#[test]
fn pure_rooms_reach_no_runtime_and_no_client() {
    let metadata = metadata();
    let imports = imports(&metadata);
    for member in &metadata.workspace_members {
        let room = room_of(&metadata, member);
        let Some((_, forbidden)) = UNREACHABLE.iter().find(|(name, _)| *name == room) else {
            continue;
        };
        let mut reached = BTreeSet::new();
        let mut open = vec![member];
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(imports[next].iter());
            }
        }
        let found: Vec<&str> = reached
            .iter()
            .map(|id| metadata[*id].name.as_str())
            .filter(|name| forbidden.contains(name))
            .collect();
        assert!(found.is_empty(), "{} reaches {found:?}", metadata[member].name);
    }
}

#[test]
fn every_crate_inherits_the_lints() {
    let metadata = metadata();
    for member in &metadata.workspace_members {
        let manifest = fs_err::read_to_string(&metadata[member].manifest_path).expect("read the manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} lacks `[lints] workspace = true`",
            metadata[member].name
        );
    }
}

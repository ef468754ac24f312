//! The crates depend on each other one way only, as `ARCHITECTURE.md` has it.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// What each crate of the workspace may depend on, of the workspace.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("spandrel-proto", &[]),
    ("spandrel-analysis", &["spandrel-proto"]),
    ("spandrel-store", &["spandrel-proto"]),
    ("spandrel-normalize", &["spandrel-proto"]),
    ("spandrel-collector", &["spandrel-proto", "spandrel-normalize", "spandrel-store"]),
    ("spandrel-query", &["spandrel-proto", "spandrel-analysis", "spandrel-store"]),
    ("spandrel-ui", &[]),
    ("spandrel-shop", &[]),
    ("spandrel-score", &["spandrel-proto", "spandrel-analysis", "spandrel-normalize", "spandrel-shop"]),
    (
        "spandrel",
        &[
            "spandrel-proto",
            "spandrel-analysis",
            "spandrel-store",
            "spandrel-normalize",
            "spandrel-collector",
            "spandrel-query",
            "spandrel-ui",
            "spandrel-shop",
        ],
    ),
];

/// Crates that only some may see: a prefix of the name, and who may.
const RESERVED: [(&str, &[&str]); 3] = [
    ("datafusion", &["spandrel-query"]),
    ("tokio", &["spandrel-store", "spandrel-collector", "spandrel-query", "spandrel-shop", "spandrel-ui", "spandrel"]),
    ("axum", &["spandrel-collector", "spandrel-query", "spandrel-ui", "spandrel"]),
];

struct Edge {
    from: String,
    to: String,
    is_dev: bool,
}

fn edges() -> (Vec<String>, Vec<Edge>) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let mut edges = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_dev = dependency["kind"] == "dev";
            edges.push(Edge { from: name(package), to: name(dependency), is_dev });
        }
    }
    (packages.iter().map(name).collect(), edges)
}

#[test]
fn crates_depend_one_way() {
    let (packages, edges) = edges();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    for package in &packages {
        assert!(allowed.contains_key(package.as_str()), "say in ALLOWED what {package} may depend on");
    }
    let forbidden: Vec<String> = edges
        .iter()
        .filter(|edge| allowed.contains_key(edge.to.as_str()))
        .filter(|edge| edge.from != edge.to && !allowed[edge.from.as_str()].contains(&edge.to.as_str()))
        .map(|edge| format!("{} -> {}", edge.from, edge.to))
        .collect();
    assert!(forbidden.is_empty(), "forbidden: {forbidden:?}");
}

#[test]
fn pure_crates_stay_pure() {
    let (_, edges) = edges();
    for (prefix, allowed) in RESERVED {
        let reserved = |edge: &&Edge| edge.to == prefix || edge.to.starts_with(&format!("{prefix}-"));
        let forbidden: Vec<String> = edges
            .iter()
            .filter(|edge| !edge.is_dev)
            .filter(reserved)
            .filter(|edge| !allowed.contains(&edge.from.as_str()))
            .map(|edge| format!("{} -> {}", edge.from, edge.to))
            .collect();
        assert!(forbidden.is_empty(), "forbidden: {forbidden:?}");
    }
}

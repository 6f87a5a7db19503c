//! The house rules that can be checked by a program: who may depend on whom, how large a file may be, what the
//! core must never contain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;

/// Workspace crates each crate may use in its normal dependencies. The table of `docs/architecture.md`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("licensing-core", &[]),
    ("http-edge", &[]),
    ("http-pages", &[]),
    ("licensing-wire", &["licensing-core"]),
    ("licensing-store", &["licensing-core"]),
    ("licensing-store-sqlite", &["licensing-core", "licensing-store"]),
    ("licensing-store-postgres", &["licensing-core", "licensing-store"]),
    ("container-sim", &["licensing-core"]),
    ("licensing-client", &["licensing-core", "licensing-wire"]),
    ("license-runtime", &["licensing-core", "licensing-wire", "container-sim"]),
    ("licensing-qr", &[]),
    // Never a normal dependency of anything but xtask, which writes its golden files.
    ("licensing-testkit", &["licensing-core", "licensing-store", "container-sim"]),
    (
        "central-server",
        &[
            "http-edge",
            "http-pages",
            "licensing-core",
            "licensing-qr",
            "licensing-wire",
            "licensing-store",
            "licensing-store-sqlite",
            "licensing-store-postgres",
        ],
    ),
    // What faces the internet: no store, no containers, no signing keys.
    (
        "depot",
        &["http-edge", "http-pages", "licensing-core", "licensing-wire", "licensing-client", "licensing-qr"],
    ),
    ("license-runtime-daemon", &["license-runtime", "container-sim"]),
    (
        "cmtool",
        &[
            "licensing-core",
            "licensing-wire",
            "licensing-client",
            "licensing-qr",
            "container-sim",
            "license-runtime",
        ],
    ),
    // Measures the whole product, so it may use most of it; nothing may use it.
    (
        "licensing-bench",
        &[
            "licensing-core",
            "licensing-wire",
            "licensing-store",
            "licensing-store-sqlite",
            "container-sim",
            "license-runtime",
            "central-server",
            "licensing-testkit",
        ],
    ),
    ("xtask", &["licensing-testkit"]),
    ("embedding-example", &["licensing-core", "license-runtime"]),
];

/// Crates from outside that a crate must not reach in its normal dependencies, at any depth.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("licensing-core", &["tokio", "hyper", "axum", "rusqlite", "serde", "rand"]),
    ("licensing-wire", &["tokio", "hyper", "axum", "rusqlite"]),
    ("license-runtime", &["rusqlite", "axum"]),
    ("licensing-store", &["tokio", "rusqlite", "tokio-postgres", "hyper"]),
    ("licensing-store-sqlite", &["axum", "hyper", "tokio-postgres"]),
    ("licensing-store-postgres", &["axum", "hyper", "rusqlite"]),
    ("container-sim", &["tokio", "hyper", "axum", "rusqlite"]),
    ("licensing-client", &["rusqlite", "axum"]),
    ("licensing-qr", &["tokio", "rayon", "rusqlite", "axum"]),
    ("http-edge", &["axum", "rusqlite", "serde"]),
    ("http-pages", &["axum", "rusqlite", "licensing-core"]),
    ("depot", &["rusqlite", "tokio-postgres", "container-sim", "licensing-store"]),
    ("license-runtime-daemon", &["rusqlite", "axum", "hyper"]),
    ("cmtool", &["rusqlite", "axum"]),
];

/// What the source of the core must not mention outside its tests.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "SystemTime",
    "Instant::now",
    "SystemRandom",
    "OsRng",
    "thread_rng",
    "println!",
    "async fn",
];

/// Features of `licensing-core` that no program may be built with.
const PROOF_FEATURES: &[&str] = &["testing", "zoo"];

const LINES_MAX: usize = 600;
/// Files that may be longer, with the reason.
const LONG_FILES: &[(&str, &str)] = &[
    ("bins/central-server/src/http/route.rs", "one uniform table of routes"),
    ("crates/licensing-wire/src/json.rs", "one uniform table of messages"),
    ("crates/licensing-wire/src/problem/table.rs", "one uniform table of problems"),
];

/// Checks all rules.
pub(crate) fn run() -> Result<()> {
    let mut findings = dependency_findings()?;
    findings.extend(source_findings()?);
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    if findings.is_empty() {
        println!("tidy: dependency edges, file sizes and purity are as they should be");
        return Ok(());
    }
    bail!("{} findings", findings.len())
}

/// Normal dependencies of every package, by name.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// The packages of the workspace, and all normal dependencies.
fn normal_dependencies() -> Result<(BTreeSet<String>, Edges)> {
    let metadata = shell::capture(shell::cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
    let members: BTreeSet<String> =
        list(&metadata["workspace_members"]).iter().filter_map(|id| names.get(&text(id)).cloned()).collect();
    let mut edges = Edges::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let from = names.get(&text(&node["id"])).cloned().context("unknown package")?;
        for dependency in list(&node["deps"]) {
            let normal = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            if normal && let Some(to) = names.get(&text(&dependency["pkg"])) {
                edges.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    Ok((members, edges))
}

fn dependency_findings() -> Result<Vec<String>> {
    let (members, edges) = normal_dependencies()?;
    let mut findings = Vec::new();
    for member in &members {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| name == member) else {
            findings.push(format!("{member}: not in the table of allowed dependencies"));
            continue;
        };
        for to in edges.get(member).into_iter().flatten() {
            if members.contains(to) && !allowed.contains(&to.as_str()) {
                findings.push(format!("{member} -> {to}: this edge is not allowed"));
            }
        }
    }
    findings.extend(feature_findings()?);
    for (from, forbidden) in FORBIDDEN {
        let reached = reachable(from)?;
        for name in *forbidden {
            if reached.contains(*name) {
                findings.push(format!("{from} ~> {name}: must not be reachable"));
            }
        }
    }
    Ok(findings)
}

/// Programs must be built without the features of the core that only proofs may have.
fn feature_findings() -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (program, _) in ALLOWED.iter().filter(|(name, _)| !["licensing-testkit", "xtask"].contains(name)) {
        let tree = [
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p} {f}",
            "--package",
            program,
        ];
        let tree = shell::capture(shell::cargo().args(tree))?;
        for line in tree.lines().filter(|line| line.starts_with("licensing-core ")) {
            let features = line.trim_end_matches(" (*)").rsplit(' ').next().unwrap_or_default().split(',');
            for feature in features.filter(|feature| PROOF_FEATURES.contains(feature)) {
                findings.push(format!(
                    "{program}: licensing-core has the feature {feature}, which is for proofs only"
                ));
            }
        }
    }
    Ok(findings)
}

/// Everything a package is built with. Asked of `cargo tree`, because the graph of `cargo metadata` also lists
/// optional dependencies nobody has switched on.
fn reachable(from: &str) -> Result<BTreeSet<String>> {
    let tree =
        ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", from];
    let tree = shell::capture(shell::cargo().args(tree))?;
    Ok(tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn source_findings() -> Result<Vec<String>> {
    let root = shell::root();
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for folder in ["crates", "bins", "xtask", "examples"] {
        collect(&root.join(folder), &mut files)?;
    }
    for file in files {
        let name = file.strip_prefix(&root)?.to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).with_context(|| name.clone())?;
        if name.ends_with("/mod.rs") {
            findings.push(format!("{name}: use foo.rs beside foo/ instead of mod.rs"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX && !LONG_FILES.iter().any(|(long, _)| *long == name) {
            findings.push(format!("{name}: {lines} lines, {LINES_MAX} are the most"));
        }
        if name.starts_with("crates/licensing-core/src/") {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let statements = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for word in statements.flat_map(|line| IMPURE.iter().filter(move |word| line.contains(**word))) {
                findings.push(format!("{name}: the core must not use {word}"));
            }
        }
    }
    Ok(findings)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_rules_hold() {
        super::run().unwrap();
    }
}

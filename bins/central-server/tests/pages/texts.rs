//! Every language says the same, and what templates ask for is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use licensing_wire::problem::TABLE;

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/web").join(name)).unwrap()
}

fn keys(text: &str) -> BTreeSet<String> {
    let named = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    named.filter_map(|line| line.split_once(" =").map(|(key, _)| key.to_owned())).collect()
}

#[test]
fn c16_every_language_says_everything_and_every_text_is_there() {
    let english = keys(&file("texts/en.ftl"));
    assert_eq!(english, keys(&file("texts/de.ftl")));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/web/templates");
    let mut templates = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        templates.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    for asked in templates.split("t(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let family = asked.ends_with("-");
        let asked = asked.split('.').next().unwrap_or_default();
        assert!(asked.is_empty() || family || english.contains(asked), "no text for {asked}");
    }
    // Put together from a word: what a page asks for by a family.
    let families = [
        "state-",
        "word-",
        "kind-",
        "option-",
        "sum-",
        "done-",
        "found-",
        "approval-",
        "problem-",
        "nav-",
        "role-",
        "held-",
        "secret-",
        "activity-",
        "mail-language-",
    ];
    for key in english.iter().filter(|key| !families.iter().any(|family| key.starts_with(family))) {
        assert!(templates.contains(&format!("\"{key}\"")) || key == "language-name", "nobody says {key}");
    }
}

/// The sources under a place.
fn sources(place: &Path) -> String {
    if place.is_file() {
        return std::fs::read_to_string(place).unwrap();
    }
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
    // No page answers in SOAP.
    paths.retain(|path| path.file_name().is_none_or(|name| name != "soap.rs"));
    paths.iter().map(|path| sources(path)).collect()
}

/// Whoever refuses names a code, in the services, at their door, or in the rules of the core.
#[test]
fn c16_every_problem_a_page_can_show_is_told_in_german() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["src/service", "src/service.rs", "src/http", "../../crates/licensing-core/src/refusal.rs"];
    let named: String = places.iter().map(|place| sources(&root.join(place))).collect();
    let german = [file("texts/problems-de.ftl"), http_pages::PROBLEMS_GERMAN.to_owned()].join("\n");
    let mut checked = 0;
    for entry in TABLE.iter().filter(|entry| named.contains(&format!("\"{}\"", entry.code))) {
        let key = format!("problem-{} =", entry.code.replace('_', "-"));
        let mut lines = german.lines().skip_while(|line| !line.starts_with(&key));
        let [title, rule, remedy] = std::array::from_fn(|_| lines.next().unwrap_or_default());
        let whole =
            !title.is_empty() && rule.starts_with("    .rule = ") && remedy.starts_with("    .remedy = ");
        assert!(whole, "{} has no German words", entry.code);
        checked += 1;
    }
    assert!(checked > 80, "codes are looked for where they are: {checked}");
    for key in german.lines().filter_map(|line| line.strip_prefix("problem-")?.split_once(" =")) {
        let code = key.0.replace('-', "_");
        assert!(TABLE.iter().any(|entry| entry.code == code), "{code} is no code");
    }
}

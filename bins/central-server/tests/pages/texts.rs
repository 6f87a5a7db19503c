//! Every language says the same, and what templates ask for is there.

use std::collections::BTreeSet;
use std::path::Path;

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

//! A vendor's own looks and rules: files, and no build.

use std::path::Path;

use crate::portal::Visitor;
use crate::world::World;

#[test]
fn p1_a_theme_changes_colours_texts_a_template_and_a_rule() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/depot-theme");
    let example = example.canonicalize().expect("the example");
    let settings = std::fs::read_to_string(example.join("depot.toml")).expect("its settings");
    let settings: Vec<&str> = settings.lines().filter(|line| !line.starts_with("listen")).collect();
    let theme = example.join("theme").display().to_string();
    let settings = settings.join("\n").replace("folder = \"theme\"", &format!("folder = \"{theme}\""));
    let (plain, own) = (World::new(&[], ""), World::new(&[], &settings));
    let paint = "const style = getComputedStyle(document.querySelector('button.main')); return [style.backgroundColor,
        style.borderRadius, getComputedStyle(document.querySelector('h1')).fontFamily]";
    let open = |world: &World, languages: &str| {
        let visitor = Visitor::new(world, languages);
        visitor.open("/");
        visitor
    };
    let (mut before, mut after) = (open(&plain, "en"), open(&own, "en"));
    assert_ne!(before.value(paint), after.value(paint));
    assert_eq!(after.value(paint)[0], "rgb(91, 42, 134)");
    after.browser.dark(true);
    assert_eq!(after.value(paint)[0], "rgb(201, 163, 240)", "other colours where it is dark");
    after.browser.dark(false);
    let logo = "return [...document.images].map(image => image.src + (image.naturalWidth > 0))";
    assert!(
        after.value(logo)[0]
            .as_str()
            .is_some_and(|logo| logo.contains("aurora.svg") && logo.ends_with("true"))
    );
    // Texts, and the template: what it adds, and what it takes over from the one that is built in.
    assert!(!before.browser.visible().contains("Aurora"));
    let shown = after.browser.visible();
    for text in ["Aurora Instruments", "Your Aurora licenses", "We are there for you", "Show my licenses"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    after.look("theme");
    let french = open(&own, "fr-FR,fr;q=0.9");
    assert_eq!(french.value("return document.documentElement.lang"), "fr");
    assert!(french.browser.visible().contains("Afficher mes licences"), "{}", french.browser.visible());
    assert_eq!(open(&plain, "fr-FR,fr;q=0.9").value("return document.documentElement.lang"), "en");
    // The rule: nothing can be left out. And the order of the columns.
    for (world, visitor, can_choose) in [(&plain, &mut before, true), (&own, &mut after, false)] {
        world.item("PAD", "SampleNotePad", &[]);
        world.item("TOOL", "SampleTool", &[]);
        let ticket = world.sell("O-1", &["PAD=1", "TOOL=1"]);
        visitor.enter(&ticket);
        let heads = "return [...document.querySelectorAll('thead th')].map(head => head.innerText)";
        let second = visitor.value(heads)[1].clone();
        assert_eq!(second == "Status", !can_choose, "{second}");
        visitor.bind("activate", "dongle");
        assert_eq!(
            visitor.browser.all("input[type=checkbox][name=license]").len(),
            if can_choose { 2 } else { 0 }
        );
    }
    after.look("theme-activate");
}

//! Looking at a page as everybody may see it: wide and narrow, light and dark; whether it fits, and can be read by all.

use std::path::Path;

use serde_json::json;

use super::Browser;

/// Width of a small telephone, in CSS pixels: WCAG 2.2, 1.4.10.
pub const NARROW: u32 = 320;
/// Width of a window on a desk.
pub const WIDE: u32 = 1_200;
/// Height of every window.
pub const HIGH: u32 = 900;

impl Browser {
    /// Looks at the page that is open, in all four ways: nothing stands out on the side and axe-core finds nothing.
    /// Leaves pictures in a folder when there is one. At the end the window is wide and light.
    ///
    /// # Panics
    /// The page is not as it must be.
    #[track_caller]
    pub fn look(&self, name: &str, pictures: Option<&Path>) {
        for (dark, width) in [(false, WIDE), (true, WIDE), (true, NARROW), (false, NARROW)] {
            self.size(width, HIGH);
            self.dark(dark);
            let inside = self.run("return document.documentElement.scrollWidth", &[]);
            assert!(
                inside.as_u64().is_some_and(|inside| inside <= u64::from(width)),
                "{name}: {inside} > {width}"
            );
            self.accessible(name);
            if let Some(folder) = pictures {
                let kind =
                    (if width == NARROW { "narrow" } else { "wide" }, if dark { "dark" } else { "light" });
                std::fs::create_dir_all(folder).expect("a folder");
                let file = folder.join(format!("{name}-{}-{}.webp", kind.0, kind.1));
                std::fs::write(file, self.picture("webp")).expect("written");
            }
        }
        self.size(WIDE, HIGH);
        self.dark(false);
    }

    /// axe-core finds nothing.
    #[track_caller]
    fn accessible(&self, name: &str) {
        if self.run("return typeof window.axe === 'object'", &[]) != true {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/axe/axe.min.js");
            let axe = std::fs::read_to_string(file).expect("axe-core");
            // As a debugger does it, which no policy of the page forbids.
            self.cdp("Runtime.evaluate", &json!({ "expression": axe }));
        }
        let found = self.run(
            "return axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa',
                'wcag22aa', 'best-practice']}).then(result => result.violations.map(one => one.id + ': ' +
                one.nodes.map(node => node.target.join(' ') + ' ' + node.failureSummary).join('; ')))",
            &[],
        );
        assert_eq!(found, json!([]), "{name} at {}", self.address());
    }
}

//! A visitor of the portal, who also looks at every page he sees: can everybody read it, does it fit, does it break
//! its own policy, does it show where no ticket may be.

use std::fs;
use std::path::{Path, PathBuf};

use licensing_testkit::browser::{Browser, HIGH, Setup, WIDE};
use serde_json::{Value, json};

use crate::world::World;

/// English and German, as browsers ask for them.
pub(crate) const LANGUAGES: [&str; 2] = ["en-GB,en;q=0.9", "de-DE,de;q=0.9,en;q=0.5"];

/// What the first license of a ticket still has to give.
pub(crate) fn available(world: &World, ticket: &str) -> u64 {
    world.licenses(ticket)[0]["available"].as_u64().expect("a number")
}

pub(crate) struct Visitor {
    pub(crate) browser: Browser,
    pub(crate) portal: String,
    /// Tickets that were entered, which no address may contain.
    tickets: Vec<String>,
    /// Where pictures of the pages go.
    pub(crate) pictures: Option<PathBuf>,
    seen: Vec<String>,
}

impl Visitor {
    pub(crate) fn new(world: &World, languages: &str) -> Self {
        Self::with(world, languages, &Setup::default())
    }

    /// A visitor for whom the portal is on the internet.
    pub(crate) fn public(world: &World, languages: &str) -> Self {
        let public = vec![world.portal.trim_start_matches("http://").to_owned()];
        Self::with(world, languages, &Setup { public, ..Setup::default() })
    }

    fn with(world: &World, languages: &str, setup: &Setup) -> Self {
        let browser = Browser::start(setup);
        browser.language(languages);
        browser.size(WIDE, HIGH);
        let portal = world.portal.clone();
        Self { browser, portal, tickets: Vec::new(), pictures: None, seen: Vec::new() }
    }

    pub(crate) fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.portal));
    }

    /// The path of the page that is open.
    pub(crate) fn path(&self) -> String {
        self.browser.address().trim_start_matches(&self.portal).to_owned()
    }

    /// Enters a ticket on the first page.
    #[track_caller]
    pub(crate) fn enter(&mut self, ticket: &str) {
        self.tickets.push(ticket.to_owned());
        self.open("/");
        self.browser.fill("#ticket", ticket);
        self.browser.click("form[action='/tickets'] button");
        self.arrived("/licenses");
    }

    /// Waits until a page whose path ends so is there.
    #[track_caller]
    pub(crate) fn arrived(&self, end: &str) {
        self.browser.until(end, || {
            let path = self.path();
            let is_there = path.split('?').next().is_some_and(|path| path.ends_with(end));
            // The next document may still be on its way in.
            (is_there && self.browser.run("return document.readyState", &[]) == "complete").then_some(())
        });
    }

    /// Looks at the page that is open, under a name.
    #[track_caller]
    pub(crate) fn look(&mut self, name: &str) {
        let address = self.browser.address();
        for ticket in &self.tickets {
            let bare = ticket.replace('-', "");
            assert!(!address.contains(ticket.as_str()) && !address.contains(&bare), "{name}: {address}");
        }
        if self.seen.iter().any(|seen| seen == name) {
            return;
        }
        self.seen.push(name.to_owned());
        assert!(
            !self.browser.run("return document.documentElement.lang", &[]).as_str().unwrap_or("").is_empty()
        );
        self.browser.look(name, self.pictures.as_deref());
        self.quiet(name);
    }

    /// The page has not broken its own policy, and no script has failed.
    #[track_caller]
    pub(crate) fn quiet(&self, name: &str) {
        assert_eq!(self.browser.violations(), json!([]), "{name}");
        for complaint in self.browser.complaints() {
            // What the server refuses and the ports where no runtime listens are told, too, and meant to be.
            let is_ours =
                complaint.contains("Failed to load resource") || complaint.contains("ERR_CONNECTION_REFUSED");
            let is_bad = complaint.contains("Content Security Policy") || complaint.contains("SEVERE");
            assert!(is_ours || !is_bad, "{name}: {complaint}");
        }
    }

    /// Chooses a binding (`act`, `dongle`) for an activation or re-activation; the page of licenses follows.
    #[track_caller]
    pub(crate) fn bind(&mut self, action: &str, kind: &str) {
        self.browser.click(&format!("a.button[href$='/{action}']"));
        self.browser.until("the licenses", || {
            let tile = format!("a.tile[href$='/{kind}']");
            if let Some(tile) = self.browser.all(&tile).first() {
                self.browser.press_on(tile);
            }
            self.path().ends_with(&format!("/{kind}")).then_some(())
        });
        self.arrived(&format!("/{kind}"));
    }

    /// Looks for containers, chooses the one whose name contains a text, and begins the online transfer.
    #[track_caller]
    pub(crate) fn go_online(&self, container: Option<&str>) {
        let usable = "[data-agent-go]:not([disabled])";
        self.browser.until("the license runtime", || {
            let look = "return [...document.querySelectorAll('[data-agent-connect]')].some(one => one.checkVisibility())";
            if self.value(look) == true {
                self.browser.click("[data-agent-connect]");
            }
            self.browser.has(usable).then_some(())
        });
        if let Some(name) = container {
            let choose = "const select = document.querySelector('#container');
                const option = [...select.options].find(one => one.text.includes(arguments[0]));
                if (option) select.value = option.value; return Boolean(option)";
            assert_eq!(self.browser.run(choose, &[json!(name)]), true, "{name} can be chosen");
        }
        self.browser.click(usable);
    }

    /// Waits for the end of an online transfer.
    #[track_caller]
    pub(crate) fn finished(&self) {
        self.browser.until("the result", || {
            let trouble = self.browser.all("[data-trouble] .notice-bad");
            assert!(trouble.is_empty(), "{}", self.browser.visible());
            self.path().ends_with("/result").then_some(())
        });
        self.arrived("/result");
        self.browser.find(".notice-good");
    }

    /// Uploads a file on a step of a transfer by file.
    #[track_caller]
    pub(crate) fn upload(&self, file: &Path) {
        self.browser.choose_file("form.upload input[name=file]", file);
        self.browser.click("form.upload button");
    }

    /// Downloads the update into a folder of its own and gives the file.
    #[track_caller]
    pub(crate) fn download(&self, selector: &str, folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).expect("a folder");
        self.browser.downloads(folder);
        self.browser.click(selector);
        self.browser.downloaded(folder)
    }

    /// The code of the refusal that the page shows.
    #[track_caller]
    pub(crate) fn refusal(&self) -> String {
        let shown = self.browser.find(".notice-bad[data-code]");
        let code = self.browser.run("return arguments[0].dataset.code", &[self.browser.handle(&shown)]);
        code.as_str().unwrap_or_default().to_owned()
    }

    /// Presses Tab until what a selector finds has the focus, as somebody without a mouse does.
    #[track_caller]
    pub(crate) fn tab_to(&self, selector: &str) {
        for _ in 0..80 {
            self.browser.keys(licensing_testkit::browser::TAB);
            let focused =
                self.browser.run("return document.activeElement.matches(arguments[0])", &[json!(selector)]);
            if focused == true {
                let outline = self.browser.run(
                    "const style = getComputedStyle(document.activeElement);
                     return style.outlineStyle !== 'none' || style.boxShadow !== 'none'",
                    &[],
                );
                assert_eq!(outline, true, "{selector} shows that it has the focus");
                return;
            }
        }
        panic!("{selector} cannot be reached with the keyboard at {}", self.path());
    }

    pub(crate) fn value(&self, script: &str) -> Value {
        self.browser.run(script, &[])
    }
}

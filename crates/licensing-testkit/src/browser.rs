//! A real Chromium, driven by a test: pages are opened, read, clicked and photographed as a visitor would, and
//! it is gone when whoever started it ends, however that happens.
//!
//! The protocol is WebDriver, of which tests need a dozen requests. They are made here, over a plain connection
//! to `chromedriver` on this computer: the client crates for it bring a licence (MPL-2.0) and a Unicode library
//! for what is a page of code.

mod keys;
mod look;
mod program;
mod site;
mod wire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};

pub use keys::{DOWN, ENTER, SHIFT, SPACE, TAB};
pub use look::{HIGH, NARROW, WIDE};
pub use site::{Reply, Request, Site};

use program::Driver;

/// How long a page may take for what is waited for. Nothing depends on it but how late a failure is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every document tells before any script of its own: violations of its content security policy.
const WATCH: &str = "window.__violations = []; document.addEventListener('securitypolicyviolation', \
    e => window.__violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));";

/// How a browser is started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Rules for names, as in `MAP *.test 127.0.0.1`.
    pub names: Option<String>,
    /// Addresses that count as a part of the internet, as in `127.0.0.1:8443`.
    pub public: Vec<String>,
}

/// A running browser with one window.
pub struct Browser {
    driver: Driver,
    session: String,
}

/// One element of the page that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element(String);

/// The name under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Browser {
    /// Starts a browser that finds nothing but this computer.
    ///
    /// # Panics
    /// There is no Chromium, or it does not start: [`crate::chromium::MISSING`] says what to install.
    #[must_use]
    pub fn start(setup: &Setup) -> Self {
        let driver = Driver::start();
        let options = json!({ "binary": driver.chromium(), "args": driver.arguments(setup) });
        let wanted = json!({
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "unhandledPromptBehavior": "dismiss and notify",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let body = json!({ "capabilities": { "alwaysMatch": wanted } });
        let made = wire::send(driver.port(), "POST", "/session", Some(&body));
        let made = made.unwrap_or_else(|error| panic!("no browser: {error}"));
        let session = made["sessionId"].as_str().expect("a session").to_owned();
        let browser = Self { driver, session };
        browser.cdp("Page.enable", &json!({}));
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WATCH }));
        browser
    }

    /// A request; `Err` is what the driver says.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        wire::send(self.driver.port(), method, &format!("/session/{}{path}", self.session), body)
    }

    fn tell(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, Some(body)).unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    fn read(&self, path: &str) -> Value {
        self.ask("GET", path, None).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command of the Chrome DevTools protocol.
    pub fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.tell("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Opens an address and waits until it is loaded.
    pub fn open(&self, address: &str) {
        self.tell("/url", &json!({ "url": address }));
    }

    /// The address of the page that is open.
    #[must_use]
    pub fn address(&self) -> String {
        self.read("/url").as_str().unwrap_or_default().to_owned()
    }

    /// Loads the page again.
    pub fn reload(&self) {
        self.tell("/refresh", &json!({}));
    }

    /// Goes back one page.
    pub fn back(&self) {
        self.tell("/back", &json!({}));
    }

    /// The page as it is now, as HTML.
    #[must_use]
    pub fn source(&self) -> String {
        self.read("/source").as_str().unwrap_or_default().to_owned()
    }

    /// The body of a function that is run in the page; gives what it returns, or what its promise becomes.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.tell("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// All elements a selector finds.
    #[must_use]
    pub fn all(&self, selector: &str) -> Vec<Element> {
        let found = self.tell("/elements", &json!({ "using": "css selector", "value": selector }));
        let found = found.as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|one| one[ELEMENT].as_str().map(|id| Element(id.to_owned()))).collect()
    }

    /// Whether a selector finds anything now.
    #[must_use]
    pub fn has(&self, selector: &str) -> bool {
        !self.all(selector).is_empty()
    }

    /// The first element a selector finds, once there is one.
    #[track_caller]
    pub fn find(&self, selector: &str) -> Element {
        self.until(selector, || self.all(selector).into_iter().next())
    }

    /// Waits until something is there.
    ///
    /// # Panics
    /// It does not come; the page that is open instead is told.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "waited for {what} at {}: {}",
                self.address(),
                self.visible()
            );
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// Waits until the body of a function, run in the page, returns something true.
    #[track_caller]
    pub fn until_true(&self, script: &str) -> Value {
        self.until(script, || {
            // A page that is just being replaced has nothing to run it in.
            let body = json!({ "script": script, "args": [] });
            let answer = self.ask("POST", "/execute/sync", Some(&body)).ok()?;
            let is_true = !matches!(&answer, Value::Null | Value::Bool(false));
            (is_true && answer.as_str() != Some("")).then_some(answer)
        })
    }

    /// Waits until the page shows a text.
    #[track_caller]
    pub fn until_shown(&self, text: &str) {
        self.until(text, || self.ask_visible().filter(|shown| shown.contains(text)));
    }

    /// What the page shows, as text.
    #[must_use]
    pub fn visible(&self) -> String {
        self.ask_visible().unwrap_or_default()
    }

    fn ask_visible(&self) -> Option<String> {
        let script = "return document.body ? document.body.innerText : ''";
        let answer = self.ask("POST", "/execute/sync", Some(&json!({ "script": script, "args": [] })));
        answer.ok()?.as_str().map(str::to_owned)
    }

    /// An element as an argument of a script.
    #[must_use]
    pub fn handle(&self, element: &Element) -> Value {
        json!({ ELEMENT: element.0 })
    }

    /// The text of an element.
    #[must_use]
    pub fn text(&self, element: &Element) -> String {
        self.read(&format!("/element/{}/text", element.0)).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks, as a visitor does: it must be visible and not be covered.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.press_on(&self.find(selector));
    }

    /// Clicks an element.
    #[track_caller]
    pub fn press_on(&self, element: &Element) {
        self.tell(&format!("/element/{}/click", element.0), &json!({}));
    }

    /// Types into a field.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        let Element(id) = self.find(selector);
        self.tell(&format!("/element/{id}/clear"), &json!({}));
        self.tell(&format!("/element/{id}/value"), &json!({ "text": text }));
    }

    /// Chooses a file in a file field.
    #[track_caller]
    pub fn choose_file(&self, selector: &str, file: &Path) {
        let Element(id) = self.find(selector);
        self.tell(&format!("/element/{id}/value"), &json!({ "text": file.display().to_string() }));
    }

    /// Presses keys, whatever has the focus.
    pub fn keys(&self, keys: &str) {
        let press = |key: char| {
            let one = |kind: &str| json!({ "type": kind, "value": key.to_string() });
            [one("keyDown"), one("keyUp")]
        };
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        let source = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.tell("/actions", &json!({ "actions": [source] }));
    }

    /// Turns to a frame of the page, or back to the page.
    pub fn frame(&self, frame: Option<&Element>) {
        let id = frame.map_or(Value::Null, |Element(id)| json!({ ELEMENT: id }));
        self.tell("/frame", &json!({ "id": id }));
    }

    /// Forgets cookies and what pages have stored.
    pub fn forget(&self) {
        self.cdp("Network.clearBrowserCookies", &json!({}));
    }

    /// How wide and high the window is, in CSS pixels.
    pub fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Whether the visitor prefers dark pages.
    pub fn dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.cdp("Emulation.setEmulatedMedia", &json!({ "media": "", "features": [feature] }));
    }

    /// The languages the visitor reads, as in `de-DE,de;q=0.9`.
    pub fn language(&self, languages: &str) {
        self.cdp("Network.enable", &json!({}));
        let fields = json!({ "headers": { "Accept-Language": languages } });
        self.cdp("Network.setExtraHTTPHeaders", &fields);
    }

    /// Whether pages may run scripts of their own.
    pub fn scripts(&self, are_run: bool) {
        self.cdp("Emulation.setScriptExecutionDisabled", &json!({ "value": !are_run }));
    }

    /// What the visitor has answered to a question for a permission: `granted`, `denied`, `prompt`.
    pub fn permission(&self, name: &str, setting: &str, origin: &str) {
        let wanted = json!({ "permission": { "name": name }, "setting": setting, "origin": origin });
        self.cdp("Browser.setPermission", &wanted);
    }

    /// Lets downloads come into a folder, without a question.
    pub fn downloads(&self, folder: &Path) {
        let wanted = json!({ "behavior": "allow", "downloadPath": folder.display().to_string() });
        self.cdp("Browser.setDownloadBehavior", &wanted);
    }

    /// The one file that has come into a folder, complete.
    #[track_caller]
    pub fn downloaded(&self, folder: &Path) -> PathBuf {
        self.until("a download", || {
            let mut files = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
            let (file, more) = (files.next()?.path(), files.next());
            let is_whole = file.extension().is_none_or(|extension| extension != "crdownload");
            let is_hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            (more.is_none() && is_whole && !is_hidden).then_some(file)
        })
    }

    /// A picture of the whole page, in a `format`: `png` or `webp`.
    #[must_use]
    pub fn picture(&self, format: &str) -> Vec<u8> {
        let metrics = self.cdp("Page.getLayoutMetrics", &json!({}));
        let size = &metrics["cssContentSize"];
        self.capture(
            format,
            &json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 }),
        )
    }

    /// A picture (PNG) of an element, whether or not it is in view.
    #[must_use]
    pub fn picture_of(&self, element: &Element) -> Vec<u8> {
        let place = "const place = arguments[0].getBoundingClientRect(); return { x: place.x + scrollX,
            y: place.y + scrollY, width: place.width, height: place.height, scale: 1 }";
        self.capture("png", &self.run(place, &[self.handle(element)]))
    }

    fn capture(&self, format: &str, clip: &Value) -> Vec<u8> {
        let mut wanted = json!({ "format": format, "captureBeyondViewport": true, "clip": clip });
        if format == "webp" {
            wanted["quality"] = json!(82);
        }
        let shot = self.cdp("Page.captureScreenshot", &wanted);
        BASE64.decode(shot["data"].as_str().unwrap_or_default().as_bytes()).expect("a picture")
    }

    /// What the browser complained about since it was asked last.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.tell("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| format!("{} {}", entry["level"], entry["message"])).collect()
    }

    /// Violations of its content security policy that the document has seen.
    #[must_use]
    pub fn violations(&self) -> Value {
        self.run("return window.__violations || []", &[])
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The process goes with its guard; this only lets it end in order first.
        let _ = self.ask("DELETE", "", None);
    }
}

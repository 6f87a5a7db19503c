//! A vendor's day with the keyboard alone, and every page of the table as it must be for everybody: accessible, in reach
//! of the keyboard from beginning to end, one thing after the other.

use std::collections::BTreeMap;

use central_server::http::{PAGES, Verb};
use licensing_testkit::browser::{Browser, DOWN, ENTER, HIGH, SPACE, Setup, TAB, WIDE};
use serde_json::{Value, json};

use crate::PASSWORD;
use crate::served::prepared;
use crate::strangers::page_of;
use crate::vendor::{Server, Vendor};

/// What has the focus: whether it is what is looked for, and whether a reader sees that it has it.
const FOCUSED: &str = "const one = document.activeElement; const style = getComputedStyle(one);
    const place = one.getBoundingClientRect();
    const top = document.elementFromPoint(place.x + place.width / 2, place.y + place.height / 2);
    return { found: one.matches(arguments[0]), what: one.outerHTML.slice(0, 200), place, top: top && top.outerHTML.slice(0, 80),
        outline: style.outline, nothing: one === document.body,
        seen: one.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
            && place.width > 0 && place.y >= -1 && place.bottom <= innerHeight + 1 && (top === one || one.contains(top)) }";

/// Goes on with Tab until something has the focus.
#[track_caller]
fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..150 {
        browser.keys(TAB);
        let focus = browser.run(FOCUSED, &[json!(selector)]);
        assert!(focus["seen"] == true || focus["nothing"] == true, "the focus is not to be seen: {focus}");
        if focus["found"] == true {
            return;
        }
    }
    panic!("Tab does not lead to {selector} at {}", browser.address());
}

/// Goes to something and presses a key there.
#[track_caller]
fn press(browser: &Browser, selector: &str, key: &str) {
    tab_to(browser, selector);
    browser.keys(key);
}

#[test]
fn c16_a_day_of_work_needs_no_mouse() {
    let server = Server::start();
    let vendor = Vendor::new(&server, "en-GB,en;q=0.9", None);
    let browser = &vendor.browser;
    vendor.open("/items");
    vendor.arrived("/sign-in");
    press(browser, "#name", "ada");
    press(browser, "#password", PASSWORD);
    browser.keys(ENTER);
    vendor.arrived("/items");
    skipped(&vendor);
    item(&vendor);
    let ticket = order(&vendor);
    approval(&server, &vendor, &ticket);
    // Looking for it, taking it back, and home.
    press(browser, "#q", "2026-0117");
    browser.keys(ENTER);
    vendor.arrived("/orders/2026-0117");
    press(browser, "main tbody a.name", ENTER);
    browser.find(".sums");
    press(browser, "details summary", SPACE);
    press(browser, "form[action$='/withdraw'] button", ENTER);
    browser.find(".notice-good");
    press(browser, ".languages button[value='de']", SPACE);
    browser.find("html[lang='de']");
    press(browser, ".who button", ENTER);
    vendor.arrived("/sign-in");
    vendor.quiet("the day");
}

/// The first stop leads past what all pages begin with.
fn skipped(vendor: &Vendor) {
    let browser = &vendor.browser;
    vendor.open("/items");
    press(browser, "a.skip", ENTER);
    browser.until_true("return document.activeElement.id === 'main'");
    browser.keys(TAB);
    let focus = browser.run(FOCUSED, &[json!("main *")]);
    assert_eq!((&focus["found"], &focus["seen"]), (&json!(true), &json!(true)), "{focus}");
}

fn item(vendor: &Vendor) {
    let browser = &vendor.browser;
    press(browser, "a[href='/new-item']", ENTER);
    vendor.arrived("/new-item");
    for (field, value) in
        [("id", "PAD"), ("name", "SampleNotePad"), ("firm_code", "6000010"), ("product_code", "201000")]
    {
        press(browser, &format!("#f-{field}"), value);
    }
    press(browser, "#f-reactivation", &DOWN.repeat(4));
    assert_eq!(browser.run("return document.activeElement.value", &[]), "approval");
    press(browser, "form.options .main", ENTER);
    browser.find(".notice-good");
}

/// Places an order; gives its ticket.
fn order(vendor: &Vendor) -> String {
    let browser = &vendor.browser;
    press(browser, "nav a[href='/orders']", ENTER);
    vendor.arrived("/orders");
    press(browser, "a[href='/new-order']", ENTER);
    vendor.arrived("/new-order");
    press(browser, "#order_id", "2026-0117");
    press(browser, "#i-0", DOWN);
    press(browser, "#n-0", "3");
    press(browser, "main form .main", ENTER);
    vendor.arrived("/orders/2026-0117");
    let ticket = browser.find(".ticket-code");
    browser.text(&ticket)
}

/// A customer loses his container and asks; it is granted.
fn approval(server: &Server, vendor: &Vendor, ticket: &str) {
    let browser = &vendor.browser;
    let serial = || {
        let (done, made) = server.customer(&["container", "create", "dongle"]);
        assert!(done, "{made}");
        made["serial"].as_str().unwrap().to_owned()
    };
    let (first, second) = (serial(), serial());
    let activated = server.customer(&["activate", "--ticket", ticket, "--container", &first]);
    assert!(activated.0, "{activated:?}");
    let again = ["reactivate", "--ticket", ticket, "--container", &second, "--accept-conditions"];
    assert!(!server.customer(&again).0);
    press(browser, "nav a[href='/approvals']", ENTER);
    vendor.arrived("/approvals");
    press(browser, "form.decide input[name='reason']", "seen the report");
    press(browser, "form.decide .main", SPACE);
    browser.find(".notice-good");
    let granted = server.customer(&again);
    assert!(granted.0, "{granted:?}");
}

/// What Tab leads to, from the beginning of a page to its end, against what there is.
const WALK: &str = "const can = (one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility()
        && !(one.type === 'radio' && !one.checked);
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter(can);
    window.__stops = [];
    document.addEventListener('focusin', ({ target }) => {
        const style = getComputedStyle(target);
        window.__stops.push({ at: all.indexOf(target), what: target.outerHTML.slice(0, 160),
            seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 });
    });
    return all.length";

#[track_caller]
fn walked(browser: &Browser, name: &str) {
    let all = browser.run(WALK, &[]).as_u64().unwrap();
    // Fields of dates have several stops inside.
    let dates = browser.all("input[type='date']").len();
    let tabs = usize::try_from(all).unwrap() + 4 * dates;
    browser.keys(&TAB.repeat(tabs));
    let stops = browser.run("return window.__stops", &[]);
    let mut reached = 0;
    for stop in stops.as_array().unwrap() {
        assert_eq!(stop["seen"], true, "{name}: {stop}");
        match stop["at"].as_u64() {
            Some(at) if at == reached => reached += 1,
            // Around, from the beginning.
            Some(0) if reached == all => break,
            _ => panic!("{name}: {stop} comes after {reached} of {all}"),
        }
    }
    assert_eq!(reached, all, "{name}: {stops}");
    // The link past everything lies over the page while it has the focus.
    browser.run("document.activeElement.blur()", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_every_page_is_accessible_and_in_reach_of_the_keyboard() {
    let served = prepared(2).await;
    tokio::task::block_in_place(|| {
        let browser = Browser::start(&Setup::default());
        browser.size(WIDE, HIGH);
        served.enter(&browser, &served.vendor);
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for path in served.samples() {
            let page = page_of(Verb::Get, &path).unwrap();
            let count = seen.entry(page.name).or_default();
            *count += 1;
            // Licenses and containers have two states each that offer something else.
            if *count > 2 {
                continue;
            }
            browser.open(&format!("{}{path}", served.address));
            browser.run("document.querySelectorAll('details').forEach((one) => one.open = true)", &[]);
            walked(&browser, &path);
            browser.look(&path, None);
            assert_eq!(browser.violations(), Value::Array(vec![]), "{path}");
        }
        for page in PAGES.iter().filter(|page| page.verb == Verb::Get && page.name != "page_receipt") {
            assert!(seen.contains_key(page.name), "nobody looks at {}", page.name);
        }
    });
    served.stop().await;
}

//! A vendor's day: items, an order, its activation by a customer, a re-activation that waits for him, search.

use std::path::{Path, PathBuf};

use crate::vendor::{Server, Vendor};

#[test]
fn c16_a_new_vendor_does_his_work() {
    day("en-GB,en;q=0.9", None);
}

#[test]
fn c16_a_new_vendor_does_his_work_in_german() {
    day("de-DE,de;q=0.9,en;q=0.5", None);
}

/// Run by `cargo xtask screenshots`.
#[test]
#[ignore = "writes docs/images"]
fn pictures_of_every_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    day("en-GB,en;q=0.9", Some(folder.clone()));
    crate::people::people("en-GB,en;q=0.9", Some(folder));
}

fn day(languages: &str, pictures: Option<PathBuf>) {
    let server = Server::start();
    let mut vendor = Vendor::new(&server, languages, pictures);
    vendor.sign_in();
    vendor.look("vendor-items-none");
    for path in ["/orders", "/licenses", "/containers", "/approvals", "/"] {
        vendor.open(path);
        vendor.look(&format!("vendor-none-{}", path.trim_start_matches('/')));
    }
    item(&mut vendor, "PAD-PRO", "SampleNotePad Professional", "201000");
    item(&mut vendor, "LAB", "SampleNotePad Laboratory", "201001");
    let ticket = order(&mut vendor, "2026-0117");
    reactivation(&server, &mut vendor, &ticket);
    looked_for(&mut vendor, &ticket);
    vendor.open("/");
    vendor.look("vendor-overview");
    vendor.open("/containers");
    vendor.look("vendor-containers");
    vendor.browser.click("main table a");
    vendor.browser.find(".facts");
    vendor.look("vendor-container");
    vendor.open("/events");
    vendor.look("vendor-events");
    vendor.open("/licenses?item=PAD-PRO");
    let downloads = tempfile::tempdir().unwrap();
    vendor.browser.downloads(downloads.path());
    vendor.browser.click(".files a");
    let file = std::fs::read_to_string(vendor.browser.downloaded(downloads.path())).unwrap();
    assert!(file.contains("PAD-PRO") && !file.contains("LAB"), "{file}");
    held(&mut vendor);
    vendor.open("/orders/none");
    vendor.look("vendor-problem");
    vendor.browser.click(".who button");
    vendor.arrived("/sign-in");
    vendor.open("/licenses");
    vendor.arrived("/sign-in");
}

fn item(vendor: &mut Vendor, id: &str, name: &str, product: &str) {
    vendor.open("/items");
    vendor.browser.click(".headline a.main");
    vendor.arrived("/new-item");
    vendor.look("vendor-new-item");
    vendor.browser.fill("#f-id", id);
    vendor.browser.fill("#f-name", name);
    vendor.browser.fill("#f-firm_code", "6000010");
    vendor.browser.fill("#f-product_code", product);
    vendor.browser.fill("#f-expires", "next year");
    vendor.choose("#f-reactivation", "approval");
    vendor.browser.click("form.options .main");
    // Refused, with everything still there.
    vendor.browser.find("[data-code='item_invalid']");
    vendor.look("vendor-item-refused");
    vendor.browser.fill("#f-expires", "");
    vendor.browser.click("form.options .main");
    vendor.browser.find(".notice-good");
    vendor.look("vendor-item");
    assert!(vendor.browser.visible().contains(name), "{}", vendor.browser.visible());
}

/// Places an order; gives its ticket.
fn order(vendor: &mut Vendor, id: &str) -> String {
    vendor.open("/items");
    vendor.look("vendor-items");
    vendor.open("/new-order");
    vendor.look("vendor-new-order");
    vendor.browser.fill("#order_id", id);
    vendor.browser.fill("#customer", "Bosch GmbH");
    vendor.choose("#i-0", "PAD-PRO");
    vendor.browser.fill("#n-0", "3");
    vendor.browser.click("main form .main");
    vendor.arrived(&format!("/orders/{id}"));
    vendor.look("vendor-order");
    let code = vendor.browser.find(".ticket-code");
    let ticket = vendor.browser.text(&code);
    assert_eq!(ticket.len(), 29, "{ticket}");
    vendor.open(&format!("/orders/{id}?mail=de"));
    vendor.browser.fill("#mail-to", "somebody else");
    vendor.look("vendor-order-mail");
    let text = vendor.browser.run("return document.querySelector('#mail-text').value", &[]);
    assert!(
        text.as_str().is_some_and(|text| text.contains("Mit freundlichen Grüßen") && text.contains(&ticket))
    );
    vendor.open("/orders");
    vendor.look("vendor-orders");
    vendor.open("/licenses?never_activated=true");
    vendor.look("vendor-licenses");
    assert_eq!(vendor.browser.all("main tbody tr").len(), 1);
    ticket
}

/// A large order waits for somebody else.
fn held(vendor: &mut Vendor) {
    vendor.open("/held-orders");
    vendor.look("vendor-held-orders-none");
    vendor.open("/new-order?item=LAB");
    vendor.browser.fill("#order_id", "2026-0118");
    vendor.browser.fill("#customer", "University of Karlsruhe");
    vendor.browser.fill("#n-0", "500");
    vendor.browser.click("main form .main");
    vendor.browser.find("[data-code='order_held']");
    vendor.look("vendor-order-held");
    vendor.open("/held-orders");
    vendor.look("vendor-held-orders");
    vendor.browser.click("form.decide .main");
    vendor.browser.find("[data-code='second_person_needed']");
}

/// A customer activates, loses his container and asks; the vendor grants it.
fn reactivation(server: &Server, vendor: &mut Vendor, ticket: &str) {
    let serial = |kind: &str| {
        let (done, made) = server.customer(&["container", "create", kind]);
        assert!(done, "{made}");
        made["serial"].as_str().unwrap().to_owned()
    };
    let (first, second) = (serial("dongle"), serial("dongle"));
    let activated = server.customer(&["activate", "--ticket", ticket, "--container", &first]);
    assert!(activated.0, "{activated:?}");
    vendor.open("/licenses?state=activated");
    vendor.browser.click("main tbody a.name");
    vendor.browser.find(".sums");
    vendor.look("vendor-license");
    assert!(vendor.browser.visible().contains(&first));
    let again = ["reactivate", "--ticket", ticket, "--container", &second, "--accept-conditions"];
    let asked = server.customer(&again);
    assert!(!asked.0, "{asked:?}");
    vendor.open("/");
    vendor.open("/approvals?pending=true");
    vendor.look("vendor-approvals");
    vendor.browser.fill("form.decide input[name='reason']", "Stolen; police report seen");
    vendor.browser.click("form.decide .main");
    vendor.browser.find(".notice-good");
    let granted = server.customer(&again);
    assert!(granted.0, "{granted:?}");
}

fn looked_for(vendor: &mut Vendor, ticket: &str) {
    vendor.open("/");
    vendor.browser.fill("#q", "2026-0117");
    vendor.browser.click(".find button");
    vendor.arrived("/orders/2026-0117");
    vendor.browser.fill("#q", "Bosch");
    vendor.browser.click(".find button");
    vendor.arrived("/orders");
    vendor.browser.fill("#q", "2");
    vendor.browser.click(".find button");
    vendor.arrived("/orders/2026-0117");
    vendor.browser.fill("#q", "nothing of that name");
    vendor.browser.click(".find button");
    vendor.arrived("/search");
    vendor.look("vendor-search-nothing");
    vendor.browser.fill("#q", ticket);
    vendor.browser.click(".find button");
    vendor.arrived("/orders/2026-0117");
    assert!(!vendor.browser.address().contains(ticket));
}

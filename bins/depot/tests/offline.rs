//! A customer with a ticket, a browser without JavaScript, and containers on other computers: everything by file.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/world.rs"]
mod world;

use browser::{Browser, Page};
use world::World;

/// The id of the transfer whose page this is.
fn transfer(page: &Page) -> String {
    page.path.split('/').nth(2).unwrap_or_else(|| panic!("no transfer: {page:?}")).to_owned()
}

/// What stands for the first ticket of an overview.
fn reference(licenses: &Page) -> String {
    licenses.link("/tickets/").split('/').nth(2).unwrap().to_owned()
}

fn begin(browser: &mut Browser, licenses: &Page, fields: &[(&str, &str)]) -> Page {
    let reference = reference(licenses);
    let mut all = vec![("firm", "6000010"), ("mode", "offline")];
    all.extend(fields);
    browser.post(&format!("/tickets/{reference}/transfers"), &all)
}

#[test]
fn activation_by_file_interrupted_after_every_step_and_continued() {
    let world = World::new();
    let (ticket, license) = world.sell("A", 10, &[]);
    let offline = world.computer("offline");
    let dongle = offline.dongle();
    let mut browser = Browser::at(&world.depot.address);
    let licenses = browser.enter(&ticket);
    licenses.shows("SampleNotePad A").shows("Available: 10 (10)");
    // Choosing: both kinds are possible, so the binding is asked for.
    let binding = browser.get(&licenses.link("/tickets/").replace("/forget", "/activate"));
    binding.shows("Select the binding").shows("/6000010/act\"").shows("/6000010/dongle\"");
    let choose = browser.get(&format!("/tickets/{}/activate/6000010/dongle", reference(&licenses)));
    choose.shows(&license).shows("max=\"10\"");
    let quantity = format!("quantity-{license}");
    let fields =
        [("action", "activate"), ("kind", "dongle"), ("license", license.as_str()), (quantity.as_str(), "4")];
    let upload = begin(&mut browser, &licenses, &fields);
    upload.shows("Upload request").shows("SampleNotePad A").shows("× 4");
    let id = transfer(&upload);

    // Interrupted before the upload: the overview leads back.
    browser.get("/licenses").shows("Begun in this browser").shows(&format!("/transfers/{id}"));
    assert_eq!(browser.get(&format!("/transfers/{id}")).path, format!("/transfers/{id}/request"));

    let request = offline.context(&dongle);
    let update = browser.upload(&format!("/transfers/{id}/request"), &request);
    assert_eq!(update.path, format!("/transfers/{id}/update"), "{}", update.text());
    let file = browser.get(&format!("/transfers/{id}/file"));
    assert!(file.header("content-disposition").contains(&format!("{dongle}.WibuCmRaU")), "{file:?}");
    assert_eq!(world.licenses(&ticket)[0]["activating"], 4);

    // Interrupted after the upload, the update lost: uploading the same again gives the same bytes.
    assert_eq!(browser.get(&format!("/transfers/{id}")).path, format!("/transfers/{id}/update"));
    browser.upload(&format!("/transfers/{id}/request"), &request);
    assert_eq!(browser.get(&format!("/transfers/{id}/file")).body, file.body);
    assert_eq!(world.licenses(&ticket)[0]["activating"], 4, "nothing is taken twice");

    // A receipt made before the import proves nothing, and says so.
    let early = offline.context(&dongle);
    browser.upload(&format!("/transfers/{id}/receipt"), &early).shows("not imported yet");
    assert_eq!(offline.import(&file.body), 1);
    assert_eq!(offline.import(&file.body), 0, "twice does no harm");
    assert_eq!(offline.held(&dongle), 4);
    // Interrupted after the import: continued by the ticket in another browser, which knows of no transfer.
    let mut other = Browser::at(&world.depot.address);
    let licenses = other.enter(&ticket);
    licenses.shows("In transfer").shows("Continue transfer");
    let unfinished = other.get(&licenses.link("/tickets/").replace("/forget", "/unfinished"));
    unfinished.shows(&dongle).shows("Continue with files").shows("Cancel with files");
    let upload = begin(&mut other, &licenses, &[("action", "continue"), ("serial", &dongle)]);
    let done = other.upload(&format!("/transfers/{}/request", transfer(&upload)), &offline.context(&dongle));
    done.shows("The transfer is finished and proven.");
    let licenses = other.get("/licenses");
    licenses.shows("Available: 6 (10)").shows(&dongle);
    assert_eq!(world.licenses(&ticket)[0]["active"], 4);
    // The transfer of the first browser ends with its receipt all the same.
    let result = browser.upload(&format!("/transfers/{id}/receipt"), &offline.context(&dongle));
    result.shows("The licenses were activated.");
    // No log line knows the ticket or what stands for it.
    let log = world.log();
    assert!(!log.contains(&ticket) && !log.contains(&ticket[..11]) && !log.contains(&id), "{log}");
}

#[test]
fn return_by_file_and_cancelling_what_was_never_imported() {
    let world = World::new();
    let (ticket, license) = world.sell("A", 3, &["--containers", "dongle"]);
    let computer = world.computer("one");
    let dongle = computer.dongle();
    computer.ok(&["activate", "--ticket", &ticket, "--container", &dongle]);
    let mut browser = Browser::at(&world.depot.address);
    let licenses = browser.enter(&ticket);
    licenses.shows("Available: 0 (3)").hides("Activate licenses");
    // Only one container holds something, so it is not asked for.
    let page = browser.get(&licenses.link("/tickets/").replace("/forget", "/deactivate"));
    page.shows("Re-hostable licenses").shows(&dongle);
    let fields = [("action", "deactivate"), ("serial", dongle.as_str()), ("license", license.as_str())];
    let upload = begin(&mut browser, &licenses, &fields);
    let id = transfer(&upload);
    // The file of another container is refused before anything is asked.
    let other = world.computer("other");
    let stranger = other.dongle();
    let refused = browser.upload(&format!("/transfers/{id}/request"), &other.context(&stranger));
    assert_eq!((refused.status, refused.problem().as_str()), (409, "request_other_container"));
    browser
        .upload(&format!("/transfers/{id}/request"), &computer.context(&dongle))
        .shows("Download license update");
    assert_eq!(world.licenses(&ticket)[0]["returning"], 3);
    // The visitor changes his mind: the return is cancelled, and the container keeps everything.
    let licenses = browser.get("/licenses");
    let cancel = begin(&mut browser, &licenses, &[("action", "cancel"), ("serial", &dongle)]);
    let cancelling = transfer(&cancel);
    browser.upload(&format!("/transfers/{cancelling}/request"), &computer.context(&dongle));
    let void = browser.get(&format!("/transfers/{cancelling}/file")).body;
    computer.import(&void);
    let done = browser.upload(&format!("/transfers/{cancelling}/receipt"), &computer.context(&dongle));
    done.shows("The transfer is settled");
    assert_eq!((world.licenses(&ticket)[0]["active"].clone(), computer.held(&dongle)), (3.into(), 3));
    // And now in earnest, a part of it.
    let licenses = browser.get("/licenses");
    let quantity = format!("quantity-{license}");
    let fields = [
        ("action", "deactivate"),
        ("serial", dongle.as_str()),
        ("license", license.as_str()),
        (quantity.as_str(), "2"),
    ];
    let id = transfer(&begin(&mut browser, &licenses, &fields));
    browser.upload(&format!("/transfers/{id}/request"), &computer.context(&dongle));
    computer.import(&browser.get(&format!("/transfers/{id}/file")).body);
    let receipt = computer.context(&dongle);
    browser.upload(&format!("/transfers/{id}/receipt"), &receipt).shows("returned and are available again");
    browser.get("/licenses").shows("Available: 2 (3)");
    // The receipt again, without a ticket, changes nothing.
    let mut anybody = Browser::at(&world.depot.address);
    anybody.get("/receipt");
    anybody.upload("/receipt", &receipt).shows("finished and proven");
    assert_eq!(world.licenses(&ticket)[0]["available"], 2);
}

#[test]
fn lost_licenses_are_restored_under_conditions() {
    let world = World::new();
    let (ticket, license) = world.sell("A", 2, &["--reactivation", "always", "--containers", "dongle"]);
    let lost = world.computer("lost");
    let old = lost.dongle();
    lost.ok(&["activate", "--ticket", &ticket, "--container", &old]);
    let mut browser = Browser::at(&world.depot.address);
    let licenses = browser.enter(&ticket);
    let page = browser.get(&licenses.link("/tickets/").replace("/forget", "/reactivate"));
    page.shows("Conditions").shows("marked as invalid").shows(&old);
    let fields = [("action", "reactivate"), ("kind", "dongle"), ("license", license.as_str())];
    let refused = begin(&mut browser, &licenses, &fields);
    assert_eq!(refused.problem(), "conditions_not_accepted");
    let accepted =
        [("action", "reactivate"), ("kind", "dongle"), ("license", license.as_str()), ("accept", "yes")];
    let id = transfer(&begin(&mut browser, &licenses, &accepted));
    let fresh = world.computer("fresh");
    let new = fresh.dongle();
    browser.upload(&format!("/transfers/{id}/request"), &fresh.context(&new));
    fresh.import(&browser.get(&format!("/transfers/{id}/file")).body);
    let done = browser.upload(&format!("/transfers/{id}/receipt"), &fresh.context(&new));
    done.shows("The licenses were restored.");
    assert_eq!(fresh.held(&new), 2);
    // The old container comes by: it is told why not, and gets its lock all the same.
    let mut finder = Browser::at(&world.depot.address);
    finder.get("/automatic-update");
    let upload = finder.post("/transfers", &[("action", "automatic"), ("mode", "offline")]);
    let id = transfer(&upload);
    let page = finder.upload(&format!("/transfers/{id}/request"), &lost.context(&old));
    assert_eq!(page.problem(), "container_blacklisted");
    page.shows("Download license update file now");
    lost.import(&finder.get(&format!("/transfers/{id}/file")).body);
    let code = lost.fails(&["license", "check", "--firm-code", "6000010", "--product-code", "201000"]);
    assert_eq!(code, "license_locked");
}

#[test]
fn approvals_and_automatic_updates() {
    let world = World::new();
    let (ticket, license) = world.sell("A", 1, &["--reactivation", "approval", "--containers", "dongle"]);
    let lost = world.computer("lost");
    let old = lost.dongle();
    lost.ok(&["activate", "--ticket", &ticket, "--container", &old]);
    let mut browser = Browser::at(&world.depot.address);
    let licenses = browser.enter(&ticket);
    let fields =
        [("action", "reactivate"), ("kind", "dongle"), ("license", license.as_str()), ("accept", "yes")];
    let id = transfer(&begin(&mut browser, &licenses, &fields));
    let fresh = world.computer("fresh");
    let new = fresh.dongle();
    let asked = browser.upload(&format!("/transfers/{id}/request"), &fresh.context(&new));
    assert_eq!(asked.problem(), "reactivation_needs_approval");
    browser.get("/licenses").shows("Waiting for the vendor");
    let vendor = world.computer("vendor");
    let approvals = vendor.ok(&["approval", "list"]);
    let approval = approvals["approvals"][0]["id"].as_str().unwrap().to_owned();
    vendor.ok(&["approval", "grant", &approval]);
    let page = browser.upload(&format!("/transfers/{id}/request"), &fresh.context(&new));
    assert_eq!(page.path, format!("/transfers/{id}/update"), "{}", page.text());
    fresh.import(&browser.get(&format!("/transfers/{id}/file")).body);
    browser.upload(&format!("/transfers/{id}/receipt"), &fresh.context(&new)).shows("were restored");
    // The vendor links a license to the container; it comes without a ticket.
    let assigned = format!("container:{new}");
    vendor.ok(&["order", "create", "--order-id", "O-2", "--item", "A=1", "--ticket", &assigned]);
    browser.get("/automatic-update").shows("Automatic license update");
    let id = transfer(&browser.post("/transfers", &[("action", "automatic"), ("mode", "offline")]));
    browser.upload(&format!("/transfers/{id}/request"), &fresh.context(&new));
    fresh.import(&browser.get(&format!("/transfers/{id}/file")).body);
    browser.upload(&format!("/transfers/{id}/receipt"), &fresh.context(&new)).shows("up to date");
    assert_eq!(fresh.held(&new), 2);
}

#[test]
fn a_whole_act_license_is_restored_after_a_reinstallation() {
    let world = World::new();
    let (ticket, _) = world.sell("A", 2, &["--restore", "always", "--containers", "act"]);
    let before = world.computer("before");
    let old = before.act();
    before.ok(&["activate", "--ticket", &ticket, "--container", &old]);
    let after = world.computer("after");
    let new = after.act();
    let mut browser = Browser::at(&world.depot.address);
    browser.get("/restore").shows("Restore a container");
    let mistyped = browser.post("/transfers", &[("action", "restore"), ("mode", "offline"), ("old", "130")]);
    assert_eq!(mistyped.problem(), "invalid_value");
    let page = browser.post("/transfers", &[("action", "restore"), ("mode", "offline"), ("old", &old)]);
    let id = transfer(&page);
    browser
        .upload(&format!("/transfers/{id}/request"), &after.context(&new))
        .shows("Download license update");
    after.import(&browser.get(&format!("/transfers/{id}/file")).body);
    browser.upload(&format!("/transfers/{id}/receipt"), &after.context(&new)).shows("container was restored");
    assert_eq!(after.held(&new), 2);
    // The template for a new act license is a file of ours.
    let template = browser.get("/templates/6000010");
    assert!(template.header("content-disposition").contains("6000010.WibuCmLIF"));
    let file = world.path("template");
    std::fs::write(&file, &template.body).unwrap();
    assert_eq!(after.ok(&["inspect", &file])["type"], "template");
}

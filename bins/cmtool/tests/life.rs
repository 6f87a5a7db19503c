//! The whole life of a license on the real programs: what a vendor and a user can do after the first activation.

#[path = "support/story.rs"]
mod story;

use serde_json::Value;
use story::{Computer, World};

const UPDATE: [&str; 8] =
    ["item", "create", "--name", "Update", "--firm-code", "6000010", "--product-code", "201000"];

fn update_item(vendor: &Computer<'_>, id: &str, options: &[&str]) {
    let mut words = UPDATE.to_vec();
    words.extend(["--id", id]);
    words.extend(options);
    vendor.ok(&words);
}

fn order(vendor: &Computer<'_>, id: &str, line: &str, choice: &str) -> (String, String) {
    let done = vendor.ok(&["order", "create", "--order-id", id, "--item", line, "--ticket", choice]);
    (done.text("ticket"), done.json["licenses"][0]["id"].as_str().expect("a license").to_owned())
}

fn products(computer: &Computer<'_>, serial: &str) -> Vec<Value> {
    let show = computer.ok(&["container", "show", serial]);
    show.json["firms"][0]["products"].as_array().cloned().unwrap_or_default()
}

#[test]
fn an_order_on_an_earlier_ticket_updates_the_license_there() {
    let world = World::new();
    let vendor = world.computer("vendor");
    let options =
        ["--unit-counter", "100", "--expires", "+30d", "--maintenance", "+30d", "--feature-map", "0x1"];
    let (ticket, _) = world.sell("O-1", 1, &options);
    let user = world.computer("user");
    let act = user.act();
    user.ok(&["activate", "--ticket", &ticket, "--container", &act]);
    let before = products(&user, &act)[0].clone();
    update_item(
        &vendor,
        "U",
        &[
            "--updates",
            "SNP-O-1",
            "--add-units",
            "50",
            "--add-quantity",
            "2",
            "--extend",
            "365d",
            "--set-feature-map",
            "0x7",
            "--renew-maintenance",
            "365d",
        ],
    );
    let (again, update) = order(&vendor, "O-2", "U=1", "order:O-1");
    assert_eq!(again, ticket);
    user.ok(&["activate", "--ticket", &ticket, "--container", &act]);
    let after = products(&user, &act);
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["units"], 150);
    assert_eq!((after[0]["feature_map"].as_u64(), after[0]["quantity"].as_u64()), (Some(7), Some(3)));
    assert!(after[0]["expires"].as_str() > before["expires"].as_str());
    assert!(after[0]["maintenance_until"].as_str() > before["maintenance_until"].as_str());
    let check = ["license", "check", "--firm-code", "6000010", "--product-code", "201000", "--feature", "4"];
    assert_eq!(user.ok(&check).json["concurrent_uses"], 3);
    // The ticket stays as short as what it grants; everything is still there to be seen.
    let short = user.ok(&["ticket", "show", &ticket]).json["licenses"].as_array().unwrap().len();
    let all = user.ok(&["ticket", "show", &ticket, "--all"]).json["licenses"].as_array().unwrap().len();
    assert_eq!((short, all), (1, 2));
    let words = ["deactivate", "--ticket", &ticket, "--container", &act, "--license", &update];
    user.fails(3, "update_not_movable", &words);
    // An order on a ticket nobody has, and an update without its base.
    let words = ["order", "create", "--order-id", "O-9", "--item", "U=1", "--ticket", "order:O-0"];
    vendor.fails(4, "order_unknown", &words);
    let (lonely, _) = order(&vendor, "O-3", "U=1", "new");
    let dongle = user.dongle();
    user.fails(3, "update_base_missing", &["activate", "--ticket", &lonely, "--container", &dongle]);
}

#[test]
fn an_assigned_container_is_updated_by_itself() {
    let world = World::new();
    let vendor = world.computer("vendor");
    let (ticket, _) = world.sell("O-1", 2, &["--unit-counter", "10"]);
    let user = world.computer("user");
    let dongle = user.dongle();
    let assigned = format!("container:{dongle}");
    let words = ["order", "create", "--order-id", "O-2", "--item", "SNP-O-1=1", "--ticket", &assigned];
    vendor.fails(4, "container_unknown", &words);
    user.ok(&["activate", "--ticket", &ticket, "--container", &dongle]);
    update_item(&vendor, "U", &["--updates", "SNP-O-1", "--add-units", "5"]);
    order(&vendor, "O-3", "SNP-O-1=3", &assigned);
    order(&vendor, "O-4", "U=2", &assigned);
    let done = user.ok(&["auto-update", "--container", &dongle]);
    assert!(done.json["applied"].as_u64() >= Some(2), "{done:?}");
    let quantities: Vec<_> = products(&user, &dongle).iter().map(|p| p["quantity"].as_u64()).collect();
    assert_eq!(quantities, [Some(2), Some(3)]);
    let units: u64 = products(&user, &dongle).iter().filter_map(|p| p["units"].as_u64()).sum();
    assert_eq!(units, 20 + 30 + 10);
    assert_eq!(user.ok(&["auto-update", "--container", &dongle]).json["applied"], 0, "nothing left to do");
    // Without a context, from what was proven.
    order(&vendor, "O-5", "SNP-O-1=1", &assigned);
    let file = world.path("push.WibuCmRaU");
    let words = ["container", "push", &dongle, "--firm-code", "6000010", "--out", &file];
    assert_eq!(vendor.ok(&words).json["steps"], 1);
    assert_eq!(user.ok(&["update", "import", &file]).json["applied"], 1);
    assert_eq!(user.ok(&["auto-update", "--container", &dongle]).json["applied"], 0);
}

#[test]
fn a_reactivation_shuts_the_old_container_out() {
    let world = World::new();
    let vendor = world.computer("vendor");
    let (ticket, license) = world.sell("O-1", 1, &["--reactivation", "approval"]);
    let (old_pc, new_pc) = (world.computer("old"), world.computer("new"));
    let (old, new) = (old_pc.dongle(), new_pc.dongle());
    old_pc.ok(&["activate", "--ticket", &ticket, "--container", &old]);
    let again = ["reactivate", "--ticket", &ticket, "--container", &new, "--accept-conditions"];
    old_pc.fails(
        3,
        "reactivation_same_container",
        &[
            "reactivate",
            "--ticket",
            &ticket,
            "--license",
            &license,
            "--container",
            &old,
            "--accept-conditions",
        ],
    );
    new_pc.fails(3, "reactivation_needs_approval", &again);
    let asked = vendor.ok(&["approval", "list"]);
    let approval = asked.json["approvals"][0]["id"].as_str().unwrap().to_owned();
    vendor.ok(&["approval", "deny", &approval, "--reason", "who are you"]);
    vendor.fails(3, "approval_decided", &["approval", "deny", &approval]);
    new_pc.fails(3, "approval_denied", &again);
    vendor.ok(&["approval", "grant", &approval, "--valid", "7d"]);
    new_pc.fails(3, "conditions_not_accepted", &["reactivate", "--ticket", &ticket, "--container", &new]);
    assert_eq!(new_pc.ok(&again).json["licenses"][0]["state"], "active");
    let check = ["license", "check", "--firm-code", "6000010", "--product-code", "201000"];
    old_pc.ok(&check);
    // With the list the old container is refused even without a network, and at its next contact it is locked.
    let list = world.path("firm.blacklist");
    assert_eq!(vendor.ok(&["blacklist", "export", "--out", &list]).json["version"], 1);
    assert_eq!(vendor.ok(&["inspect", &list]).json["containers"][0], old.as_str());
    old_pc.ok(&["blacklist", "import", &list]);
    old_pc.fails(3, "license_blacklisted", &check);
    old_pc.fails(3, "container_blacklisted", &["auto-update", "--container", &old]);
    let firm = old_pc.ok(&["container", "show", &old]).json["firms"][0].clone();
    assert_eq!(firm["locked"], true, "{firm}");
    assert_eq!(vendor.ok(&["container", "status", &old]).json["status"], "blacklisted");
    let history = vendor.ok(&["license", "history", &license]).stdout;
    for event in
        ["license_reactivated", "approval_requested", "approval_denied", "approval_granted", "refused"]
    {
        assert!(history.contains(event), "{event}");
    }
    let csv = vendor.command(&["license", "history", &license, "--csv"]).output().unwrap();
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert!(csv.starts_with("sequence,at,action") && csv.contains("license_reactivated"), "{csv}");
}

#[test]
fn a_reinstalled_computer_is_restored() {
    let world = World::new();
    let (_, _) = world.sell("O-0", 1, &["--restore", "never"]);
    let (ticket, _) = world.sell("O-1", 2, &["--restore", "always"]);
    let user = world.computer("user");
    let (old, new) = (user.act(), user.act());
    user.ok(&["activate", "--ticket", &ticket, "--container", &old]);
    let restore = ["restore", "--old", &old, "--container", &new];
    user.fails(3, "restore_kind", &["restore", "--old", &old, "--container", &user.dongle()]);
    assert_eq!(user.ok(&restore).json["applied"], 1);
    assert_eq!(products(&user, &new)[0]["quantity"], 2);
    user.fails(3, "nothing_to_restore", &["restore", "--old", &old, "--container", &user.act()]);
    user.fails(3, "container_blacklisted", &["auto-update", "--container", &old]);
}

#[test]
fn a_license_is_withdrawn_and_replaced() {
    let world = World::new();
    let vendor = world.computer("vendor");
    let (ticket, license) = world.sell("O-1", 3, &[]);
    world.sell("O-2", 1, &["--feature-map", "0x7"]);
    let user = world.computer("user");
    let act = user.act();
    let two = format!("{license}=2");
    assert_eq!(user.activate(&ticket, &act, &two).exit, 0);
    let withdrawn = vendor.ok(&["license", "withdraw", &license]).json;
    assert_eq!((withdrawn["withdrawn"].as_u64(), withdrawn["active"].as_u64()), (Some(1), Some(2)));
    vendor.fails(3, "nothing_to_withdraw", &["license", "withdraw", &license]);
    vendor.ok(&["license", "withdraw", &license, "--cancel"]);
    vendor.fails(3, "license_not_withdrawn", &["license", "withdraw", &license, "--cancel"]);
    let new = vendor.ok(&["license", "replace", &license, "--by", "SNP-O-2"]).text("id");
    user.ok(&["auto-update", "--container", &act]);
    let held = products(&user, &act);
    assert_eq!(held.iter().map(|p| p["quantity"].as_u64()).collect::<Vec<_>>(), [Some(2)]);
    assert_eq!(held[0]["feature_map"], 7);
    let shown = vendor.ok(&["license", "show", &license]).json;
    assert_eq!(
        (shown["state"].as_str(), shown["replaced_by"].as_str()),
        (Some("replaced"), Some(new.as_str()))
    );
    vendor.fails(3, "license_replaced", &["license", "replace", &license, "--by", "SNP-O-2"]);
    assert_eq!(vendor.ok(&["license", "show", &new]).json["quantity"], 3);
    let unused = vendor.ok(&["license", "search", "--never-activated"]).json;
    assert_eq!(unused["licenses"].as_array().unwrap().len(), 1, "{unused}");
}

#[test]
fn an_unfinished_transfer_is_cancelled_by_file() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 2, &[]);
    let (online, offline) = (world.computer("online"), world.computer("offline").offline());
    let dongle = offline.dongle();
    let context = |name: &str| {
        let file = world.path(name);
        offline.ok(&["context", "create", "--container", &dongle, "--firm-code", "6000010", "--out", &file]);
        file
    };
    let first = context("1.WibuCmRaC");
    let lost = world.path("lost.WibuCmRaU");
    let one = format!("{license}=1");
    online.ok(&[
        "transfer",
        "request",
        "--ticket",
        &ticket,
        "--activate",
        &one,
        "--context",
        &first,
        "--out",
        &lost,
    ]);
    let void = world.path("void.WibuCmRaU");
    let second = context("2.WibuCmRaC");
    let cancel =
        ["transfer", "request", "--ticket", &ticket, "--cancel", "--context", &second, "--out", &void];
    online.ok(&cancel);
    assert_eq!(world.license(&ticket)["available"], 1, "nothing is free before the proof");
    offline.ok(&["update", "import", &void]);
    offline.fails(3, "update_other_history", &["update", "import", &lost]);
    online.ok(&["transfer", "receipt", &context("3.WibuCmRaC")]);
    assert_eq!(world.license(&ticket)["available"], 2);
    // A stale context is told apart, and the answer carries what it misses.
    let out = world.path("stale.WibuCmRaU");
    let stale =
        ["transfer", "request", "--ticket", &ticket, "--activate", &one, "--context", &second, "--out", &out];
    online.fails(3, "context_out_of_date", &stale);
    let fresh = context("4.WibuCmRaC");
    online.ok(&[
        "transfer",
        "request",
        "--ticket",
        &ticket,
        "--activate",
        &one,
        "--context",
        &fresh,
        "--out",
        &out,
    ]);
    online.fails(3, "context_out_of_date", &stale);
    assert_eq!(offline.ok(&["update", "import", &out]).json["applied"], 1, "the catch-up update");
    online.fails(
        3,
        "nothing_to_cancel",
        &[
            "transfer",
            "request",
            "--ticket",
            &ticket,
            "--cancel",
            "--context",
            &context("5.WibuCmRaC"),
            "--out",
            &void,
        ],
    );
}

#[test]
fn a_pre_activated_license_works_at_once_and_can_be_bound() {
    let world = World::new();
    let vendor = world.computer("vendor");
    world.sell("O-1", 1, &["--feature-map", "0x3"]);
    world.sell("O-2", 1, &["--unit-counter", "3"]);
    let file = world.path("trial.license");
    vendor.fails(
        3,
        "item_not_preactivatable",
        &["license", "pre-activate", "--item", "SNP-O-2", "--out", &file],
    );
    vendor.ok(&[
        "license",
        "pre-activate",
        "--item",
        "SNP-O-1",
        "--valid",
        "30d",
        "--conversions",
        "1",
        "--out",
        &file,
    ]);
    assert_eq!(vendor.ok(&["inspect", &file]).json["type"], "pre-activated license");
    let offline = world.computer("customer").offline();
    let check = ["license", "check", "--firm-code", "6000010", "--product-code", "201000", "--feature", "2"];
    offline.fails(3, "no_license", &check);
    offline.ok(&["license", "install", &file]);
    assert!(offline.ok(&check).json["preactivated"].is_string());
    let mut forged = std::fs::read(&file).unwrap();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let bad = world.path("bad.license");
    std::fs::write(&bad, forged).unwrap();
    offline.fails(5, "bad_signature", &["license", "install", &bad]);

    let online = world.computer("online");
    let act = online.act();
    online.ok(&["license", "convert", &file, "--container", &act]);
    assert_eq!(products(&online, &act)[0]["quantity"], 1);
    assert_eq!(online.ok(&["license", "convert", &file, "--container", &act]).json["applied"], 0);
    let second = online.act();
    online.fails(3, "not_convertible", &["license", "convert", &file, "--container", &second]);
}

#[test]
fn a_copied_dongle_is_flagged_and_the_vendor_decides() {
    let world = World::new();
    let vendor = world.computer("vendor");
    let (ticket, _) = world.sell("O-1", 1, &[]);
    let (user, copy) = (world.computer("user"), world.computer("copy"));
    let dongle = user.dongle();
    user.ok(&["activate", "--ticket", &ticket, "--container", &dongle]);
    let image = world.path("copy.dongle");
    user.ok(&["container", "export", &dongle, "--out", &image]);
    user.ok(&["deactivate", "--ticket", &ticket, "--container", &dongle]);
    copy.ok(&["container", "import", &image]);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let words = ["auto-update", "--container", &dongle];
    copy.fails(3, "manipulation_detected", &words);
    user.fails(3, "manipulation_detected", &words);
    assert_eq!(vendor.ok(&["container", "status", &dongle]).json["status"], "manipulation_detected");
    vendor.ok(&["container", "clear", &dongle, "--reason", "a backup was put back"]);
    vendor.fails(3, "container_not_flagged", &["container", "clear", &dongle]);
    // What the copy should not have is taken out of it, and there is still one license.
    copy.ok(&words);
    assert!(products(&copy, &dongle).is_empty());
    assert_eq!(world.license(&ticket)["available"], 1);
    vendor.ok(&["blacklist", "add", &dongle, "--reason", "enough"]);
    vendor.fails(3, "container_blacklisted", &["blacklist", "add", &dongle]);
    copy.fails(3, "container_blacklisted", &words);
    let history = vendor.ok(&["container", "history", &dongle]).stdout;
    for event in
        ["manipulation_detected", "container_cleared", "sweep_issued", "container_blacklisted", "lock_issued"]
    {
        assert!(history.contains(event), "{event}");
    }
}

#[test]
fn a_vendor_looks_through_everything() {
    let world = World::new();
    let vendor = world.computer("vendor");
    let (ticket, license) = world.sell("O-1", 3, &[]);
    world.sell("O-2", 1, &[]);
    let user = world.computer("user");
    let act = user.act();
    assert_eq!(user.activate(&ticket, &act, &license).exit, 0);
    let orders = vendor.ok(&["orders", "--newest"]).json["orders"].clone();
    assert_eq!(orders.as_array().map(Vec::len), Some(2));
    let csv = vendor.command(&["orders", "--csv"]).output().unwrap();
    assert!(String::from_utf8(csv.stdout).unwrap().starts_with("order,customer,created,comment\r\nO-1,"));
    assert_eq!(vendor.ok(&["containers", "--kind", "act"]).json["containers"][0]["serial"], act.as_str());
    assert_eq!(vendor.ok(&["containers", "--flagged"]).json["containers"].as_array().map(Vec::len), Some(0));
    assert_eq!(vendor.ok(&["transfers"]).json["transfers"].as_array().map(Vec::len), Some(0));
    let active = vendor.ok(&["license", "search", "--state", "activated", "--newest"]).json;
    assert_eq!(active["licenses"][0]["id"], license.as_str());
    vendor.fails(3, "invalid_value", &["license", "search", "--state", "odd"]);
    for (text, kind, id) in
        [("o-1", "order", "O-1"), (&act, "container", &act), (&license, "license", &license)]
    {
        let hit = vendor.ok(&["search", text]).json["hits"][0].clone();
        assert_eq!((hit["kind"].as_str(), hit["id"].as_str()), (Some(kind), Some(id)), "{text}");
    }
    let hit = vendor.ok(&["search", &ticket]).json["hits"][0].clone();
    assert_eq!((hit["kind"].as_str(), hit["id"].as_str()), (Some("ticket"), Some("O-1")));
    let told = vendor.ok(&["statistics"]).json;
    assert_eq!((&told["total"]["created"], &told["total"]["activated"]), (&4.into(), &3.into()));
    let table = String::from_utf8(vendor.command(&["statistics"]).output().unwrap().stdout).unwrap();
    assert!(table.contains("open: 0 approvals, 0 transfers, 0 flagged containers"), "{table}");
}

//! Every command of the main job on the real programs: fields, exit codes, the round trip by file.

#[path = "support/story.rs"]
mod story;

use serde_json::Value;
use story::World;

fn fields(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value.get(name).is_some(), "{name} in {value}");
    }
}

#[test]
fn order_to_ticket_to_activation_to_return() {
    let mut world = World::new();
    let vendor = world.computer("vendor");
    let item = vendor.ok(&[
        "item",
        "create",
        "--id",
        "SNP-201-000",
        "--name",
        "SampleNotePad Basic",
        "--firm-code",
        "6000010",
        "--product-code",
        "201000",
        "--license-quantity",
        "2",
        "--expires",
        "+30d",
        "--maintenance",
        "2030-01-31",
        "--unit-counter",
        "100",
        "--feature-map",
        "0x3",
        "--text",
        "T",
        "--containers",
        "dongle,act",
        "--tolerance",
        "loose",
        "--return",
        "allowed",
        "--reactivation",
        "after:365d",
        "--restore",
        "never",
        "--split",
        "allowed",
        "--access",
        "station-share",
        "--borrow",
        "14d",
        "--linger",
        "60s",
        "--module",
        "201001=Change Font",
    ]);
    assert_eq!(item.json["proof_public_key"].as_str().unwrap().len(), 64);
    assert_eq!(vendor.ok(&["item", "list"]).json["items"].as_array().unwrap().len(), 1);
    let words = [
        "order",
        "create",
        "--order-id",
        "O-1",
        "--customer",
        "C-1",
        "--comment",
        "x",
        "--item",
        "SNP-201-000=10",
    ];
    let order = vendor.ok(&words);
    fields(&order.json, &["order_id", "ticket", "licenses"]);
    fields(&order.json["licenses"][0], &["id", "item", "name", "quantity", "available"]);
    let ticket = order.text("ticket");
    assert_eq!(vendor.ok(&words).text("ticket"), ticket, "the same order is the same order");
    let license = order.json["licenses"][0]["id"].as_str().unwrap().to_owned();

    let user = world.computer("user");
    let lower = ticket.to_lowercase().replace('-', " ");
    let shown = user.ok(&["ticket", "show", &lower]);
    fields(
        &shown.json["licenses"][0],
        &["id", "item", "name", "quantity", "available", "state", "activations", "options"],
    );
    assert_eq!(shown.text("ticket"), ticket);

    let (act, dongle) = (user.act(), user.ok(&["container", "create", "dongle", "--flash", "64MiB"]));
    fields(&dongle.json, &["serial", "kind"]);
    let dongle = dongle.text("serial");
    assert!(act.starts_with("130-") && dongle.starts_with("3-"));
    let done = user.activate(&ticket, &act, &format!("{license}=3"));
    fields(&done.json, &["serial", "firm_code", "applied", "already_applied", "counter", "licenses"]);
    assert_eq!((done.exit, done.json["applied"].as_u64()), (0, Some(1)));
    for phase in
        ["[1/8] Starting license transfer", "[5/8] Downloading license update", "[8/8] Uploading receipt"]
    {
        assert!(done.stderr.contains(phase), "{}", done.stderr);
    }
    assert_eq!(user.activate(&ticket, &dongle, &format!("{license}=2")).exit, 0);
    let now = world.license(&ticket);
    assert_eq!((now["available"].as_u64(), now["state"].as_str()), (Some(5), Some("partly_activated")));
    fields(&now["activations"][0], &["container", "quantity", "state", "activated_at"]);

    let list = user.ok(&["container", "list"]);
    for container in list.json["containers"].as_array().unwrap() {
        fields(container, &["serial", "kind", "firm_codes"]);
        assert_eq!(container["firm_codes"][0], 6_000_010);
    }
    let show = user.ok(&["container", "show", &act]);
    let firm = &show.json["firms"][0];
    fields(firm, &["firm_code", "counter", "products"]);
    let product = &firm["products"][0];
    fields(
        product,
        &["product_code", "name", "quantity", "units", "feature_map", "expires", "maintenance_until"],
    );
    assert_eq!((product["quantity"].as_u64(), product["units"].as_u64()), (Some(3), Some(300)));
    assert_eq!(product["access"], "station-share");

    let check = ["license", "check", "--firm-code", "6000010", "--product-code"];
    let checked = user.ok(&[&check[..], &["201000", "--feature", "2", "--units", "5"]].concat());
    assert_eq!(checked.json["usable"], true);
    user.ok(&[&check[..], &["201001"]].concat());
    user.ok(&["license", "use", "--firm-code", "6000010", "--product-code", "201000", "--units", "41"]);
    user.fails(3, "no_license", &[&check[..], &["999"]].concat());
    user.fails(3, "feature_missing", &[&check[..], &["201000", "--feature", "0x4"]].concat());
    user.fails(3, "units_exhausted", &[&check[..], &["201000", "--units", "1000"]].concat());
    user.fails(3, "maintenance_over", &[&check[..], &["201000", "--release-date", "2031-01-01"]].concat());

    for container in [&act, &dongle] {
        let back = user.ok(&["deactivate", "--ticket", &ticket, "--container", container]);
        assert_eq!(back.json["licenses"].as_array().unwrap().len(), 0);
    }
    let now = world.license(&ticket);
    assert_eq!((now["available"].as_u64(), now["state"].as_str()), (Some(10), Some("available")));
    user.fails(3, "no_license", &[&check[..], &["201000"]].concat());
    let history = vendor.ok(&["license", "history", &license]);
    assert_eq!(history.json["events"].as_array().unwrap().len(), 9);
    assert_eq!(world.stop(), 0, "a server that is asked to stop ends well");
    let log = world.log();
    let token = std::fs::read_to_string(world.token_file()).unwrap();
    for secret in [ticket.as_str(), &ticket.replace('-', ""), token.trim()] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[test]
fn the_round_trip_by_file_in_any_order_and_repeated() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 4, &["--unit-counter", "10"]);
    let (online, offline) = (world.computer("online"), world.computer("offline").offline());
    let dongle = offline.dongle();
    let file = |name: &str| world.path(name);
    let (request, update, receipt) = (file("a.WibuCmRaC"), file("a.WibuCmRaU"), file("b.WibuCmRaC"));
    let context = |out: &str| {
        offline.ok(&["context", "create", "--container", &dongle, "--firm-code", "6000010", "--out", out]);
    };
    context(&request);
    let inspected = offline.ok(&["inspect", &request]).json;
    fields(&inspected, &["type", "serial", "firm_code", "counter", "valid"]);
    let wanted = format!("{license}=3");
    let ask = [
        "transfer",
        "request",
        "--ticket",
        &ticket,
        "--activate",
        &wanted,
        "--context",
        &request,
        "--out",
        &update,
    ];
    online.ok(&ask);
    let first = std::fs::read(&update).unwrap();
    online.ok(&ask);
    assert_eq!(std::fs::read(&update).unwrap(), first, "asking again gives the same bytes");
    assert_eq!(world.license(&ticket)["activating"], 3);
    let inspected = offline.ok(&["inspect", &update]).json;
    assert_eq!((inspected["type"].as_str(), inspected["steps"].as_u64()), (Some("update"), Some(1)));

    let import = ["update", "import", &update];
    let done = offline.ok(&import);
    fields(&done.json, &["serial", "firm_code", "applied", "already_applied", "counter"]);
    let again = offline.ok(&import).json;
    assert_eq!((again["applied"].as_u64(), again["already_applied"].as_u64()), (Some(0), Some(1)));
    // The first receipt is lost; a later context proves as much.
    context(&receipt);
    context(&receipt);
    let proven = online.ok(&["transfer", "receipt", &receipt]).json;
    assert_eq!((proven["proven"].as_u64(), proven["unproven"].as_u64()), (Some(1), Some(0)));
    assert_eq!(online.ok(&["transfer", "receipt", &receipt]).json["proven"], 0);
    assert_eq!(world.license(&ticket)["active"], 3);

    // Back by file, with units used in between.
    offline.ok(&["license", "use", "--firm-code", "6000010", "--product-code", "201000", "--units", "4"]);
    let (request, update) = (file("c.WibuCmRaC"), file("c.WibuCmRaU"));
    context(&request);
    online.ok(&[
        "transfer",
        "request",
        "--ticket",
        &ticket,
        "--deactivate",
        &license,
        "--context",
        &request,
        "--out",
        &update,
    ]);
    assert_eq!(world.license(&ticket)["available"], 1, "nothing is free before it is proven gone");
    offline.ok(&["update", "import", &update]);
    context(&receipt);
    online.ok(&["transfer", "receipt", &receipt]);
    assert_eq!(world.license(&ticket)["available"], 4);
    // What comes out next has 26 of 30 units left, and a fresh license its 10.
    let act = online.act();
    online.ok(&["activate", "--ticket", &ticket, "--container", &act]);
    let products = online.ok(&["container", "show", &act]).json["firms"][0]["products"].clone();
    let units: u64 =
        products.as_array().unwrap().iter().map(|product| product["units"].as_u64().unwrap()).sum();
    assert_eq!(units, 36);
}

#[test]
fn containers_move_as_files_and_the_example_proves_a_license() {
    let world = World::new();
    let (ticket, _) = world.sell("O-1", 2, &[]);
    let (here, there) = (world.computer("here"), world.computer("there"));
    let dongle = here.dongle();
    here.ok(&["activate", "--ticket", &ticket, "--container", &dongle]);
    let image = world.path("dongle.image");
    here.ok(&["container", "export", &dongle, "--out", &image]);
    assert_eq!(there.ok(&["container", "import", &image]).text("serial"), dongle);
    there.ok(&["container", "import", &image]);
    there.ok(&["license", "check", "--firm-code", "6000010", "--product-code", "201000"]);
    assert_eq!(there.ok(&["inspect", &image]).json["type"], "dongle image");
    here.ok(&["license", "use", "--firm-code", "6000010", "--product-code", "201000"]);
    here.ok(&[
        "context",
        "create",
        "--container",
        &dongle,
        "--firm-code",
        "6000010",
        "--out",
        &world.path("x"),
    ]);
    here.fails(3, "container_exists", &["container", "import", &image]);

    let key = world.computer("vendor").ok(&["item", "show", "SNP-O-1"]).text("proof_public_key");
    let run = |home: &std::path::Path, key: &str| {
        let output = std::process::Command::new(story::program("embedding-example"))
            .arg(home)
            .args(["6000010", "201000", key, &world.path("example.WibuCmRaC")])
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (exit, said) = run(&here.home, &key);
    assert_eq!(exit, 0, "{said}");
    let other = licensing_core::crypto::sign::SigningKey::from_seed([1; 32]).public_key();
    let wrong: String = other.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(run(&here.home, &wrong).0, 3, "another vendor's key proves nothing");
    let empty = world.computer("empty");
    assert_eq!(run(&empty.home, &key).0, 3);
    assert_eq!(empty.ok(&["inspect", &world.path("example.WibuCmRaC")]).json["type"], "context");
}

#[test]
fn help_completions_and_manual_pages() {
    let world = World::new();
    let user = world.computer("user");
    let help = user.command(&["--help"]).output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("Activate licenses"));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let completions = user.command(&["completions", shell]).output().unwrap();
        let script = String::from_utf8(completions.stdout).unwrap();
        assert!(completions.status.success() && script.contains("deactivate"), "{shell}");
    }
    let man = world.path("man");
    std::fs::create_dir(&man).unwrap();
    assert!(user.command(&["man", "--out", &man]).status().unwrap().success());
    let page = |name: &str| std::fs::read_to_string(std::path::Path::new(&man).join(name)).unwrap();
    assert!(
        page("cmtool.1").contains("CM_SERVER")
            && page("cmtool.1").contains("75 try again")
            && page("cmtool-item-create.1").contains("feature\\-map")
    );
    assert!(std::fs::read_dir(&man).unwrap().count() > 10);
}

/// At the most talkative level, with tickets and tokens in every place a careless client may put them.
#[test]
fn no_secret_is_in_logs_metrics_answers_or_the_database() {
    let mut world = World::with_settings("level = \"info\"", "level = \"trace\"");
    let (ticket, license) = world.sell("O-1", 3, &[]);
    let user = world.computer("user");
    let act = user.act();
    assert_eq!(user.activate(&ticket, &act, &license).exit, 0);
    user.fails(3, "nothing_to_activate", &["activate", "--ticket", &ticket, "--container", &act]);
    let token = std::fs::read_to_string(world.token_file()).unwrap().trim().to_owned();
    let plain = ticket.replace('-', "");
    let mut answers = String::new();
    for request in [
        format!("GET /api/v1/tickets/{ticket} HTTP/1.1\r\n"),
        format!("GET /api/v1/items?ticket={plain}&token={token} HTTP/1.1\r\n"),
        format!("GET /api/v1/orders/{ticket} HTTP/1.1\r\nauthorization: Basic {token}\r\n"),
        format!("GET /problems/{token} HTTP/1.1\r\nx-request-id: {ticket}\r\n"),
        format!("GET /api/v1/items HTTP/1.1\r\nauthorization: Bearer {token}x\r\n"),
        format!("{ticket} / HTTP/1.1\r\n"),
        "GET /metrics HTTP/1.1\r\n".to_owned(),
    ] {
        answers.push_str(&world.raw(&format!("{request}host: x\r\nconnection: close\r\n\r\n")));
    }
    for body in [
        format!("{{\"ticket\":\"{ticket}\",\"{token}\":1}}"),
        format!("{{\"ticket\":[\"{ticket}\"]}}"),
        ticket.clone(),
    ] {
        let head = "POST /api/v1/tickets/show HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
        answers.push_str(&world.raw(&format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())));
    }
    assert!(answers.contains("central_requests_total") && answers.contains("invalid_message"), "{answers}");
    let stored = world.stored();
    assert_eq!(world.stop(), 0);
    let log = world.log();
    assert!(log.contains("show_ticket"), "the log says what happened");
    assert!(stored.contains("SampleNotePad"), "the database was looked at");
    for (place, text) in [("log", log.as_str()), ("answers", &answers), ("database", &stored)] {
        for secret in [&ticket, &plain, &token] {
            assert!(!text.contains(secret.as_str()), "a secret is in the {place}");
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!text.to_lowercase().contains(&hex), "a secret is in the {place}, as hexadecimal digits");
        }
    }
}

//! Wrong, repeated, forged and foreign input on the real programs: a stable code, an exit code, a remedy, and
//! nothing changed.

#[path = "support/story.rs"]
mod story;

use licensing_core::crypto::sign::SigningKey;
use licensing_core::envelope::{Draft, FileType, Unverified};
use story::World;

#[test]
fn tickets_items_orders_and_quantities() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 5, &["--split", "denied", "--return", "denied"]);
    let vendor = world.computer("vendor");
    let act = vendor.act();
    let mut mistyped = ticket.clone();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == 'A' { 'B' } else { 'A' });
    vendor.fails(3, "ticket_mistyped", &["ticket", "show", &mistyped]);
    vendor.fails(3, "ticket_mistyped", &["ticket", "show", "ABCDE"]);
    vendor.fails(4, "ticket_unknown", &["ticket", "show", "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23"]);
    vendor.fails(
        4,
        "ticket_unknown",
        &["activate", "--ticket", "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23", "--container", &act],
    );
    let order = |id: &str, line: &str| vendor.run(&["order", "create", "--order-id", id, "--item", line]);
    for (id, line, exit, code) in [
        ("O-2", "NONE=1", 4, "item_unknown"),
        ("O-2", "SNP-O-1=0", 3, "quantity_invalid"),
        ("O-2", "SNP-O-1=1000001", 3, "quantity_invalid"),
        ("O-1", "SNP-O-1=6", 3, "order_exists"),
        ("O-2", "SNP-O-1", 2, "usage"),
    ] {
        let done = order(id, line);
        assert_eq!((done.exit, done.code()), (exit, code), "{done:?}");
    }
    let item = |options: &[&str]| {
        let base = [
            "item",
            "create",
            "--id",
            "SNP-O-1",
            "--name",
            "Other",
            "--firm-code",
            "6000010",
            "--product-code",
            "1",
        ];
        vendor.run(&[&base[..], options].concat())
    };
    assert_eq!(item(&[]).code(), "item_exists");
    assert_eq!(item(&["--expires", "tomorrow"]).exit, 3);
    assert_eq!(item(&["--firm-code", "0"]).exit, 2);

    let unknown = "00112233445566778899aabbccddeeff";
    let activate = |license: &str| vendor.activate(&ticket, &act, license);
    assert_eq!((activate(unknown).exit, activate(unknown).code()), (4, "license_not_on_ticket"));
    assert_eq!(activate(&format!("{license}=0")).code(), "quantity_invalid");
    assert_eq!(activate(&format!("{license}=6")).code(), "license_not_available");
    assert_eq!(activate(&format!("{license}=2")).code(), "license_whole_only");
    vendor.fails(3, "nothing_to_return", &["deactivate", "--ticket", &ticket, "--container", &act]);
    assert_eq!(world.license(&ticket)["available"], 5, "nothing has changed");
    assert_eq!(activate(&license).exit, 0);
    vendor.fails(3, "return_denied", &["deactivate", "--ticket", &ticket, "--container", &act]);
    vendor.fails(3, "nothing_to_activate", &["activate", "--ticket", &ticket, "--container", &act]);
    vendor.fails(4, "container_not_found", &["activate", "--ticket", &ticket, "--container", "3-1234567"]);
}

#[test]
fn tokens_roles_and_a_server_that_is_not_there() {
    let mut world = World::new();
    let vendor = world.computer("vendor");
    let wrong = world.path("wrong.token");
    std::fs::write(&wrong, "not a token\n").unwrap();
    let create = ["order", "create", "--order-id", "O-1", "--item", "X=1"];
    vendor.fails(3, "unauthorized", &[&create[..], &["--token-file", &wrong]].concat());
    vendor.fails(4, "input_unreadable", &[&create[..], &["--token-file", &world.path("absent")]].concat());
    let http = licensing_client::ServerClient::new(
        &world.address,
        Some(std::fs::read_to_string(world.token_file()).unwrap().trim().to_owned()),
    );
    let request = licensing_wire::json::TokenRequest {
        name: "support".into(),
        roles: vec!["support".into()],
        scopes: vec![],
        expires: None,
        certificate: None,
    };
    let token = http.unwrap().create_token(&request).unwrap();
    std::fs::write(&wrong, token.token.unwrap()).unwrap();
    vendor.fails(3, "forbidden", &[&create[..], &["--token-file", &wrong]].concat());
    vendor.ok(&["item", "list", "--token-file", &wrong]);
    world.stop();
    let user = world.computer("user");
    user.fails(6, "server_unreachable", &["ticket", "show", "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23"]);
    user.fails(2, "usage", &["ticket", "show", "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23", "--server", "nonsense"]);
    world.computer("off").offline().fails(2, "usage", &["ticket", "show", "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23"]);
    // What is missing is named.
    let nothing = user.run(&["ticket", "show"]);
    let said = nothing.json["error"]["message"].as_str().unwrap();
    assert!(nothing.exit == 2 && said.contains("<TICKET>") && !said.contains("Usage"), "{said}");
}

#[test]
fn files_of_others_damaged_forged_repeated_and_out_of_order() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 9, &[]);
    let user = world.computer("user");
    let (a, b) = (user.dongle(), user.dongle());
    let file = |name: &str| world.path(name);
    let context = |container: &str, firm: &str, name: &str| {
        let out = file(name);
        user.ok(&["context", "create", "--container", container, "--firm-code", firm, "--out", &out]);
        out
    };
    let ask = |context: &str, name: &str| {
        let (one, out) = (format!("{license}=1"), file(name));
        let words = [
            "transfer",
            "request",
            "--ticket",
            &ticket,
            "--activate",
            &one,
            "--context",
            context,
            "--out",
            &out,
        ];
        (user.run(&words), out)
    };
    let image = file("a.image");
    user.ok(&["container", "export", &a, "--out", &image]);
    let first = context(&a, "6000010", "1.WibuCmRaC");
    let (done, first_update) = ask(&first, "1.WibuCmRaU");
    assert_eq!(done.exit, 0);
    let second = context(&a, "6000010", "2.WibuCmRaC");
    let (done, second_update) = ask(&second, "2.WibuCmRaU");
    assert_eq!((done.exit, done.json["steps"].as_u64()), (0, Some(2)), "every unproven step is carried");
    // The later file carries the earlier step as well, so the earlier file is no longer needed, but harmless.
    assert_eq!(user.ok(&["update", "import", &second_update]).json["applied"], 2);
    assert_eq!(user.ok(&["update", "import", &first_update]).json["already_applied"], 1);
    user.ok(&["transfer", "receipt", &context(&a, "6000010", "r.WibuCmRaC")]);
    let (done, third_update) = ask(&context(&a, "6000010", "3.WibuCmRaC"), "3.WibuCmRaU");
    assert_eq!(done.exit, 0);
    // An old context that arrives late proves nothing, but nobody is accused of anything.
    let late = user.run(&["transfer", "receipt", &first]);
    assert_eq!(late.code(), "context_out_of_date");
    assert_eq!(user.ok(&["update", "import", &third_update]).json["applied"], 1);

    let other_firm = context(&b, "7000000", "other.WibuCmRaC");
    let (done, _) = ask(&other_firm, "x");
    assert_eq!((done.exit, done.code()), (4, "firm_unknown"));
    let elsewhere = world.computer("elsewhere");
    elsewhere.dongle();
    elsewhere.fails(3, "update_other_container", &["update", "import", &third_update]);
    // The dongle as it was before the first two steps: the third does not fit yet.
    elsewhere.ok(&["container", "import", &image]);
    elsewhere.fails(3, "update_too_new", &["update", "import", &third_update]);
    assert_eq!(elsewhere.ok(&["update", "import", &second_update]).json["applied"], 2);
    assert_eq!(elsewhere.ok(&["update", "import", &third_update]).json["applied"], 1);

    let good = std::fs::read(&second).unwrap();
    let mangled = file("mangled");
    let mangle = |bytes: &[u8], exit: i32, code: &str| {
        std::fs::write(&mangled, bytes).unwrap();
        for words in [vec!["inspect", &mangled], vec!["transfer", "receipt", &mangled]] {
            let done = user.run(&words);
            assert_eq!((done.exit, done.code()), (exit, code), "{words:?} {done:?}");
        }
    };
    mangle(&good[..good.len() - 9], 5, "file_truncated");
    mangle(&[&good[..], b"x"].concat(), 5, "file_trailing_bytes");
    let mut flipped = good.clone();
    flipped[60] ^= 4;
    mangle(&flipped, 5, "bad_signature");
    let mut newer = good.clone();
    newer[6] = 2;
    mangle(&newer, 5, "unsupported_version");
    mangle(b"\x89PNG of another world", 5, "not_our_format");
    let stranger = SigningKey::from_seed([9; 32]);
    // A context re-signed by somebody else: the serial no longer fits the key.
    let length = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().unwrap()) as usize;
    let (header, body) = good[20..].split_at(length(8));
    let body = body[..length(12)].to_vec();
    let draft = Draft { file_type: FileType::Context, header: header.to_vec(), body, certificates: vec![] };
    mangle(&draft.sign(&stranger), 5, "untrusted_signer");
    user.fails(5, "wrong_file_type", &["update", "import", &second]);
    user.fails(5, "wrong_file_type", &["transfer", "receipt", &second_update]);
    // An update re-signed by somebody else under the vendor's own certificates.
    let genuine = std::fs::read(&third_update).unwrap();
    let length = |at: usize| u32::from_le_bytes(genuine[at..at + 4].try_into().unwrap()) as usize;
    let (header, body) = genuine[20..].split_at(length(8));
    let parts = Unverified::read(&genuine, FileType::Update, genuine.len()).unwrap();
    let draft = Draft {
        file_type: FileType::Update,
        header: header.to_vec(),
        body: body[..length(12)].to_vec(),
        certificates: parts.certificates().iter().map(|certificate| certificate.to_vec()).collect(),
    };
    std::fs::write(&mangled, draft.sign(&stranger)).unwrap();
    user.fails(5, "untrusted_signer", &["update", "import", &mangled]);
    let mut forged = genuine.clone();
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    std::fs::write(&mangled, &forged).unwrap();
    assert_eq!(user.run(&["update", "import", &mangled]).exit, 5);
    user.fails(4, "input_unreadable", &["inspect", &file("absent")]);
    std::fs::write(&mangled, vec![0u8; 3 << 20]).unwrap();
    user.fails(5, "file_too_large", &["inspect", &mangled]);
    let line = world.license(&ticket);
    let sum: u64 =
        ["available", "activating", "active", "returning"].iter().map(|f| line[f].as_u64().unwrap()).sum();
    assert_eq!(sum, 9, "{line}");
}

#[test]
fn two_users_want_the_last_unit() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 1, &[]);
    let computers: Vec<_> = (0..8).map(|n| world.computer(&format!("user{n}"))).collect();
    let dongles: Vec<String> = computers.iter().map(|computer| computer.dongle()).collect();
    let outcomes: Vec<story::Done> = std::thread::scope(|scope| {
        let (ticket, license) = (&ticket, &license);
        let asking: Vec<_> = computers
            .iter()
            .zip(&dongles)
            .map(|(computer, dongle)| scope.spawn(move || computer.activate(ticket, dongle, license)))
            .collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|done| done.exit == 0).count(), 1);
    for done in outcomes.iter().filter(|done| done.exit != 0) {
        assert_eq!((done.exit, done.code()), (3, "license_not_available"));
    }
    assert_eq!(world.license(&ticket)["active"], 1);
}

#[cfg(feature = "test-host")]
mod computers {
    use super::story::World;

    const HOST: [(&str, &str); 4] =
        [("product_uuid", "u-1"), ("board_serial", "b-1"), ("machine_id", "m-1"), ("cpu", "c-1")];
    const CHECK: [&str; 6] = ["license", "check", "--firm-code", "6000010", "--product-code", "201000"];

    #[test]
    fn an_act_license_is_of_its_computer_and_of_its_time() {
        let world = World::new();
        let (ticket, _) = world.sell("O-1", 3, &[]);
        let user = world.computer("user").with_traits(&HOST);
        let act = user.act();
        assert_eq!(user.ok(&["container", "list"]).json["containers"][0]["test_container"], true);
        let file = user.home.join("containers").join(format!("{act}.act"));
        let empty = std::fs::read(&file).unwrap();
        user.ok(&["activate", "--ticket", &ticket, "--container", &act]);
        user.ok(&CHECK);
        let exported = world.path("exported.act");
        user.ok(&["container", "export", &act, "--out", &exported]);

        // Copied to another computer.
        let thief = world.computer("thief").with_traits(&[("product_uuid", "u-9"), ("machine_id", "m-9")]);
        thief.fails(3, "wrong_computer", &["container", "import", &exported]);
        assert_eq!(thief.ok(&["container", "list"]).json["containers"].as_array().unwrap().len(), 0);

        // Some hardware changed: forgiven, reported, and bound anew.
        let changed = world.computer("user").with_traits(&[HOST[0], HOST[1], HOST[2], ("cpu", "c-2")]);
        let report = changed.ok(&["container", "binding", &act]).json;
        assert_eq!((report["score"].as_u64(), report["total"].as_u64()), (Some(12), Some(15)));
        changed.ok(&CHECK);

        // Everything changed: it does not open, and says so.
        let foreign = world.computer("user").with_traits(&[("product_uuid", "u-5"), ("machine_id", "m-5")]);
        let refused = foreign.run(&CHECK);
        assert_eq!((refused.exit, refused.json["warnings"][0]["code"].as_str()), (3, Some("wrong_computer")));

        // An older copy put back after a return.
        let user = world.computer("user").with_traits(&HOST);
        let before = std::fs::read(&file).unwrap();
        user.ok(&["deactivate", "--ticket", &ticket, "--container", &act]);
        let after = std::fs::read(&file).unwrap();
        for old in [&empty, &before] {
            std::fs::write(&file, old).unwrap();
            let refused = user.run(&CHECK);
            assert_eq!(refused.json["warnings"][0]["code"], "container_rolled_back");
            user.fails(3, "container_rolled_back", &["container", "show", &act]);
        }
        std::fs::write(&file, &after[..after.len() - 5]).unwrap();
        user.fails(5, "container_damaged", &["container", "show", &act]);
        std::fs::write(&file, &after).unwrap();
        user.ok(&["activate", "--ticket", &ticket, "--container", &act]);
    }

    #[test]
    fn a_whole_computer_rolled_back_is_noticed_by_the_server() {
        let world = World::new();
        let (ticket, _) = world.sell("O-1", 3, &[]);
        let user = world.computer("user").with_traits(&HOST);
        let act = user.act();
        user.ok(&["activate", "--ticket", &ticket, "--container", &act]);
        let copy = |from: &std::path::Path, to: &std::path::Path| {
            let _ = std::fs::remove_dir_all(to);
            assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
        };
        let state = user.home.with_extension("state");
        let (home_copy, state_copy) =
            (world.folder.path().join("home copy"), world.folder.path().join("state copy"));
        copy(&user.home, &home_copy);
        copy(&state, &state_copy);
        user.ok(&["deactivate", "--ticket", &ticket, "--container", &act]);
        // Only the home: the second anchor, kept apart from it, notices.
        copy(&home_copy, &user.home);
        user.fails(3, "container_rolled_back", &["container", "show", &act]);
        // Everything: this computer cannot tell, the server does.
        copy(&state_copy, &state);
        user.fails(3, "manipulation_detected", &["deactivate", "--ticket", &ticket, "--container", &act]);
        user.fails(3, "manipulation_detected", &["activate", "--ticket", &ticket, "--container", &act]);
        assert_eq!(world.license(&ticket)["available"], 3, "and nothing was doubled");
    }

    #[test]
    fn a_truncated_dongle_image_is_called_damaged() {
        let world = World::new();
        let user = world.computer("user");
        let dongle = user.dongle();
        let file = user.home.join("containers").join(format!("{dongle}.dongle"));
        let good = std::fs::read(&file).unwrap();
        std::fs::write(&file, &good[..good.len() / 3]).unwrap();
        user.fails(5, "container_damaged", &["container", "show", &dongle]);
        let list = user.ok(&["container", "list"]);
        assert_eq!(list.json["containers"][0]["error"]["code"], "container_damaged");
        std::fs::write(&file, &good).unwrap();
        user.ok(&["container", "show", &dongle]);
    }
}

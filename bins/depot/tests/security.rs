//! What faces the internet: tickets that are wrong, forms from elsewhere, files that are none, cookies and headers.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/world.rs"]
mod world;

use browser::Browser;
use world::World;

#[test]
fn wrong_tickets_are_told_apart_and_counted_and_never_repeated() {
    let world = World::with("[rate]\nticket_failures_per_minute = 4\n");
    let (ticket, _) = world.sell("A", 1, &[]);
    let mut browser = Browser::at(&world.depot.address);
    // One symbol wrong: mistyped. Well-formed and nobody's: unknown.
    let last = if ticket.ends_with('2') { '3' } else { '2' };
    let mistyped = format!("{}{last}", &ticket[..ticket.len() - 1]);
    let page = browser.enter(&mistyped);
    assert_eq!((page.status, page.problem().as_str()), (422, "ticket_mistyped"));
    page.hides(&mistyped).hides(&mistyped[..11]).shows("symbol by symbol");
    let unknown = {
        let elsewhere = World::new();
        elsewhere.sell("A", 1, &[]).0
    };
    let page = browser.enter(&unknown);
    assert_eq!((page.status, page.problem().as_str()), (404, "ticket_unknown"));
    page.hides(&unknown);
    assert_eq!(browser.enter("").problem(), "ticket_mistyped");
    assert_eq!(browser.enter("<script>alert(1)</script>").problem(), "ticket_mistyped");
    // Now this address has to wait, whatever it sends.
    let page = browser.enter(&ticket);
    assert_eq!((page.status, page.problem().as_str()), (429, "rate_limited"));
    // Nobody looks at what a client claims to be forwarding.
    browser.headers.push("X-Forwarded-For: 192.0.2.7".to_owned());
    assert_eq!(browser.enter(&ticket).problem(), "rate_limited");
    let log = world.log();
    assert!(!log.contains(&unknown) && !log.contains(&mistyped) && !log.contains(&ticket), "{log}");
}

#[test]
fn clients_behind_a_trusted_proxy_are_counted_one_by_one() {
    let world = World::with("[rate]\nticket_failures_per_minute = 2\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let (ticket, _) = world.sell("A", 1, &[]);
    let mut wrong = Browser::at(&world.depot.address);
    wrong.headers.push("X-Forwarded-For: 192.0.2.7".to_owned());
    for _ in 0..2 {
        assert_eq!(wrong.enter("AAAAA").problem(), "ticket_mistyped");
    }
    assert_eq!(wrong.enter(&ticket).problem(), "rate_limited");
    let mut other = Browser::at(&world.depot.address);
    other.headers.push("X-Forwarded-For: 192.0.2.8".to_owned());
    other.enter(&ticket).shows("My licenses");
}

#[test]
fn forms_from_elsewhere_change_nothing() {
    let world = World::new();
    let (ticket, license) = world.sell("A", 1, &[]);
    let mut browser = Browser::at(&world.depot.address);
    let licenses = browser.enter(&ticket);
    let reference = licenses.link("/tickets/").split('/').nth(2).unwrap().to_owned();
    let begin = format!("/tickets/{reference}/transfers");
    let forms: [(&str, Vec<(&str, &str)>); 13] = [
        ("/tickets", vec![("ticket", ticket.as_str())]),
        (
            &begin,
            vec![("action", "activate"), ("firm", "6000010"), ("kind", "dongle"), ("license", &license)],
        ),
        ("/transfers", vec![("action", "automatic"), ("mode", "offline")]),
        (&format!("/tickets/{reference}/forget"), vec![]),
        ("/leave", vec![]),
        ("/language", vec![("language", "de")]),
        ("/receipt", vec![]),
        ("/transfers/0/request", vec![]),
        ("/transfers/0/receipt", vec![]),
        ("/transfers/0/forget", vec![]),
        ("/transfers/0/online/template", vec![]),
        ("/transfers/0/online/request", vec![]),
        ("/transfers/0/online/receipt", vec![]),
    ];
    let token = browser.token.clone();
    let stranger = {
        let mut stranger = Browser::at(&world.depot.address);
        stranger.get("/");
        stranger.token
    };
    for (path, fields) in &forms {
        for wrong in ["", "x", &stranger] {
            let mut fields = fields.clone();
            fields.push(("csrf", wrong));
            let page = browser.post_as_is(path, &fields);
            assert_eq!((page.status, page.problem().as_str()), (403, "form_expired"), "{path}");
        }
        let mut fields = fields.clone();
        fields.push(("csrf", &token));
        for header in [
            "Origin: https://evil.example",
            "Origin: null",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
        ] {
            browser.headers = vec![header.to_owned()];
            let page = browser.post_as_is(path, &fields);
            assert_eq!((page.status, page.problem().as_str()), (403, "portal_origin"), "{path} {header}");
        }
        browser.headers.clear();
    }
    // The portal's own origin is let in.
    browser.headers =
        vec![format!("Origin: {}", world.depot.address), "Sec-Fetch-Site: same-origin".to_owned()];
    assert_eq!(browser.post("/language", &[("language", "de")]).status, 200);
    browser.headers.clear();
    // A visitor's pages are nobody else's.
    let mut thief = Browser::at(&world.depot.address);
    thief.get("/");
    assert_eq!(thief.get(&format!("/tickets/{reference}/activate")).problem(), "session_over");
    assert!(thief.get("/licenses").path == "/");
}

#[test]
fn every_answer_has_headers_that_leave_no_way_to_misuse_it() {
    let world = World::new();
    let (ticket, _) = world.sell("A", 1, &[]);
    let mut browser = Browser::at(&world.depot.address);
    let mut nonces = Vec::new();
    browser.enter(&ticket);
    for path in ["/", "/licenses", "/licenses/print", "/automatic-update", "/restore", "/receipt", "/nowhere"]
    {
        let page = browser.send("GET", path, "", b"");
        let policy = page.header("content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{path}: {policy}");
        for part in ["frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'", "form-action 'self'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*') && !policy.contains("https:"),
            "{policy}"
        );
        nonces.push(policy.split("nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned());
        let text = page.text();
        for part in text.split('<').filter(|part| part.starts_with("script")) {
            assert!(part.contains("nonce=\"") && part.contains("src=\"/assets/"), "{part}");
        }
        for forbidden in [" style=", " onclick=", "javascript:", "<style", "http://", "https://"] {
            assert!(!text.contains(forbidden), "{path}: {forbidden}");
        }
        assert!(
            !text.contains(&ticket),
            "a page shows enough of a ticket to recognise it, and no more: {path}"
        );
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{path}");
        }
        let cookie = page.header("set-cookie");
        assert!(cookie.starts_with("__Host-depot=") && cookie.len() < 4096, "{cookie}");
        for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(part) && !cookie.contains("Domain"), "{cookie}");
        }
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 7, "every page has a nonce of its own");
    for asset in ["/assets/depot.css", "/assets/depot.js", "/assets/theme.css", "/assets/logo.svg"] {
        let answer = browser.send("GET", asset, "", b"");
        assert_eq!((answer.status, answer.header("x-content-type-options")), (200, "nosniff"), "{asset}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
    assert_eq!(browser.send("GET", "/assets/../config.rs", "", b"").status, 404);
    assert_eq!(browser.send("DELETE", "/licenses", "", b"").status, 405);
    assert_eq!(browser.send("GET", "/healthz", "", b"").text(), "ok\n");
    assert!(browser.send("GET", "/readyz", "", b"").text().contains("true"));
}

#[test]
fn uploads_are_bounded_and_foreign_files_are_named() {
    let world = World::with("[limits]\npicture_bytes = 1048576\n");
    let mut browser = Browser::at(&world.depot.address);
    browser.get("/receipt");
    // Pictures of codes may be larger than files.
    let oversized = browser.upload("/receipt", &vec![7; 1100 << 10]);
    assert_eq!((oversized.status, oversized.problem().as_str()), (413, "too_large"));
    let large = browser.upload("/receipt", &vec![7; 300 << 10]);
    assert_eq!((large.status, large.problem().as_str()), (422, "file_too_large"));
    let foreign = browser.upload("/receipt", b"<?xml version=\"1.0\"?><RaC/>");
    assert_eq!((foreign.status, foreign.problem().as_str()), (422, "not_our_format"));
    foreign.shows("files of other systems cannot be read");
    assert_eq!(browser.upload("/receipt", b"").problem(), "file_missing");
    // An update where a context belongs, and a context that somebody changed.
    let computer = world.computer("one");
    let (ticket, _) = world.sell("A", 1, &[]);
    let dongle = computer.dongle();
    let mut context = computer.context(&dongle);
    assert_eq!(browser.upload("/receipt", &context).problem(), "container_unknown");
    let request = world.path("r.WibuCmRaC");
    std::fs::write(&request, &context).unwrap();
    let update = world.path("u.WibuCmRaU");
    computer.ok(&["transfer", "request", "--ticket", &ticket, "--context", &request, "--out", &update]);
    assert_eq!(browser.upload("/receipt", &std::fs::read(&update).unwrap()).problem(), "wrong_file_type");
    let middle = context.len() / 2;
    context[middle] ^= 1;
    assert_eq!(browser.upload("/receipt", &context).problem(), "bad_signature");
    // What is no form at all.
    let page = browser.send("POST", "/tickets", "text/plain", b"ticket=x");
    assert_eq!(page.status, 415);
    let page = browser.send("POST", "/receipt", "multipart/form-data; boundary=x", b"--x\r\n\r\n");
    assert_eq!(page.problem(), "invalid_message");
}

#[test]
fn what_vendors_write_is_shown_as_text() {
    let world = World::new();
    let vendor = world.computer("vendor");
    let name = "<img src=x onerror=alert(1)>\"'&{{7*7}}";
    vendor.ok(&[
        "item",
        "create",
        "--id",
        "X",
        "--name",
        name,
        "--firm-code",
        "6000010",
        "--product-code",
        "1",
    ]);
    let sold = vendor.ok(&["order", "create", "--order-id", "<O>", "--item", "X=1"]);
    let mut browser = Browser::at(&world.depot.address);
    let page = browser.enter(sold["ticket"].as_str().unwrap());
    page.shows("&lt;img src=x onerror=alert(1)&gt;").hides("<img src=x").shows("{{7*7}}");
    browser.get("/licenses/print").hides("<img src=x").hides("<O>");
    // Addresses come back in pages too.
    browser.send("GET", "/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "", b"").hides("<script>alert");
    browser.send("GET", "/\"><script>alert(1)</script>", "", b"").hides("<script>alert");
}

#[test]
fn it_stops_when_it_is_asked_to_and_checks_its_settings() {
    let world = World::new();
    let depot = world.another_depot("");
    assert_eq!(depot.stop(), 0);
    let check = |text: &str| {
        let file = world.path("checked.toml");
        std::fs::write(&file, text).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_depot"));
        let output = command.args(["config", "check", &file]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(check("").0);
    let (ok, said) = check("[theme]\nfolder = \"nowhere\"\n");
    assert!(!ok && said.contains("theme.folder"), "{said}");
    let (ok, said) = check("listn = 1\n");
    assert!(!ok && said.contains("listn"), "{said}");
    let (ok, said) = check("central_server = \"ftp://x\"\n");
    assert!(!ok && said.contains("central_server"), "{said}");
    let sample = std::process::Command::new(env!("CARGO_BIN_EXE_depot")).args(["config", "sample"]).output();
    assert!(check(&String::from_utf8(sample.unwrap().stdout).unwrap()).0);
}

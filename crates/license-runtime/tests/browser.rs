//! The browser agent in a real Chromium: the portal it is for, and what evil pages in the same browser get,
//! which is nothing.

#[path = "support/page.rs"]
mod page;
#[path = "support/runtime.rs"]
mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use license_runtime::agent::Ask;
use licensing_core::item::ItemPolicy;
use licensing_core::terms::LicenseTerms;
use licensing_testkit::browser::{Browser, Reply, Setup, Site};
use licensing_wire::binary::{from_base64, to_base64};
use page::{Local, Vendor};
use serde_json::{Value, json};
use support::template;

/// Names that evil pages have, all of this computer.
const NAMES: &str = "MAP *.test 127.0.0.1, MAP *.localhost 127.0.0.1";

/// Tries to connect to every address and tells what came of it: `open` and the greeting, or `refused`.
const CONNECT: &str = r#"
const [addresses, grant] = arguments;
return Promise.all(addresses.map(address => new Promise(done => {
    let socket;
    try { socket = new WebSocket(`ws://${address}/agent/v1?grant=${grant}`); }
    catch (error) { done('forbidden'); return; }
    socket.onmessage = message => { done('open ' + message.data); socket.close(); };
    socket.onclose = () => done('refused');
})));
"#;

/// Tells whether a script of the page can read anything with a plain request.
const FETCH: &str = r#"
const [address] = arguments;
const attempt = async (method, mode) => {
    try {
        const answer = await fetch(address, {method, mode, body: method === 'POST' ? 'token=0&decision=allow' : undefined,
            headers: method === 'POST' ? {'Content-Type': 'application/x-www-form-urlencoded'} : {}});
        return answer.status + ':' + (await answer.text());
    } catch (error) { return 'unreadable'; }
};
return Promise.all([['GET', 'cors'], ['POST', 'cors'], ['GET', 'no-cors'], ['POST', 'no-cors']].map(a => attempt(...a)));
"#;

fn blank() -> Site {
    Site::start(|_| Reply::page("<!doctype html><title>page</title><p>A page.</p>"))
}

fn attempts(browser: &Browser, addresses: &[String], grant: &str) -> Vec<String> {
    let told = browser.run(CONNECT, &[json!(addresses), json!(grant)]);
    let told = told.as_array().cloned().unwrap_or_default();
    told.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

fn log(local: &Local) -> String {
    local.log.lock().expect("the log").join("\n")
}

#[test]
fn v4_of_all_pages_in_a_browser_only_the_granted_one_is_let_in() {
    let (local, vendor, site) = (Local::start(Ask::Nobody), Vendor::new(1), blank());
    let browser = Browser::start(&Setup { names: Some(NAMES.to_owned()), ..Setup::default() });
    let portal = format!("http://127.0.0.1:{}", site.port());
    let grant = vendor.grant(&portal);
    local.allow(&portal);
    let hosts =
        ["127.0.0.1", "localhost", "[::1]", "evil.test", "localhost.evil.test", "127.0.0.1.evil.test"];
    let addresses = hosts.map(|host| format!("{host}:{}", local.port));
    let mut opened = 0;
    for name in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "evil.test",
        "127.0.0.1.evil.test",
        "portal.test",
        "xn--portal-example.test",
        "sub.localhost",
    ] {
        let origin = format!("http://{name}:{}", site.port());
        browser.open(&format!("{origin}/"));
        // The grant is no secret: everybody can send the portal's.
        for (host, outcome) in hosts.iter().zip(attempts(&browser, &addresses, &grant)) {
            let is_ours = origin == portal && hosts[..3].contains(host);
            assert_eq!(outcome.starts_with("open "), is_ours, "{origin} to {host}: {outcome}");
            opened += u32::from(is_ours);
        }
        if origin != portal {
            assert!(
                log(&local).contains(&format!("\"origin\":\"{origin}\"")),
                "{origin} came as far as the agent"
            );
        }
    }
    assert_eq!(opened, 3, "the portal at each of the agent's own addresses");
    // Pages without an origin of their own.
    let sandboxed = "<iframe sandbox='allow-scripts' srcdoc='<p>inside</p>'></iframe>";
    let nobody = Site::start(move |_| Reply::page(sandboxed));
    browser.open(&format!("http://127.0.0.1:{}/", nobody.port()));
    let frame = browser.find("iframe");
    browser.frame(Some(&frame));
    assert!(attempts(&browser, &addresses[..3], &grant).iter().all(|outcome| outcome == "refused"));
    browser.frame(None);
    let file = local.runtime.folder.path().join("page.html");
    std::fs::write(&file, "<p>A page on the disk.</p>").expect("written");
    for address in
        [format!("file://{}", file.display()), "data:text/html,<p>A page in its address.</p>".to_owned()]
    {
        browser.open(&address);
        let outcomes = attempts(&browser, &addresses[..3], &grant);
        assert!(outcomes.iter().all(|outcome| outcome == "refused"), "{address}: {outcomes:?}");
    }
    assert_eq!(browser.run("return self.origin", &[]), "null");
}

#[test]
fn v4_an_evil_page_can_neither_ask_nor_read_nor_frame_nor_confirm() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let browser = Browser::start(&Setup { names: Some(NAMES.to_owned()), ..Setup::default() });
    let agent = format!("http://127.0.0.1:{}", local.port);
    let (evil, portal) = (Site::start(|_| Reply::page("<p>evil</p>")), "https://portal.test");
    local.allow(portal);
    let requests =
        json!([{ "verb": "register_template", "template": to_base64(&template(&vendor.server())) }]);
    let fields = json!({ "origin": portal, "grant": vendor.grant(portal), "requests": requests.to_string(),
        "return": "/back", "state": "s" });
    // A form that the page sends by itself, into a frame or into a window of its own.
    let post = "const [action, fields, target] = arguments; const form = document.createElement('form');
        form.method = 'post'; form.action = action; form.target = target;
        for (const name in fields) { const field = document.createElement('input'); field.name = name;
            field.value = fields[name]; form.append(field); }
        const frame = document.createElement('iframe'); frame.name = 'inside'; document.body.append(frame, form);
        form.submit();";
    browser.open(&format!("http://evil.test:{}/", evil.port()));
    for path in ["/", "/agent/v1", "/agent/v1/open", "/agent/v1/confirm"] {
        let told = browser.run(FETCH, &[json!(format!("{agent}{path}"))]);
        let read = told.as_array().expect("a list").iter().filter(|one| *one != "unreadable" && *one != "0:");
        assert_eq!(read.count(), 0, "{path}: {told}");
    }
    browser.run(post, &[json!(format!("{agent}/agent/v1/open")), fields.clone(), json!("inside")]);
    browser.until("the refusal", || log(&local).contains(r#""agent":"open""#).then_some(()));
    let refused =
        format!(r#"{{"agent":"open","origin":"http://evil.test:{}","outcome":"agent_denied"}}"#, evil.port());
    assert!(log(&local).contains(&refused), "{}", log(&local));
    let guess = json!({ "token": "0".repeat(64), "decision": "allow" });
    browser.run(post, &[json!(format!("{agent}/agent/v1/confirm")), guess, json!("inside")]);
    browser.until("the refusal", || log(&local).contains(r#""agent":"confirm""#).then_some(()));
    // A page that hides where it comes from gets no further than to the question, which it cannot see.
    let hidden = Site::start(|_| Reply {
        page: "<p>hidden</p>".into(),
        fields: vec![("Referrer-Policy".into(), "no-referrer".into())],
    });
    browser.open(&format!("http://evil.test:{}/", hidden.port()));
    browser.run(post, &[json!(format!("{agent}/agent/v1/open")), fields.clone(), json!("inside")]);
    browser.until("the second refusal", || {
        (log(&local).matches(r#""agent":"open""#).count() >= 2).then_some(())
    });
    browser.until_true("try { frames[0].document.body.innerText; return false } catch (e) { return true }");
    browser.run(post, &[json!(format!("{agent}/agent/v1/open")), fields, json!("_self")]);
    browser.until_shown("https://portal.test");
    browser.until_shown("Sample Vendor");
    browser.click("button[value=refuse]");
    let form = browser.find("form");
    assert_eq!(
        browser.run("return arguments[0].action", &[browser.handle(&form)]),
        "https://portal.test/back"
    );
    assert!(local.runtime.computer().list().expect("a list").is_empty(), "nothing was made");
    assert!(
        !log(&local).contains("register_template\",\"origin\":\"https://portal.test\",\"outcome\":\"done")
    );
}

#[test]
fn v4_a_public_page_needs_the_permission_of_the_browser_and_the_grant() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let site = Site::start_https(&["portal.test", "evil.test"], |_| Reply::page("<p>A page.</p>"));
    let public = vec![format!("127.0.0.1:{}", site.port())];
    let browser = Browser::start(&Setup { names: Some(NAMES.to_owned()), public });
    let [portal, evil] = ["portal", "evil"].map(|name| format!("https://{name}.test:{}", site.port()));
    let grant = vendor.grant(&portal);
    let address = [format!("127.0.0.1:{}", local.port)];
    let try_at = |origin: &str| {
        browser.open(&format!("{origin}/"));
        attempts(&browser, &address, &grant).remove(0)
    };
    for origin in [&portal, &evil] {
        browser.permission("loopback-network", "denied", origin);
        assert_eq!(try_at(origin), "refused");
    }
    assert_eq!(log(&local), "", "the browser has let nothing through");
    for origin in [&portal, &evil] {
        browser.permission("loopback-network", "granted", origin);
    }
    assert_eq!(try_at(&evil), "refused");
    let refused = format!(r#"{{"agent":"connect","origin":"{evil}","outcome":"agent_grant_refused"}}"#);
    assert!(log(&local).contains(&refused), "{}", log(&local));
    let greeting = try_at(&portal);
    assert!(greeting.contains(r#""consent":"required""#), "{greeting}");
}

/// What a name points to: first the evil site, then the agent. A browser notices as little of it as of a name
/// server that changes its answer.
fn rebound(target: &Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let target = Arc::clone(target);
    std::thread::spawn(move || {
        for mut from in listener.incoming().flatten() {
            let port = target.load(Ordering::SeqCst);
            if port == 0 {
                return;
            }
            let Ok(mut to) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
            let (mut back, mut forth) =
                (to.try_clone().expect("a socket"), from.try_clone().expect("a socket"));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut back, &mut forth);
                let _ = forth.shutdown(Shutdown::Both);
            });
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

#[test]
fn t18_a_name_that_is_pointed_here_after_its_page_was_loaded_reaches_nothing() {
    let (local, vendor, site) = (Local::start(Ask::Nobody), Vendor::new(1), blank());
    let target = Arc::new(AtomicU16::new(site.port()));
    let forward = rebound(&target);
    // The page believes it came from the agent's own port, so that the agent is of one origin with it.
    let names = format!("MAP evil.test:{} 127.0.0.1:{forward}", local.port);
    let browser = Browser::start(&Setup { names: Some(names), ..Setup::default() });
    let own = format!("http://evil.test:{}", local.port);
    browser.open(&format!("{own}/"));
    assert_eq!(browser.visible().trim(), "A page.");
    target.store(local.port, Ordering::SeqCst);
    // Connections the browser had made in advance still lead to the evil site; they are used up first.
    browser.until("the agent", || {
        let told = browser.run(FETCH, &[json!(format!("{own}/"))]).to_string();
        (!told.contains("200:")).then_some(())
    });
    for path in ["/", "/agent/v1", "/agent/v1/open", "/agent/v1/confirm"] {
        let told = browser.run(FETCH, &[json!(format!("{own}{path}"))]);
        for answer in told.as_array().expect("a list") {
            let answer = answer.as_str().unwrap_or_default();
            // What is of one origin is readable, whatever the mode of the request.
            assert!(answer.starts_with("403:") && answer.contains("agent_denied"), "{path}: {answer}");
        }
    }
    let address = [format!("evil.test:{}", local.port)];
    for origin in ["https://portal.test", "http://127.0.0.1:9"] {
        assert_eq!(attempts(&browser, &address, &vendor.grant(origin)), ["refused"]);
    }
    // The way is open, only the name is not the agent's: the same bytes under its own are answered otherwise.
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, forward)).expect("connected");
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", local.host());
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    target.store(0, Ordering::SeqCst);
    let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, forward));
}

/// A portal's script, and what it sends and receives, recorded.
const PORTAL: &str = r#"
window.portal = address => new Promise((done, failed) => {
    const socket = new WebSocket(address), sent = [], waiting = [];
    let greeting, next = 1;
    const raw = text => new Promise(answered => { sent.push(text); waiting.push(answered); socket.send(text); });
    const ask = request => raw(JSON.stringify({session: greeting.session, id: next++, ...request}));
    socket.onmessage = message => {
        const text = JSON.parse(message.data);
        if (greeting) { waiting.shift()(text); } else { greeting = text; done({raw, ask, sent, greeting}); }
    };
    socket.onclose = () => failed(new Error('closed'));
});
"#;

#[test]
fn t18_a_recorded_session_is_not_obeyed_again() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let browser = Browser::start(&Setup { names: Some(NAMES.to_owned()), ..Setup::default() });
    let site = Site::start(|request| match request.path.as_str() {
        "/portal.js" => Reply::page(PORTAL),
        _ => Reply::page("<!doctype html><title>portal</title>"),
    });
    let portal = format!("http://127.0.0.1:{}", site.port());
    local.allow(&portal);
    let address = format!("ws://127.0.0.1:{}/agent/v1?grant={}", local.port, vendor.grant(&portal));
    let mut server = vendor.server();
    browser.open(&format!("{portal}/"));
    browser.run(PORTAL, &[]);
    let ask = |request: Value| {
        let answer = browser.run("return window.one.ask(arguments[0])", std::slice::from_ref(&request));
        assert!(answer["error"].is_null(), "{request}: {answer}");
        answer["ok"].clone()
    };
    browser.run("return window.portal(arguments[0]).then(one => { window.one = one; })", &[json!(address)]);
    let made = ask(json!({ "verb": "register_template", "template": to_base64(&template(&server)) }));
    let container = made["container"].clone();
    let context = ask(json!({ "verb": "create_context", "container": container }))["context"].clone();
    let context = from_base64(context.as_str().expect("base64"), 1 << 20).expect("base64");
    let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    let update = server.activate(&context, ticket, &[]).expect("an update");
    let import = json!({ "verb": "import_update", "container": container, "update": to_base64(&update) });
    assert_eq!(ask(import)["applied"], 1);
    let recorded = browser.run("return window.one.sent", &[]);
    assert_eq!(recorded.as_array().map(Vec::len), Some(3));
    // Into the same session, into another one of the same page, and into one of an evil page.
    let replay = "const [to, texts] = arguments; return (async () => { const codes = [];
        for (const text of texts) { const answer = await to.raw(text); codes.push(answer.error ? answer.error.code : 'done'); }
        return codes; })()";
    let again = browser.run(
        &replay.replace("[to, texts] = arguments", "to = window.one, texts = arguments[0]"),
        std::slice::from_ref(&recorded),
    );
    assert_eq!(again, json!(["agent_request_invalid", "agent_request_invalid", "agent_request_invalid"]));
    let other = "const texts = arguments[1]; return window.portal(arguments[0]).then(async to => { const codes = [];
        for (const text of texts) { const answer = await to.raw(text); codes.push(answer.error ? answer.error.code : 'done'); }
        return codes; })";
    let again = browser.run(other, &[json!(address), recorded.clone()]);
    assert_eq!(again, json!(["agent_request_invalid", "agent_request_invalid", "agent_request_invalid"]));
    browser.open(&format!("http://evil.test:{}/", site.port()));
    browser.run(PORTAL, &[]);
    let evil = format!("{}.catch(() => 'refused')", other.trim_end_matches(';'));
    assert_eq!(browser.run(&evil, &[json!(address), recorded]), "refused");
    assert_eq!(local.runtime.computer().list().expect("a list").len(), 1, "one container, made once");
}

#[test]
fn p5_a_public_portal_goes_by_navigation_where_the_browser_forbids_the_connection() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let site =
        Site::start_https(&["portal.test"], |request| Reply::page(format!("<p>{}</p>", request.method)));
    let public = vec![format!("127.0.0.1:{}", site.port())];
    let browser = Browser::start(&Setup { names: Some(NAMES.to_owned()), public });
    let portal = format!("https://portal.test:{}", site.port());
    let mut server = vendor.server();
    let ways_back =
        || site.seen().into_iter().filter(|seen| seen.path == "/transfer/back").collect::<Vec<_>>();
    let go = |requests: &Value| -> Vec<Value> {
        let before = ways_back().len();
        browser.open(&format!("{portal}/"));
        let fields = json!({ "origin": portal, "grant": vendor.grant(&portal), "requests": requests.to_string(),
            "return": "/transfer/back", "state": "s-1" });
        let form = "const [action, fields] = arguments; const form = document.createElement('form');
            form.method = 'post'; form.action = action;
            for (const name in fields) { const field = document.createElement('input'); field.name = name;
                field.value = fields[name]; form.append(field); }
            document.body.append(form); form.submit();";
        browser.run(form, &[json!(format!("http://127.0.0.1:{}/agent/v1/open", local.port)), fields]);
        browser.click("button[value=allow]");
        browser.click("button[autofocus]");
        // The browser names the address of a page before it has sent the form there: only a request that
        // the site has not had before is this round's.
        let back = browser.until("the way back", || {
            let back = ways_back().into_iter().nth(before);
            back.filter(|_| browser.address().ends_with("/transfer/back"))
        });
        assert_eq!(back.field("origin"), Some("null"), "what the portal has to expect");
        let mut pairs = back.body.split('&').filter_map(|pair| pair.split_once('='));
        let answers = pairs.find(|(name, _)| *name == "answers").expect("answers").1;
        let decoded =
            browser.run("return decodeURIComponent(arguments[0].replace(/\\+/g, ' '))", &[json!(answers)]);
        serde_json::from_str(decoded.as_str().expect("a text")).expect("answers")
    };
    let begin = json!([
        { "verb": "register_template", "template": to_base64(&template(&server)) },
        { "verb": "create_context" },
    ]);
    let answers = go(&begin);
    let container = answers[0]["ok"]["container"].clone();
    let context =
        from_base64(answers[1]["ok"]["context"].as_str().expect("base64"), 1 << 20).expect("base64");
    let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    let update = server.activate(&context, ticket, &[]).expect("an update");
    let answers = go(&json!([
        { "verb": "import_update", "container": container, "update": to_base64(&update) },
        { "verb": "receipt", "container": container },
    ]));
    assert_eq!(answers[0]["ok"]["applied"], 1);
    let receipt =
        from_base64(answers[1]["ok"]["context"].as_str().expect("base64"), 1 << 20).expect("base64");
    server.receipt(&receipt).expect("a receipt");
    server.check_books();
    let said = browser.complaints();
    assert!(said.iter().all(|line| !line.contains("Content Security Policy")), "{said:?}");
}

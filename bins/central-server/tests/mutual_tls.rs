//! A program with a client certificate, nginx as the page says, and the server behind it.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/data.rs"]
mod data;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use central_server::config::{ClientCertificates, Config};
use central_server::http::{App, serve};
use data::Data;
use licensing_testkit::nginx;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

/// Stopped with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A program with its certificate.
struct Program {
    pem: String,
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Program {
    fn signed_by(authority: &Authority) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["erp.example".to_owned()]).unwrap();
        // A subject that is also its issuer's would have signed itself.
        params.distinguished_name.push(DnType::CommonName, "erp");
        let made = params.signed_by(&key, authority).unwrap();
        Self { pem: made.pem(), der: made.der().clone(), key: key.serialize_der() }
    }
}

/// The server block of `docs/users.md` at this port, with these files.
fn as_the_page_says(folder: &Path, port: u16, behind: &str) -> String {
    let page = include_str!("../../../docs/users.md");
    let block = page.split("```nginx\n").nth(1).unwrap().split("```").next().unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let block = block
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
        .replace("http://127.0.0.1:7870", behind)
        .replace("/etc/nginx/", &file(""));
    let own: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", file(name)))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{own}{block}}}\n",
        file("pid")
    )
}

/// Asks by TLS, with or without a certificate: a request line and headers, a line each. Gives status and answer, or nothing where no TLS comes
/// about.
fn ask(
    port: u16,
    trust: &CertificateDer<'static>,
    program: Option<&Program>,
    head: &str,
    body: &str,
) -> Option<(u16, String)> {
    let mut roots = RootCertStore::empty();
    roots.add(trust.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match program {
        None => config.with_no_client_auth(),
        Some(program) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(program.key.clone()));
            config.with_client_auth_cert(vec![program.der.clone()], key).unwrap()
        }
    };
    let connection = ClientConnection::new(Arc::new(config), "licenses.example".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port)).unwrap());
    let (first, more) = head.split_once('\n').unwrap_or((head, ""));
    let more: String = more.lines().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{first} HTTP/1.1\r\nHost: licenses.example\r\nConnection: close\r\n{more}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    // Whoever does not say that TLS ends has still said what is in front of it.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Some((answer.split(' ').nth(1)?.parse().ok()?, answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_nginx_as_the_page_says_tells_who_has_shown_a_certificate() {
    let Some(program) = nginx::program() else {
        println!("NOT CHECKED: there is no nginx; `cargo xtask test` gets one");
        return;
    };
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let config = Config { client_certificates: ClientCertificates { trusted_proxies }, ..Config::default() };
    let data = Data::new(&config);
    let app =
        App::new(central_server::command::service(&data.dir(), &config, &data.database).unwrap(), config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let behind = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { serve(app, listener, std::future::pending()).await });

    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (authority(), authority());
    let own = rcgen::generate_simple_self_signed(vec!["licenses.example".to_owned()]).unwrap();
    for (name, content) in [
        ("licenses.pem", own.cert.pem()),
        ("licenses.key", own.signing_key.serialize_pem()),
        ("programs-ca.pem", ours.pem()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    // Bound by nginx a moment later; nobody else on this computer asks for this port meanwhile.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = folder.path().join("nginx.conf");
    fs::write(&settings, as_the_page_says(folder.path(), port, &behind)).unwrap();
    let mut command = Command::new(program);
    command.arg("-p").arg(folder.path()).arg("-c").arg(&settings).args(["-e", "stderr"]);
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut nginx = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let said = || fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(nginx.0.try_wait().unwrap(), None, "{}", said());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    let (erp, stranger, forger) =
        (Program::signed_by(&ours), Program::signed_by(&ours), Program::signed_by(&theirs));
    let trust = own.cert.der().clone();
    let token = data.token.clone();
    let told = tokio::task::spawn_blocking(move || {
        let ask = |program: Option<&Program>, head: &str, body: &str| ask(port, &trust, program, head, body);
        let request = json!({"name": "erp", "roles": ["auditor"], "certificate": erp.pem}).to_string();
        let bearer =
            format!("POST /api/v1/tokens\nContent-Type: application/json\nAuthorization: Bearer {token}");
        assert_eq!(ask(None, &bearer, &request).unwrap().0, 201);
        let look = "GET /api/v1/items";
        assert_eq!(ask(Some(&erp), look, "").unwrap().0, 200);
        assert_eq!(ask(None, look, "").unwrap().0, 401, "without a certificate");
        assert_eq!(ask(Some(&stranger), look, "").unwrap().0, 401, "no token is bound to it");
        assert_ne!(
            ask(Some(&forger), look, "").map_or(400, |answer| answer.0),
            200,
            "signed by somebody else"
        );
        // What a client says itself is replaced.
        let claimed = format!(":{}:", data_encoding::BASE64.encode(&erp.der));
        let lie = format!("{look}\nClient-Cert: {claimed}");
        assert_eq!(ask(None, &lie, "").unwrap().0, 401);
        assert_eq!(ask(Some(&stranger), &lie, "").unwrap().0, 401);
        // The roles of the token, through SOAP as well.
        let envelope = |operation: &str| {
            format!(
                "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:{operation} xmlns:m=\"{}\"/></s:Body></s:Envelope>",
                licensing_wire::soap::NAMESPACE
            )
        };
        let soap = "POST /soap/1.1\nContent-Type: text/xml; charset=utf-8";
        assert_eq!(ask(Some(&erp), soap, &envelope("ListItems")).unwrap().0, 200);
        assert!(ask(Some(&erp), soap, &envelope("ListTokens")).unwrap().1.contains(">forbidden<"));
        assert!(ask(None, soap, &envelope("ListItems")).unwrap().1.contains(">unauthorized<"));
        ask(None, &format!("GET /api/v1/tokens\nAuthorization: Bearer {token}"), "").unwrap().1
    });
    let told = told.await.unwrap();
    let body: Value =
        serde_json::from_str(told.split("\r\n\r\n").nth(1).unwrap()).unwrap_or_else(|_| panic!("{told}"));
    assert!(body["tokens"].as_array().unwrap().iter().any(|token| token["certificate"].is_string()));
    serving.abort();
}

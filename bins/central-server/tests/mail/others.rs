//! The same with a mail server by others, which wants TLS and a password, and with a reader of messages by others.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use licensing_testkit::{programs, python};
use serde_json::Value;

const MAIL_PASSWORD: &str = "s3cret \"pass\" word";

/// Says its port, then each message it takes, read by the reader of Python's library.
const SCRIPT: &str = r#"
import asyncio, json, ssl, sys
from email import message_from_bytes, policy
from aiosmtpd.smtp import SMTP, AuthResult
certificate, key, password = sys.argv[1:4]
class Handler:
    async def handle_DATA(self, server, session, envelope):
        m = message_from_bytes(envelope.original_content, policy=policy.default)
        print(json.dumps({
            'to': envelope.rcpt_tos, 'from': envelope.mail_from, 'encrypted': session.ssl is not None,
            'headers': {name.lower(): str(value) for name, value in m.items()}, 'defects': len(m.defects),
            'name': m['from'].addresses[0].display_name, 'text': m.get_content().replace('\r\n', '\n'),
        }), flush=True)
        return '250 taken'
def check(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b'shop' and data.password == password.encode(), handled=False)
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    make = lambda: SMTP(Handler(), hostname='test', tls_context=context, require_starttls=True,
                        auth_required=True, authenticator=check)
    server = await asyncio.get_running_loop().create_server(make, 'localhost', 0, family=2)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

/// Stopped with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Output = Lines<BufReader<ChildStdout>>;

fn start(command: &mut Command) -> (Running, Output) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (Running(child), lines)
}

/// A central server with one order.
struct Central {
    folder: tempfile::TempDir,
    address: String,
    _running: Running,
}

impl Central {
    /// Trusts this certificate, and sends to this port of this computer with this password.
    fn start(trusts: &Path, port: u16, password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("central");
        let central = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
            command
                .args(words)
                .arg("--data")
                .arg(&data)
                .env_remove("CENTRAL_DATABASE")
                .env("SSL_CERT_FILE", trusts);
            command.env_remove("SSL_CERT_DIR");
            command
        };
        assert!(central(&["init", "--firm-code", "6000010"]).output().unwrap().status.success());
        let secret = data.join("mail.password");
        fs::write(&secret, format!("{password}\n")).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let settings = format!(
            "[mail]\nhost = \"localhost\"\nport = {port}\nuser = \"shop\"\npassword_file = \"mail.password\"\n\
             from = \"Größe & Söhne <licenses@vendor.example>\"\nreply_to = \"sales@vendor.example\"\n"
        );
        fs::write(data.join("central.toml"), settings).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let (running, mut lines) = start(central(&["serve", "--listen", "127.0.0.1:0"]).stderr(log));
        let address = lines.next().unwrap().unwrap().trim_start_matches("listening on ").trim().to_owned();
        let central = Self { folder, address, _running: running };
        central.vendor(&[
            "item",
            "create",
            "--id",
            "A",
            "--name",
            "Größe & <b>",
            "--firm-code",
            "6000010",
            "--product-code",
            "5",
        ]);
        central.vendor(&["order", "create", "--order-id", "O-ü-1", "--item", "A=3"]);
        central
    }

    /// What the vendor types.
    fn vendor(&self, words: &[&str]) -> (i32, Value) {
        let mut command = Command::new(programs::beside(env!("CARGO_BIN_EXE_central-server"), "cmtool"));
        command.args(words).arg("--json").env("CM_HOME", self.folder.path().join("home"));
        command
            .env("CM_SERVER", &self.address)
            .env("CM_TOKEN_FILE", self.folder.path().join("central/admin.token"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), json)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

#[test]
fn c16_a_mail_server_by_others_gets_it_by_tls_and_with_the_password() {
    let Some(interpreter) = python::with(python::AIOSMTPD) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for (certificate, key) in [("ours.pem", "ours.key"), ("other.pem", "other.key")] {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(file(certificate), made.cert.pem()).unwrap();
        fs::write(file(key), made.signing_key.serialize_pem()).unwrap();
    }
    let mut server = Command::new(interpreter);
    server.args(["-c", SCRIPT]).arg(file("ours.pem")).arg(file("ours.key")).arg(MAIL_PASSWORD);
    let (_server, mut told) = start(&mut server);
    let port: u16 = told.next().unwrap().unwrap().parse().unwrap();

    let central = Central::start(&file("ours.pem"), port, MAIL_PASSWORD);
    let (_, shown) = central.vendor(&["order", "mail", "O-ü-1", "--language", "de"]);
    let ticket = central.vendor(&["order", "show", "O-ü-1"]).1["ticket"].as_str().unwrap().to_owned();
    let send = [
        "order",
        "mail",
        "O-ü-1",
        "--language",
        "de",
        "--to",
        "jane@customer.example",
        "--note",
        ".\nHallo",
        "--key",
        "k",
    ];
    let (first, again) = (central.vendor(&send), central.vendor(&send));
    assert_eq!((first.0, &first.1), (0, &again.1), "{first:?}");
    let message: Value = serde_json::from_str(&told.next().unwrap().unwrap()).unwrap();
    assert_eq!(message["text"], format!(".\nHallo\n\n{}", shown["text"].as_str().unwrap()));
    assert_eq!(message["headers"]["subject"], shown["subject"]);
    assert!(
        shown["subject"].as_str().unwrap().ends_with("O-ü-1")
            && shown["text"].as_str().unwrap().contains(&ticket)
    );
    assert_eq!((&message["name"], &message["defects"]), (&"Größe & Söhne".into(), &0.into()));
    assert_eq!(message["headers"]["reply-to"], "sales@vendor.example");
    let id = format!("<{}>", first.1["message_id"].as_str().unwrap());
    assert_eq!(message["headers"]["message-id"], id);
    assert_eq!(
        (&message["to"], &message["encrypted"]),
        (&serde_json::json!(["jane@customer.example"]), &true.into())
    );

    // The next message that arrives is the next that was sent: none came twice, none from those who may not.
    let wrong = Central::start(&file("ours.pem"), port, "wrong s3cret");
    let stranger = Central::start(&file("other.pem"), port, MAIL_PASSWORD);
    let plain = ["order", "mail", "O-ü-1", "--to", "joe@customer.example"];
    for central in [&wrong, &stranger] {
        let (code, refused) = central.vendor(&plain);
        assert_eq!(
            (code, refused["error"]["code"].as_str()),
            (3, Some("mail_server_unsuitable")),
            "{refused}"
        );
        assert!(!refused.to_string().contains("s3cret"), "{refused}");
    }
    assert_eq!(central.vendor(&plain).0, 0);
    let message: Value = serde_json::from_str(&told.next().unwrap().unwrap()).unwrap();
    assert_eq!(message["to"], serde_json::json!(["joe@customer.example"]));
    for log in [central.log(), wrong.log(), stranger.log()] {
        for secret in ["s3cret", &ticket, "customer.example", "czNjcmV0"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}

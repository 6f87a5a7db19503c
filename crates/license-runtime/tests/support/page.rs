//! A vendor with a portal, an agent on a port of its own, and pages that talk to it byte by byte: what a page
//! in a browser can send, and what no browser would.
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "shared by several tests")]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use license_runtime::agent::{Agent, Ask};
use license_runtime::{SystemClock, SystemEntropy};
use licensing_core::crypto::sign::SigningKey;
use licensing_core::format::certificate::{FirmCertificate, IssuingCertificate};
use licensing_core::format::origin_grant::OriginGrant;
use licensing_core::format::update::Issuer;
use licensing_core::ids::{FirmCode, Name};
use licensing_core::origin::Origin;
use licensing_core::time::Timestamp;
use licensing_testkit::server::{NOW, Server, firm};
use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::support::{Runtime, vendor};

pub const PORTAL: &str = "https://portal.example";

/// The keys of a vendor.
pub struct Vendor {
    pub root: SigningKey,
    pub firm_key: SigningKey,
    pub firm_certificate: Vec<u8>,
    pub firm_code: FirmCode,
}

impl Vendor {
    pub fn new(seed: u8) -> Self {
        Self::of(seed, firm())
    }

    pub fn of(seed: u8, firm_code: FirmCode) -> Self {
        let root = SigningKey::from_seed([seed; 32]);
        let firm_key = SigningKey::from_seed([seed + 100; 32]);
        let name = Name::new("Sample Vendor").unwrap();
        let certificate = FirmCertificate { firm_code, firm_key: firm_key.public_key(), version: 1, name };
        let firm_certificate = certificate.sign(&root);
        Self { root, firm_key, firm_certificate, firm_code }
    }

    /// A server that issues under this vendor's root.
    pub fn server(&self) -> Server {
        let mut server = vendor();
        let key = SigningKey::from_seed([77; 32]);
        let issuing = IssuingCertificate {
            firm_code: self.firm_code,
            issuing_key: key.public_key(),
            epoch: 1,
            not_before: Timestamp::ZERO,
            not_after: NOW.plus_days(3_650),
        };
        let certificates = vec![self.firm_certificate.clone(), issuing.sign(&self.firm_key)];
        server.issuer = Issuer { key, certificates };
        server
    }

    pub fn grant_of(&self, grant: &OriginGrant) -> String {
        BASE64URL_NOPAD.encode(&grant.sign(self.firm_certificate.clone(), &self.firm_key))
    }

    pub fn facts(&self, origin: &str) -> OriginGrant {
        let now = SystemClock.now();
        let not_before = Timestamp::from_secs(now.secs() - 3_600);
        let origin = Origin::new(origin).unwrap();
        OriginGrant { firm_code: self.firm_code, origin, not_before, not_after: now.plus_days(90) }
    }

    pub fn grant(&self, origin: &str) -> String {
        self.grant_of(&self.facts(origin))
    }
}

/// An agent over a runtime.
pub struct Local {
    pub runtime: Runtime,
    pub port: u16,
    pub log: Arc<Mutex<Vec<String>>>,
}

impl Local {
    pub fn start(ask: Ask) -> Self {
        let runtime = Runtime::start();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let write = move |line: &str| lines.lock().unwrap().push(line.to_owned());
        let agent = Agent::bind(&[0], runtime.owner.clone(), ask, Box::new(write)).unwrap();
        let addresses = agent.addresses().unwrap();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()), "loopback only");
        agent.start().unwrap();
        Self { runtime, port: addresses[0].port(), log }
    }

    pub fn allow(&self, origin: &str) {
        self.runtime.computer().agent_allow(&Origin::new(origin).unwrap()).unwrap();
    }

    /// Sends bytes and gives everything that comes back.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A connection that is closed with bytes unread ends with an error; what came before it counts.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The head of a WebSocket request with these fields.
    pub fn upgrade(grant: &str, fields: &[(&str, &str)]) -> String {
        let mut head = format!(
            "GET /agent/v1?grant={grant} HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }

    /// The status of an attempt to connect, without staying connected.
    pub fn attempt(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
            answer.push(byte[0]);
        }
        String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or("closed").to_owned()
    }

    /// A page of an origin, connected.
    pub fn page(&self, origin: &str, grant: &str) -> Page {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = Self::upgrade(grant, &[("Host", &self.host()), ("Origin", origin)]);
        stream.write_all(head.as_bytes()).unwrap();
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&answer));
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        // The example of RFC 6455.
        assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        let socket = WebSocket::from_raw_socket(stream, Role::Client, None);
        let mut page = Page { socket, greeting: Value::Null, next: 1 };
        page.greeting = page.receive();
        page
    }

    /// Sends a form; gives status line with head, and body.
    pub fn form(&self, path: &str, fields: &[(&str, &str)], form: &[(&str, &str)]) -> (String, String) {
        let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
        let pairs: Vec<String> = form.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
        let body = pairs.join("&");
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let answer = self.raw(format!("{head}\r\n{body}").as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (head.to_owned(), body.to_owned())
    }
}

/// A connected page.
pub struct Page {
    pub socket: WebSocket<TcpStream>,
    pub greeting: Value,
    pub next: u64,
}

impl Page {
    pub fn receive(&mut self) -> Value {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(text.as_str()).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn send(&mut self, text: &str) -> Value {
        self.socket.send(Message::text(text)).unwrap();
        self.receive()
    }

    /// A request as the portal's script makes it.
    pub fn request(&mut self, mut request: Value) -> Value {
        request["session"] = self.greeting["session"].clone();
        request["id"] = json!(self.next);
        self.next += 1;
        let answer = self.send(&request.to_string());
        if !answer["id"].is_null() {
            assert_eq!(answer["id"], request["id"]);
        }
        answer
    }

    pub fn ok(&mut self, request: Value) -> Value {
        let answer = self.request(request.clone());
        assert!(answer["error"].is_null(), "{request}: {answer}");
        answer["ok"].clone()
    }

    #[track_caller]
    pub fn refused(&mut self, code: &str, request: Value) {
        let answer = self.request(request.clone());
        assert_eq!(answer["error"]["code"], code, "{request}: {answer}");
        for field in ["message", "rule", "remedy"] {
            assert!(answer["error"][field].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
        }
    }
}

pub fn entropy() -> SystemEntropy {
    SystemEntropy::default()
}

//! A browser without JavaScript: cookies, forms, uploads, redirects.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by several test programs, each using a part"
)]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// An answer.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The path it was found at, after redirects.
    pub path: String,
}

impl Page {
    pub fn text(&self) -> String {
        // Slashes of values are written as entities.
        String::from_utf8_lossy(&self.body).replace("&#x2f;", "/")
    }

    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The code of the problem it shows.
    pub fn problem(&self) -> String {
        attribute(&self.text(), "data-code=\"").unwrap_or_default()
    }

    /// The token of its forms.
    pub fn token(&self) -> String {
        attribute(&self.text(), "name=\"csrf\" value=\"").unwrap_or_default()
    }

    /// The first address on it that begins with something.
    pub fn link(&self, begin: &str) -> String {
        attribute(&self.text(), &format!("\"{begin}"))
            .map(|rest| format!("{begin}{rest}"))
            .unwrap_or_else(|| panic!("no link to {begin} in {}", self.text()))
    }

    #[track_caller]
    pub fn shows(&self, text: &str) -> &Self {
        assert!(
            self.text().contains(text),
            "{text:?} is not on {} ({}): {}",
            self.path,
            self.status,
            self.text()
        );
        self
    }

    #[track_caller]
    pub fn hides(&self, text: &str) -> &Self {
        assert!(!self.text().contains(text), "{text:?} is on {}: {}", self.path, self.text());
        self
    }
}

fn attribute(text: &str, before: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split('"').next()?.to_owned())
}

/// A browser.
pub struct Browser {
    address: String,
    pub cookies: BTreeMap<String, String>,
    pub language: String,
    /// The token of the last page.
    pub token: String,
    /// Further header lines.
    pub headers: Vec<String>,
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

impl Browser {
    pub fn at(address: &str) -> Self {
        Self {
            address: address.trim_start_matches("http://").to_owned(),
            cookies: BTreeMap::new(),
            language: "en".to_owned(),
            token: String::new(),
            headers: Vec::new(),
        }
    }

    /// One request and its answer, without following anything.
    pub fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept-Language: {}\r\n",
            self.address, self.language
        );
        if !cookies.is_empty() {
            head.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        if method == "POST" {
            head.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
        }
        if !self.headers.iter().any(|line| line.starts_with("Accept: ")) {
            head.push_str("Accept: text/html\r\n");
        }
        for line in &self.headers {
            head.push_str(&format!("{line}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(answer[..at].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        for (_, value) in headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let page = Page { status, headers, body: answer[at + 4..].to_vec(), path: path.to_owned() };
        if !page.token().is_empty() {
            self.token = page.token();
        }
        page
    }

    fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..5 {
            if page.status != 303 {
                return page;
            }
            let path = page.header("location").to_owned();
            page = self.send("GET", &path, "", b"");
        }
        panic!("sent in circles");
    }

    pub fn get(&mut self, path: &str) -> Page {
        let page = self.send("GET", path, "", b"");
        self.follow(page)
    }

    /// Sends a form with the token of the last page.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.token.clone();
        let mut fields = fields.to_vec();
        fields.push(("csrf", &token));
        let page = self.post_as_is(path, &fields);
        self.follow(page)
    }

    /// Sends a form as it is and follows nothing.
    pub fn post_as_is(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.send("POST", path, "application/x-www-form-urlencoded", pairs.join("&").as_bytes())
    }

    /// Uploads a file.
    pub fn upload(&mut self, path: &str, file: &[u8]) -> Page {
        let boundary = "----------------7e1f";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{}\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"a.WibuCmRaC\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.token
        )
        .into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let page = self.send("POST", path, &format!("multipart/form-data; boundary={boundary}"), &body);
        self.follow(page)
    }

    /// Enters a ticket.
    pub fn enter(&mut self, ticket: &str) -> Page {
        self.get("/");
        self.post("/tickets", &[("ticket", ticket)])
    }
}

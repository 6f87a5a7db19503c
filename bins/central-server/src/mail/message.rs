//! A message as it is sent: RFC 5322 headers, and the text in base64, so that no byte of it means anything to a server.

use data_encoding::{BASE64, BASE64_MIME};
use licensing_core::time::Timestamp;

use super::address::{Address, Mailbox};
use super::text::MailText;

/// Most bytes of text in one encoded word: with what is around it, it stays below the 75 characters of RFC 2047.
const WORD_BYTES_MAX: usize = 42;

/// Who writes to whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) reply_to: Option<&'a Address>,
    pub(super) to: &'a Address,
}

/// The bytes of a message, which end with a line end. No line begins with a dot.
pub(super) fn message(envelope: Envelope<'_>, text: &MailText, id: &str, now: Timestamp) -> Vec<u8> {
    let Envelope { from, reply_to, to } = envelope;
    let mut lines = vec![
        format!("Date: {}", date(now)),
        format!("From: {}", mailbox(from)),
        format!("To: {}", to.as_str()),
    ];
    lines.extend(reply_to.map(|address| format!("Reply-To: {}", address.as_str())));
    lines.extend([
        format!("Subject: {}", words(&text.subject)),
        format!("Message-ID: <{id}@{}>", from.address.domain()),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
        format!("Content-Language: {}", text.language),
        String::new(),
        String::new(),
    ]);
    let mut bytes = lines.join("\r\n").into_bytes();
    bytes.extend(BASE64_MIME.encode(text.body.replace('\n', "\r\n").as_bytes()).into_bytes());
    bytes
}

fn mailbox(mailbox: &Mailbox) -> String {
    let address = mailbox.address.as_str();
    if mailbox.name.is_empty() {
        return address.to_owned();
    }
    format!("{}\r\n <{address}>", words(&mailbox.name))
}

/// A text as encoded words of RFC 2047, which hold whatever it is.
fn words(text: &str) -> String {
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match parts.last_mut() {
            Some(part) if part.len() + c.len_utf8() <= WORD_BYTES_MAX => part.push(c),
            _ => parts.push(c.to_string()),
        }
    }
    let word = |part: &String| format!("=?utf-8?B?{}?=", BASE64.encode(part.as_bytes()));
    parts.iter().map(word).collect::<Vec<_>>().join("\r\n ")
}

fn date(now: Timestamp) -> String {
    let moment = i64::try_from(now.secs()).ok().and_then(|secs| jiff::Timestamp::from_second(secs).ok());
    let printed =
        moment.map(|moment| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&moment));
    // Invariant: every moment a clock shows has a date.
    printed.and_then(Result::ok).unwrap_or_else(|| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_in_a_text_becomes_a_header() {
        let from =
            Mailbox::new("\"Größe\" & Söhne, a very long name of a company that goes on <l@v.example>")
                .unwrap();
        let (to, reply) = (Address::new("a@b.example").unwrap(), Address::new("r@v.example").unwrap());
        let text = MailText {
            language: "de",
            subject: "Auftrag ä\r\nBcc: x@y.example\r\n\r\n<b> und noch viel mehr, das sehr lang ist, 日本語日本語日本語".to_owned(),
            body: ".\n.\r\nBcc: x\n\n\n.\n".to_owned(),
        };
        let envelope = Envelope { from: &from, reply_to: Some(&reply), to: &to };
        let bytes = message(envelope, &text, "1234", Timestamp::from_secs(1_796_141_231));
        assert!(bytes.is_ascii() && bytes.ends_with(b"\r\n"));
        let whole = String::from_utf8(bytes).unwrap();
        assert_eq!(whole.matches("\r\n\r\n").count(), 1, "{whole}");
        assert_eq!(whole.matches('\n').count(), whole.matches("\r\n").count());
        let names: Vec<&str> = whole
            .split("\r\n")
            .take_while(|line| !line.is_empty())
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        let expected = [
            "Date",
            "From",
            "To",
            "Reply-To",
            "Subject",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
            "Content-Language",
        ];
        assert_eq!(names, expected);
        assert!(whole.split("\r\n").all(|line| line.len() <= 300 && !line.starts_with('.')), "{whole}");
        assert!(whole.starts_with("Date: Tue, 1 Dec 2026 16:07:11 "), "{whole}");
    }
}

//! Addresses of mail: what of them is accepted is what every mail server understands without extensions.

/// Longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 254;
/// Longest part before the `@`.
const LOCAL_BYTES_MAX: usize = 64;
/// Longest name before an address.
const NAME_CHARS_MAX: usize = 100;

/// One address: `name@company.example`.
///
/// # Security
/// It holds nothing but letters, digits and marks that mean nothing to a mail server: no line end, no blank, no angle
/// bracket, no comma. It cannot become a second address or a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address of a text.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        let local_sound = local.len() <= LOCAL_BYTES_MAX
            && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
        let sound = text.len() <= ADDRESS_BYTES_MAX && local_sound && is_host(domain);
        sound.then(|| Self(text.to_owned()))
    }

    /// As it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// For the event log, which is told to other programs and forgets nothing: enough for who knows it.
    #[must_use]
    pub fn masked(&self) -> String {
        let first: String = self.0.chars().take(1).collect();
        format!("{first}***@{}", self.domain())
    }
}

/// Whether it is a name of a computer, in ASCII.
pub(super) fn is_host(text: &str) -> bool {
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// An address with the name of whose it is: `Vendor <licenses@vendor.example>`, or the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub(super) name: String,
    pub(super) address: Address,
}

impl Mailbox {
    /// The mailbox of a text.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (name, address) = match text.strip_suffix('>') {
            Some(text) => text.rsplit_once('<')?,
            None => ("", text),
        };
        let name = name.trim();
        let sound = name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
        let address = Address::new(address)?;
        sound.then(|| Self { name: name.to_owned(), address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@b", "first.last+tag@mail.company.example", "o'hara@xn--bcher-kva.example"] {
            assert_eq!(Address::new(good).unwrap().as_str(), good);
        }
        let long = format!("{}@b.example", "a".repeat(65));
        let huge = format!("a@{}example", "b.".repeat(130));
        let many = "a@b,".repeat(100_000);
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b c",
            "a@b\r\nBcc: x@y",
            "a@b\n",
            "a@b,c@d",
            "<a@b>",
            "a@b>",
            "\"a\"@b",
            "a..b@c",
            ".a@c",
            "a.@c",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@b.",
            "ä@b",
            "a@bücher.example",
            "a@[127.0.0.1]",
            "a@b@c",
            "a\0@b",
            &long,
            &huge,
            &many,
        ] {
            assert!(Address::new(bad).is_none(), "{bad}");
        }
        assert_eq!(Address::new("jane@bosch.example").unwrap().masked(), "j***@bosch.example");
    }

    #[test]
    fn mailboxes() {
        let mailbox = Mailbox::new("Größe & Söhne <licenses@vendor.example>").unwrap();
        assert_eq!(
            (mailbox.name.as_str(), mailbox.address.as_str()),
            ("Größe & Söhne", "licenses@vendor.example")
        );
        assert_eq!(Mailbox::new("a@b").unwrap().name, "");
        for bad in ["", "Vendor", "Vendor <>", "Vendor <a@b> x", "V\r\nBcc: x <a@b>", "a@b, c@d"] {
            assert!(Mailbox::new(bad).is_none(), "{bad}");
        }
    }
}

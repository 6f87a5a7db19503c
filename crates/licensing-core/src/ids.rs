//! Names of things: firm and product codes, container serials, and the ids the vendor and we give.

use std::fmt;
use std::str::FromStr;

use crate::codec::{Decode, Encode, checked_codec};
use crate::limits::{FLASH_NAME_CHARS_MAX, ID_CHARS_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX};

/// A value that is not of the form its type asks for; says what was expected, never what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}")]
pub struct InvalidId {
    /// The field.
    pub what: &'static str,
    /// The form it must have.
    pub expected: &'static str,
}

macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The code from its number; `None` for zero, which is reserved.
            #[must_use]
            pub const fn new(code: u32) -> Option<Self> {
                if code == 0 { None } else { Some(Self(code)) }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(s: &str) -> Result<Self, InvalidId> {
                s.parse().ok().and_then(Self::new).ok_or(InvalidId {
                    what: $what,
                    expected: "a whole number from 1 to 4294967295",
                })
            }
        }

        checked_codec!($name, u32, |v| &v.0, $name::new, $what);
    };
}

code!(
    /// A vendor's number: everything one vendor licenses is under its firm code.
    FirmCode, "firm code"
);
code!(
    /// The number of a product or module of a vendor.
    ProductCode, "product code"
);

/// What kind of container holds a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum ContainerKind {
    /// A smart card that keeps licenses whole inside the chip.
    Dongle,
    /// An encrypted and signed license file bound to a computer.
    Act,
}

impl ContainerKind {
    /// The serial mask of this kind.
    #[must_use]
    pub const fn mask(self) -> u16 {
        match self {
            Self::Dongle => 3,
            Self::Act => 130,
        }
    }

    /// The word used in interfaces: `dongle` or `act`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dongle => "dongle",
            Self::Act => "act",
        }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ContainerKind {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        match s {
            "dongle" => Ok(Self::Dongle),
            "act" => Ok(Self::Act),
            _ => Err(InvalidId { what: "container kind", expected: "dongle or act" }),
        }
    }
}

/// A container's serial, printed `mask-number`: `130-3556429651` is an act license, `3-1234567` a dongle.
///
/// The number is derived from the container's identity key (48 bits of its SHA-256), so a serial cannot be
/// chosen, and a second container with the same serial shows itself by a different key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerSerial {
    kind: ContainerKind,
    number: u64,
}

impl ContainerSerial {
    /// Largest serial number: 48 bits, exact in every JSON reader.
    pub const NUMBER_MAX: u64 = (1 << 48) - 1;

    /// A serial from its parts; `None` when the number is zero or above [`Self::NUMBER_MAX`].
    #[must_use]
    pub const fn new(kind: ContainerKind, number: u64) -> Option<Self> {
        if number == 0 || number > Self::NUMBER_MAX { None } else { Some(Self { kind, number }) }
    }

    /// The kind of container this serial names.
    #[must_use]
    pub const fn kind(self) -> ContainerKind {
        self.kind
    }

    /// The number behind the mask.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }

    /// A fixed-width binary form for keys and hashes: mask and number, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 10] {
        let mut out = [0; 10];
        out[..2].copy_from_slice(&self.kind.mask().to_be_bytes());
        out[2..].copy_from_slice(&self.number.to_be_bytes());
        out
    }
}

impl fmt::Display for ContainerSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.mask(), self.number)
    }
}

impl FromStr for ContainerSerial {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId {
            what: "container serial",
            expected: "mask-number, for example 130-3556429651 or 3-1234567",
        };
        let (mask, number) = s.trim().split_once('-').ok_or(invalid)?;
        let kind = match mask {
            "3" => ContainerKind::Dongle,
            "130" => ContainerKind::Act,
            _ => return Err(invalid),
        };
        if number.len() > 15 || number.starts_with('0') || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid);
        }
        number.parse().ok().and_then(|n| Self::new(kind, n)).ok_or(invalid)
    }
}

#[derive(Clone, Copy, Encode, Decode)]
struct SerialParts {
    kind: ContainerKind,
    number: u64,
}

impl Encode for ContainerSerial {
    fn encode<E: bincode::enc::Encoder>(&self, e: &mut E) -> Result<(), bincode::error::EncodeError> {
        SerialParts { kind: self.kind, number: self.number }.encode(e)
    }
}

impl<C> Decode<C> for ContainerSerial {
    fn decode<D: bincode::de::Decoder<Context = C>>(d: &mut D) -> Result<Self, bincode::error::DecodeError> {
        let parts = SerialParts::decode(d)?;
        Self::new(parts.kind, parts.number).ok_or(bincode::error::DecodeError::Other("container serial"))
    }
}

bincode::impl_borrow_decode!(ContainerSerial);

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(s: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { what: $what, expected: "32 hexadecimal digits" };
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(s.trim().as_bytes());
                bytes.ok().and_then(|b| b.try_into().ok()).map(Self).ok_or(invalid)
            }
        }
    };
}

id16!(
    /// One ticket, inside the system; the customer only ever sees the ticket code.
    TicketId, "ticket id"
);
id16!(
    /// One license line: what one ordered item gave the customer. Time-ordered.
    LicenseId, "license id"
);
id16!(
    /// One share of a license line in one container.
    ActivationId, "activation id"
);
id16!(
    /// One product item inside a container; activations that were split keep sharing it.
    EntryId, "entry id"
);
id16!(
    /// One question to the vendor: may this be returned, or activated again. Time-ordered.
    ApprovalId, "approval id"
);
id16!(
    /// One pre-activated license file. Time-ordered.
    PreActivationId, "pre-activation id"
);

/// Makes a time-ordered id: 48 bits of milliseconds, then randomness (the layout of UUID version 7).
///
/// Rows written together sort together, which keeps database inserts sequential.
#[must_use]
pub fn time_ordered(now: crate::time::Timestamp, entropy: &mut dyn crate::Entropy) -> [u8; 16] {
    let mut id = [0u8; 16];
    entropy.fill(&mut id);
    let millis = now.secs().saturating_mul(1000).to_be_bytes();
    id[..6].copy_from_slice(&millis[2..]);
    id[6] = (id[6] & 0x0f) | 0x70;
    id[8] = (id[8] & 0x3f) | 0x80;
    id
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks and takes a text.
            ///
            /// # Errors
            /// The text is not of the form the type documents.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let ok: fn(&str) -> bool = $ok;
                if ok(&text) { Ok(Self(text)) } else { Err(InvalidId { what: $what, expected: $expected }) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(s: &str) -> Result<Self, InvalidId> {
                Self::new(s)
            }
        }

        checked_codec!($name, String, |v| &v.0, |s| $name::new(s).ok(), $what);
    };
}

/// Printable, no control characters, no blank at either end.
fn is_tidy(text: &str) -> bool {
    !text.chars().any(char::is_control) && text.trim() == text
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= ID_CHARS_MAX && is_tidy(text)
}

bounded_text!(
    /// An item id: the part number the vendor's ERP uses. 1 to 64 characters.
    ItemId, "item id", "1 to 64 printable characters without blanks at the ends", is_id
);
bounded_text!(
    /// An order id as the vendor's ERP or shop uses it. 1 to 64 characters.
    OrderId, "order id", "1 to 64 printable characters without blanks at the ends", is_id
);
bounded_text!(
    /// A customer id as the vendor's ERP or shop uses it. 1 to 64 characters.
    CustomerId, "customer id", "1 to 64 printable characters without blanks at the ends", is_id
);
bounded_text!(
    /// A display name. 1 to 256 bytes of UTF-8.
    Name, "name", "1 to 256 bytes of printable text",
    |s| !s.is_empty() && s.len() <= NAME_BYTES_MAX && is_tidy(s)
);
bounded_text!(
    /// A free text or comment, line breaks allowed. At most 1024 bytes of UTF-8.
    Text, "text", "at most 1024 bytes of text without control characters other than line breaks",
    |s| s.len() <= TEXT_BYTES_MAX && !s.chars().any(|c| c.is_control() && c != '\n')
);

bounded_text!(
    /// Name of a file in flash memory and of a software package: letters, digits, `.`, `-` and `_`, not
    /// beginning with a dot. Never a path. 1 to 64 characters.
    FlashName, "file name", "1 to 64 letters, digits, dots, hyphens and underscores, not beginning with a dot",
    |s| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        !s.is_empty() && s.len() <= FLASH_NAME_CHARS_MAX && !s.starts_with('.') && s.bytes().all(plain)
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_print_and_parse() {
        let serial: ContainerSerial = "130-3556429651".parse().unwrap();
        assert_eq!(serial.kind(), ContainerKind::Act);
        assert_eq!(serial.to_string(), "130-3556429651");
        for bad in ["", "130", "7-1", "130-0", "130-01", "130-+1", "130-281474976710656", "130-1-2", "3-٣"] {
            assert!(bad.parse::<ContainerSerial>().is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_refuse_control_characters_and_length() {
        assert!(ItemId::new("SNP-201-000-01-F-300").is_ok());
        assert!(ItemId::new("a\nb").is_err());
        assert!(ItemId::new(" a").is_err());
        assert!(ItemId::new("x".repeat(65)).is_err());
        assert!(Text::new("two\nlines").is_ok());
        assert!(Text::new("\u{1b}[31m").is_err());
    }
}

//! APDUs of ISO 7816-4: command and response, short and extended length.

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Class; bit 5 (0x10) says that more of the chain follows.
    pub class: u8,
    /// Instruction.
    pub instruction: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data.
    pub data: Vec<u8>,
    /// Most bytes expected in the answer; `None` when none are.
    pub expected: Option<u32>,
}

/// Bit of the class byte that announces another part of a chained command.
pub const CHAINING: u8 = 0x10;

impl Command {
    /// Reads a command in any of the seven forms of the standard; `None` when it has none of them.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[class, instruction, p1, p2], rest) = bytes.split_first_chunk::<4>()?;
        let (data, expected): (&[u8], Option<u32>) = match rest {
            [] => (&[], None),
            [le] => (&[], Some(short(*le))),
            [0, high, low] => (&[], Some(extended(*high, *low))),
            [0, high, low, body @ ..] => {
                let lc = usize::from(u16::from_be_bytes([*high, *low]));
                if lc == 0 {
                    return None;
                }
                let (data, tail) = body.split_at_checked(lc)?;
                match tail {
                    [] => (data, None),
                    [high, low] => (data, Some(extended(*high, *low))),
                    _ => return None,
                }
            }
            [lc, body @ ..] => {
                let (data, tail) = body.split_at_checked(usize::from(*lc))?;
                match tail {
                    [] if *lc > 0 => (data, None),
                    [le] if *lc > 0 => (data, Some(short(*le))),
                    _ => return None,
                }
            }
        };
        Some(Self { class, instruction, p1, p2, data: data.to_vec(), expected })
    }

    /// The bytes of the command, in the extended form when the short one does not suffice.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![self.class, self.instruction, self.p1, self.p2];
        let is_extended = self.data.len() > 255 || self.expected.is_some_and(|le| le > 256);
        if is_extended {
            out.push(0);
        }
        if let Ok(lc) = u16::try_from(self.data.len())
            && lc > 0
        {
            if is_extended {
                out.extend_from_slice(&lc.to_be_bytes());
            } else {
                out.push(lc.to_be_bytes()[1]);
            }
            out.extend_from_slice(&self.data);
        }
        if let Some(le) = self.expected {
            // The largest value of each form is written as zero.
            let [_, _, high, low] = le.to_be_bytes();
            if is_extended {
                out.extend_from_slice(&[high, low]);
            } else {
                out.push(low);
            }
        }
        out
    }
}

fn short(le: u8) -> u32 {
    if le == 0 { 256 } else { u32::from(le) }
}

fn extended(high: u8, low: u8) -> u32 {
    match u16::from_be_bytes([high, low]) {
        0 => 65_536,
        le => u32::from(le),
    }
}

/// A status word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Done; more bytes are to be fetched with GET RESPONSE (the low byte says how many, 0 for 256 or more).
    pub const MORE: Self = Self(0x6100);
    /// The command was understood and refused; GET ERROR tells why.
    pub const REFUSED: Self = Self(0x6985);
    /// The memory failed.
    pub const MEMORY: Self = Self(0x6581);
    /// The length is wrong.
    pub const LENGTH: Self = Self(0x6700);
    /// The data is not what the command expects.
    pub const DATA: Self = Self(0x6A80);
    /// No such application or object.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// The application is not selected.
    pub const NOT_SELECTED: Self = Self(0x6982);
    /// The instruction is not known.
    pub const INSTRUCTION: Self = Self(0x6D00);
    /// The class is not known.
    pub const CLASS: Self = Self(0x6E00);
    /// A chain was broken off or is too long.
    pub const CHAIN: Self = Self(0x6883);
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(
            head: [u8; 4],
            data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..700),
            expected in proptest::option::of(1u32..=65_536),
        ) {
            let [class, instruction, p1, p2] = head;
            let command = Command { class, instruction, p1, p2, data, expected };
            proptest::prop_assert_eq!(Command::parse(&command.to_bytes()), Some(command));
        }

        #[test]
        fn anything_is_read_or_refused_without_panic(bytes: Vec<u8>) {
            if let Some(command) = Command::parse(&bytes) {
                let again = Command::parse(&command.to_bytes());
                proptest::prop_assert_eq!(again, Some(command));
            }
        }
    }
}

//! The text of a code, and a file from its codes.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, HEXUPPER};
use sha2::{Digest as _, Sha256};

use crate::{PARTS_MAX, QrError, TEXT_CHARS_MAX};

/// What every code begins with: the format and its version.
const MARK: &str = "CMQR1";
/// Bytes of the hash that is in every code.
const HASH_BYTES: usize = 8;

/// One code: part `number` of `of` of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which one it is, from 1.
    pub number: u16,
    /// How many there are.
    pub of: u16,
    /// The first bytes of the SHA-256 of the whole file: tells files apart, finds mistakes.
    pub hash: [u8; HASH_BYTES],
    /// Its bytes of the file, at least one.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Part {
    /// The text of the code, of the symbols that QR codes hold most compactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hash, bytes) = (HEXUPPER.encode(&self.hash), BASE32_NOPAD.encode(&self.bytes));
        write!(f, "{MARK}:{}:{}:{hash}:{bytes}", self.number, self.of)
    }
}

impl FromStr for Part {
    type Err = QrError;

    /// Reads the text of a code; letters may be small and spaces around it, as people copy it.
    fn from_str(text: &str) -> Result<Self, QrError> {
        let text = text.trim();
        if text.len() > TEXT_CHARS_MAX {
            return Err(QrError::NotOurCode);
        }
        let text = text.to_ascii_uppercase();
        let fields: Vec<&str> = text.split(':').collect();
        let [MARK, number, of, hash, bytes] = fields[..] else { return Err(QrError::NotOurCode) };
        // One spelling of each number.
        let count = |text: &str| {
            let number = text.parse::<u16>().ok().filter(|number| number.to_string() == text);
            number.filter(|number| (1..=PARTS_MAX).contains(number)).ok_or(QrError::NotOurCode)
        };
        let (number, of) = (count(number)?, count(of)?);
        let hash = HEXUPPER.decode(hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
        let bytes = BASE32_NOPAD.decode(bytes.as_bytes()).ok().filter(|bytes| !bytes.is_empty());
        match (hash, bytes) {
            (Some(hash), Some(bytes)) if number <= of => Ok(Self { number, of, hash, bytes }),
            _ => Err(QrError::NotOurCode),
        }
    }
}

fn hash(file: &[u8]) -> [u8; HASH_BYTES] {
    let digest = Sha256::digest(file);
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&digest[..HASH_BYTES]);
    hash
}

/// Divides a file into codes of at most `part_bytes` bytes of it.
///
/// # Errors
/// [`QrError::FileTooLong`]: they would be more than [`PARTS_MAX`].
pub fn encode(file: &[u8], part_bytes: usize) -> Result<Vec<Part>, QrError> {
    let pieces = file.chunks(part_bytes.max(1));
    let of = u16::try_from(pieces.len()).ok().filter(|of| (1..=PARTS_MAX).contains(of));
    let of = of.ok_or(QrError::FileTooLong)?;
    let hash = hash(file);
    Ok((1..=of).zip(pieces).map(|(number, bytes)| Part { number, of, hash, bytes: bytes.to_vec() }).collect())
}

/// Puts the codes of a file together, in whatever order and however often they come.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    parts: Vec<Part>,
}

impl Collector {
    /// Takes a code.
    ///
    /// # Errors
    /// It is of another file than those before it; they stay.
    pub fn add(&mut self, part: Part) -> Result<(), QrError> {
        if let Some(first) = self.parts.first()
            && (first.hash, first.of) != (part.hash, part.of)
        {
            return Err(QrError::Mixed);
        }
        match self.parts.iter().find(|known| known.number == part.number) {
            Some(known) if *known == part => {}
            Some(_) => return Err(QrError::Mixed),
            None => self.parts.push(part),
        }
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// Codes are missing, or something in them is wrong.
    pub fn file(&self) -> Result<Vec<u8>, QrError> {
        let first = self.parts.first().ok_or(QrError::NoCode)?;
        let part = |number: u16| self.parts.iter().find(|part| part.number == number);
        let missing: Vec<u16> = (1..=first.of).filter(|number| part(*number).is_none()).collect();
        if !missing.is_empty() {
            return Err(QrError::Incomplete { missing, of: first.of });
        }
        let file: Vec<u8> =
            (1..=first.of).filter_map(part).flat_map(|part| part.bytes.iter().copied()).collect();
        if hash(&file) == first.hash { Ok(file) } else { Err(QrError::Damaged) }
    }
}

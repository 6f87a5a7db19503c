//! Ticket codes: `ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23`.
//!
//! 25 symbols of a 31-symbol alphabet without look-alikes: 24 random ones (about 119 bits) and a check
//! symbol. With symbol values `v0..v24` the code is valid when `sum((i+1) * v_i) = 23 (mod 31)`. As 31 is
//! prime and no weight is a multiple of 31, every single mistyped symbol and every swap of two symbols is
//! detected, which is how a typing error is told from an unknown ticket without asking the database.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroize;

use crate::Entropy;

/// The alphabet: no I, O, Y, 0, 1.
pub const ALPHABET: &[u8; 31] = b"ABCDEFGHJKLMNPQRSTUVWXZ23456789";
/// Symbols in a code.
pub const SYMBOLS: usize = 25;
/// What the weighted sum of a valid code leaves modulo 31 (chosen so that the paper's sample is valid).
const CHECK: u32 = 23;

/// A valid ticket code. A bearer secret: whoever has it can move the licenses.
///
/// # Security
/// `Debug` shows nothing; only `Display` prints the code. Compare by keyed hash, store it encrypted.
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct TicketCode([u8; SYMBOLS]);

/// Why a text is not a ticket code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketCodeError {
    /// Not 25 symbols.
    #[error("a ticket has 25 letters and digits, this has {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// A symbol outside the alphabet.
    #[error("position {position} holds a symbol that tickets do not use (I, O, Y, 0 and 1 never occur)")]
    Symbol {
        /// Position of the symbol, from 1.
        position: usize,
    },
    /// The check symbol does not fit: something was mistyped.
    #[error("the check symbol does not fit: one or more symbols are mistyped")]
    Check,
}

impl TicketCode {
    /// Makes a code from fresh randomness.
    ///
    /// # Security
    /// Rejection sampling: every symbol is uniform, none is favoured.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut values = [0u8; SYMBOLS];
        let mut filled = 0;
        while filled < SYMBOLS - 1 {
            let mut buffer = [0u8; 32];
            entropy.fill(&mut buffer);
            for byte in buffer {
                // 248 is the largest multiple of 31 in a byte.
                if byte < 248 && filled < SYMBOLS - 1 {
                    values[filled] = byte % 31;
                    filled += 1;
                }
            }
            buffer.zeroize();
        }
        values[SYMBOLS - 1] = check_symbol(&values);
        Self(values)
    }

    /// The 25 symbols without hyphens: the form that is hashed for look-up.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.iter().map(|&v| symbol(v)).collect()
    }
}

fn symbol(value: u8) -> char {
    char::from(ALPHABET[usize::from(value) % ALPHABET.len()])
}

fn weighted_sum(values: &[u8]) -> u32 {
    (1u32..).zip(values).map(|(weight, &value)| weight * u32::from(value)).sum()
}

/// The last symbol that makes the first 24 valid: `25 * v = CHECK - sum (mod 31)`, and `25 * 5 = 1 (mod 31)`.
fn check_symbol(values: &[u8; SYMBOLS]) -> u8 {
    let sum = weighted_sum(&values[..SYMBOLS - 1]) % 31;
    let value = (CHECK + 31 - sum) % 31 * 5 % 31;
    // Invariant: a remainder modulo 31 fits a byte.
    u8::try_from(value).expect("remainder modulo 31")
}

impl FromStr for TicketCode {
    type Err = TicketCodeError;

    /// Accepts lower case, blanks anywhere, and missing or extra hyphens.
    fn from_str(text: &str) -> Result<Self, TicketCodeError> {
        let mut values = [0u8; SYMBOLS];
        let symbols = || text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let found = symbols().count();
        if found != SYMBOLS {
            return Err(TicketCodeError::Length { found });
        }
        for (position, (slot, c)) in values.iter_mut().zip(symbols()).enumerate() {
            let upper = c.to_ascii_uppercase();
            let value = ALPHABET.iter().position(|&a| char::from(a) == upper);
            *slot = value
                .and_then(|v| u8::try_from(v).ok())
                .ok_or(TicketCodeError::Symbol { position: position + 1 })?;
        }
        if weighted_sum(&values) % 31 == CHECK { Ok(Self(values)) } else { Err(TicketCodeError::Check) }
    }
}

impl fmt::Display for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &value) in self.0.iter().enumerate() {
            if i > 0 && i % 5 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", symbol(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestEntropy;

    const SAMPLE: &str = "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23";

    #[test]
    fn the_sample_of_the_paper_is_valid() {
        assert_eq!(SAMPLE.parse::<TicketCode>().unwrap().to_string(), SAMPLE);
    }

    #[test]
    fn accepts_lower_case_blanks_and_missing_hyphens() {
        for text in
            ["abcdefghjklmnpqrstuvwxz23", " ABCDE FGHJK LMNPQ RSTUV WXZ23\n", "a-b-cde fghjk-lmnpqrstuvwxz23"]
        {
            assert_eq!(text.parse::<TicketCode>().unwrap().to_string(), SAMPLE, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!("ABC".parse::<TicketCode>(), Err(TicketCodeError::Length { found: 3 }));
        assert_eq!(
            "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ2O".parse::<TicketCode>(),
            Err(TicketCodeError::Symbol { position: 25 })
        );
        assert_eq!("ABCDE-FGHJK-LMNPQ-RSTUV-WXZ32".parse::<TicketCode>(), Err(TicketCodeError::Check));
    }

    #[test]
    fn every_single_typo_and_every_swap_is_detected() {
        let mut entropy = TestEntropy::new(1);
        for _ in 0..1_000 {
            let code = TicketCode::generate(&mut entropy);
            assert!(code.to_string().parse::<TicketCode>().is_ok());
            for at in 0..SYMBOLS {
                for other in 0..31 {
                    let mut wrong = code.0;
                    if wrong[at] != other {
                        wrong[at] = other;
                        assert!(is_refused(&wrong), "typo at {at}");
                    }
                }
                for with in at + 1..SYMBOLS {
                    let mut wrong = code.0;
                    wrong.swap(at, with);
                    assert!(wrong == code.0 || is_refused(&wrong), "swap of {at} and {with}");
                }
            }
        }
    }

    fn is_refused(values: &[u8; SYMBOLS]) -> bool {
        let text = values.map(|value| ALPHABET[usize::from(value)]);
        std::str::from_utf8(&text).unwrap().parse::<TicketCode>() == Err(TicketCodeError::Check)
    }
}

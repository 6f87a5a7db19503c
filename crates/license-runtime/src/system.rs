//! The clock and the randomness of this computer: the one place they come from.

use licensing_core::Entropy;
use licensing_core::time::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

/// The computer's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// What time it is. A clock before 1970 reads as 1970: containers then go by their own.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one clock of programs on a customer's computer")]
    pub fn now(self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_secs(since.map_or(0, |since| since.as_secs()))
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one source of randomness on a customer's computer")]
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the operating system has no randomness to give: going on would make guessable keys.
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out).expect("the operating system gives randomness");
    }
}

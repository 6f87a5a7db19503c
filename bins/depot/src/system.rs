//! What the process gets from its surroundings: time and randomness. Everything else is told.

use licensing_core::Entropy;
use ring::rand::{SecureRandom, SystemRandom};

/// Seconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one clock of this process")]
pub fn now() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |passed| passed.as_secs())
}

/// The randomness of the operating system.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one source of randomness of this process")]
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        // Invariant: the operating system delivers randomness once it has booted; without it no session may be made.
        self.0.fill(out).expect("randomness of the operating system");
    }
}

//! What a process gets from its surroundings: time and randomness. Everything else is told.

use licensing_core::Entropy;
use licensing_core::time::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

/// A source of the present time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Where the randomness of requests comes from: each gets a source of its own.
pub trait Randomness: Send + Sync + 'static {
    /// A source for one request.
    fn source(&self) -> Box<dyn Entropy + Send>;
}

impl Randomness for SystemEntropy {
    fn source(&self) -> Box<dyn Entropy + Send> {
        Box::new(self.clone())
    }
}

/// The clock of the computer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock of this process")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_secs(since_epoch.map_or(0, |passed| passed.as_secs()))
    }
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
        // Invariant: the operating system delivers randomness once it has booted. Without it no key, ticket or
        // seal may be made, so there is no way to go on.
        self.0.fill(out).expect("randomness of the operating system");
    }
}

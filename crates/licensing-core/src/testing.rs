//! Deterministic entropy for tests. **For tests only: nothing made with it is secret.**

/// A reproducible byte stream: SHA-256 in counter mode over a seed.
#[derive(Debug, Clone)]
pub struct TestEntropy {
    seed: u64,
    counter: u64,
}

impl TestEntropy {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }
}

impl crate::Entropy for TestEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            self.counter += 1;
            let block = crate::crypto::digest::hash(
                "test entropy",
                &[&self.seed.to_le_bytes(), &self.counter.to_le_bytes()],
            );
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

//! Cryptography by the libraries themselves.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use argon2::{Algorithm, Argon2, Params, Version};
use central_server::system::SystemEntropy;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Kem as _, OpModeR, OpModeS};
use licensing_core::random;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// How long each operation is repeated.
const PERIOD: Duration = Duration::from_millis(40);
/// Bytes that are signed and sealed: about those of a context and of an update.
const MESSAGE: [u8; 512] = [7; 512];

/// Seconds per operation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Crypto {
    pub(crate) verify: f64,
    pub(crate) sign: f64,
    pub(crate) seal: f64,
    pub(crate) open: f64,
    pub(crate) hash: f64,
}

impl Crypto {
    /// What an activation takes on a server: two contexts verified, an update sealed and signed.
    pub(crate) fn of_activation(&self) -> f64 {
        2.0 * self.verify + self.sign + self.seal
    }
}

type Hpke = (<X25519HkdfSha256 as hpke::Kem>::PrivateKey, <X25519HkdfSha256 as hpke::Kem>::PublicKey);

/// Entropy for the library.
struct Source(SystemEntropy);

impl rand_core::TryRng for Source {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(random(&mut self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(random(&mut self.0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        licensing_core::Entropy::fill(&mut self.0, out);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Source {}

/// Repeats on `threads` threads at once; seconds per operation of the machine as a whole.
fn repeat(threads: usize, operation: impl Fn() + Sync) -> f64 {
    let done: u64 = std::thread::scope(|scope| {
        let run = || {
            let (begun, mut done) = (Instant::now(), 0u64);
            while begun.elapsed() < PERIOD {
                operation();
                done += 1;
            }
            done
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(1)).sum()
    });
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let done = done.max(1) as f64;
    PERIOD.as_secs_f64() / done
}

/// Measures every operation on so many threads.
pub(crate) fn measure(threads: usize) -> Result<Crypto> {
    let seed: [u8; 32] = random(&mut SystemEntropy::default());
    let key = Ed25519KeyPair::from_seed_unchecked(&seed)?;
    let signature = key.sign(&MESSAGE);
    let public = UnparsedPublicKey::new(&ED25519, key.public_key().as_ref());
    let (secret, to): Hpke = X25519HkdfSha256::derive_keypair(&seed);
    let seal = || {
        let mut source = Source(SystemEntropy::default());
        let mode = OpModeS::Base;
        hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &mode,
            &to,
            b"info",
            &MESSAGE,
            b"aad",
            &mut source,
        )
    };
    let (enc, ciphertext) = seal().map_err(|error| anyhow!("{error}"))?;
    let open = || {
        hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret,
            &enc,
            b"info",
            &ciphertext,
            b"aad",
        )
    };
    open().map_err(|error| anyhow!("{error}"))?;
    Ok(Crypto {
        verify: repeat(threads, || {
            let _ = black_box(public.verify(black_box(&MESSAGE), signature.as_ref()));
        }),
        sign: repeat(threads, || {
            black_box(key.sign(black_box(&MESSAGE)));
        }),
        seal: repeat(threads, || {
            let _ = black_box(seal());
        }),
        open: repeat(threads, || {
            let _ = black_box(open());
        }),
        hash: repeat(threads, || {
            black_box(digest(&SHA256, &[0; 1024]));
        }),
    })
}

/// Seconds for one Argon2id with the parameters of an act license.
pub(crate) fn argon2id(memory_kib: u32, iterations: u32, lanes: u32) -> Result<f64> {
    let params = Params::new(memory_kib, iterations, lanes, Some(32)).map_err(|error| anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    let begun = Instant::now();
    argon2.hash_password_into(&MESSAGE, &[1; 16], &mut out).map_err(|error| anyhow!("{error}"))?;
    black_box(out);
    Ok(begun.elapsed().as_secs_f64())
}

//! Passwords: Argon2id as PHC strings, so many at once, and as slow for a name nobody has as for any other.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64_NOPAD;
use licensing_core::user::PasswordHash;
use licensing_core::{Entropy, random};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::service::Failure;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Attempts that wait for their turn; more are told to come again.
const WAITING: usize = 64;

/// The cost of one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// What OWASP recommends: 19 MiB, two passes, one lane.
    pub const STANDARD: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

    /// What a stored hash may ask for, so that nothing in a database costs an unbounded amount of work.
    const fn is_acceptable(self) -> bool {
        self.memory_kib >= 8
            && self.memory_kib <= 256 * 1024
            && self.passes >= 1
            && self.passes <= 10
            && self.lanes >= 1
            && self.lanes <= 4
    }

    fn derive(self, password: &str, salt: &[u8]) -> Option<Zeroizing<[u8; HASH_BYTES]>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_BYTES)).ok()?;
        let mut out = Zeroizing::new([0; HASH_BYTES]);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(password.as_bytes(), salt, &mut out[..]).ok()?;
        Some(out)
    }
}

/// Whether a password was right, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Wrong, or there is no such user.
    Wrong,
    /// Right.
    Right,
    /// Right, and stored at another cost than new ones are: this is to be stored instead.
    RightOutdated(PasswordHash),
}

/// Hashes and compares passwords, on threads of their own and not too many at once.
pub struct Passwords {
    cost: Cost,
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Default for Passwords {
    fn default() -> Self {
        // Half of the processors: licenses are issued meanwhile.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cost: Cost::STANDARD,
            at_once: Arc::new(Semaphore::new((threads / 2).max(1))),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }
    }
}

impl Passwords {
    /// The hash of a new password.
    ///
    /// # Errors
    /// Too many are being worked on.
    pub async fn hash(
        &self,
        password: &str,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<PasswordHash, Failure> {
        let (cost, salt, password) = (self.cost, random(entropy), Zeroizing::new(password.to_owned()));
        self.run(move || hash(cost, &password, &salt)).await
    }

    /// Compares a password with a stored hash, or with none, which takes as long.
    ///
    /// # Errors
    /// Too many are being worked on.
    pub async fn verify(
        &self,
        password: &str,
        stored: Option<PasswordHash>,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Verdict, Failure> {
        let (cost, salt, password) = (self.cost, random(entropy), Zeroizing::new(password.to_owned()));
        let work = move || -> Result<Verdict, Failure> {
            let Some(stored) = stored else {
                hash(cost, &password, &salt)?;
                return Ok(Verdict::Wrong);
            };
            let (of, matches) = compare(&stored, &password)?;
            Ok(match (matches, of == cost) {
                (false, _) => Verdict::Wrong,
                (true, true) => Verdict::Right,
                (true, false) => Verdict::RightOutdated(hash(cost, &password, &salt)?),
            })
        };
        self.run(work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let busy = || Failure::later("overloaded", "too many passwords are being checked", 1);
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(|_| busy())?;
        crate::service::blocking(move || {
            let _turn = turn;
            work()
        })
        .await?
    }
}

/// Makes a PHC string.
fn hash(cost: Cost, password: &str, salt: &[u8; SALT_BYTES]) -> Result<PasswordHash, Failure> {
    let derived = cost.derive(password, salt).ok_or_else(|| Failure::fault("Argon2 has refused its cost"))?;
    let Cost { memory_kib, passes, lanes } = cost;
    let (salt, derived) = (BASE64_NOPAD.encode(salt), BASE64_NOPAD.encode(&derived[..]));
    Ok(PasswordHash::new(format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${derived}")))
}

/// The hash of a password for who makes the first user, without a server.
///
/// # Errors
/// Argon2 has failed.
pub fn hash_now(password: &str, entropy: &mut dyn Entropy) -> Result<PasswordHash, Failure> {
    hash(Cost::STANDARD, password, &random(entropy))
}

/// The cost of a stored hash, and whether the password is right.
fn compare(stored: &PasswordHash, password: &str) -> Result<(Cost, bool), Failure> {
    let damaged = || Failure::fault("a stored password hash cannot be read");
    let (cost, salt, expected) = parse(stored.as_str()).ok_or_else(damaged)?;
    let derived = cost.derive(password, &salt).ok_or_else(damaged)?;
    Ok((cost, derived[..].ct_eq(&expected).into()))
}

fn parse(phc: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let mut parts = phc.strip_prefix("$argon2id$v=19$")?.split('$');
    let (params, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut numbers = ["m=", "t=", "p="]
        .into_iter()
        .zip(params.split(','))
        .map(|(name, part)| part.strip_prefix(name)?.parse::<u32>().ok());
    let cost = Cost { memory_kib: numbers.next()??, passes: numbers.next()??, lanes: numbers.next()?? };
    let (salt, hash) =
        (BASE64_NOPAD.decode(salt.as_bytes()).ok()?, BASE64_NOPAD.decode(hash.as_bytes()).ok()?);
    let sound = cost.is_acceptable() && salt.len() >= 8 && hash.len() == HASH_BYTES && parts.next().is_none();
    sound.then_some((cost, salt, hash))
}

#[cfg(test)]
mod tests {
    use licensing_core::testing::TestEntropy;

    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    /// Made by argon2-cffi 25.1.0.
    const FOREIGN: &str =
        "$argon2id$v=19$m=8,t=1,p=1$fbdCb3ZJqev3dNVerLt1NA$By8lLx+XTgZPQwypmcEhQj1ahg9pdYguV6eqv0iBV2c";

    #[test]
    fn a_hash_of_another_program_is_understood() {
        let phc = PasswordHash::new(FOREIGN.to_owned());
        assert_eq!(compare(&phc, "correct horse battery").unwrap(), (CHEAP, true));
        assert_eq!(compare(&phc, "correct horse batterx").unwrap(), (CHEAP, false));
    }

    #[test]
    fn what_a_database_may_not_ask_for() {
        let fine = hash(CHEAP, "x", &[7; 16]).unwrap();
        assert!(parse(fine.as_str()).is_some());
        for (from, to) in [
            ("m=8,", "m=4294967295,"),
            ("t=1,", "t=1000,"),
            ("p=1$", "p=99$"),
            ("$v=19", "$v=16"),
            ("argon2id", "argon2i"),
            ("m=8,t=1,p=1", "m=8,t=1"),
        ] {
            let phc = fine.as_str().replace(from, to);
            assert!(phc != fine.as_str() && parse(&phc).is_none(), "{phc}");
        }
        assert!(parse(&format!("{}$x", fine.as_str())).is_none());
    }

    #[tokio::test]
    async fn outdated_costs_are_replaced_and_nobody_is_always_wrong() {
        let mut entropy = TestEntropy::new(1);
        let passwords = Passwords { cost: Cost { memory_kib: 16, ..CHEAP }, ..Passwords::default() };
        let current = passwords.hash("secret", &mut entropy).await.unwrap();
        let mut verify =
            async |password, stored| passwords.verify(password, stored, &mut entropy).await.unwrap();
        assert_eq!(verify("secret", Some(current.clone())).await, Verdict::Right);
        assert_eq!(verify("Secret", Some(current)).await, Verdict::Wrong);
        assert_eq!(verify("secret", None).await, Verdict::Wrong);
        let old = hash(CHEAP, "secret", &[1; 16]).unwrap();
        let Verdict::RightOutdated(new) = verify("secret", Some(old.clone())).await else {
            panic!("the cost has changed")
        };
        assert_eq!(verify("secret", Some(new)).await, Verdict::Right);
        assert_eq!(verify("wrong", Some(old)).await, Verdict::Wrong);
        let damaged = Some(PasswordHash::new("$argon2id$".to_owned()));
        assert!(passwords.verify("x", damaged, &mut TestEntropy::new(2)).await.is_err());
    }
}

//! Using what a container holds: checking, consuming units, starting a usage period, answering a challenge.

use crate::access::{self, AccessRefusal, AccessRequest, Usable};
use crate::codec::{Decode, Encode};
use crate::crypto::digest::hash;
use crate::crypto::sign::{PublicKey, Signature, SigningKey};
use crate::device::DeviceState;
use crate::ids::{EntryId, FirmCode, ProductCode};
use crate::product::ProductItem;
use crate::time::Timestamp;
use crate::zoo::{self, Bug};

/// How far the clock that a container keeps in its storage may lag behind the one it judges by, in seconds. Whoever
/// cuts the power and sets the computer's clock back gains no more than this.
pub const CLOCK_LAG_MAX: u64 = 60;

/// A container's answer to an application's challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    /// The product item that proves itself.
    pub entry: EntryId,
    /// The time the container judged by.
    pub judged_at: Timestamp,
    /// Signature with the product's proof key over the challenge, firm code, product code and time.
    pub signature: Signature,
}

fn proof_message(
    firm: FirmCode,
    product: ProductCode,
    challenge: &[u8; 32],
    judged_at: Timestamp,
) -> [u8; 32] {
    let parts: [&[u8]; 4] =
        [&firm.get().to_be_bytes(), &product.get().to_be_bytes(), challenge, &judged_at.secs().to_be_bytes()];
    hash("license proof", &parts)
}

impl Proof {
    /// Answers a challenge for a product item.
    #[must_use]
    pub(crate) fn make(
        product: &ProductItem,
        firm: FirmCode,
        challenge: &[u8; 32],
        judged_at: Timestamp,
    ) -> Self {
        let key = SigningKey::from_seed(product.proof_seed.0);
        let message = proof_message(firm, product.product_code, challenge, judged_at);
        Self { entry: product.entry, judged_at, signature: key.sign(&message) }
    }

    /// Verifies the answer to `challenge` with the product's public proof key, which the application embeds.
    ///
    /// # Errors
    /// The proof was not made for this challenge by a container that holds the product.
    ///
    /// # Security
    /// Draw a fresh random challenge for every call, or a recorded answer can be replayed.
    pub fn verify(
        &self,
        key: &PublicKey,
        firm: FirmCode,
        product: ProductCode,
        challenge: &[u8; 32],
    ) -> Result<(), crate::error::VerifyError> {
        key.verify(&proof_message(firm, product, challenge, self.judged_at), &self.signature)
    }
}

impl DeviceState {
    /// Whether a product can be used, by which product item, or why not.
    ///
    /// # Errors
    /// The most helpful reason among the product items asked for.
    pub fn check(
        &self,
        firm_code: FirmCode,
        request: &AccessRequest,
        host_now: Timestamp,
    ) -> Result<Usable, AccessRefusal> {
        let Some(firm) = self.firm(firm_code) else { return Err(AccessRefusal::NoLicense) };
        if firm.locked && !zoo::has(Bug::LockIgnored) {
            return Err(AccessRefusal::Locked);
        }
        access::check(&firm.products, request, self.effective_time(host_now))
    }

    /// Uses a product: as [`DeviceState::check`], and takes the asked units and starts a usage period. Persist
    /// the changed state before telling the application it may run, unless [`DeviceState::can_wait`].
    ///
    /// # Errors
    /// The reason why the product cannot be used; nothing has changed.
    pub fn consume(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        host_now: Timestamp,
    ) -> Result<Usable, AccessRefusal> {
        let usable = self.check(firm_code, request, host_now)?;
        self.observe_time(host_now);
        let now = self.box_time;
        let product = self
            .firm_mut(firm_code)
            .and_then(|firm| firm.products.iter_mut().find(|product| product.entry == usable.entry));
        if let Some(product) = product {
            if let Some(units) = &mut product.units {
                *units = units.saturating_sub(u64::from(request.units));
            }
            if product.terms.usage_period_days.is_some() {
                product.usage_started.get_or_insert(now);
            }
            return Ok(Usable { units_left: product.units, usable_until: product.usable_until(), ..usable });
        }
        Ok(usable)
    }

    /// Whether this state, which came out of `before`, need not be stored yet: nothing is different but the clock, and
    /// the clock in storage does not lag by [`CLOCK_LAG_MAX`].
    #[must_use]
    pub fn can_wait(&self, before: &Self, stored_clock: Timestamp) -> bool {
        let Self {
            serial,
            identity,
            sealing,
            certificate,
            test_host,
            created_at,
            box_time,
            certified_time,
            capacity,
            firms,
        } = self;
        let lag = box_time.secs().saturating_sub(stored_clock.secs());
        lag < CLOCK_LAG_MAX
            && *serial == before.serial
            && *identity == before.identity
            && *sealing == before.sealing
            && *certificate == before.certificate
            && *test_host == before.test_host
            && *created_at == before.created_at
            && *certified_time == before.certified_time
            && *capacity == before.capacity
            && *firms == before.firms
    }

    /// Answers a challenge for a product that can be used.
    ///
    /// # Errors
    /// The reason why the product cannot be used.
    pub fn prove(
        &self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
        host_now: Timestamp,
    ) -> Result<Proof, AccessRefusal> {
        let usable = self.check(firm_code, request, host_now)?;
        let judged_at = self.effective_time(host_now);
        let product = self
            .firm(firm_code)
            .and_then(|firm| firm.product(usable.entry))
            .ok_or(AccessRefusal::NoLicense)?;
        Ok(Proof::make(product, firm_code, challenge, judged_at))
    }
}

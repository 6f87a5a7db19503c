//! Making a context.

use crate::crypto::seal::SealingPublicKey;
use crate::crypto::sign::PublicKey;
use crate::device::{DeviceError, DeviceState};
use crate::format::context::{ContextBody, ContextHeader, ContextProduct, TraitDigest};
use crate::ids::FirmCode;
use crate::time::Timestamp;
use crate::zoo::{self, Bug};

impl DeviceState {
    /// Makes a signed context for one firm code. The state changes too (sequence and clock): persist it
    /// before the bytes leave, so that no sequence number is ever used for two different contexts.
    ///
    /// `nonce` is fresh randomness; `traits` are the salted digests of an act license's computer.
    ///
    /// # Errors
    /// [`DeviceError::Full`]: no room for the firm item of a vendor that is new to the container.
    pub fn make_context(
        &mut self,
        firm_code: FirmCode,
        nonce: [u8; 16],
        traits: Vec<TraitDigest>,
        host_now: Timestamp,
    ) -> Result<Vec<u8>, DeviceError> {
        let sealing_key = self.sealing.public_key();
        let (header, body) = self.next_context(firm_code, nonce, traits, sealing_key, host_now)?;
        Ok(body.sign(&header, self.certificate.as_deref(), &self.identity))
    }

    /// What the next context says, before it is signed.
    fn next_context(
        &mut self,
        firm_code: FirmCode,
        nonce: [u8; 16],
        traits: Vec<TraitDigest>,
        sealing_key: SealingPublicKey,
        host_now: Timestamp,
    ) -> Result<(ContextHeader, ContextBody), DeviceError> {
        self.firm_or_new(firm_code)?;
        self.observe_time(host_now);
        let held = u32::try_from(self.products_held()).unwrap_or(u32::MAX);
        let free_products = self.capacity.saturating_sub(held);
        let (box_time, certified_time) = (self.box_time, self.certified_time);
        let test_host = self.test_host;
        let header = ContextHeader { serial: self.serial, firm_code };
        let firm = self.firm_or_new(firm_code)?;
        if !zoo::has(Bug::SequenceReused) || firm.sequence == 0 {
            firm.sequence += 1;
        }
        let body = ContextBody {
            sealing_key,
            link: firm.link,
            sequence: firm.sequence,
            box_time,
            certified_time,
            nonce,
            root: firm.root,
            epoch: firm.epoch,
            blacklist_version: firm.blacklist_version,
            test_host,
            locked: firm.locked,
            free_products,
            products: firm.products.iter().map(ContextProduct::of).collect(),
            removals: firm.removals.clone(),
            traits,
        };
        Ok((header, body))
    }

    /// As [`DeviceState::make_context`], without signing: the context as the server has it once it is verified.
    ///
    /// # Errors
    /// As [`DeviceState::make_context`].
    #[cfg(feature = "testing")]
    pub fn make_verified_context(
        &mut self,
        firm_code: FirmCode,
        nonce: [u8; 16],
        traits: Vec<TraitDigest>,
        (identity, sealing): (PublicKey, SealingPublicKey),
        host_now: Timestamp,
    ) -> Result<crate::format::context::VerifiedContext, DeviceError> {
        let (header, body) = self.next_context(firm_code, nonce, traits, sealing, host_now)?;
        Ok(crate::format::context::VerifiedContext::assume(header, body, identity))
    }

    /// The key contexts of this container are signed with.
    #[must_use]
    pub fn identity_key(&self) -> PublicKey {
        self.identity.public_key()
    }
}

impl ContextProduct {
    fn of(product: &crate::product::ProductItem) -> Self {
        Self {
            entry: product.entry,
            license: product.license,
            product_code: product.product_code,
            quantity: product.quantity,
            generation: product.generation,
            units: product.units,
            usage_started: product.usage_started,
        }
    }
}

//! Updates (`*.WibuCmRaU`): steps for one container, sealed to it and signed by an issuing key.
//! See `docs/formats/update.md`.

use crate::Entropy;
use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::digest::{Digest, hash};
use crate::crypto::seal::{Sealed, SealingKey, SealingPublicKey, seal};
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::envelope::{Draft, FileType, Unverified};
use crate::error::{FormatError, VerifyError};
use crate::ids::{ContainerSerial, FirmCode};
use crate::limits::{STEPS_PER_UPDATE_MAX, UPDATE_BYTES_MAX};
use crate::step::{ChainLink, Step};
use crate::time::Timestamp;
use crate::trust::TrustedIssuer;

const SEAL_INFO: &[u8] = b"openlc:v1:update";

/// What an update says in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct UpdateHeader {
    /// The container.
    pub serial: ContainerSerial,
    /// The firm item.
    pub firm_code: FirmCode,
    /// Counter the first step fits.
    pub first: u64,
    /// Counter after the last step; equal to `first` when there is no step.
    pub last: u64,
}

/// What is sealed inside an update.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct UpdatePayload {
    /// The bytes of every unproven step, in order.
    pub steps: Vec<Vec<u8>>,
    /// The server's time.
    pub certified_time: Timestamp,
    /// Counter up to which the server has proof; removals up to it may be forgotten.
    pub confirmed_counter: u64,
    /// Newest blacklist.
    pub blacklist_version: u32,
}

/// An issuing key with its chain: what a server signs with.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The issuing key.
    pub key: SigningKey,
    /// Firm certificate and issuing certificate.
    pub certificates: Vec<Vec<u8>>,
}

/// Seals and signs an update.
///
/// # Errors
/// [`VerifyError::WeakKey`]: the container's sealing key is degenerate.
pub fn issue(
    header: &UpdateHeader,
    payload: &UpdatePayload,
    to: &SealingPublicKey,
    issuer: &Issuer,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, VerifyError> {
    let aad = encode(header);
    let sealed = seal(to, SEAL_INFO, &encode(payload), &aad, entropy)?;
    let mut body = sealed.enc.to_vec();
    body.extend_from_slice(&sealed.ciphertext);
    let draft =
        Draft { file_type: FileType::Update, header: aad, body, certificates: issuer.certificates.clone() };
    Ok(draft.sign(&issuer.key))
}

/// An update whose chain and signature have been verified, still sealed.
#[derive(Debug, Clone)]
pub struct VerifiedUpdate {
    /// For whom it is.
    pub header: UpdateHeader,
    /// Who signed it.
    pub issuer: TrustedIssuer,
    /// Hash of the file.
    pub hash: Digest,
    aad: Vec<u8>,
    sealed: Sealed,
}

/// An opened update: steps in order, each fitting the one before.
#[derive(Debug, Clone)]
pub struct OpenedUpdate {
    /// The steps.
    pub steps: Vec<OpenedStep>,
    /// The server's time.
    pub certified_time: Timestamp,
    /// Counter up to which the server has proof.
    pub confirmed_counter: u64,
    /// Newest blacklist.
    pub blacklist_version: u32,
}

/// A step and where it leads.
#[derive(Debug, Clone)]
pub struct OpenedStep {
    /// The step.
    pub step: Step,
    /// The chain after it.
    pub after: ChainLink,
}

impl VerifiedUpdate {
    /// Verifies an update against the root pinned for its firm code, if any.
    ///
    /// # Errors
    /// Malformed, forged, or signed outside the chain or for another firm code.
    pub fn verify(
        bytes: &[u8],
        pinned: impl FnOnce(FirmCode) -> Option<PublicKey>,
    ) -> Result<Self, VerifyError> {
        let unverified = Unverified::read(bytes, FileType::Update, UPDATE_BYTES_MAX)?;
        // The chain names the firm code; only then is it known which root was pinned for it.
        let claimed = TrustedIssuer::verify(unverified.certificates(), None)?;
        let verified = unverified.verify_with(&claimed.key)?;
        if pinned(claimed.firm_code).is_some_and(|root| root != claimed.root) {
            return Err(VerifyError::UntrustedSigner);
        }
        let header: UpdateHeader = decode::<_, 128>(verified.header)?;
        if header.firm_code != claimed.firm_code {
            return Err(VerifyError::WrongFirm);
        }
        let steps = header.last.checked_sub(header.first).ok_or(FormatError::Invalid("step counters"))?;
        if steps > STEPS_PER_UPDATE_MAX as u64 {
            return Err(FormatError::Invalid("number of steps").into());
        }
        let (enc, ciphertext) = verified.body.split_first_chunk::<32>().ok_or(FormatError::Truncated)?;
        Ok(Self {
            header,
            issuer: claimed,
            hash: hash("update", &[bytes]),
            aad: verified.header.to_vec(),
            sealed: Sealed { enc: *enc, ciphertext: ciphertext.to_vec() },
        })
    }

    /// Opens the update with the container's key and checks that its steps form one chain.
    ///
    /// # Errors
    /// Sealed for another container, malformed inside, or signed outside the issuing key's validity.
    pub fn open(&self, key: &SealingKey) -> Result<OpenedUpdate, VerifyError> {
        let plain = key.open(&self.sealed, SEAL_INFO, &self.aad)?;
        let payload: UpdatePayload = decode::<_, UPDATE_BYTES_MAX>(&plain)?;
        self.issuer.valid_at(payload.certified_time)?;
        OpenedUpdate::of(&self.header, &payload)
    }
}

impl OpenedUpdate {
    /// Checks that the steps of an update form one chain, as its header says.
    pub(crate) fn of(header: &UpdateHeader, payload: &UpdatePayload) -> Result<Self, VerifyError> {
        let mut steps: Vec<OpenedStep> = Vec::new();
        let mut counter = header.first;
        for bytes in &payload.steps {
            let step = Step::parse(bytes)?;
            let fits = step.serial == header.serial
                && step.firm_code == header.firm_code
                && step.before.counter == counter
                && steps.last().is_none_or(|previous| previous.after == step.before);
            if !fits {
                return Err(FormatError::Invalid("chain of steps").into());
            }
            let after = step.before.after(Step::id_of(bytes));
            counter = after.counter;
            steps.push(OpenedStep { step, after });
        }
        if counter != header.last {
            return Err(FormatError::Invalid("number of steps").into());
        }
        Ok(Self {
            steps,
            certified_time: payload.certified_time,
            confirmed_counter: payload.confirmed_counter,
            blacklist_version: payload.blacklist_version,
        })
    }
}

//! The bytes of an act license file.

use licensing_core::Entropy;
use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::crypto::aead::{decrypt_once, encrypt_once};
use licensing_core::crypto::digest::{Digest, derive_key, hash};
use licensing_core::device::serial_of;
use licensing_core::envelope::{Draft, FileType, Unverified};
use licensing_core::error::VerifyError;
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_core::limits::FILE_BYTES_MAX;
use licensing_core::random;
use zeroize::Zeroizing;

use crate::act::ActState;
use crate::binding::{Binding, BindingOutline, FileKey, OutlinedTrait};
use crate::container::ContainerError;
use crate::traits::HostTrait;

/// The public part of the file.
#[derive(Clone, Encode, Decode)]
struct ActHeader {
    serial: ContainerSerial,
    version: u64,
    test_host: bool,
    salt: [u8; 32],
    binding: Binding,
}

/// A file that was opened.
pub(super) struct Opened {
    pub(super) version: u64,
    pub(super) digest: Digest,
    pub(super) key: FileKey,
    pub(super) binding: Binding,
    pub(super) state: ActState,
}

/// The key of one version: fresh salt, fresh key, so no nonce can repeat even on a cloned machine.
fn state_key(key: &FileKey, version: u64, salt: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let salt = [salt.as_slice(), &version.to_be_bytes()].concat();
    Zeroizing::new(derive_key(&**key, &salt, "act license state"))
}

pub(super) fn seal(
    state: &ActState,
    binding: &Binding,
    key: &FileKey,
    version: u64,
    entropy: &mut dyn Entropy,
) -> Vec<u8> {
    let header = ActHeader {
        serial: state.device.serial,
        version,
        test_host: state.device.test_host,
        salt: random(entropy),
        binding: binding.clone(),
    };
    let bytes = encode(&header);
    let plain = Zeroizing::new(encode(state));
    let body = encrypt_once(&state_key(key, version, &header.salt), &plain, &bytes);
    Draft { file_type: FileType::ActLicense, header: bytes, body, certificates: Vec::new() }
        .sign(&state.device.identity)
}

/// Checks the signature and reads the public part.
fn verified(bytes: &[u8]) -> Result<(ActHeader, Vec<u8>, Vec<u8>), VerifyError> {
    let unverified = Unverified::read(bytes, FileType::ActLicense, FILE_BYTES_MAX)?;
    let verified = unverified.verify_self()?;
    let header: ActHeader = decode::<_, 65_536>(verified.header)?;
    if serial_of(ContainerKind::Act, &verified.signer) != header.serial {
        return Err(VerifyError::UntrustedSigner);
    }
    Ok((header, verified.header.to_vec(), verified.body.to_vec()))
}

pub(super) fn open(
    bytes: &[u8],
    serial: ContainerSerial,
    traits: &[HostTrait],
) -> Result<Opened, ContainerError> {
    let (header, header_bytes, body) = verified(bytes).map_err(ContainerError::Damaged)?;
    if header.serial != serial {
        return Err(ContainerError::Damaged(VerifyError::UntrustedSigner));
    }
    let key = header.binding.unlock(traits).ok_or(ContainerError::WrongComputer)?;
    let plain = decrypt_once(&state_key(&key, header.version, &header.salt), &body, &header_bytes)
        .map(Zeroizing::new)
        .map_err(ContainerError::Damaged)?;
    let state: ActState =
        decode::<_, FILE_BYTES_MAX>(&plain).map_err(|error| ContainerError::Damaged(error.into()))?;
    if state.device.serial != serial {
        return Err(ContainerError::Damaged(VerifyError::UntrustedSigner));
    }
    let digest = hash("act license file", &[bytes]);
    Ok(Opened { version: header.version, digest, key, binding: header.binding, state })
}

/// What anyone can see of an act license file without opening it: serial, version, test mark.
///
/// # Errors
/// The file is malformed, damaged or forged.
pub fn inspect(bytes: &[u8]) -> Result<(ContainerSerial, u64, bool), VerifyError> {
    verified(bytes).map(|(header, _, _)| (header.serial, header.version, header.test_host))
}

/// What an act license file that does not open here tells of its binding, and what of that is present on a
/// computer: names and weights, never values.
///
/// # Errors
/// The file is malformed, damaged or forged.
pub fn outline(bytes: &[u8], host: &[HostTrait]) -> Result<BindingOutline, VerifyError> {
    let (header, _, _) = verified(bytes)?;
    let present = |name: &str| host.iter().any(|t| t.name == name);
    let slots = header.binding.slots.into_iter().map(|slot| (present(&slot.name), slot));
    let traits =
        slots.map(|(is_present, slot)| OutlinedTrait { name: slot.name, weight: slot.weight, is_present });
    Ok(BindingOutline { traits: traits.collect(), threshold: header.binding.threshold })
}

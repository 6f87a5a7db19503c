//! Act licenses: an encrypted and signed file that opens on its own computer only, and only in its newest
//! version. See `docs/formats/act-license.md`.
//!
//! A write goes: new file, sync, rename, sync of the folder, then the anchors. After a power cut at any moment
//! the old or the new state opens; the anchor, kept apart, then is one behind at most.

mod anchor;
mod file;

pub use file::{inspect, outline};

use licensing_core::Entropy;
use licensing_core::access::{AccessRequest, Usable};
use licensing_core::codec::{Decode, Encode};
use licensing_core::crypto::digest::hash;
use licensing_core::crypto::seal::SealingKey;
use licensing_core::crypto::sign::SigningKey;
use licensing_core::device::{ApplyReport, DeviceError, DeviceState, NewDevice, Proof};
use licensing_core::format::context::TraitDigest;
use licensing_core::format::template::VerifiedTemplate;
use licensing_core::ids::{ContainerKind, ContainerSerial, FirmCode};
use licensing_core::random;
use licensing_core::terms::Tolerance;
use licensing_core::time::Timestamp;

use crate::binding::{Baseline, Binding, BindingReport, FileKey, KdfCost, threshold};
use crate::container::{Container, ContainerError, FirmInfo};
use crate::storage::{Storage, replace};
use crate::traits::{HostTrait, HostTraits};

/// Product items an act license can hold.
pub const CAPACITY: u32 = 2_000;

/// The computer an act license is opened on: where files are, where anchors are, what it is like.
pub struct ActHost {
    /// Where the license file is.
    pub storage: Box<dyn Storage>,
    /// Where anchors are: apart from the file, in one place or several.
    pub anchors: Vec<Box<dyn Storage>>,
    /// The computer's traits.
    pub traits: Vec<HostTrait>,
    /// Whether those are simulated.
    pub simulated: bool,
    /// Cost of new bindings.
    pub cost: KdfCost,
}

impl ActHost {
    /// Collects the traits of a computer.
    #[must_use]
    pub fn new(storage: Box<dyn Storage>, anchors: Vec<Box<dyn Storage>>, host: &dyn HostTraits) -> Self {
        let (traits, simulated) = (host.collect(), host.is_simulated());
        Self { storage, anchors, traits, simulated, cost: KdfCost::STANDARD }
    }
}

/// What is encrypted inside the file.
#[derive(Clone, Encode, Decode)]
struct ActState {
    device: DeviceState,
    /// The computer as it was at enrolment: re-binding never strays further from it than the tolerance.
    baseline: Vec<Baseline>,
    baseline_salt: [u8; 16],
    /// The computer the file is bound to now.
    bound_to: Vec<Baseline>,
    anchor_key: [u8; 32],
    tolerance: Tolerance,
}

/// An open act license.
pub struct ActLicense {
    host: ActHost,
    key: FileKey,
    binding: Binding,
    version: u64,
    state: ActState,
    /// The clock as it is in the file.
    stored_clock: Timestamp,
    /// Set when a write failed midway: what is on disk is unknown until the file is opened again.
    stale: bool,
}

/// Name of the file of an act license.
#[must_use]
pub fn file_name(serial: ContainerSerial) -> String {
    format!("{serial}.act")
}

impl ActLicense {
    /// Makes a new, empty act license from a vendor's template.
    ///
    /// # Errors
    /// The template is not acceptable, the computer has no traits, or the storage failed.
    pub fn create(
        host: ActHost,
        template: &[u8],
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, ContainerError> {
        let template = VerifiedTemplate::verify(template, None).map_err(DeviceError::from)?;
        let new = NewDevice {
            kind: ContainerKind::Act,
            identity: SigningKey::generate(entropy),
            sealing: SealingKey::generate(entropy),
            capacity: CAPACITY,
            test_host: host.simulated,
        };
        let mut device = DeviceState::new(new, now);
        device.register_template(&template)?;
        let tolerance = device.tolerance().unwrap_or(Tolerance::Medium);
        let baseline_salt = random(entropy);
        let baseline: Vec<Baseline> = host.traits.iter().map(|t| Baseline::of(t, &baseline_salt)).collect();
        let state = ActState {
            device,
            bound_to: baseline.clone(),
            baseline,
            baseline_salt,
            anchor_key: random(entropy),
            tolerance,
        };
        let key = FileKey::new(random(entropy));
        let binding = Binding::new(&key, &host.traits, tolerance, host.cost, entropy)
            .ok_or(ContainerError::NoTraits)?;
        let mut license =
            Self { host, key, binding, version: 0, state: state.clone(), stored_clock: now, stale: false };
        license.write(state, entropy)?;
        Ok(license)
    }

    /// Opens an act license on its computer.
    ///
    /// After a permitted change of hardware the file is bound anew to the computer as it is now.
    ///
    /// # Errors
    /// * [`ContainerError::NotFound`], [`ContainerError::Damaged`]
    /// * [`ContainerError::WrongComputer`]: copied, or too much has changed
    /// * [`ContainerError::RolledBack`], [`ContainerError::AnchorLost`]: an older copy was put back
    pub fn open(
        host: ActHost,
        serial: ContainerSerial,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, ContainerError> {
        let bytes = host.storage.read(&file_name(serial))?.ok_or(ContainerError::NotFound)?;
        let opened = file::open(&bytes, serial, &host.traits)?;
        let standing =
            anchor::judge(&host.anchors, serial, opened.version, &opened.digest, &opened.state.anchor_key)?;
        let mut license = Self {
            host,
            key: opened.key,
            binding: opened.binding,
            version: opened.version,
            stored_clock: opened.state.device.box_time,
            state: opened.state,
            stale: false,
        };
        if standing == anchor::Standing::Behind {
            let record = (license.version, &opened.digest, &license.state.anchor_key);
            anchor::write(&mut license.host.anchors, serial, record)?;
        }
        if license.needs_new_binding(&license.state) {
            let state = license.state.clone();
            license.write(state, entropy)?;
        }
        Ok(license)
    }

    fn report(&self, state: &ActState) -> BindingReport {
        let total = state.baseline.iter().map(|base| u16::from(base.weight)).sum();
        let needed = threshold(state.tolerance, total);
        BindingReport::new(&state.baseline, &state.baseline_salt, needed, &self.host.traits)
    }

    /// Whether the computer, or the demanded tolerance, is no longer what the file is bound to, and the computer
    /// is still close enough to the one of enrolment to be bound to as it is.
    fn needs_new_binding(&self, state: &ActState) -> bool {
        let report = self.report(state);
        let total = self.binding.slots.iter().map(|slot| u16::from(slot.weight)).sum();
        let tolerance_changed = self.binding.threshold != threshold(state.tolerance, total);
        let drifted = state.bound_to != self.digests(&state.baseline_salt);
        (tolerance_changed || drifted) && report.score >= report.threshold
    }

    fn digests(&self, salt: &[u8; 16]) -> Vec<Baseline> {
        self.host.traits.iter().map(|t| Baseline::of(t, salt)).collect()
    }

    /// Writes a new version of the file and then the anchors; only then the new state counts.
    fn write(&mut self, mut state: ActState, entropy: &mut dyn Entropy) -> Result<(), ContainerError> {
        if self.stale {
            return Err(std::io::Error::other("an earlier write failed; open the container again").into());
        }
        let (key, binding) = if self.version > 0 && self.needs_new_binding(&state) {
            let key = FileKey::new(random(entropy));
            let binding = Binding::new(&key, &self.host.traits, state.tolerance, self.host.cost, entropy)
                .ok_or(ContainerError::NoTraits)?;
            state.bound_to = self.digests(&state.baseline_salt);
            (key, binding)
        } else {
            (self.key.clone(), self.binding.clone())
        };
        let version = self.version + 1;
        let serial = state.device.serial;
        let bytes = file::seal(&state, &binding, &key, version, entropy);
        let digest = hash("act license file", &[&bytes]);
        self.stale = true;
        replace(self.host.storage.as_mut(), &file_name(serial), &bytes)?;
        anchor::write(&mut self.host.anchors, serial, (version, &digest, &state.anchor_key))?;
        self.stored_clock = state.device.box_time;
        (self.key, self.binding, self.version, self.state, self.stale) =
            (key, binding, version, state, false);
        Ok(())
    }

    fn change<T>(
        &mut self,
        entropy: &mut dyn Entropy,
        change: impl FnOnce(&mut DeviceState, &mut dyn Entropy) -> Result<T, ContainerError>,
    ) -> Result<T, ContainerError> {
        let mut state = self.state.clone();
        let outcome = change(&mut state.device, entropy)?;
        state.tolerance = state.device.tolerance().unwrap_or(state.tolerance);
        self.write(state, entropy)?;
        Ok(outcome)
    }

    /// Salted digests of the traits, for the vendor's own comparison of computers.
    fn trait_digests(&self, firm_code: FirmCode) -> Vec<TraitDigest> {
        let Some(binding) = self.state.device.firm(firm_code).and_then(|firm| firm.binding.as_ref()) else {
            return Vec::new();
        };
        let digest = |host: &HostTrait| {
            let kind = hash("trait name", &[host.name.as_bytes()]);
            TraitDigest {
                kind: [kind[0], kind[1], kind[2], kind[3]],
                weight: host.weight(),
                digest: Baseline::of(host, &binding.trait_salt).digest,
            }
        };
        self.host.traits.iter().map(digest).collect()
    }
}

impl Container for ActLicense {
    fn serial(&self) -> ContainerSerial {
        self.state.device.serial
    }

    fn is_test(&self) -> bool {
        self.state.device.test_host
    }

    fn firms(&mut self) -> Result<Vec<FirmInfo>, ContainerError> {
        Ok(FirmInfo::all(&self.state.device))
    }

    fn register_template(
        &mut self,
        template: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<(), ContainerError> {
        let template = VerifiedTemplate::verify(template, None).map_err(DeviceError::from)?;
        self.change(entropy, |device, _| Ok(device.register_template(&template)?))
    }

    fn create_context(
        &mut self,
        firm_code: FirmCode,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, ContainerError> {
        let digests = self.trait_digests(firm_code);
        self.change(entropy, |device, entropy| {
            Ok(device.make_context(firm_code, random(entropy), digests, now)?)
        })
    }

    fn import_update(
        &mut self,
        update: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<ApplyReport, ContainerError> {
        self.change(entropy, |device, _| {
            let applied = device.apply_update(update)?;
            *device = applied.state;
            Ok(applied.report)
        })
    }

    fn check(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        now: Timestamp,
    ) -> Result<Usable, ContainerError> {
        Ok(self.state.device.check(firm_code, request, now)?)
    }

    fn consume(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Usable, ContainerError> {
        let mut device = self.state.device.clone();
        let usable = device.consume(firm_code, request, now)?;
        if !self.stale && device.can_wait(&self.state.device, self.stored_clock) {
            self.state.device = device;
        } else {
            self.write(ActState { device, ..self.state.clone() }, entropy)?;
        }
        Ok(usable)
    }

    fn prove(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
        now: Timestamp,
    ) -> Result<Proof, ContainerError> {
        Ok(self.state.device.prove(firm_code, request, challenge, now)?)
    }

    fn binding_report(&mut self) -> Result<Option<BindingReport>, ContainerError> {
        Ok(Some(self.report(&self.state)))
    }
}

//! Files of vendors that work without a container: pre-activated licenses, and blacklists enforced on this computer.

use container_sim::storage::{DirStorage, Storage, replace};
use licensing_core::access::{AccessRefusal, AccessRequest, Usable};
use licensing_core::crypto::sign::PublicKey;
use licensing_core::device::Proof;
use licensing_core::error::VerifyError;
use licensing_core::format::blacklist::VerifiedBlacklist;
use licensing_core::format::preactivated::VerifiedPreActivated;
use licensing_core::ids::{ContainerSerial, FirmCode};

use crate::access::{Answer, Source};
use crate::registry::{Registry, RuntimeError};

const LICENSE: &str = ".license";
const BLACKLIST: &str = ".blacklist";

impl Registry {
    fn vendor_files(&self) -> Result<DirStorage, RuntimeError> {
        Ok(DirStorage::open(&self.places().vendor)?)
    }

    /// The root this computer knows a vendor by: that of a container which holds something of it, else that of a file
    /// taken before.
    fn known_root(&mut self, firm_code: FirmCode) -> Result<Option<PublicKey>, RuntimeError> {
        for listed in self.list()? {
            let Ok(mut container) = listed.container else { continue };
            let firms = container.firms().unwrap_or_default();
            if let Some(root) = firms.iter().filter(|f| f.firm_code == firm_code).find_map(|firm| firm.root) {
                return Ok(Some(root));
            }
        }
        let of_license = self.preactivated()?.into_iter().find(|l| l.body().firm_code == firm_code);
        let of_list = self.blacklist(firm_code)?;
        Ok(of_license.map(|l| *l.root()).or_else(|| of_list.map(|list| *list.root())))
    }

    /// Takes a pre-activated license into this computer. Taking it again changes nothing.
    ///
    /// # Errors
    /// It is malformed, forged, of another root than this computer knows the vendor by, or the disk failed.
    pub fn install_preactivated(&mut self, bytes: &[u8]) -> Result<VerifiedPreActivated, RuntimeError> {
        let license = VerifiedPreActivated::verify(bytes, None)?;
        let firm_code = license.body().firm_code;
        if self.known_root(firm_code)?.is_some_and(|root| root != *license.root()) {
            return Err(VerifyError::UntrustedSigner.into());
        }
        let name = format!("{firm_code}-{}{LICENSE}", license.body().id);
        replace(&mut self.vendor_files()?, &name, bytes)?;
        Ok(license)
    }

    /// The pre-activated licenses of this computer. A file that was changed is left out: it is no license.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn preactivated(&self) -> Result<Vec<VerifiedPreActivated>, RuntimeError> {
        let files = self.vendor_files()?;
        let mut licenses = Vec::new();
        for name in files.list()?.iter().filter(|name| name.ends_with(LICENSE)) {
            let bytes = files.read(name)?.unwrap_or_default();
            licenses.extend(VerifiedPreActivated::verify(&bytes, None).ok());
        }
        Ok(licenses)
    }

    /// Takes a vendor's blacklist into this computer; from now on licenses of this vendor in listed containers are
    /// refused. An older list than the one in force changes nothing, and gives the one in force.
    ///
    /// # Errors
    /// It is malformed, forged, of another root than this computer knows the vendor by, or the disk failed.
    pub fn import_blacklist(&mut self, bytes: &[u8]) -> Result<VerifiedBlacklist, RuntimeError> {
        let list = VerifiedBlacklist::verify(bytes, None)?;
        let firm_code = list.body().firm_code;
        if self.known_root(firm_code)?.is_some_and(|root| root != *list.root()) {
            return Err(VerifyError::UntrustedSigner.into());
        }
        if let Some(present) = self.blacklist(firm_code)?
            && present.body().version >= list.body().version
        {
            return Ok(present);
        }
        replace(&mut self.vendor_files()?, &format!("{firm_code}{BLACKLIST}"), bytes)?;
        Ok(list)
    }

    /// The blacklist of a vendor in force on this computer.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn blacklist(&self, firm_code: FirmCode) -> Result<Option<VerifiedBlacklist>, RuntimeError> {
        let bytes = self.blacklist_file(firm_code)?;
        Ok(bytes.and_then(|bytes| VerifiedBlacklist::verify(&bytes, None).ok()))
    }

    /// The file of that blacklist.
    pub(crate) fn blacklist_file(&self, firm_code: FirmCode) -> Result<Option<Vec<u8>>, RuntimeError> {
        Ok(self.vendor_files()?.read(&format!("{firm_code}{BLACKLIST}"))?)
    }

    /// Whether licenses of a vendor in a container are refused on this computer.
    pub(crate) fn is_blacklisted(&self, serial: ContainerSerial, firm_code: FirmCode) -> bool {
        self.blacklist(firm_code).is_ok_and(|list| list.is_some_and(|list| list.lists(serial)))
    }

    /// The pre-activated license that grants a product.
    pub(crate) fn check_preactivated(
        &self,
        firm_code: FirmCode,
        request: &AccessRequest,
    ) -> Result<Answer<Usable>, AccessRefusal> {
        let now = self.clock().now();
        self.among_preactivated(|license| license.check(firm_code, request, now))
    }

    /// The same, with proof by the product's unbound key.
    pub(crate) fn prove_preactivated(
        &self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
    ) -> Result<Answer<Proof>, AccessRefusal> {
        let now = self.clock().now();
        self.among_preactivated(|license| license.prove(firm_code, request, challenge, now))
    }

    fn among_preactivated<T>(
        &self,
        ask: impl Fn(&VerifiedPreActivated) -> Result<T, AccessRefusal>,
    ) -> Result<Answer<T>, AccessRefusal> {
        let mut closest = AccessRefusal::NoLicense;
        for license in self.preactivated().unwrap_or_default() {
            match ask(&license) {
                Ok(value) => return Ok(Answer { source: Source::PreActivated(license.body().id), value }),
                Err(refusal) if refusal.is_closer_than(&closest) => closest = refusal,
                Err(_) => {}
            }
        }
        Err(closest)
    }
}

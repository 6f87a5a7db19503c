//! The keys of a server, one per file, each readable by its owner only.
//!
//! ```text
//! root.key                         certifies firm keys; needed only for a new firm key, keep it elsewhere
//! ticket-look-up.key               keyed hash of tickets
//! ticket-display.key               encrypts tickets and stored answers
//! firm-6000010/firm.key            certifies issuing keys; needed only when one is replaced
//! firm-6000010/firm.cert           the root's word for it
//! firm-6000010/issuing-00001.key   signs updates and templates
//! firm-6000010/issuing-00001.cert  the firm key's word for it; the highest number is in use
//! firm-6000010/proof-master.key    product proof keys are derived from it
//! firm-6000010/trait-salt.key      salt of the trait digests in contexts
//! ```
//!
//! Key files hold hexadecimal digits and a line break, certificates are files of our format.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use licensing_core::crypto::sign::{PublicKey, SigningKey};
use licensing_core::format::certificate::{FirmCertificate, IssuingCertificate};
use licensing_core::format::update::Issuer;
use licensing_core::ids::{FirmCode, Name};
use licensing_core::time::Timestamp;
use licensing_core::work::ProofMaster;
use licensing_core::{Entropy, random};
use licensing_wire::binary::{from_hex, to_hex};
use zeroize::Zeroizing;

use crate::data_dir::{is_private, make_private_dir, write_new};
use crate::vault::Vault;

/// Seconds an issuing certificate is valid before it was made, so that clocks may differ a little.
const BACKDATE_SECS: u64 = 300;

/// Everything the server signs, derives and encrypts with.
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// Per vendor.
    pub firms: BTreeMap<FirmCode, FirmKeys>,
    /// Protects tickets in the database.
    pub vault: Vault,
}

/// The keys of one vendor.
#[derive(Debug, Clone)]
pub struct FirmKeys {
    /// The vendor.
    pub firm_code: FirmCode,
    /// The vendor's name.
    pub name: Name,
    /// The issuing key in use, with its chain.
    pub issuer: Issuer,
    /// Its epoch.
    pub epoch: u32,
    /// When it stops being valid.
    pub not_after: Timestamp,
    /// Product proof keys are derived from it.
    pub proofs: ProofMaster,
    /// Salt of the trait digests in contexts.
    pub trait_salt: [u8; 16],
    /// The root at the top of its chain.
    pub root: PublicKey,
}

fn write_key(path: &Path, key: &[u8]) -> anyhow::Result<()> {
    let text = Zeroizing::new(format!("{}\n", to_hex(key)));
    write_new(path, text.as_bytes(), true)
}

fn read_key<const N: usize>(path: &Path) -> anyhow::Result<Zeroizing<[u8; N]>> {
    ensure!(is_private(path)?, "{} can be read by others; run chmod 600 on it", path.display());
    let text =
        Zeroizing::new(fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?);
    let key = from_hex(&text).with_context(|| format!("{} is damaged", path.display()))?;
    Ok(Zeroizing::new(key))
}

fn signing_key(path: &Path) -> anyhow::Result<SigningKey> {
    Ok(SigningKey::from_seed(*read_key::<32>(path)?))
}

fn firm_dir(dir: &Path, firm_code: FirmCode) -> PathBuf {
    dir.join(format!("firm-{firm_code}"))
}

/// Makes all keys of a new server with one vendor.
///
/// # Errors
/// A file exists already or cannot be written.
pub fn create(
    dir: &Path,
    firm_code: FirmCode,
    name: Name,
    validity_days: u32,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> anyhow::Result<()> {
    let (root, firm) = (SigningKey::generate(entropy), SigningKey::generate(entropy));
    write_key(&dir.join("root.key"), root.seed())?;
    write_key(&dir.join("ticket-look-up.key"), &Zeroizing::new(random::<32>(entropy))[..])?;
    write_key(&dir.join("ticket-display.key"), &Zeroizing::new(random::<32>(entropy))[..])?;
    let firm_dir = firm_dir(dir, firm_code);
    make_private_dir(&firm_dir)?;
    write_key(&firm_dir.join("firm.key"), firm.seed())?;
    let certificate = FirmCertificate { firm_code, firm_key: firm.public_key(), version: 1, name };
    write_new(&firm_dir.join("firm.cert"), &certificate.sign(&root), false)?;
    write_key(&firm_dir.join("proof-master.key"), &Zeroizing::new(random::<32>(entropy))[..])?;
    write_key(&firm_dir.join("trait-salt.key"), &random::<16>(entropy))?;
    rotate(dir, firm_code, validity_days, now, entropy)?;
    Ok(())
}

/// Makes the next issuing key of a vendor, and gives its epoch. Containers accept the old one until they have
/// seen the new one.
///
/// # Errors
/// The firm key is not here, or a file cannot be written.
pub fn rotate(
    dir: &Path,
    firm_code: FirmCode,
    validity_days: u32,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> anyhow::Result<u32> {
    let dir = firm_dir(dir, firm_code);
    let firm = signing_key(&dir.join("firm.key"))
        .context("the firm key is needed to certify a new issuing key; bring it back for this")?;
    let epoch = newest_epoch(&dir)?.unwrap_or(0) + 1;
    let key = SigningKey::generate(entropy);
    let certificate = IssuingCertificate {
        firm_code,
        issuing_key: key.public_key(),
        epoch,
        not_before: Timestamp::from_secs(now.secs().saturating_sub(BACKDATE_SECS)),
        not_after: now.plus_days(validity_days),
    };
    let (key_path, certificate_path) = issuing_paths(&dir, epoch);
    if key_path.exists() {
        // A rotation broke off between key and certificate: nothing was ever signed with that key.
        fs::remove_file(&key_path)?;
    }
    write_key(&key_path, key.seed())?;
    // The certificate last: only with it the key counts.
    write_new(&certificate_path, &certificate.sign(&firm), false)?;
    Ok(epoch)
}

fn issuing_paths(dir: &Path, epoch: u32) -> (PathBuf, PathBuf) {
    (dir.join(format!("issuing-{epoch:05}.key")), dir.join(format!("issuing-{epoch:05}.cert")))
}

fn newest_epoch(dir: &Path) -> anyhow::Result<Option<u32>> {
    let mut newest = None;
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let name = entry?.file_name();
        let epoch = name
            .to_str()
            .and_then(|name| name.strip_prefix("issuing-")?.strip_suffix(".cert"))
            .and_then(|digits| digits.parse::<u32>().ok());
        newest = newest.max(epoch);
    }
    Ok(newest)
}

/// Loads all keys and checks that they belong together.
///
/// # Errors
/// A file is missing, damaged, readable by others, or does not fit the others.
pub fn load(dir: &Path) -> anyhow::Result<KeyRing> {
    let pepper = read_key::<32>(&dir.join("ticket-look-up.key"))?;
    let display = read_key::<32>(&dir.join("ticket-display.key"))?;
    let mut firms = BTreeMap::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let code: Option<FirmCode> = entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix("firm-"))
            .and_then(|code| code.parse().ok());
        if let Some(code) = code {
            firms.insert(code, load_firm(&entry.path(), code)?);
        }
    }
    ensure!(!firms.is_empty(), "{} holds the keys of no firm code", dir.display());
    Ok(KeyRing { firms, vault: Vault::new(*pepper, *display) })
}

fn load_firm(dir: &Path, firm_code: FirmCode) -> anyhow::Result<FirmKeys> {
    let shown = dir.display();
    let epoch = newest_epoch(dir)?.with_context(|| format!("{shown} holds no issuing certificate"))?;
    let (key_path, certificate_path) = issuing_paths(dir, epoch);
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let (firm_cert, issuing_cert) = (read(&dir.join("firm.cert"))?, read(&certificate_path)?);
    let damaged = || format!("the certificates in {shown} do not fit");
    let (firm, root) = FirmCertificate::verify(&firm_cert, None).with_context(damaged)?;
    let issuing = IssuingCertificate::verify(&issuing_cert, &firm.firm_key).with_context(damaged)?;
    let key = signing_key(&key_path)?;
    ensure!(
        firm.firm_code == firm_code
            && issuing.firm_code == firm_code
            && issuing.epoch == epoch
            && issuing.issuing_key == key.public_key(),
        damaged()
    );
    Ok(FirmKeys {
        firm_code,
        name: firm.name,
        issuer: Issuer { key, certificates: vec![firm_cert, issuing_cert] },
        epoch,
        not_after: issuing.not_after,
        proofs: ProofMaster(*read_key::<32>(&dir.join("proof-master.key"))?),
        trait_salt: *read_key::<16>(&dir.join("trait-salt.key"))?,
        root,
    })
}

/// The firm key of a vendor with the root's word for it, for what only the firm key signs: origin grants and
/// software packages. Without `firm_code`, that of the only vendor.
///
/// # Errors
/// The firm key is not here, does not fit its certificate, or it is not clear whose is meant.
pub fn firm_signer(
    dir: &Path,
    firm_code: Option<FirmCode>,
) -> anyhow::Result<(FirmCode, SigningKey, Vec<u8>)> {
    let ring = load(dir)?;
    let firm_code = match (firm_code, ring.firms.keys().copied().collect::<Vec<_>>().as_slice()) {
        (Some(firm_code), served) => {
            ensure!(served.contains(&firm_code), "this server has no keys of firm code {firm_code}");
            firm_code
        }
        (None, [only]) => *only,
        (None, _) => anyhow::bail!("this server has several firm codes: pass --firm-code"),
    };
    let dir = firm_dir(dir, firm_code);
    let key = signing_key(&dir.join("firm.key"))
        .context("only the firm key signs this; bring it back for this moment")?;
    let path = dir.join("firm.cert");
    let certificate = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (firm, _) = FirmCertificate::verify(&certificate, None)?;
    ensure!(firm.firm_key == key.public_key(), "the firm key does not fit its certificate");
    Ok((firm_code, key, certificate))
}

/// Replaces every issuing key that ends within `before_days`; gives the firm codes and new epochs.
///
/// # Errors
/// As [`rotate`].
pub fn rotate_due(
    dir: &Path,
    ring: &KeyRing,
    before_days: u32,
    validity_days: u32,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> anyhow::Result<Vec<(FirmCode, u32)>> {
    let mut rotated = Vec::new();
    for keys in ring.firms.values() {
        if now.plus_days(before_days) >= keys.not_after {
            rotated.push((keys.firm_code, rotate(dir, keys.firm_code, validity_days, now, entropy)?));
        }
    }
    Ok(rotated)
}

#[cfg(test)]
mod tests {
    use licensing_core::testing::TestEntropy;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn firm() -> FirmCode {
        FirmCode::new(6_000_010).unwrap()
    }

    fn made(dir: &Path) {
        let name = Name::new("Sample Vendor").unwrap();
        create(dir, firm(), name, 365, NOW, &mut TestEntropy::new(1)).unwrap();
    }

    #[test]
    fn keys_survive_and_rotate_when_due() {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path());
        let ring = load(dir.path()).unwrap();
        assert_eq!(ring.firms[&firm()].epoch, 1);
        let mut entropy = TestEntropy::new(2);
        let early = NOW.plus_days(334);
        assert!(rotate_due(dir.path(), &ring, 30, 365, early, &mut entropy).unwrap().is_empty());
        let due = NOW.plus_days(335);
        assert_eq!(rotate_due(dir.path(), &ring, 30, 365, due, &mut entropy).unwrap(), [(firm(), 2)]);
        let again = load(dir.path()).unwrap();
        assert_eq!(again.firms[&firm()].epoch, 2);
        assert_eq!(again.firms[&firm()].not_after, due.plus_days(365));
        assert_eq!(again.firms[&firm()].trait_salt, ring.firms[&firm()].trait_salt);
    }

    #[cfg(unix)]
    #[test]
    fn keys_that_others_can_read_are_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        made(dir.path());
        let path = dir.path().join("ticket-look-up.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(load(dir.path()).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn keys_that_do_not_belong_together_are_refused() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        made(a.path());
        create(b.path(), firm(), Name::new("Other").unwrap(), 365, NOW, &mut TestEntropy::new(9)).unwrap();
        let file = format!("firm-{}/issuing-00001.cert", firm());
        fs::copy(b.path().join(&file), a.path().join(&file)).unwrap();
        assert!(load(a.path()).is_err());
    }

    #[test]
    fn a_rotation_that_broke_off_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path());
        write_key(&dir.path().join(format!("firm-{}/issuing-00002.key", firm())), &[1; 32]).unwrap();
        assert_eq!(load(dir.path()).unwrap().firms[&firm()].epoch, 1);
        let mut entropy = TestEntropy::new(3);
        assert_eq!(rotate(dir.path(), firm(), 365, NOW, &mut entropy).unwrap(), 2);
        assert_eq!(load(dir.path()).unwrap().firms[&firm()].epoch, 2);
    }
}

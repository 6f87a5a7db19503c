//! What only the firm key signs: grants for portals, and software packages.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use licensing_core::format::origin_grant::OriginGrant;
use licensing_core::format::package::{Manifest, pack};
use licensing_core::ids::{FirmCode, FlashName, Name};
use licensing_core::limits::PACKAGE_BYTES_MAX;
use licensing_core::origin::Origin;
use licensing_core::time::Timestamp;
use licensing_wire::binary::to_base64url;

use crate::data_dir::DataDir;
use crate::keys::firm_signer;
use crate::system::{Clock as _, SystemClock};

/// Seconds a grant is valid before it was made, so that clocks may differ a little.
const BACKDATE_SECS: u64 = 300;

pub(super) fn grant(
    data: &DataDir,
    firm_code: Option<FirmCode>,
    origin: Origin,
    days: u32,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let (firm_code, key, certificate) = firm_signer(&data.keys(), firm_code)?;
    let now = SystemClock.now();
    let not_before = Timestamp::from_secs(now.secs().saturating_sub(BACKDATE_SECS));
    let grant = OriginGrant { firm_code, origin, not_before, not_after: not_before.plus_days(days) };
    let text = to_base64url(&grant.sign(certificate, &key));
    let Some(out) = out else {
        println!("{text}");
        return Ok(());
    };
    fs::write(out, format!("{text}\n")).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{} may talk to containers of firm code {firm_code} for {days} days", grant.origin);
    Ok(())
}

pub(super) fn package(
    data: &DataDir,
    firm_code: Option<FirmCode>,
    file: &Path,
    name: Option<FlashName>,
    version: &str,
    out: &Path,
) -> anyhow::Result<()> {
    let (firm_code, key, certificate) = firm_signer(&data.keys(), firm_code)?;
    let name = match name {
        Some(name) => name,
        None => FlashName::new(file.file_name().and_then(|name| name.to_str()).unwrap_or_default())
            .context("pass --name")?,
    };
    let size = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    ensure!(size <= PACKAGE_BYTES_MAX as u64, "packages have at most {PACKAGE_BYTES_MAX} bytes");
    let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let version = Name::new(version).context("the version")?;
    let made_at = SystemClock.now();
    // Size and digest are those of the content; packing fills them in.
    let manifest = Manifest { firm_code, name, version, size, digest: [0; 32], made_at };
    let packed = pack(&manifest, &content, certificate, &key)?;
    fs::write(out, &packed).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{} {} signed: {}", manifest.name, manifest.version, out.display());
    Ok(())
}

//! Whether there is a Chromium that tests can drive.

use std::path::PathBuf;

/// What to do where the programs are missing.
pub const MISSING: &str = "Chromium and its driver are not installed; install them \
(Debian: apt-get install chromium chromium-driver) and run the tests again";

/// Where Chromium and its driver are.
#[must_use]
pub fn programs() -> Option<(PathBuf, PathBuf)> {
    let first = |names: &[&str]| names.iter().map(PathBuf::from).find(|path| path.is_file());
    let chromium = first(&["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"])?;
    let driver = first(&["/usr/bin/chromedriver", "/usr/lib/chromium-browser/chromedriver"])?;
    Some((chromium, driver))
}

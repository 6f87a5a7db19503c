//! A reverse proxy of the world outside, for tests of what is said to stand before the servers.

use std::path::{Path, PathBuf};

/// The package of Debian it is in.
pub const PACKAGE: &str = "nginx";

/// Where `cargo xtask test` unpacks it: installed, it would also be started.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/nginx")
}

/// The program, where there is one.
#[must_use]
pub fn program() -> Option<PathBuf> {
    [PathBuf::from("/usr/sbin/nginx"), folder().join("usr/sbin/nginx")]
        .into_iter()
        .find(|path| path.is_file())
}

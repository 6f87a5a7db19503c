//! A file that stands in for a computer. Only in builds with the feature `test-host`.

use std::fs;
use std::io;
use std::path::Path;

use crate::traits::{HostTrait, HostTraits, tidy};

/// Traits from a TOML file of `name = "value"` lines; any names. Containers made on it are test containers.
#[derive(Debug, Clone)]
pub struct TestHost(Vec<(String, String)>);

impl TestHost {
    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be read or is not a flat table of texts.
    pub fn load(path: &Path) -> io::Result<Self> {
        let table: toml::Table =
            fs::read_to_string(path)?.parse().map_err(|error| io::Error::other(format!("{error}")))?;
        let text = |(name, value): (String, toml::Value)| match value {
            toml::Value::String(value) => Ok((name, value)),
            _ => Err(io::Error::other(format!("{name}: expected a text"))),
        };
        table.into_iter().map(text).collect::<io::Result<_>>().map(Self)
    }
}

impl HostTraits for TestHost {
    fn collect(&self) -> Vec<HostTrait> {
        tidy(self.0.iter().cloned())
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

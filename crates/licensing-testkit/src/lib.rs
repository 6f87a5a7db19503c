//! What tests share: a central server in memory, golden files of every format, and the conformance suite every
//! storage driver must pass. **For tests only**: its keys are known and its randomness is reproducible.

#[cfg(all(unix, feature = "browser"))]
pub mod browser;
pub mod chromium;
pub mod clock;
pub mod conformance;
pub mod damage;
pub mod golden;
pub mod mail;
pub mod nginx;
#[cfg(unix)]
pub mod postgres;
pub mod programs;
pub mod proof;
#[cfg(unix)]
pub mod proxy;
pub mod python;
pub mod server;
pub mod settings;
#[cfg(feature = "small")]
pub mod small;
pub mod soap_clients;

pub use licensing_core::testing::TestEntropy;

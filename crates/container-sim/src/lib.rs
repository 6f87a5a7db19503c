//! The containers licenses live in: an emulated smart card dongle, and a computer-bound act license file.
//!
//! What is decided about updates is decided in [`licensing_core::device`]; this crate keeps that state safe:
//! on a card image that survives torn writes, or in a file that only opens on its own computer and whose
//! older versions are refused. Storage, entropy, host traits and time are injected; the only code that touches
//! the machine is [`storage::DirStorage`] and [`traits::LinuxHost`].
//!
//! Start with [`Container`], which both kinds implement.

pub mod act;
pub mod binding;
pub mod container;
pub mod dongle;
pub mod storage;
pub mod traits;

pub use container::{Container, ContainerError, FirmInfo, FlashFile, FlashInfo, ProductInfo};

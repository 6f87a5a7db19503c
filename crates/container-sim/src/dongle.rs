//! The emulated dongle: a smart card that keeps licenses whole inside the chip.
//!
//! Everything goes through APDUs ([`Card::transmit`]); no command gives out a key. The chip's memory is an image
//! file with two slots that survives torn writes (`docs/formats/dongle-image.md`).
//!
//! # Security
//! The image *is* the chip: whoever has the file has the dongle, and can copy it, which a real chip prevents.
//! Copies are recognised by the central server at their next contact.

pub mod apdu;
mod card;
mod client;
mod files;
mod flash;
mod image;

pub use card::Card;
pub use client::Dongle;
pub use files::Blocks;
pub use image::inspect;

use licensing_core::ids::ContainerSerial;

/// Product items a dongle can hold.
pub const CAPACITY: u32 = 500;

/// Name of the image of a dongle.
#[must_use]
pub fn file_name(serial: ContainerSerial) -> String {
    format!("{serial}.dongle")
}

/// Name of the flash memory of a dongle.
#[must_use]
pub fn flash_name(serial: ContainerSerial) -> String {
    format!("{serial}.flash")
}

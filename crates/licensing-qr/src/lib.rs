//! Our files as QR codes, for computers that no file and no network reaches: a context is photographed from the
//! screen of the one, an update from the screen of the other. The format is `docs/formats/qr.md`.
//!
//! A file becomes one code or a numbered sequence of codes ([`encode`]), each of which is a text ([`Part`]) that
//! is drawn ([`svg`], [`png`], [`terminal`]). Back: the codes of pictures ([`read_picture`]) are put together by
//! a [`Collector`], in any order.
//!
//! # Security
//! Pictures come from strangers: bytes and pixels are bounded before anything is decoded, and only PNG and JPEG
//! are. The hash in the codes finds mistakes, not forgers: what comes out is a file like any other and is
//! verified as one.

mod draw;
mod part;
mod picture;

pub use draw::{png, svg, svg_text, terminal};
pub use part::{Collector, Part, encode};
pub use picture::{PICTURE_BYTES_MAX, PIXELS_MAX, read_picture};

/// Most codes a file may need.
pub const PARTS_MAX: u16 = 64;
/// Bytes of a file in one code, so that a camera reads it from a screen without trouble; what most contexts and
/// updates need.
pub const PART_BYTES: usize = 640;
/// Longest text of one code: what the largest QR code holds.
pub(crate) const TEXT_CHARS_MAX: usize = 4_296;

/// Why codes or pictures are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// It does not fit into [`PARTS_MAX`] codes.
    #[error("the file needs more than {PARTS_MAX} codes")]
    FileTooLong,
    /// More bytes or pixels than are read.
    #[error("the picture is larger than {} MiB or {} million pixels", PICTURE_BYTES_MAX >> 20, PIXELS_MAX / 1_000_000)]
    PictureTooLarge,
    /// It is no PNG or JPEG picture, or it is damaged.
    #[error("this is no picture that can be read (PNG or JPEG)")]
    NoPicture,
    /// There is a picture without a code that can be read.
    #[error("no QR code can be read in the picture")]
    NoCode,
    /// There is a code, but none of ours.
    #[error("the QR code is not one of a license file")]
    NotOurCode,
    /// Codes of two files, or two that contradict each other.
    #[error("the QR codes belong to different files")]
    Mixed,
    /// Some are not there yet.
    #[error("codes are missing: {} of {of}", list(.missing))]
    Incomplete {
        /// The numbers that are missing, from 1.
        missing: Vec<u16>,
        /// How many there are.
        of: u16,
    },
    /// All are there, and together they are not the file.
    #[error("the QR codes together do not give the file they say")]
    Damaged,
}

impl QrError {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FileTooLong => "qr_file_too_long",
            Self::PictureTooLarge => "qr_picture_too_large",
            Self::NoPicture | Self::NoCode => "qr_unreadable",
            Self::NotOurCode => "qr_not_ours",
            Self::Mixed => "qr_mixed",
            Self::Incomplete { .. } => "qr_incomplete",
            Self::Damaged => "qr_damaged",
        }
    }
}

fn list(numbers: &[u16]) -> String {
    numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

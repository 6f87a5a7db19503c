//! Codes in pictures, which strangers send.

use std::io::Cursor;

use image::imageops::{FilterType, resize};
use image::{DynamicImage, GrayImage, ImageFormat, ImageReader, Limits};
use rqrr::PreparedImage;

use crate::{Part, QrError};

/// Largest picture, in bytes.
pub const PICTURE_BYTES_MAX: usize = 12 << 20;
/// Most pixels of a picture: what a telephone's camera makes.
pub const PIXELS_MAX: u64 = 26_000_000;
/// Memory a decoder may take, in bytes: [`PIXELS_MAX`] of eight bytes.
const MEMORY_MAX: u64 = 8 * PIXELS_MAX;
/// Longest side of the picture that is searched first. Larger ones are slow, and noisy where they are photographs.
const FIRST_SIDE: u32 = 1_600;
/// Most codes looked at in one picture.
const CODES_MAX: usize = 64;

/// Finds our codes in a PNG or JPEG picture.
///
/// # Errors
/// It is too large, no picture, or there is no code of ours in it.
///
/// # Security
/// Format and size are read and bounded before a pixel is decoded. One call takes up to about 300 MB and some
/// seconds for the largest picture: servers let few of them run at a time.
pub fn read_picture(bytes: &[u8]) -> Result<Vec<Part>, QrError> {
    let picture = decode(bytes)?.into_luma8();
    let (width, height) = picture.dimensions();
    let mut outcome = Err(QrError::NoCode);
    if width.max(height) > FIRST_SIDE {
        let side = |length: u32| length * FIRST_SIDE / width.max(height);
        let small = image::imageops::thumbnail(&picture, side(width).max(1), side(height).max(1));
        outcome = codes(&small);
    }
    if outcome == Err(QrError::NoCode) {
        outcome = codes(&picture);
    }
    if outcome == Err(QrError::NoCode) && width.max(height) <= FIRST_SIDE {
        // Captured from a screen: modules of three pixels and then of four. Larger they are even.
        outcome = codes(&resize(&picture, width * 2, height * 2, FilterType::Triangle));
    }
    outcome
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, QrError> {
    if bytes.len() > PICTURE_BYTES_MAX {
        return Err(QrError::PictureTooLarge);
    }
    let format = image::guess_format(bytes).map_err(|_| QrError::NoPicture)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(QrError::NoPicture);
    }
    let reader = || ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader().into_dimensions().map_err(|_| QrError::NoPicture)?;
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(QrError::PictureTooLarge);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MEMORY_MAX);
    let mut reader = reader();
    reader.limits(limits);
    reader.decode().map_err(|_| QrError::NoPicture)
}

fn codes(picture: &GrayImage) -> Result<Vec<Part>, QrError> {
    let (width, height) = picture.dimensions();
    let of_pixel = |x: usize, y: usize| picture.as_raw()[y * width as usize + x];
    let mut prepared = PreparedImage::prepare_from_greyscale(width as usize, height as usize, of_pixel);
    let grids = prepared.detect_grids();
    let texts: Vec<String> =
        grids.iter().take(CODES_MAX).filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect();
    if texts.is_empty() {
        return Err(QrError::NoCode);
    }
    // Something else may be on the same photograph.
    let parts: Vec<Part> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    if parts.is_empty() { Err(QrError::NotOurCode) } else { Ok(parts) }
}

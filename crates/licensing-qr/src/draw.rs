//! Codes on a screen, on paper, in a terminal.

use std::fmt::Write as _;
use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use qrcode::{Color, EcLevel, QrCode};

use crate::{Part, QrError};

/// Light modules around a code, so that cameras find it.
const QUIET: usize = 4;
/// CSS pixels of a module in a drawing, where nothing else is said: whole ones, so that all are of one size.
const PIXELS: usize = 5;
/// Pixels of a module in a picture.
const SCALE: usize = 6;

/// Dark modules of a code, with its quiet zone around it.
struct Modules {
    width: usize,
    dark: Vec<bool>,
}

impl Modules {
    fn of(part: &Part) -> Result<Self, QrError> {
        Self::of_text(&part.to_string())
    }

    fn of_text(text: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M);
        let code = code.map_err(|_| QrError::FileTooLong)?;
        let (inner, width) = (code.width(), code.width() + 2 * QUIET);
        let mut dark = vec![false; width * width];
        for (at, color) in code.to_colors().into_iter().enumerate() {
            dark[(at / inner + QUIET) * width + at % inner + QUIET] = color == Color::Dark;
        }
        Ok(Self { width, dark })
    }

    /// Whether a module is dark; those outside are not.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.width && self.dark.get(y * self.width + x).copied().unwrap_or(false)
    }
}

/// A code as SVG: black on white, whatever is around it, and to be shown at its own size.
///
/// # Errors
/// [`QrError::FileTooLong`]: no code holds so much.
pub fn svg(part: &Part) -> Result<String, QrError> {
    Ok(drawn(&Modules::of(part)?))
}

/// A text as SVG, for the camera of any phone: an address, or a secret for an authenticator app.
///
/// # Errors
/// [`QrError::FileTooLong`]: no code holds so much.
pub fn svg_text(text: &str) -> Result<String, QrError> {
    Ok(drawn(&Modules::of_text(text)?))
}

fn drawn(modules: &Modules) -> String {
    let width = modules.width;
    let mut path = String::new();
    for y in 0..width {
        let mut x = 0;
        while x < width {
            let run = (x..width).take_while(|at| modules.is_dark(*at, y)).count();
            if run > 0 {
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run.max(1);
        }
    }
    let pixels = width * PIXELS;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" viewBox=\"0 0 {width} {width}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{width}v{width}h-{width}z\"/>\
         <path d=\"{path}\"/></svg>"
    )
}

/// A code as PNG.
///
/// # Errors
/// [`QrError::FileTooLong`]: no code holds so much.
pub fn png(part: &Part) -> Result<Vec<u8>, QrError> {
    let modules = Modules::of(part)?;
    let side = u32::try_from(modules.width * SCALE).map_err(|_| QrError::FileTooLong)?;
    let picture = GrayImage::from_fn(side, side, |x, y| {
        let at = |pixel: u32| pixel as usize / SCALE;
        Luma([if modules.is_dark(at(x), at(y)) { 0 } else { 255 }])
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|_| QrError::FileTooLong)?;
    Ok(bytes.into_inner())
}

/// A code in letters, two modules high each; `columns` is how many there are. Black on white by control sequences
/// where `is_terminal`, else for a dark background.
///
/// # Errors
/// [`QrError::FileTooLong`]: it is wider than `columns`.
pub fn terminal(part: &Part, columns: usize, is_terminal: bool) -> Result<String, QrError> {
    let modules = Modules::of(part)?;
    if modules.width > columns {
        return Err(QrError::FileTooLong);
    }
    let mut text = String::new();
    for y in (0..modules.width).step_by(2) {
        if is_terminal {
            text.push_str("\u{1b}[30;107m");
        }
        for x in 0..modules.width {
            // Drawn is what is dark, or, without colours, what is light.
            let (upper, lower) = (modules.is_dark(x, y), modules.is_dark(x, y + 1));
            text.push(match (upper == is_terminal, lower == is_terminal) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            });
        }
        text.push_str(if is_terminal { "\u{1b}[0m\n" } else { "\n" });
    }
    Ok(text)
}

//! Files as QR codes: on this terminal, in pictures, and back from photographs.

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use licensing_core::error::VerifyError;
use licensing_core::limits::UPDATE_BYTES_MAX;
use licensing_qr::{
    Collector, PART_BYTES, PICTURE_BYTES_MAX, Part, QrError, encode, png, read_picture, svg, terminal,
};
use serde_json::{Value, json};
use terminal_size::{Width, terminal_size};

use crate::failure::Failure;
use crate::output::Output;
use crate::places::{read_file, write_file};

/// Width of a terminal that does not tell.
const COLUMNS: u16 = 120;
/// Bytes in a code, from codes for wide terminals to codes for narrow ones.
const SIZES: [usize; 6] = [PART_BYTES, 420, 280, 180, 100, 50];

/// What was shown.
pub(crate) struct Shown {
    /// The texts of the codes, and the pictures that were written.
    pub(crate) document: Value,
    /// For people.
    pub(crate) text: String,
}

/// Shows a file as QR codes on the terminal, or writes them as pictures.
pub(crate) fn show(file: &[u8], to: Option<&Path>, output: &Output) -> Result<Shown, Failure> {
    let Some(to) = to else { return on_terminal(file, output) };
    let draw = match to.extension().and_then(OsStr::to_str) {
        Some("svg") => |part: &Part| svg(part).map(String::into_bytes),
        Some("png") => png,
        _ => return Err(Failure::new("usage", "QR codes are written to *.svg or *.png")),
    };
    let parts = encode(file, PART_BYTES)?;
    let mut files = Vec::new();
    for part in &parts {
        let file = numbered(to, part);
        write_file(&file, &draw(part)?)?;
        files.push(file);
    }
    let names = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    Ok(Shown {
        document: json!({ "codes": texts(&parts), "files": files }),
        text: format!("written to {names}"),
    })
}

fn texts(parts: &[Part]) -> Vec<String> {
    parts.iter().map(Part::to_string).collect()
}

/// `request.svg`, or `request-2.svg` when there are several.
fn numbered(to: &Path, part: &Part) -> PathBuf {
    if part.of == 1 {
        return to.to_owned();
    }
    let of = |name: Option<&OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
    to.with_file_name(format!("{}-{}.{}", of(to.file_stem()), part.number, of(to.extension())))
}

fn on_terminal(file: &[u8], output: &Output) -> Result<Shown, Failure> {
    if output.is_json() {
        return Ok(Shown {
            document: json!({ "codes": texts(&encode(file, PART_BYTES)?) }),
            text: String::new(),
        });
    }
    let is_terminal = std::io::stdout().is_terminal();
    let columns = usize::from(terminal_size().map_or(COLUMNS, |(Width(columns), _)| columns));
    let drawn = SIZES.iter().find_map(|size| draw(file, *size, columns, is_terminal).ok());
    let text = drawn.ok_or(QrError::FileTooLong)?;
    Ok(Shown { document: Value::Null, text })
}

/// All codes of a file, one below the other; an error when they are wider than the terminal.
fn draw(file: &[u8], size: usize, columns: usize, is_terminal: bool) -> Result<String, QrError> {
    let parts = encode(file, size)?;
    let mut text = match parts.len() {
        1 => "one QR code\n\n".to_owned(),
        more => format!("{more} QR codes; all of them are needed\n\n"),
    };
    for part in &parts {
        let code = terminal(part, columns, is_terminal)?;
        text.push_str(&format!("{} of {}\n{code}\n", part.number, part.of));
    }
    Ok(text)
}

/// The update that pictures show.
pub(crate) fn read(pictures: &[PathBuf]) -> Result<Vec<u8>, Failure> {
    let mut collector = Collector::default();
    for picture in pictures {
        let wrong = |error: QrError| Failure::new(error.code(), format!("{}: {error}", picture.display()));
        let parts = read_picture(&read_file(picture, PICTURE_BYTES_MAX)?).map_err(wrong)?;
        parts.into_iter().try_for_each(|part| collector.add(part)).map_err(wrong)?;
    }
    let update = collector.file()?;
    if update.len() > UPDATE_BYTES_MAX {
        let error = licensing_core::error::FormatError::TooLarge { limit: UPDATE_BYTES_MAX };
        return Err(VerifyError::from(error).into());
    }
    Ok(update)
}

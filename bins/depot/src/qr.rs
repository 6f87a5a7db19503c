//! Files as QR codes: from pictures that visitors upload, and for pages.

use hyper::body::Bytes;
use licensing_core::limits::CONTEXT_BYTES_MAX;
use licensing_qr::{Collector, PART_BYTES, QrError, encode, read_picture, svg};

use crate::http::Visit;
use crate::trouble::{Trouble, trouble};

fn problem(error: &QrError) -> Trouble {
    trouble(error.code(), &error.to_string())
}

/// The file that pictures show, however many codes are on each of them.
///
/// # Security
/// Only a few are decoded at a time, in all: a picture may take much memory and some time.
pub(crate) async fn read(visit: &Visit, pictures: &[Bytes]) -> Result<Bytes, Trouble> {
    let broken = || trouble("internal", "the portal failed");
    let _permit = visit.app.decoders.acquire().await.map_err(|_| broken())?;
    let pictures = pictures.to_vec();
    let read = tokio::task::spawn_blocking(move || {
        let mut collector = Collector::default();
        for picture in &pictures {
            read_picture(picture)?.into_iter().try_for_each(|part| collector.add(part))?;
        }
        collector.file()
    });
    let file = read.await.map_err(|_| broken())?.map_err(|error| problem(&error))?;
    if file.len() > CONTEXT_BYTES_MAX {
        let message = format!("the file has more than {CONTEXT_BYTES_MAX} bytes");
        return Err(trouble("file_too_large", &message));
    }
    Ok(file.into())
}

/// How many codes a file is shown as; none when it is too long for codes.
pub(crate) fn count(file: &[u8]) -> u16 {
    encode(file, PART_BYTES).ok().and_then(|parts| parts.last().map(|part| part.of)).unwrap_or(0)
}

/// One of a file's codes, as SVG.
pub(crate) fn code(file: &[u8], number: &str) -> Result<String, Trouble> {
    let parts = encode(file, PART_BYTES).map_err(|error| problem(&error))?;
    let part = parts.iter().find(|part| part.number.to_string() == number);
    let part = part.ok_or_else(|| trouble("not_found", "there is no such code"))?;
    svg(part).map_err(|error| problem(&error))
}

//! Forms: what readers enter and the files they upload.

use http_body_util::{BodyDataStream, Full};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;

/// Most fields of a form.
const FIELDS_MAX: usize = 1000;
/// Most pictures of a form.
const PICTURES_MAX: usize = 64;

/// Why a body is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It says it is something else.
    #[error("this is not a form")]
    NotAForm,
    /// It says it is JSON and is not an object.
    #[error("the body is not a JSON object")]
    NotJson,
    /// The upload breaks off or is malformed.
    #[error("the upload cannot be read")]
    Broken,
}

/// A form.
///
/// # Security
/// Forms hold tickets and passwords: `Debug` shows nothing of them.
#[derive(Default)]
pub struct Form {
    fields: Vec<(String, String)>,
    /// The uploaded file.
    pub file: Option<Bytes>,
    /// The uploaded pictures of QR codes.
    pub pictures: Vec<Bytes>,
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form(..)")
    }
}

impl Form {
    /// Reads a form out of a body that is bounded.
    ///
    /// # Errors
    /// The body is no form.
    pub async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, FormError> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/x-www-form-urlencoded" => {
                let fields = form_urlencoded::parse(&body).into_owned().take(FIELDS_MAX).collect();
                Ok(Self { fields, ..Self::default() })
            }
            "multipart/form-data" => Self::multipart(kind, body).await,
            "application/json" => {
                let value: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_slice(&body).map_err(|_| FormError::NotJson)?;
                let text = |value: serde_json::Value| match value {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                let fields = value.into_iter().map(|(name, value)| (name, text(value))).collect();
                Ok(Self { fields, ..Self::default() })
            }
            _ => Err(FormError::NotAForm),
        }
    }

    async fn multipart(kind: &str, body: Bytes) -> Result<Self, FormError> {
        let broken = |_| FormError::Broken;
        let boundary = multer::parse_boundary(kind).map_err(broken)?;
        let mut parts = multer::Multipart::new(BodyDataStream::new(Full::new(body)), boundary);
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            let name = part.name().unwrap_or_default().to_owned();
            let is_file = part.file_name().is_some();
            let bytes = part.bytes().await.map_err(broken)?;
            if is_file {
                if bytes.is_empty() {
                    continue;
                }
                if name == "picture" && form.pictures.len() < PICTURES_MAX {
                    form.pictures.push(bytes);
                } else {
                    form.file = Some(bytes);
                }
            } else if form.fields.len() < FIELDS_MAX {
                form.fields.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        Ok(form)
    }

    /// A field; empty when it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// All values of a field.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The fields whose names begin with something, without it.
    #[must_use]
    pub fn beginning(&self, prefix: &str) -> Vec<(String, String)> {
        let fields = self.fields.iter();
        fields
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect()
    }
}

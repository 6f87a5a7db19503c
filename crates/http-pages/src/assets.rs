//! Templates and files: compiled and hashed at the start, so that mistakes show there and caches can keep the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

/// What is served below `/assets/`.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Media type.
    pub content_type: &'static str,
    /// Content.
    pub bytes: Vec<u8>,
    /// Digest of the content, for caches.
    pub tag: String,
}

impl Asset {
    /// A file; its name says what it is.
    ///
    /// # Errors
    /// It is of no type that pages use.
    pub fn new(name: &str, bytes: Vec<u8>) -> anyhow::Result<Self> {
        let content_type = match name.rsplit('.').next().unwrap_or_default() {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            "ico" => "image/vnd.microsoft.icon",
            "woff2" => "font/woff2",
            "txt" => "text/plain; charset=utf-8",
            _ => anyhow::bail!("assets/{name}: expected css, js, svg, png, jpg, webp, ico, woff2 or txt"),
        };
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let tag = data_encoding::HEXLOWER.encode(&digest.as_ref()[..8]);
        Ok(Self { content_type, bytes, tag })
    }
}

/// Sources of templates.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<String, String>);

impl Sources {
    /// A template; it takes the place of one that has its name already, which stays within reach to be extended.
    pub fn add(&mut self, name: &str, source: String) {
        if let Some(old) = self.0.remove(name) {
            self.0.insert(format!("built-in/{name}"), old);
        }
        self.0.insert(name.to_owned(), source);
    }

    /// All templates, ready for use: everything they show is escaped.
    ///
    /// # Errors
    /// A template is not well-formed; the message names it.
    pub fn compile(self) -> anyhow::Result<Environment<'static>> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        for (name, source) in self.0 {
            environment
                .add_template_owned(name.clone(), source)
                .map_err(|error| anyhow::anyhow!("template {name}: {error:#}"))?;
        }
        Ok(environment)
    }
}

/// The files of a folder, which may be absent; hidden ones are left out.
///
/// # Errors
/// The folder cannot be read.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    Ok(files)
}

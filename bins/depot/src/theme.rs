//! Looks: templates and files that are built in, each of which a theme's folder may replace, and colours and fonts as
//! CSS variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use http_pages::{Asset, Sources, files};
use minijinja::Environment;
use serde::Deserialize;

/// Largest file of a theme, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

macro_rules! embedded {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!($folder, "/", $name)).as_slice())),*]
    };
}

/// Templates that are built in.
pub const TEMPLATES: &[(&str, &[u8])] = embedded!("templates":
    "base.html", "parts.html", "tickets.html", "licenses.html", "print.html", "binding.html", "activate.html",
    "reactivate.html", "container.html", "deactivate.html", "unfinished.html", "automatic.html", "restore.html",
    "request.html", "update.html", "receipt.html", "anyreceipt.html", "result.html", "online.html", "answers.html",
    "problem.html",
);

/// Files that are built in.
pub const ASSETS: &[(&str, &[u8])] = embedded!("assets": "depot.css", "depot.js", "logo.svg");

/// `theme.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThemeFile {
    /// Name of the portal's owner, beside the logo.
    pub name: String,
    /// File in `assets/`.
    pub logo: String,
    /// Style sheets in `assets/`, after that of the portal.
    pub styles: Vec<String>,
    /// Scripts in `assets/`, after that of the portal.
    pub scripts: Vec<String>,
    /// CSS variables, without the leading dashes.
    pub variables: BTreeMap<String, String>,
    /// CSS variables for visitors who like it dark.
    pub dark: BTreeMap<String, String>,
    /// Fonts: family name to file in `assets/`.
    pub fonts: BTreeMap<String, String>,
}

/// A theme, read at the start.
#[derive(Debug)]
pub struct Theme {
    /// `theme.toml`.
    pub file: ThemeFile,
    environment: Environment<'static>,
    assets: BTreeMap<String, Arc<Asset>>,
}

impl Theme {
    /// The built-in theme, with a folder laid over it.
    ///
    /// # Errors
    /// A file of the folder cannot be read, is too large, of no known type, or is not what it must be.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let folder = (!folder.as_os_str().is_empty()).then(|| folder.to_owned());
        if let Some(folder) = &folder {
            ensure!(folder.is_dir(), "theme.folder: {} is no folder", folder.display());
        }
        let file = match folder.as_ref().map(|folder| folder.join("theme.toml")).filter(|file| file.exists())
        {
            Some(path) => {
                let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                toml::from_str(&text).with_context(|| path.display().to_string())?
            }
            None => ThemeFile::default(),
        };
        let environment = templates(folder.as_ref())?;
        let mut assets = BTreeMap::new();
        assets.insert("base.css".to_owned(), Arc::new(Asset::new("base.css", http_pages::STYLE.into())?));
        for (name, bytes) in ASSETS {
            assets.insert((*name).to_owned(), Arc::new(Asset::new(name, bytes.to_vec())?));
        }
        for path in folder.map(|folder| files(&folder.join("assets"))).transpose()?.into_iter().flatten() {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let size = path.metadata()?.len();
            ensure!(size <= FILE_BYTES_MAX, "{}: at most {FILE_BYTES_MAX} bytes", path.display());
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            assets.insert(name.clone(), Arc::new(Asset::new(&name, bytes)?));
        }
        let logo = [file.logo.as_str()].into_iter().filter(|logo| !logo.is_empty());
        let named = file.styles.iter().chain(&file.scripts).chain(file.fonts.values()).map(String::as_str);
        for name in named.chain(logo) {
            ensure!(assets.contains_key(name), "theme.toml: assets/{name} is not there");
        }
        let css = variables(&file)?;
        assets.insert("theme.css".to_owned(), Arc::new(Asset::new("theme.css", css.into_bytes())?));
        Ok(Self { file, environment, assets })
    }

    /// A file below `/assets/`.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<Arc<Asset>> {
        self.assets.get(name).cloned()
    }

    /// A page.
    ///
    /// # Errors
    /// The template fails; the built-in ones do not.
    pub fn render(&self, template: &str, context: minijinja::Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(template)?.render(context)
    }
}

/// Templates of the folder before those that are built in.
fn templates(folder: Option<&PathBuf>) -> anyhow::Result<Environment<'static>> {
    let mut sources = Sources::default();
    for (name, bytes) in TEMPLATES {
        sources.add(name, String::from_utf8_lossy(bytes).into_owned());
    }
    for path in folder.map(|folder| files(&folder.join("templates"))).transpose()?.into_iter().flatten() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        sources.add(&name, text);
    }
    sources.compile()
}

/// The variables as a style sheet.
fn variables(file: &ThemeFile) -> anyhow::Result<String> {
    let block = |variables: &BTreeMap<String, String>| -> anyhow::Result<String> {
        let mut out = String::new();
        for (name, value) in variables {
            let sound = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            ensure!(sound && !name.is_empty(), "theme.toml: {name} is no name of a variable");
            let sound = |c: char| c.is_alphanumeric() || " #(),.%-_'\"/".contains(c);
            ensure!(value.chars().all(sound) && value.len() <= 200, "theme.toml: the value of {name}");
            out.push_str(&format!("--{name}:{value};"));
        }
        Ok(out)
    };
    let mut css = String::new();
    for (family, name) in &file.fonts {
        let sound = |c: char| c.is_alphanumeric() || c == ' ' || c == '-';
        ensure!(family.chars().all(sound), "theme.toml: {family} is no name of a font");
        css.push_str(&format!(
            "@font-face{{font-family:\"{family}\";src:url(\"/assets/{name}\");font-display:swap}}\n"
        ));
    }
    css.push_str(&format!(":root{{{}}}\n", block(&file.variables)?));
    let dark = if file.dark.is_empty() { String::new() } else { block(&file.dark)? };
    css.push_str(&format!("@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"));
    Ok(css)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_replaces_what_it_has_and_mistakes_show_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("theme.toml", "name = \"Acme\"\n[variables]\naccent = \"#a00\"\n[dark]\naccent = \"#f88\"\n");
        put("assets/logo.svg", "<svg/>");
        put("templates/problem.html", "{{ x }}");
        let theme = Theme::new(folder.path()).unwrap();
        let css = String::from_utf8(theme.asset("theme.css").unwrap().bytes.clone()).unwrap();
        assert!(
            css.contains(":root{--accent:#a00;}") && css.contains("dark){:root{--accent:#f88;}"),
            "{css}"
        );
        assert_eq!(theme.asset("logo.svg").unwrap().bytes, b"<svg/>");
        let page = theme.render("problem.html", minijinja::context! { x => "<b>" }).unwrap();
        assert_eq!(page, "&lt;b&gt;");
        for (name, text) in [
            ("theme.toml", "[variables]\naccent = \"red;}body{display:none\""),
            ("theme.toml", "logo = \"absent.svg\""),
            ("theme.toml", "colour = \"x\""),
            ("templates/problem.html", "{{ x"),
            ("assets/page.html", "<p>"),
        ] {
            put("theme.toml", "");
            put(name, text);
            assert!(Theme::new(folder.path()).is_err(), "{name} {text}");
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert!(Theme::new(Path::new("/no/such/folder")).is_err());
    }
}

//! Texts in the reader's language: Fluent, some languages built in, any other language and any other wording by a file of
//! a folder.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, anyhow, ensure};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde_json::{Value, json};
use unic_langid::LanguageIdentifier;

/// All languages.
pub struct Texts {
    bundles: BTreeMap<String, FluentBundle<FluentResource>>,
    default: String,
    /// Texts in which nothing is put in, by language and key, as they were made first: a page has a hundred of them.
    plain: RwLock<HashMap<String, HashMap<String, Arc<str>>>>,
}

/// A problem in the server's own words.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// Its stable code.
    pub code: &'a str,
    /// What happened.
    pub title: &'a str,
    /// The rule behind it.
    pub rule: &'a str,
    /// What to do next.
    pub remedy: &'a str,
    /// What it is called in the server's log.
    pub incident: Option<&'a str>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.bundles.keys()).finish()
    }
}

fn resource(text: &str, name: &str) -> anyhow::Result<FluentResource> {
    FluentResource::try_new(text.to_owned()).map_err(|(_, errors)| anyhow!("{name}: {errors:?}"))
}

fn bundle(language: &str) -> anyhow::Result<FluentBundle<FluentResource>> {
    let id: LanguageIdentifier = language.parse().with_context(|| format!("{language} is no language"))?;
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Marks around every value would end up in what visitors copy.
    bundle.set_use_isolating(false);
    Ok(bundle)
}

impl Texts {
    /// The built-in languages (a language may have several texts), with the files of a folder laid over them.
    ///
    /// # Errors
    /// A text cannot be read or is not Fluent, or there are none in the default language.
    pub fn new(built_in: &[(&str, &str)], folder: Option<&Path>, default: &str) -> anyhow::Result<Self> {
        let mut bundles: BTreeMap<String, FluentBundle<FluentResource>> = BTreeMap::new();
        for (language, text) in built_in {
            let resource = resource(text, language)?;
            match bundles.get_mut(*language) {
                Some(bundle) => bundle.add_resource_overriding(resource),
                None => {
                    let mut bundle = bundle(language)?;
                    bundle.add_resource_overriding(resource);
                    bundles.insert((*language).to_owned(), bundle);
                }
            }
        }
        let files = folder.filter(|folder| folder.is_dir()).map(std::fs::read_dir).transpose()?;
        for file in files.into_iter().flatten() {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "ftl") {
                continue;
            }
            let language = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let resource = resource(&text, &path.display().to_string())?;
            if !bundles.contains_key(&language) {
                bundles.insert(language.clone(), bundle(&language)?);
            }
            if let Some(bundle) = bundles.get_mut(&language) {
                bundle.add_resource_overriding(resource);
            }
        }
        ensure!(bundles.contains_key(default), "there are no texts in the default language {default}");
        Ok(Self { bundles, default: default.to_owned(), plain: RwLock::default() })
    }

    /// Every language with its own name.
    #[must_use]
    pub fn languages(&self) -> Vec<(String, String)> {
        let names = self.bundles.keys().map(|code| (code.clone(), self.text(code, "language-name", &[])));
        names.collect()
    }

    /// Whether there are texts in a language.
    #[must_use]
    pub fn has(&self, language: &str) -> bool {
        self.bundles.contains_key(language)
    }

    /// The language for a visitor: what he chose, else what his browser likes best, else the default.
    #[must_use]
    pub fn choose(&self, chosen: Option<&str>, accept: &str) -> String {
        if let Some(chosen) = chosen.filter(|chosen| self.has(chosen)) {
            return chosen.to_owned();
        }
        let mut liked: Vec<(f32, &str)> = accept
            .split(',')
            .take(32)
            .filter_map(|range| {
                let mut parts = range.split(';');
                let language = parts.next()?.trim();
                let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok());
                Some((quality.unwrap_or(1.0), language))
            })
            .filter(|(quality, _)| *quality > 0.0)
            .collect();
        liked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let known = liked.iter().find_map(|(_, language)| {
            let short = language.split('-').next().unwrap_or_default();
            [*language, short].into_iter().find(|language| self.has(language)).map(str::to_owned)
        });
        known.unwrap_or_else(|| self.default.clone())
    }

    /// A problem in a language, where it has the words, for a template; then `details` tells the server's own title, which
    /// knows the case, beside the translated one.
    #[must_use]
    pub fn problem(&self, language: &str, problem: &Problem<'_>) -> Value {
        let Problem { code, title, rule, remedy, incident } = *problem;
        let key = format!("problem-{}", code.replace('_', "-"));
        let find = |key: &str| self.find(language, key, &[]);
        let shown = find(&key).unwrap_or_else(|| title.to_owned());
        json!({
            "code": code,
            "details": if shown == title { "" } else { title },
            "title": shown,
            "rule": find(&format!("{key}.rule")).unwrap_or_else(|| rule.to_owned()),
            "remedy": find(&format!("{key}.remedy")).unwrap_or_else(|| remedy.to_owned()),
            "incident": incident,
        })
    }

    /// A text that exists in a language.
    #[must_use]
    pub fn find(&self, language: &str, key: &str, values: &[(String, String)]) -> Option<String> {
        self.put_together(language, key, values).map(|(text, _)| text)
    }

    /// A text, and whether nothing was missing in it.
    fn put_together(&self, language: &str, key: &str, values: &[(String, String)]) -> Option<(String, bool)> {
        let bundle = self.bundles.get(language)?;
        let (id, attribute) = key.split_once('.').map_or((key, None), |(id, part)| (id, Some(part)));
        let message = bundle.get_message(id)?;
        let pattern = match attribute {
            Some(attribute) => message.get_attribute(attribute)?.value(),
            None => message.value()?,
        };
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            // Numbers choose between singular and plural. An order `0117` is none.
            let number = value.parse::<u32>().ok().filter(|number| number.to_string() == *value);
            let value = number.map_or_else(|| FluentValue::from(value.clone()), FluentValue::from);
            arguments.set(name.clone(), value);
        }
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned();
        Some((text, errors.is_empty()))
    }

    /// A text without values, in a language or in English where it has none; kept, so that it is put together once.
    fn plain(&self, language: &str, key: &str) -> Option<Arc<str>> {
        let kept = self.plain.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = kept.get(language).and_then(|texts| texts.get(key)) {
            return Some(Arc::clone(text));
        }
        drop(kept);
        let found = self.put_together(language, key, &[]).or_else(|| self.put_together("en", key, &[]));
        // What is missing a value says so in its place, every time.
        let (text, true) = found? else { return None };
        let text: Arc<str> = text.into();
        let mut kept = self.plain.write().unwrap_or_else(PoisonError::into_inner);
        kept.entry(language.to_owned()).or_default().insert(key.to_owned(), Arc::clone(&text));
        Some(text)
    }

    /// A text in a language, or in English where it has none, or its key.
    #[must_use]
    pub fn text(&self, language: &str, key: &str, values: &[(String, String)]) -> String {
        self.find(language, key, values)
            .or_else(|| self.find("en", key, values))
            .unwrap_or_else(|| key.to_owned())
    }
}

/// The function `t` of the templates: `t("key", name=value)`.
#[derive(Debug)]
pub struct Translator {
    /// All texts.
    pub texts: Arc<Texts>,
    /// The reader's language.
    pub language: String,
}

impl minijinja::value::Object for Translator {
    fn call(
        self: &Arc<Self>,
        _: &mut minijinja::State<'_, '_>,
        arguments: &[minijinja::Value],
    ) -> Result<minijinja::Value, minijinja::Error> {
        let (key, named): (&str, minijinja::value::Kwargs) = minijinja::value::from_args(arguments)?;
        if named.args().next().is_none()
            && let Some(text) = self.texts.plain(&self.language, key)
        {
            return Ok(text.into());
        }
        let mut values = Vec::new();
        for name in named.args() {
            values.push((name.to_owned(), named.get::<minijinja::Value>(name)?.to_string()));
        }
        Ok(self.texts.text(&self.language, key, &values).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT_IN: &[(&str, &str)] = &[
        ("en", "language-name = English\ntitle = Licenses\n"),
        ("de", "language-name = Deutsch\n"),
        ("de", "title = Lizenzen\n"),
    ];

    #[test]
    fn the_language_is_the_chosen_one_or_what_the_browser_likes() {
        let texts = Texts::new(BUILT_IN, None, "en").unwrap();
        for (chosen, accept, expected) in [
            (Some("de"), "en", "de"),
            (Some("xx"), "de-AT,en;q=0.5", "de"),
            (None, "fr, en;q=0.2, de;q=0.9", "de"),
            (None, "de;q=0, fr", "en"),
            (None, "", "en"),
        ] {
            assert_eq!(texts.choose(chosen, accept), expected, "{chosen:?} {accept}");
        }
    }

    #[test]
    fn a_text_without_values_is_kept_for_its_language() {
        let built_in =
            [("en", "title = Licenses\nonly = Only\norder = Order { $id }\n"), ("de", "title = Lizenzen\n")];
        let texts = Texts::new(&built_in, None, "en").unwrap();
        for _ in 0..2 {
            assert_eq!(texts.plain("de", "title").as_deref(), Some("Lizenzen"));
            assert_eq!(texts.plain("en", "title").as_deref(), Some("Licenses"));
            assert_eq!(texts.plain("de", "only").as_deref(), Some("Only"));
            assert_eq!(texts.plain("en", "order"), None, "it lacks a value");
            assert_eq!(texts.plain("en", "none"), None);
        }
        assert_eq!(texts.plain.read().unwrap().values().map(HashMap::len).sum::<usize>(), 3);
    }

    #[test]
    fn a_number_is_shown_as_it_is_written() {
        let texts = Texts::new(&[("en", "order = Order { $id }\n")], None, "en").unwrap();
        for id in ["117", "0117", "4294967296", "+1", "1.50"] {
            let shown = texts.text("en", "order", &[("id".to_owned(), id.to_owned())]);
            assert_eq!(shown, format!("Order {id}"));
        }
    }

    #[test]
    fn a_themes_file_overrides_words_and_adds_languages() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("en.ftl"), "language-name = Our English\n").unwrap();
        std::fs::write(folder.path().join("nl.ftl"), "language-name = Nederlands\n").unwrap();
        let texts = Texts::new(BUILT_IN, Some(folder.path()), "nl").unwrap();
        assert_eq!(texts.text("en", "language-name", &[]), "Our English");
        assert_eq!(texts.text("de", "title", &[]), "Lizenzen");
        assert_eq!(texts.choose(None, "nl-BE"), "nl");
        // What a language does not say is said in English.
        assert_eq!(texts.text("nl", "title", &[]), "Licenses");
        std::fs::write(folder.path().join("en.ftl"), "{{{").unwrap();
        assert!(Texts::new(BUILT_IN, Some(folder.path()), "en").is_err());
    }
}

//! What every program that shows pages has in common: texts in the reader's language, forms, templates that escape, files
//! with hashes, headers that leave pages no way to be misused, and the looks. No web framework, nothing of licensing but
//! the German words for problems.

mod assets;
mod form;
pub mod headers;
mod text;

pub use assets::{Asset, Sources, files};
pub use form::{Form, FormError};
pub use text::{Problem, Texts, Translator};

/// The looks that all pages share: variables for colours and sizes, and the common elements.
pub const STYLE: &str = include_str!("base.css");

/// Problems in German: title, rule and remedy by code. English is told by whoever refuses, with the facts of the case.
pub const PROBLEMS_GERMAN: &str = include_str!("texts/problems-de.ftl");

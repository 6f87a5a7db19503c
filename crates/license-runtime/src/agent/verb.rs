//! What a page can ask for.

use licensing_core::limits::{TEMPLATE_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_wire::binary::from_base64;
use serde::Deserialize;

use crate::agent::execute::Refusal;

/// A request as it arrives. Fields that are not known are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// The session it belongs to (WebSocket only).
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// Number of the request, greater than that of the one before (WebSocket only).
    #[serde(default)]
    pub(crate) id: Option<u64>,
    verb: String,
    #[serde(default)]
    container: Option<String>,
    #[serde(default)]
    template: Option<String>,
    #[serde(default)]
    update: Option<String>,
}

/// A container, as a page names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// By the name it has for the page's origin.
    Named(String),
    /// Left to the user, or made by an earlier request (navigation only).
    Open,
}

/// A request. These are all there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Asks the user to allow the origin.
    Consent,
    /// The containers the page may see.
    List,
    /// Makes a context: the request of a transfer.
    CreateContext(Target),
    /// Takes a template into an act license, or makes a new one from it.
    RegisterTemplate(Option<String>, Vec<u8>),
    /// Imports an update.
    ImportUpdate(Target, Vec<u8>),
    /// Makes a context that proves an update.
    Receipt(Target),
}

fn invalid(why: &str) -> Refusal {
    Refusal::new("agent_request_invalid", why)
}

impl Message {
    /// Reads a request.
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        serde_json::from_str(text).map_err(|_| invalid("the request is not one of the documented form"))
    }

    /// The requests of a navigation: a list of one to four.
    pub(crate) fn read_all(text: &str) -> Result<Vec<Self>, Refusal> {
        let messages: Vec<Self> = serde_json::from_str(text)
            .map_err(|_| invalid("the requests are not a list of the documented form"))?;
        if messages.is_empty() || messages.len() > 4 {
            return Err(invalid("one to four requests are sent at a time"));
        }
        Ok(messages)
    }

    /// What is asked for.
    pub(crate) fn verb(self) -> Result<Verb, Refusal> {
        let given = (self.container.is_some(), self.template.is_some(), self.update.is_some());
        let target = self.container.clone().map_or(Target::Open, Target::Named);
        let decode = |text: Option<String>, limit, what: &str| {
            let text = text.ok_or_else(|| invalid(&format!("the {what} is missing")))?;
            from_base64(&text, limit)
                .map_err(|error| invalid(&format!("the {what} is not acceptable: {error}")))
        };
        match (self.verb.as_str(), given) {
            ("consent", (false, false, false)) => Ok(Verb::Consent),
            ("list", (false, false, false)) => Ok(Verb::List),
            ("create_context", (_, false, false)) => Ok(Verb::CreateContext(target)),
            ("receipt", (_, false, false)) => Ok(Verb::Receipt(target)),
            ("register_template", (_, true, false)) => {
                let template = decode(self.template, TEMPLATE_BYTES_MAX, "template")?;
                Ok(Verb::RegisterTemplate(self.container, template))
            }
            ("import_update", (_, false, true)) => {
                Ok(Verb::ImportUpdate(target, decode(self.update, UPDATE_BYTES_MAX, "update")?))
            }
            _ => Err(invalid("there is no such request with these fields")),
        }
    }
}

impl Verb {
    /// Its name.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::List => "list",
            Self::CreateContext(_) => "create_context",
            Self::RegisterTemplate(..) => "register_template",
            Self::ImportUpdate(..) => "import_update",
            Self::Receipt(_) => "receipt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v6_only_the_documented_requests_exist() {
        for good in [
            r#"{"verb":"consent"}"#,
            r#"{"verb":"list"}"#,
            r#"{"verb":"create_context","container":"00"}"#,
            r#"{"verb":"register_template","template":"AAAA"}"#,
            r#"{"verb":"import_update","container":"00","update":"AAAA"}"#,
            r#"{"verb":"receipt","container":"00"}"#,
        ] {
            assert!(Message::read(good).and_then(Message::verb).is_ok(), "{good}");
        }
        for bad in [
            "",
            "[]",
            "null",
            r#"{"verb":"configure"}"#,
            r#"{"verb":"allow","origin":"https://evil.example"}"#,
            r#"{"verb":"export","container":"00"}"#,
            r#"{"verb":"list","path":"/etc/passwd"}"#,
            r#"{"verb":"list","container":"00"}"#,
            r#"{"verb":"create_context","container":"00","out":"/tmp/x"}"#,
            r#"{"verb":"create_context","container":["00"]}"#,
            r#"{"verb":"import_update","container":"00"}"#,
            r#"{"verb":"import_update","container":"00","update":"not base64"}"#,
            r#"{"verb":"register_template","container":"00"}"#,
            r#"{"verb":"list","verb":"consent"}"#,
            r#"{"verb":"list"} {"verb":"list"}"#,
        ] {
            assert!(Message::read(bad).and_then(Message::verb).is_err(), "{bad}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Message::read(&deep).is_err() && Message::read_all(&deep).is_err());
        let large = format!(r#"{{"verb":"register_template","template":"{}"}}"#, "A".repeat(100_000));
        assert!(Message::read(&large).and_then(Message::verb).is_err(), "larger than templates are");
    }
}

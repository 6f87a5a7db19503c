//! The agent's own two pages. No script, nothing loaded from anywhere, everything escaped.

use serde_json::Value;

use crate::agent::head::Head;
use crate::agent::navigation::Waiting;
use crate::agent::verb::Verb;

/// Languages of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

impl Language {
    /// The language the browser asks for first.
    pub(crate) fn of(head: &Head) -> Self {
        let first = head.field("accept-language").unwrap_or_default();
        if first.to_ascii_lowercase().starts_with("de") { Self::German } else { Self::English }
    }

    const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    const fn pick(self, english: &'static str, german: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::German => german,
        }
    }
}

/// A text as it may stand in HTML, in text and in attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn frame(title: &str, content: &str, language: Language) -> String {
    const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;\
margin:3rem auto;padding:0 1rem}h1{font-size:1.3rem}.origin{font-weight:600;overflow-wrap:anywhere}\
button{font:inherit;padding:.5rem 1.2rem;margin:.5rem .5rem 0 0}label{display:block;padding:.25rem 0}\
fieldset{margin:1rem 0}";
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{}</title><style>{STYLE}</style></head>\
<body><main><h1>{}</h1>{content}</main></body></html>\n",
        language.tag(),
        escape(title),
        escape(title),
    )
}

const fn action(verb: &Verb, language: Language) -> &'static str {
    match verb {
        Verb::Consent => "",
        Verb::List => language.pick(
            "see which of your containers can hold its licenses",
            "sehen, welche Ihrer Container seine Lizenzen aufnehmen k\u{f6}nnen",
        ),
        Verb::CreateContext(_) => language.pick(
            "receive a license request of a container",
            "eine Lizenzanforderung eines Containers erhalten",
        ),
        Verb::RegisterTemplate(None, _) => language.pick(
            "make a new license container on this computer",
            "einen neuen Lizenzcontainer auf diesem Computer anlegen",
        ),
        Verb::RegisterTemplate(Some(_), _) => language.pick(
            "prepare a container for its licenses",
            "einen Container f\u{fc}r seine Lizenzen vorbereiten",
        ),
        Verb::ImportUpdate(..) => language
            .pick("change its licenses in a container", "seine Lizenzen in einem Container \u{e4}ndern"),
        Verb::Receipt(_) => {
            language.pick("receive a receipt of the change", "eine Quittung der \u{c4}nderung erhalten")
        }
    }
}

/// Asks the user whether a portal may do what it wants.
pub(crate) fn question(waiting: &Waiting, token: &str, language: Language) -> String {
    let title = language.pick("License transfer", "Lizenz\u{fc}bertragung");
    let wants = language.pick("wants to:", "m\u{f6}chte:");
    let vendor = language.pick("Vendor", "Hersteller");
    let mut content = format!(
        "<p><span class=\"origin\">{}</span><br>{vendor}: {} ({})</p><p>{wants}</p><ul>",
        escape(waiting.caller.origin.as_str()),
        escape(waiting.caller.firm_name.as_str()),
        waiting.caller.firm_code,
    );
    for verb in &waiting.verbs {
        content.push_str(&format!("<li>{}</li>", escape(action(verb, language))));
    }
    content.push_str("</ul><form method=\"post\" action=\"/agent/v1/confirm\">");
    content.push_str(&format!("<input type=\"hidden\" name=\"token\" value=\"{}\">", escape(token)));
    if waiting.needs_choice() {
        let which = language.pick("Which container?", "Welcher Container?");
        content.push_str(&format!("<fieldset><legend>{which}</legend>"));
        for (at, choice) in waiting.choices.iter().enumerate() {
            content.push_str(&format!(
                "<label><input type=\"radio\" name=\"container\" value=\"{}\"{}> {} {}</label>",
                escape(&choice.name),
                if at == 0 { " checked" } else { "" },
                escape(&choice.serial.to_string()),
                escape(choice.serial.kind().as_str()),
            ));
        }
        if waiting.choices.is_empty() {
            let none = language.pick("There is none on this computer.", "Auf diesem Computer ist keiner.");
            content.push_str(&format!("<p>{none}</p>"));
        }
        content.push_str("</fieldset>");
    }
    let (allow, refuse) = (language.pick("Allow", "Erlauben"), language.pick("Refuse", "Ablehnen"));
    content.push_str(&format!(
        "<button name=\"decision\" value=\"refuse\">{refuse}</button>\
<button name=\"decision\" value=\"allow\">{allow}</button></form>"
    ));
    frame(title, &content, language)
}

/// Lets the user take the answers to the portal.
pub(crate) fn result(target: &str, state: &str, answers: &Value, language: Language) -> String {
    let title = language.pick("License transfer", "Lizenz\u{fc}bertragung");
    let text = language.pick("Go on at the portal.", "Weiter im Portal.");
    let button = language.pick("Continue", "Weiter");
    let content = format!(
        "<p>{text}</p><form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"state\" value=\"{}\">\
<input type=\"hidden\" name=\"answers\" value=\"{}\"><button autofocus>{button}</button></form>",
        escape(target),
        escape(state),
        escape(&answers.to_string()),
    );
    frame(title, &content, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v13_everything_is_escaped() {
        let answers = serde_json::json!([{ "error": "\"><script>alert(1)</script>'&" }]);
        let page = result("https://portal.example/back", "abc", &answers, Language::German);
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;"));
        assert!(page.contains("lang=\"de\""));
    }
}

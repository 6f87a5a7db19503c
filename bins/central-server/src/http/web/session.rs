//! Signing in and out, and the language.

use minijinja::context;
use serde_json::json;

use crate::http::web::visit::{Shown, Visit};
use crate::service::Failure;

/// An address of this server; anything else is the first page.
pub(super) fn inside(path: &str) -> &str {
    let sound = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if sound { path } else { "/" }
}

pub(super) async fn sign_in_page(visit: &Visit) -> Result<Shown, Failure> {
    Ok(Shown::Page(200, "sign-in.html", context! { next => inside(visit.asked("next")) }))
}

pub(super) async fn sign_in(visit: &Visit) -> Result<Shown, Failure> {
    let form = &visit.form;
    let body = json!({"name": form.get("name").trim(), "password": form.get("password")});
    let next = inside(form.get("next")).to_owned();
    match visit.answer_of("sign_in", &[], &[], Some(body)).await {
        Ok(answer) => Ok(Shown::SignedIn(next, answer.cookie)),
        Err(failure) if failure.code() == "internal" => Err(failure),
        Err(failure) => {
            let values = context! {
                problem => visit.problem(&failure), next => next, name => form.get("name").trim()
            };
            Ok(Shown::Page(422, "sign-in.html", values))
        }
    }
}

pub(super) async fn sign_out(visit: &Visit) -> Result<Shown, Failure> {
    let answer = visit.answer_of("sign_out", &[], &[], None).await?;
    Ok(Shown::SignedIn("/sign-in?done=signed-out".to_owned(), answer.cookie))
}

pub(super) async fn language(visit: &Visit) -> Result<Shown, Failure> {
    let language = visit.form.get("language");
    let known = super::frame::Frame::get()?.texts.has(language);
    let language = if known { language } else { "en" };
    Ok(Shown::Speaking(inside(visit.form.get("back")).to_owned(), language.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(inside("/licenses?item=A"), "/licenses?item=A");
        for bad in ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a b", "/a\r\nX: y"] {
            assert_eq!(inside(bad), "/", "{bad}");
        }
    }
}

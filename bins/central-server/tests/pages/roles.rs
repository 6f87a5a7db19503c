//! Who may see which page, and that what somebody entered is shown and never run.

use axum::body::Body;
use axum::http::Request;
use central_server::http::{Access, PAGES, ROUTES, Reader, Verb, router};
use form_urlencoded::Serializer;
use http_body_util::BodyExt as _;
use licensing_core::token::{ROLES, Role};
use tower::ServiceExt as _;

use crate::world::{Browser, World};

pub(crate) const OURS: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];

/// What a page of ours shows: status, where it leads, and what it says.
pub(crate) async fn visited(
    world: &World,
    browser: &Browser,
    path: &str,
    form: Option<&str>,
    headers: &[(&str, &str)],
) -> (u16, String, String) {
    let mut request = Request::builder().uri(path).header("host", "central.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(cookie) = &browser.cookie {
        request = request.header("cookie", cookie);
    }
    if form.is_some() {
        request = request.method("POST").header("content-type", "application/x-www-form-urlencoded");
    }
    let request = request.body(Body::from(form.unwrap_or_default().to_owned())).unwrap();
    let (parts, body) = router(&world.app).oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let location = parts.headers.get("location").map(|value| value.to_str().unwrap().to_owned());
    (parts.status.as_u16(), location.unwrap_or_default(), String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a role may use the route a page stands for.
fn may(role: Role, reader: Reader) -> bool {
    let Reader::Of(name) = reader else { return true };
    match ROUTES.iter().find(|route| route.name == name).unwrap().access {
        Access::Vendor(permission) => role.allows(permission),
        _ => true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_pages_are_for_whom_their_routes_are() {
    let world = World::new();
    let anybody = Browser::default();
    for page in PAGES {
        let path = page.path.replace("{id}", "NONE").replace("{serial}", "3-1234567").replace("{hash}", "00");
        let form = (page.verb == Verb::Post).then_some("a=b");
        let (status, to, _) = visited(&world, &anybody, &path, form, OURS).await;
        if page.reader == Reader::Anybody {
            assert!(!to.starts_with("/sign-in?"), "{}", page.name);
        } else {
            assert_eq!(status, 303, "{}", page.name);
            assert!(to.starts_with("/sign-in?next="), "{} {to}", page.name);
        }
    }
    for (role, name) in ROLES {
        let browser = world.user(&format!("a-{name}"), name).await;
        for page in PAGES.iter().filter(|page| page.name != "page_sign_out") {
            let path =
                page.path.replace("{id}", "NONE").replace("{serial}", "3-1234567").replace("{hash}", "00");
            let form = (page.verb == Verb::Post).then_some("a=b");
            let (status, _, body) = visited(&world, &browser, &path, form, OURS).await;
            let refused = status == 403 && body.contains("data-code=\"forbidden\"");
            assert_eq!(refused, !may(role, page.reader), "{name} {} {status}", page.name);
            assert!(status < 500, "{name} {} {status}", page.name);
            if let Some(form) = form {
                for elsewhere in
                    [&[][..], &[("sec-fetch-site", "cross-site")], &[("origin", "https://evil.example")]]
                {
                    let (status, _, body) = visited(&world, &browser, &path, Some(form), elsewhere).await;
                    let refused = status == 403 && body.contains("data-code=\"origin_refused\"");
                    assert!(refused, "{name} {} {elsewhere:?} {status}", page.name);
                }
            }
        }
    }
}

/// What somebody enters who wants it to run.
pub(crate) const CORPUS: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "{{ 7*7777 }}{% raw %}",
    "javascript:alert(1)",
    "\" autofocus onfocus=alert(1) x=\"",
    "<!--<script>",
    "&lt;script&gt;",
    "=HYPERLINK(1)",
    "@<b onclick=alert(1)>",
];

pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Nothing of what was entered has become markup.
fn harmless(shown: &str, page: &str) {
    for bad in [
        "<script>alert",
        "<img src=x",
        "<svg/onload",
        "\" autofocus onfocus",
        "<!--<script",
        "href=\"javascript:",
    ] {
        assert!(!shown.contains(bad), "{page}: {bad} in {shown}");
    }
    assert!(!shown.contains("54439"), "{page}: a template ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_what_is_entered_is_shown_and_never_run() {
    let world = World::new();
    let browser = world.user("vendor", "admin").await;
    for (number, bad) in CORPUS.iter().enumerate() {
        let (item, order) = (format!("I-{number}"), format!("O-{number}"));
        let product = (201_000 + number).to_string();
        let made = form(&[
            ("id", &item),
            ("name", bad),
            ("firm_code", "6000010"),
            ("product_code", &product),
            ("text", bad),
            ("module_code", "300000"),
            ("module_name", bad),
        ]);
        let (status, to, shown) = visited(&world, &browser, "/items", Some(&made), OURS).await;
        assert_eq!(status, 303, "{bad}: {shown}");
        assert_eq!(to, format!("/items/{item}?done=item-created"));
        let placed = form(&[
            ("order_id", &order),
            ("customer", bad),
            ("comment", bad),
            ("item", &item),
            ("quantity", "2"),
            ("choice", "new"),
        ]);
        let (status, to, shown) = visited(&world, &browser, "/orders", Some(&placed), OURS).await;
        assert!(status == 303 || (status == 422 && shown.contains("data-code")), "{bad}: {status}");
        harmless(&shown, "order form");
        if status == 303 {
            assert_eq!(to, format!("/orders/{order}?done=order-created"));
        }
        // Refused, and shown again as it was entered.
        for path in ["/items", "/orders", "/sign-in", "/search"] {
            let all: Vec<(&str, &str)> = [
                "id",
                "name",
                "firm_code",
                "expires",
                "access",
                "reactivation",
                "order_id",
                "customer",
                "comment",
                "item",
                "quantity",
                "choice",
                "earlier",
                "serial",
                "module_name",
                "text",
                "next",
                "password",
            ]
            .into_iter()
            .map(|name| (name, *bad))
            .collect();
            let (status, _, shown) = visited(&world, &browser, path, Some(&form(&all)), OURS).await;
            assert!(status < 500, "{path} {status}");
            harmless(&shown, path);
        }
        for path in ["/search", "/items", "/orders", "/licenses", "/events", "/sign-in", "/containers"] {
            let all: Vec<(&str, &str)> = [
                "q", "prefix", "customer", "order", "item", "done", "next", "from", "action", "license",
                "kind",
            ]
            .into_iter()
            .map(|name| (name, *bad))
            .collect();
            let (status, _, shown) =
                visited(&world, &browser, &format!("{path}?{}", form(&all)), None, OURS).await;
            assert!(status < 500, "{path} {status}");
            harmless(&shown, path);
        }
    }
    for path in
        ["/", "/items", "/orders", "/licenses", "/events", "/new-item?like=I-0", "/new-order", "/items/I-1"]
    {
        let (status, _, shown) = visited(&world, &browser, path, None, OURS).await;
        assert_eq!(status, 200, "{path}: {shown}");
        harmless(&shown, path);
    }
    let (_, _, shown) = visited(&world, &browser, "/items", None, OURS).await;
    assert!(shown.contains("&lt;script&gt;alert(1)"), "what was entered is shown: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_sent_twice_is_done_once() {
    let world = World::new();
    let browser = world.user("vendor", "admin").await;
    let item = form(&[("id", "A"), ("name", "A"), ("firm_code", "6000010"), ("product_code", "201000")]);
    assert_eq!(visited(&world, &browser, "/items", Some(&item), OURS).await.0, 303);
    let order = form(&[("order_id", "O-1"), ("item", "A"), ("quantity", "3"), ("key", "k1")]);
    let first = visited(&world, &browser, "/orders", Some(&order), OURS).await;
    let second = visited(&world, &browser, "/orders", Some(&order), OURS).await;
    assert_eq!((first.0, &first.1), (303, &second.1));
    let other = form(&[("order_id", "O-1"), ("item", "A"), ("quantity", "4"), ("key", "k2")]);
    let (status, _, shown) = visited(&world, &browser, "/orders", Some(&other), OURS).await;
    assert!(status == 422 && shown.contains("data-code=\"order_exists\"") && shown.contains("value=\"4\""));
    let (_, _, list) = visited(&world, &browser, "/orders", None, OURS).await;
    assert_eq!(list.matches("href=\"/orders/O-1\"").count(), 1);
}

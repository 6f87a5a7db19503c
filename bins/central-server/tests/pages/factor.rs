//! Whose role requires a second factor is led to setting it up, and nowhere else.

use central_server::config::Config;
use central_server::http::{PAGES, Reader, Verb};
use licensing_core::user::totp;

use crate::PASSWORD;
use crate::roles::{OURS, form, visited};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn c17_a_required_second_factor_is_set_up_first() {
    let world = World::with(Config::parse("[users]\nsecond_factor_required = [\"admin\"]").unwrap());
    let browser = world.user("ann", "admin").await;
    let visit = async |path: &str, sent: Option<&str>| visited(&world, &browser, path, sent, OURS).await;
    let open = ["page_set_up_factor", "page_second_factor", "page_confirm_factor", "page_sign_out"];
    for page in PAGES.iter().filter(|page| page.reader != Reader::Anybody && !open.contains(&page.name)) {
        let path = page.path.replace("{id}", "NONE").replace("{serial}", "3-1234567").replace("{hash}", "00");
        let sent = (page.verb == Verb::Post).then_some("a=b");
        let (status, to, _) = visit(&path, sent).await;
        assert!(
            status == 303 && to.starts_with("/account/second-factor?next="),
            "{} {status} {to}",
            page.name
        );
    }
    let (status, _, shown) = visit("/account/second-factor", None).await;
    assert!(status == 200 && shown.contains("action=\"/account/second-factor\""), "{shown}");
    assert!(!shown.contains("href=\"/items\""), "no way that leads nowhere: {shown}");
    let password = |text: &str| form(&[("password", text)]);
    let (status, _, shown) = visit("/account/second-factor", Some(&password("wrong"))).await;
    assert!(status == 422 && shown.contains("data-code=\"password_wrong\""), "{shown}");
    let (status, _, shown) = visit("/account/second-factor", Some(&password(PASSWORD))).await;
    assert_eq!(status, 200, "{shown}");
    let secret = shown.split("id=\"secret\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let (status, _, shown) = visit("/account/second-factor/confirm", Some("code=000000")).await;
    assert!(status == 422 && shown.contains("data-code=\"second_factor_wrong\""), "{shown}");
    let code = totp::code(&secret, totp::step(world.now()));
    let (status, _, shown) = visit("/account/second-factor/confirm", Some(&form(&[("code", &code)]))).await;
    assert!(status == 200 && shown.contains("class=\"panel plain codes\""), "{shown}");
    assert_eq!(visit("/users", None).await.0, 200);
}

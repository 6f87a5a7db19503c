//! Users at their browsers: made by an administrator, an own password, a second factor, API tokens.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::path::PathBuf;

use central_server::system::{Clock as _, SystemClock};
use licensing_core::user::totp;

use crate::PASSWORD;
use crate::vendor::{Server, Vendor};

#[test]
fn c17_an_administrator_and_a_new_user() {
    people("en-GB,en;q=0.9", None);
}

#[test]
fn c17_an_administrator_and_a_new_user_in_german() {
    people("de-DE,de;q=0.9,en;q=0.5", None);
}

pub(crate) fn people(languages: &str, pictures: Option<PathBuf>) {
    let server = Server::start();
    let mut vendor = Vendor::new(&server, languages, pictures);
    vendor.sign_in();
    let one_time = user(&mut vendor);
    token(&mut vendor);
    second_factor(&mut vendor);
    own_password(&mut vendor, &one_time);
}

/// The text of what is shown only once.
fn secret(vendor: &Vendor) -> String {
    let secret = vendor.browser.find("#secret");
    vendor.browser.text(&secret)
}

fn enter(vendor: &Vendor, name: &str, password: &str) {
    vendor.open("/sign-in");
    vendor.browser.fill("#name", name);
    vendor.browser.fill("#password", password);
    vendor.browser.click("main form .main");
}

fn leave(vendor: &Vendor) {
    vendor.browser.click(".who button");
    vendor.arrived("/sign-in");
}

/// Makes bob; gives his one-time password.
fn user(vendor: &mut Vendor) -> String {
    vendor.open("/users");
    vendor.look("vendor-users");
    vendor.browser.fill("#name", "bob");
    vendor.browser.click("form.stack .main");
    // Without a role: refused, with everything still there.
    vendor.browser.find("[data-code='invalid_value']");
    vendor.look("vendor-users-refused");
    vendor.browser.click("input[value='sales']");
    vendor.browser.click("form.stack .main");
    let one_time = secret(vendor);
    vendor.look("vendor-one-time-password");
    vendor.browser.click("main a.main");
    vendor.arrived("/users/bob");
    vendor.look("vendor-user");
    vendor.browser.click("input[value='support']");
    vendor.browser.click("form[action$='/roles'] button");
    vendor.browser.find(".notice-good");
    assert!(vendor.browser.has("input[value='support']:checked"));
    one_time
}

fn token(vendor: &mut Vendor) {
    vendor.open("/tokens");
    vendor.look("vendor-tokens");
    vendor.browser.fill("#name", "shop");
    vendor.browser.click("input[value='sales']");
    vendor.browser.click("summary");
    vendor.browser.click("input[value='order-write']");
    vendor.browser.click("form.stack .main");
    assert!(secret(vendor).starts_with("cst_"));
    vendor.look("vendor-token-secret");
    vendor.browser.click("main a.main");
    vendor.arrived("/tokens");
    assert!(vendor.browser.visible().contains("order-write"));
    vendor.browser.click("form[action='/tokens/shop/revoke'] button");
    vendor.browser.find(".notice-good");
}

/// Adds a second factor and signs in with it.
fn second_factor(vendor: &mut Vendor) {
    vendor.open("/account");
    vendor.look("vendor-account");
    vendor.browser.click("main a[href='/account/second-factor']");
    vendor.arrived("/account/second-factor");
    vendor.look("vendor-second-factor-add");
    vendor.browser.fill("#password", "not her password");
    vendor.browser.click("main form .main");
    vendor.browser.find("[data-code='password_wrong']");
    vendor.browser.fill("#password", PASSWORD);
    vendor.browser.click("main form .main");
    let key = data_encoding::BASE32_NOPAD.decode(secret(vendor).as_bytes()).unwrap();
    vendor.look("vendor-second-factor");
    let now = || totp::step(SystemClock.now());
    let first = now();
    vendor.browser.fill("#code", &totp::code(&key, first));
    vendor.browser.click("main form .main");
    vendor.browser.find(".codes");
    vendor.look("vendor-recovery-codes");
    let recovery = vendor.browser.find(".codes code");
    let recovery = vendor.browser.text(&recovery);
    leave(vendor);
    enter(vendor, "ada", PASSWORD);
    vendor.arrived("/sign-in/code");
    vendor.look("vendor-sign-in-code");
    // Nothing else is to be had before.
    vendor.open("/items");
    vendor.arrived("/sign-in/code");
    vendor.browser.fill("#code", &totp::code(&key, first));
    vendor.browser.click("main form .main");
    vendor.browser.find("[data-code='second_factor_wrong']");
    // A later code than the first, and one that is good at this moment.
    vendor.browser.fill("#code", &totp::code(&key, now().max(first + 1)));
    vendor.browser.click("main form .main");
    vendor.arrived("/items");
    vendor.open("/account");
    vendor.look("vendor-account-second-factor");
    leave(vendor);
    enter(vendor, "ada", PASSWORD);
    vendor.arrived("/sign-in/code");
    vendor.browser.fill("#code", &recovery);
    vendor.browser.click("main form .main");
    vendor.arrived("/");
    leave(vendor);
}

/// Bob signs in for the first time.
fn own_password(vendor: &mut Vendor, one_time: &str) {
    enter(vendor, "bob", "not his password");
    vendor.browser.find("[data-code='sign_in_failed']");
    enter(vendor, "bob", one_time);
    vendor.arrived("/account/password");
    vendor.look("vendor-password-needed");
    vendor.open("/orders");
    vendor.arrived("/account/password");
    let fill = |new: &str, repeated: &str| {
        vendor.browser.fill("#old", one_time);
        vendor.browser.fill("#new", new);
        vendor.browser.fill("#repeated", repeated);
        vendor.browser.click("main form .main");
    };
    fill("four words of bob", "four words of rob");
    vendor.browser.find("[data-code='password_unsuitable']");
    fill("four words of bob", "four words of bob");
    vendor.arrived("/account");
    vendor.open("/users");
    vendor.browser.find("[data-code='forbidden']");
    vendor.open("/orders");
    vendor.arrived("/orders");
}

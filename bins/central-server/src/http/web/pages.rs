//! The table of pages: every address, who may read it, what it shows.

use std::future::Future;
use std::pin::Pin;

use crate::http::Verb;
use crate::http::web::visit::{Shown, Visit};
use crate::http::web::{account, dashboard, items, licenses, lists, orders, people, search, session};
use crate::service::Failure;

/// Who may read a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Everybody.
    Anybody,
    /// A user in a session, whatever his roles and whatever is still missing.
    User,
    /// A user who may use this route of the table.
    Of(&'static str),
}

/// What makes a page.
pub(super) type Maker =
    for<'a> fn(&'a Visit) -> Pin<Box<dyn Future<Output = Result<Shown, Failure>> + Send + 'a>>;

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Name in logs and metrics.
    pub name: &'static str,
    /// Method.
    pub verb: Verb,
    /// Path, with parameters in braces.
    pub path: &'static str,
    /// Who may read it.
    pub reader: Reader,
    pub(super) maker: Maker,
}

const fn get(name: &'static str, path: &'static str, reader: Reader, maker: Maker) -> Page {
    Page { name, verb: Verb::Get, path, reader, maker }
}

const fn post(name: &'static str, path: &'static str, reader: Reader, maker: Maker) -> Page {
    Page { name, verb: Verb::Post, path, reader, maker }
}

/// Where the code of the second factor is entered.
pub(super) const CODE_PATH: &str = "/sign-in/code";
/// Where a second factor is set up.
pub(super) const FACTOR_PATH: &str = "/account/second-factor";
/// Where an own password is set.
pub(super) const PASSWORD_PATH: &str = "/account/password";

/// Every page.
pub static PAGES: &[Page] = &[
    get("page_sign_in", "/sign-in", Reader::Anybody, |v| Box::pin(session::sign_in_page(v))),
    post("page_sign_in_send", "/sign-in", Reader::Anybody, |v| Box::pin(session::sign_in(v))),
    get("page_code", CODE_PATH, Reader::User, |v| Box::pin(account::code_page(v))),
    post("page_enter_code", CODE_PATH, Reader::User, |v| Box::pin(account::enter_code(v))),
    get("page_account", "/account", Reader::User, |v| Box::pin(account::page(v))),
    get("page_password", PASSWORD_PATH, Reader::User, |v| Box::pin(account::password_page(v))),
    post("page_change_password", PASSWORD_PATH, Reader::User, |v| Box::pin(account::change_password(v))),
    get("page_set_up_factor", FACTOR_PATH, Reader::User, |v| Box::pin(account::factor_page(v))),
    post("page_second_factor", FACTOR_PATH, Reader::User, |v| Box::pin(account::begin_second_factor(v))),
    post("page_confirm_factor", "/account/second-factor/confirm", Reader::User, |v| {
        Box::pin(account::confirm_second_factor(v))
    }),
    post("page_remove_factor", "/account/second-factor/remove", Reader::User, |v| {
        Box::pin(account::remove_second_factor(v))
    }),
    post("page_end_sessions", "/account/sessions/end", Reader::User, |v| {
        Box::pin(account::end_other_sessions(v))
    }),
    get("page_users", "/users", Reader::Of("list_users"), |v| Box::pin(people::users(v))),
    post("page_create_user", "/users", Reader::Of("create_user"), |v| Box::pin(people::create_user(v))),
    get("page_user", "/users/{id}", Reader::Of("get_user"), |v| Box::pin(people::user(v))),
    post("page_roles", "/users/{id}/roles", Reader::Of("change_roles"), |v| {
        Box::pin(people::act(v, "change_roles"))
    }),
    post("page_disable", "/users/{id}/disable", Reader::Of("disable_user"), |v| {
        Box::pin(people::act(v, "disable_user"))
    }),
    post("page_enable", "/users/{id}/enable", Reader::Of("enable_user"), |v| {
        Box::pin(people::act(v, "enable_user"))
    }),
    post("page_reset_password", "/users/{id}/password", Reader::Of("reset_password"), |v| {
        Box::pin(people::act(v, "reset_password"))
    }),
    post("page_lost_factor", "/users/{id}/second-factor", Reader::Of("remove_second_factor"), |v| {
        Box::pin(people::act(v, "remove_second_factor"))
    }),
    post("page_end_users_sessions", "/users/{id}/sessions", Reader::Of("end_sessions"), |v| {
        Box::pin(people::act(v, "end_sessions"))
    }),
    get("page_tokens", "/tokens", Reader::Of("list_tokens"), |v| Box::pin(people::tokens(v))),
    post("page_create_token", "/tokens", Reader::Of("create_token"), |v| Box::pin(people::create_token(v))),
    post("page_revoke_token", "/tokens/{id}/revoke", Reader::Of("revoke_token"), |v| {
        Box::pin(people::revoke_token(v))
    }),
    post("page_sign_out", "/sign-out", Reader::User, |v| Box::pin(session::sign_out(v))),
    post("page_language", "/language", Reader::Anybody, |v| Box::pin(session::language(v))),
    get("page_dashboard", "/", Reader::User, |v| Box::pin(dashboard::page(v))),
    get("page_items", "/items", Reader::Of("list_items"), |v| Box::pin(lists::items(v))),
    get("page_item", "/items/{id}", Reader::Of("get_item"), |v| Box::pin(items::page(v))),
    get("page_new_item", "/new-item", Reader::Of("create_item"), |v| Box::pin(items::form(v))),
    post("page_create_item", "/items", Reader::Of("create_item"), |v| Box::pin(items::create(v))),
    get("page_orders", "/orders", Reader::Of("list_orders"), |v| Box::pin(lists::orders(v))),
    get("page_order", "/orders/{id}", Reader::Of("get_order"), |v| Box::pin(orders::page(v))),
    post("page_mail_order", "/orders/{id}/mail", Reader::Of("mail_order"), |v| Box::pin(orders::mail(v))),
    get("page_new_order", "/new-order", Reader::Of("create_order"), |v| Box::pin(orders::form(v))),
    post("page_create_order", "/orders", Reader::Of("create_order"), |v| Box::pin(orders::create(v))),
    get("page_licenses", "/licenses", Reader::Of("list_licenses"), |v| Box::pin(lists::licenses(v))),
    get("page_license", "/licenses/{id}", Reader::Of("get_license"), |v| Box::pin(licenses::license(v))),
    post("page_withdraw", "/licenses/{id}/withdraw", Reader::Of("withdraw"), |v| {
        Box::pin(licenses::act(v, "withdraw"))
    }),
    post("page_cancel_withdrawal", "/licenses/{id}/give-back", Reader::Of("cancel_withdrawal"), |v| {
        Box::pin(licenses::act(v, "cancel_withdrawal"))
    }),
    post("page_replace", "/licenses/{id}/replace", Reader::Of("replace"), |v| {
        Box::pin(licenses::act(v, "replace"))
    }),
    get("page_containers", "/containers", Reader::Of("list_containers"), |v| Box::pin(lists::containers(v))),
    get("page_container", "/containers/{serial}", Reader::Of("get_container"), |v| {
        Box::pin(licenses::container(v))
    }),
    post("page_blacklist", "/containers/{serial}/blacklist", Reader::Of("blacklist_container"), |v| {
        Box::pin(licenses::act(v, "blacklist_container"))
    }),
    post("page_clear", "/containers/{serial}/clear", Reader::Of("clear_container"), |v| {
        Box::pin(licenses::act(v, "clear_container"))
    }),
    get("page_approvals", "/approvals", Reader::Of("list_approvals"), |v| Box::pin(lists::approvals(v))),
    post("page_grant", "/approvals/{id}/grant", Reader::Of("grant_approval"), |v| {
        Box::pin(licenses::act(v, "grant_approval"))
    }),
    post("page_deny", "/approvals/{id}/deny", Reader::Of("deny_approval"), |v| {
        Box::pin(licenses::act(v, "deny_approval"))
    }),
    get("page_held_orders", "/held-orders", Reader::Of("list_held_orders"), |v| {
        Box::pin(lists::held_orders(v))
    }),
    post("page_release_order", "/held-orders/{id}/release", Reader::Of("release_order"), |v| {
        Box::pin(licenses::act(v, "release_order"))
    }),
    post("page_deny_order", "/held-orders/{id}/deny", Reader::Of("deny_order"), |v| {
        Box::pin(licenses::act(v, "deny_order"))
    }),
    get("page_events", "/events", Reader::Of("history"), |v| Box::pin(lists::events(v))),
    get("page_receipt", "/receipts/{hash}", Reader::Of("get_receipt"), |v| Box::pin(licenses::receipt(v))),
    get("page_search", "/search", Reader::Of("search"), |v| Box::pin(search::page(v))),
    post("page_search_send", "/search", Reader::Of("search"), |v| Box::pin(search::page(v))),
];

//! The depot: the customer's portal. With a ticket a customer sees his licenses and moves them himself, online through
//! the license runtime of his computer or by file.
//!
//! It faces the internet, so it has nothing worth stealing: no database, no signing keys, no containers. Everything is
//! asked of a central server over its JSON interface, which decides; what is decided here are the portal's own rules
//! ([`rules`]), which also hold for applications that use the [`gateway`].

pub mod app;
pub mod command;
pub mod config;
pub mod desk;
pub mod gateway;
pub mod http;
mod pages;
mod qr;
pub mod rules;
pub mod session;
pub mod system;
pub mod text;
pub mod theme;
pub mod trouble;
mod views;

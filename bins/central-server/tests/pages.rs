//! The vendor's pages: who may see which, that nothing entered is ever more than text, and a vendor's day in a real
//! Chromium.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/data.rs"]
mod data;
#[path = "pages/day.rs"]
mod day;
#[path = "pages/factor.rs"]
mod factor;
#[path = "pages/keyboard.rs"]
mod keyboard;
#[path = "pages/people.rs"]
mod people;
#[path = "pages/replacement.rs"]
mod replacement;
#[path = "pages/roles.rs"]
mod roles;
#[path = "pages/served.rs"]
mod served;
#[path = "pages/strangers.rs"]
mod strangers;
#[path = "pages/texts.rs"]
mod texts;
#[path = "pages/vendor.rs"]
mod vendor;
#[path = "users/world.rs"]
#[expect(dead_code, reason = "the tests of users need more of it")]
mod world;

/// Of every user.
const PASSWORD: &str = "correct horse battery";

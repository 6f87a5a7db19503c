//! The portal in a real Chromium, against a real central server and real license runtimes.

#[path = "in_browser/files.rs"]
mod files;
#[path = "in_browser/online.rs"]
mod online;
#[path = "in_browser/portal.rs"]
mod portal;
#[path = "in_browser/theme.rs"]
mod theme;
#[path = "in_browser/tour.rs"]
mod tour;
#[path = "in_browser/world.rs"]
mod world;

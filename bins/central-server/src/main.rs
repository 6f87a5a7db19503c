//! The central server.
fn main() {}

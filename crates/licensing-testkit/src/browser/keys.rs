//! Keys that are no letters, as WebDriver writes them.

/// Next field.
pub const TAB: &str = "\u{E004}";
/// The next choice.
pub const DOWN: &str = "\u{E015}";
/// Held for the keys that follow in the same call.
pub const SHIFT: &str = "\u{E008}";
/// Does what has the focus.
pub const ENTER: &str = "\u{E007}";
/// Ticks what has the focus.
pub const SPACE: &str = " ";

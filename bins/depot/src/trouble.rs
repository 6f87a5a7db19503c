//! What goes wrong on the way to an answer.

use licensing_wire::problem::Problem;

/// A problem on its way to the visitor: boxed, because almost every answer comes without one.
pub type Trouble = Box<Problem>;

/// The problem of a code, with what happened.
#[must_use]
pub fn trouble(code: &str, message: &str) -> Trouble {
    Box::new(Problem::from_code(code, message))
}

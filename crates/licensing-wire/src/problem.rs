//! Refusals on the wire: RFC 9457 problem details, and the one table from code to status, exit code, rule and
//! remedy.

use serde::{Deserialize, Serialize};

/// What a failed request is answered with (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Address of the page that explains the code: `/problems/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// What happened, in one sentence.
    pub title: String,
    /// The rule behind it.
    pub rule: String,
    /// What to do next.
    pub remedy: String,
    /// Identifies the incident in the server's log, for failures that are the server's fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

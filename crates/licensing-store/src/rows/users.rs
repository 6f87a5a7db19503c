//! Users and their sessions. The columns of the two tables have different names, so that one row can hold both.

use licensing_core::crypto::digest::Digest;
use licensing_core::four_eyes::{HeldOrder, HeldState, Ordered};
use licensing_core::ids::{ItemId, OrderId};
use licensing_core::order::OrderLine;
use licensing_core::time::Timestamp;
use licensing_core::token::{Permission, Role};
use licensing_core::user::session::{Session, Stage};
use licensing_core::user::{PasswordHash, SecondFactor, User, UserName};

use super::Reader;
use crate::StoreError;

/// Roles as they are stored.
#[must_use]
pub fn roles_text(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ")
}

/// The roles of a stored text.
pub(super) fn roles(text: &str) -> Option<Vec<Role>> {
    text.split_whitespace().map(Role::from_name).collect()
}

/// Scopes as they are stored.
#[must_use]
pub fn scopes_text(scopes: &[Permission]) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ")
}

/// The scopes of a stored text.
pub(super) fn scopes(text: &str) -> Option<Vec<Permission>> {
    text.split_whitespace().map(Permission::from_name).collect()
}

/// The state of a held order as it is stored: its word, who has decided, when, and until when that counts.
#[must_use]
pub fn held_columns(state: &HeldState) -> (&'static str, Option<&str>, Option<Timestamp>, Option<Timestamp>) {
    match state {
        HeldState::Pending => ("pending", None, None, None),
        HeldState::Released { by, at, until } => ("released", Some(by), Some(*at), Some(*until)),
        HeldState::Denied { by, at } => ("denied", Some(by), Some(*at), None),
        HeldState::Placed { by, at } => ("placed", Some(by), Some(*at), None),
    }
}

/// The lines of a held order as they are stored: quantity and item, a line each.
#[must_use]
pub fn lines_text(lines: &[OrderLine]) -> String {
    lines.iter().map(|line| format!("{} {}\n", line.quantity, line.item)).collect()
}

/// An order that waits, or waited, for a second person.
///
/// # Errors
/// A column cannot be read.
pub fn held_order(row: &Reader<'_>) -> Result<HeldOrder, StoreError> {
    let line = |line: &str| {
        let (quantity, item) = line.split_once(' ')?;
        Some(OrderLine { item: ItemId::new(item).ok()?, quantity: quantity.parse().ok()? })
    };
    let word: String = row.get("state")?;
    let (by, at) = (|| row.get("decided_by"), || row.time("decided_at"));
    let state = match word.as_str() {
        "pending" => HeldState::Pending,
        "released" => HeldState::Released { by: by()?, at: at()?, until: row.time("until")? },
        "denied" => HeldState::Denied { by: by()?, at: at()? },
        "placed" => HeldState::Placed { by: by()?, at: at()? },
        _ => return Err(row.damaged("state")),
    };
    Ok(HeldOrder {
        id: row.map("id", |text: String| OrderId::new(text).ok())?,
        content: row.bytes("content")?,
        customer: row.customer("customer")?,
        lines: row.map("order_lines", |text: String| text.lines().map(line).collect())?,
        asked_by: row.get("asked_by")?,
        asked_at: row.time("asked_at")?,
        state,
        version: row.number("version")?,
    })
}

/// What somebody has taken lately as it is stored: the end of a step and how many, a line each.
#[must_use]
pub fn taken_text(taken: &[(Timestamp, u64)]) -> String {
    taken.iter().map(|(at, count)| format!("{} {count}\n", at.secs())).collect()
}

/// What somebody has taken of an item lately.
///
/// # Errors
/// A column cannot be read.
pub fn ordered(row: &Reader<'_>) -> Result<Ordered, StoreError> {
    let line = |line: &str| {
        let (at, count) = line.split_once(' ')?;
        Some((Timestamp::from_secs(at.parse().ok()?), count.parse().ok()?))
    };
    Ok(Ordered {
        by: row.get("who")?,
        item: row.map("item", |text: String| ItemId::new(text).ok())?,
        taken: row.map("taken", |text: String| text.lines().map(line).collect())?,
        version: row.number("version")?,
    })
}

/// A user's second factor as it is stored.
#[derive(Debug, Default)]
pub struct FactorColumns {
    /// The secret, encrypted.
    pub factor: Option<Vec<u8>>,
    /// Whether it counts.
    pub confirmed: bool,
    /// The step of the last code.
    pub step: u64,
    /// Hashes of recovery codes, one after the other.
    pub recovery: Vec<u8>,
}

impl From<&User> for FactorColumns {
    fn from(user: &User) -> Self {
        user.second_factor.as_ref().map_or_else(Self::default, |factor| Self {
            factor: Some(factor.sealed.clone()),
            confirmed: factor.confirmed,
            step: factor.last_step,
            recovery: factor.recovery.concat(),
        })
    }
}

fn name(text: String) -> Option<UserName> {
    UserName::new(&text).ok().filter(|name| name.as_str() == text)
}

/// A user.
///
/// # Errors
/// A column cannot be read.
pub fn user(row: &Reader<'_>) -> Result<User, StoreError> {
    let recovery = |bytes: Vec<u8>| -> Option<Vec<Digest>> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        rest.is_empty().then(|| hashes.to_vec())
    };
    let recovery = row.map("recovery", recovery)?;
    let (confirmed, last_step) = (row.get("factor_confirmed")?, row.number("factor_step")?);
    let sealed: Option<Vec<u8>> = row.get("factor")?;
    Ok(User {
        name: row.map("name", name)?,
        roles: row.map("roles", |text: String| roles(&text))?,
        password: PasswordHash::new(row.get("password")?),
        password_set_at: row.time("password_set_at")?,
        must_change: row.get("must_change")?,
        second_factor: sealed.map(|sealed| SecondFactor { sealed, confirmed, last_step, recovery }),
        failures: row.small("failures")?,
        failed_at: row.maybe_time("failed_at")?,
        signed_in_at: row.maybe_time("signed_in_at")?,
        created_at: row.time("created_at")?,
        disabled_at: row.maybe_time("disabled_at")?,
        version: row.number("version")?,
    })
}

/// A session.
///
/// # Errors
/// A column cannot be read.
pub fn session(row: &Reader<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        hash: row.bytes("hash")?,
        user: row.map("owner", name)?,
        stage: row.map("stage", |word: String| Stage::from_name(&word))?,
        created_at: row.time("begun_at")?,
        last_seen: row.time("last_seen")?,
        expires_at: row.time("ends_at")?,
        origin: row.get("origin")?,
        agent: row.get("agent")?,
    })
}

/// A session joined with its user.
///
/// # Errors
/// A column cannot be read.
pub fn session_and_user(row: &Reader<'_>) -> Result<(Session, User), StoreError> {
    Ok((session(row)?, user(row)?))
}

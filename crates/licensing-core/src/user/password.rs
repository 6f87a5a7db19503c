//! What a password must be: long, and not one that is guessed first. No rules about its composition.

use std::collections::BTreeSet;

use super::UserName;

/// Fewest characters.
pub const CHARS_MIN: usize = 12;
/// Most characters.
pub const CHARS_MAX: usize = 128;

/// Passwords of twelve characters and more that are tried first, in small letters.
const COMMON: &str = include_str!("common_passwords.txt");

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsuitable {
    /// Shorter than [`CHARS_MIN`].
    #[error("the password is shorter than 12 characters")]
    Short,
    /// Longer than [`CHARS_MAX`].
    #[error("the password is longer than 128 characters")]
    Long,
    /// Contains the user's name, or is contained in it.
    #[error("the password is too much like the user name")]
    Name,
    /// One of those that are tried first.
    #[error("the password is one of those that are tried first")]
    Common,
}

/// Checks a new password of a user.
///
/// # Errors
/// Why it is not taken.
pub fn check(password: &str, user: &UserName) -> Result<(), Unsuitable> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Err(Unsuitable::Short);
    }
    if chars > CHARS_MAX {
        return Err(Unsuitable::Long);
    }
    let small = password.to_lowercase();
    let name = user.as_str();
    let without = small.replace(name, "");
    if name.contains(&small) || (small.contains(name) && without.chars().count() < CHARS_MIN / 2) {
        return Err(Unsuitable::Name);
    }
    if COMMON.lines().any(|common| common == small) || is_monotonous(&small) {
        return Err(Unsuitable::Common);
    }
    Ok(())
}

/// Made of very few characters, or each the next of the one before.
fn is_monotonous(text: &str) -> bool {
    let few = text.chars().collect::<BTreeSet<char>>().len() < 4;
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps = |by: i64| {
        let steps = codes.windows(2).filter(|pair| matches!(pair, [a, b] if b - a == by)).count();
        steps + 3 > codes.len()
    };
    few || steps(1) || steps(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ones_are_taken_whatever_they_are_made_of() {
        let user = UserName::new("alice.miller").unwrap();
        for good in
            ["correct horse battery", "ｐａｓｓ ｗöｒｔｅｒ lang", "hvmzkqptrwxc", &"ab cd ".repeat(21)]
        {
            assert_eq!(check(good, &user), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", Unsuitable::Short),
            ("hvmzkqptrwx", Unsuitable::Short),
            (&*"ab cd ".repeat(22), Unsuitable::Long),
            ("alice.miller", Unsuitable::Name),
            ("Alice.Miller1", Unsuitable::Name),
            ("1ALICE.MILLER2", Unsuitable::Name),
            ("PasswordPassword", Unsuitable::Common),
            ("administrator", Unsuitable::Common),
            ("aaaaaaaaaaaaaa", Unsuitable::Common),
            ("abababababab", Unsuitable::Common),
            ("abcdefghijklmn", Unsuitable::Common),
            ("987654321098", Unsuitable::Common),
        ] {
            assert_eq!(check(bad, &user), Err(why), "{bad}");
        }
    }

    #[test]
    fn the_list_is_of_passwords_that_would_be_long_enough() {
        let mut seen = BTreeSet::new();
        for common in COMMON.lines() {
            assert!(common.chars().count() >= CHARS_MIN && common == common.to_lowercase(), "{common}");
            assert!(seen.insert(common), "{common} twice");
        }
        assert!(seen.len() > 80);
    }
}

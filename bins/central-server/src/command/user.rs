//! `user`: the first user, and the way back in when nobody can sign in any more. Whoever may read the database's keys may
//! do this; a running server takes notice at once.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::{Context as _, bail, ensure};
use futures_executor::block_on;
use licensing_core::token::Role;
use licensing_core::user::{User, UserName, password};
use licensing_store::{CommitError, Store};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::command::care::database;
use crate::command::failure::Refusal;
use crate::command::{Home, UserCommand};
use crate::password::hash_now;
use crate::service::{actor, users};
use crate::system::{Clock as _, SystemClock, SystemEntropy};

/// Longest line that is read as a password, in bytes.
const LINE_BYTES_MAX: u64 = 1024;

pub(super) fn run(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add { name, role, home } => add(&home, name, role),
        UserCommand::Reset { name, remove_second_factor, home } => reset(&home, &name, remove_second_factor),
    }
}

fn add(home: &Home, name: UserName, roles: Vec<Role>) -> anyhow::Result<()> {
    // It runs the connections, so it has to be there as long as the store is.
    let database = database(home)?;
    let store = database.open()?;
    if block_on(store.user(name.clone()))?.is_some() {
        bail!(Refusal::new("user_exists", format!("there is a user {name} already")));
    }
    let password = new_password(&name)?;
    let hash = hash_now(&password, &mut SystemEntropy::default()).map_err(failed)?;
    let now = SystemClock.now();
    let user = User::new(name, roles, hash, false, now);
    let told = format!("{} can sign in now", user.name);
    commit(&*store, users::creation(user, &actor("command line", None), now))?;
    println!("{told}");
    Ok(())
}

fn reset(home: &Home, name: &UserName, remove_second_factor: bool) -> anyhow::Result<()> {
    // It runs the connections, so it has to be there as long as the store is.
    let database = database(home)?;
    let store = database.open()?;
    let find = || -> anyhow::Result<User> {
        let unknown = || Refusal::new("user_unknown", format!("there is no user {name}"));
        Ok(block_on(store.user(name.clone()))?.ok_or_else(unknown)?)
    };
    find()?;
    let password = new_password(name)?;
    let hash = hash_now(&password, &mut SystemEntropy::default()).map_err(failed)?;
    let now = SystemClock.now();
    // Asked again: he may have tried to sign in while the password was typed.
    let mut user = find()?.with_password(hash, false, now);
    user.disabled_at = None;
    if remove_second_factor {
        user.second_factor = None;
    }
    commit(&*store, users::new_password(user, &actor("command line", None), now))?;
    println!("{name} can sign in with the new password; earlier sessions have ended");
    Ok(())
}

fn commit(store: &dyn Store, changes: licensing_core::changeset::ChangeSet) -> anyhow::Result<()> {
    match block_on(store.commit(changes)) {
        Err(CommitError::Conflict) => bail!(Refusal::new("try_again", "the user was changed meanwhile")),
        outcome => Ok(outcome?),
    }
}

fn failed(failure: crate::service::Failure) -> anyhow::Error {
    anyhow::anyhow!("cannot make the hash of the password ({})", failure.code())
}

/// Asks for a new password: twice on a terminal, else the first line of the input.
fn new_password(name: &UserName) -> anyhow::Result<Zeroizing<String>> {
    let given = if std::io::stdin().is_terminal() {
        let first = ask(&format!("New password of {name}: "))?;
        ensure!(*first == *ask("Once more: ")?, "the two are not the same");
        first
    } else {
        line()?
    };
    password::check(&given, name).map_err(|error| Refusal::new("password_unsuitable", error.to_string()))?;
    Ok(given)
}

fn ask(question: &str) -> anyhow::Result<Zeroizing<String>> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let before = tcgetattr(&stdin).context("the terminal")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &silent).context("the terminal")?;
    let given = line();
    let restored = tcsetattr(&stdin, OptionalActions::Flush, &before);
    writeln!(stderr)?;
    restored.context("the terminal")?;
    given
}

fn line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line).context("the password")?;
    Ok(Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_owned()))
}

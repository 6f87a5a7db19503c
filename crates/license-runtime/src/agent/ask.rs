//! Asking the user whether an origin may talk to the containers.

use std::collections::HashMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use licensing_core::origin::Origin;

use crate::agent::Shared;
use crate::agent::execute::Refusal;
use crate::agent::session::Caller;
use crate::local::Pending;
use crate::registry::RuntimeError;

/// How long an origin's question waits for an answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether the question was answered elsewhere.
const LOOK: Duration = Duration::from_millis(100);
/// How long an origin that was refused is not asked about again.
const QUIET: Duration = Duration::from_secs(60);
/// Questions a user is asked in a [`QUIET`] time.
const QUESTIONS_MAX: usize = 6;

/// How the user is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Not at all: whoever asks waits for `cmtool agent allow ORIGIN`.
    Nobody,
    /// On the terminal the runtime was started from.
    Terminal,
    /// By a program, for example one that shows a dialog. It is started with three arguments, origin, name of
    /// the vendor, firm code, and ends with 0 when the user allows it.
    Program(PathBuf),
}

/// Asks, and remembers whom the user does not want to hear of.
pub(crate) struct Asker {
    how: Ask,
    recent: Mutex<Recent>,
    terminal: Mutex<()>,
}

#[derive(Default)]
struct Recent {
    refused: HashMap<Origin, Instant>,
    asked: Vec<Instant>,
}

impl Asker {
    pub(crate) fn new(how: Ask) -> Self {
        Self { how, recent: Mutex::default(), terminal: Mutex::default() }
    }

    /// Whether the user may be disturbed for an origin now.
    fn may_ask(&self, origin: &Origin, now: Instant) -> Result<(), Refusal> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < QUIET;
        recent.refused.retain(|_, at| is_recent(at));
        recent.asked.retain(is_recent);
        if recent.refused.contains_key(origin) {
            return Err(Refusal::new("agent_consent_refused", "the user has refused this a moment ago"));
        }
        if recent.asked.len() >= QUESTIONS_MAX {
            return Err(Refusal::new("agent_limit", "the user is being asked too often"));
        }
        recent.asked.push(now);
        Ok(())
    }

    fn note_refusal(&self, origin: &Origin) -> Refusal {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.refused.insert(origin.clone(), Instant::now());
        Refusal::new("agent_consent_refused", "the user has not allowed it")
    }

    fn on_terminal(&self, caller: &Caller) -> Option<bool> {
        let _one_at_a_time = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let mut question = std::io::stderr().lock();
        let (origin, firm) = (&caller.origin, &caller.firm_name);
        write!(
            question,
            "May pages of {origin} (vendor \"{firm}\") see and change its licenses on this computer? [y/N] "
        )
        .and_then(|()| question.flush())
        .ok()?;
        drop(question);
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

/// Whether the user has allowed an origin.
pub(crate) fn is_allowed(shared: &Shared, caller: &Caller) -> Result<bool, RuntimeError> {
    let caller = caller.clone();
    shared.owner.call(move |owner| {
        let is_allowed = owner.registry().is_allowed(&caller.origin)?;
        if is_allowed {
            owner.registry().remember_root(&caller.origin, caller.firm_code, &caller.root)?;
        }
        Ok(is_allowed)
    })
}

/// Asks the user, in the way that was chosen, and waits for the answer.
///
/// `cmtool agent allow` and `cmtool agent revoke` answer the question too, whatever way was chosen.
pub(crate) fn consent(shared: &Shared, caller: &Caller) -> Result<(), Refusal> {
    if is_allowed(shared, caller)? {
        return Ok(());
    }
    shared.ask.may_ask(&caller.origin, Instant::now())?;
    let pending = caller.clone();
    shared.owner.call(move |owner| {
        let asked_at = owner.now();
        let Caller { origin, firm_code, firm_name, .. } = pending;
        owner.note_pending(Pending { origin, firm_code, firm_name, asked_at })
    })?;
    let outcome = wait(shared, caller);
    let origin = caller.origin.clone();
    shared.owner.call(move |owner| {
        owner.forget_pending(&origin);
        Ok(())
    })?;
    match outcome? {
        true => Ok(()),
        false => Err(shared.ask.note_refusal(&caller.origin)),
    }
}

fn wait(shared: &Shared, caller: &Caller) -> Result<bool, Refusal> {
    let mut child = match &shared.ask.how {
        Ask::Nobody => None,
        Ask::Terminal => match shared.ask.on_terminal(caller) {
            Some(true) => return allow(shared, caller),
            Some(false) => return Ok(false),
            None => None,
        },
        Ask::Program(program) => Some(started(program, caller)?),
    };
    let begun = Instant::now();
    let outcome = loop {
        if let Some(running) = child.as_mut().map(|child| &mut child.0)
            && let Ok(Some(status)) = running.try_wait()
        {
            break if status.success() { allow(shared, caller) } else { Ok(false) };
        }
        let origin = caller.origin.clone();
        let (is_allowed, is_pending) = shared
            .owner
            .call(move |owner| Ok((owner.registry().is_allowed(&origin)?, owner.is_pending(&origin))))?;
        if is_allowed {
            break self::is_allowed(shared, caller).map_err(Refusal::from);
        }
        if !is_pending || begun.elapsed() > PATIENCE {
            break Ok(false);
        }
        std::thread::sleep(LOOK);
    };
    drop(child);
    outcome
}

fn allow(shared: &Shared, caller: &Caller) -> Result<bool, Refusal> {
    let origin = caller.origin.clone();
    shared.owner.call(move |owner| owner.registry().allow(&origin))?;
    Ok(is_allowed(shared, caller)?)
}

/// A dialog that is closed when nobody waits for it any more.
struct Dialog(Child);

impl Drop for Dialog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn started(program: &PathBuf, caller: &Caller) -> Result<Dialog, Refusal> {
    let arguments = [caller.origin.to_string(), caller.firm_name.to_string(), caller.firm_code.to_string()];
    // No shell: whatever the arguments are, they stay arguments.
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let failed =
        |error| Refusal::new("agent_consent_required", &format!("the user cannot be asked: {error}"));
    command.spawn().map(Dialog).map_err(failed)
}

//! Transfers visitors have begun: what they want, and the files in between. Bounded, in memory, and never the only
//! place where anything is: when a transfer is forgotten, the same request gives the same update again.

use crate::trouble::Trouble;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use licensing_wire::json::SelectionMessage;

/// Transfers a visitor can have begun at once.
const PER_VISITOR: usize = 32;
/// Seconds after which an untouched transfer is forgotten.
const LIFETIME_SECS: u64 = 24 * 3600;
/// What a transfer takes without its files, roughly.
const TRANSFER_BYTES: usize = 1024;

/// What a transfer is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Licenses into a container.
    Activate(Vec<SelectionMessage>),
    /// Licenses out of a container.
    Deactivate(Vec<SelectionMessage>),
    /// Licenses of lost containers into another one; the conditions were accepted.
    Reactivate(Vec<String>),
    /// What is unfinished finished.
    Continue,
    /// What is unfinished undone.
    Cancel,
    /// What the vendor has for the container.
    Automatic,
    /// Everything of an old act license into a new one.
    Restore(String),
}

impl Wish {
    /// Its name in texts and addresses.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Activate(_) => "activate",
            Self::Deactivate(_) => "deactivate",
            Self::Reactivate(_) => "reactivate",
            Self::Continue => "continue",
            Self::Cancel => "cancel",
            Self::Automatic => "automatic",
            Self::Restore(_) => "restore",
        }
    }
}

/// How far a transfer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The request is to be uploaded.
    Request,
    /// The update can be downloaded.
    Update,
    /// The receipt was uploaded.
    Done,
}

/// A license of a transfer, for showing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// Display name.
    pub name: String,
    /// How many.
    pub quantity: u32,
}

/// The answer of the central server.
#[derive(Debug, Clone)]
pub struct Update {
    /// The update file.
    pub bytes: Vec<u8>,
    /// Steps in it.
    pub steps: u32,
    /// The container it is for.
    pub serial: String,
}

/// A transfer.
#[derive(Clone)]
pub struct Transfer {
    /// Its name in addresses: random, and useless without the visitor's cookie.
    pub id: String,
    /// The visitor.
    pub session: [u8; 16],
    /// What it is to do.
    pub wish: Wish,
    /// The ticket, where there is one.
    pub ticket: Option<String>,
    /// Firm code; 0 when any will do.
    pub firm_code: u32,
    /// `act` or `dongle`, when only one kind will do.
    pub kind: Option<String>,
    /// The container's serial, when only one will do.
    pub container: Option<String>,
    /// Its licenses.
    pub lines: Vec<Line>,
    /// What the visitor entered.
    pub data: Vec<(String, String)>,
    /// The container the visitor chose for an online transfer, as the runtime calls it, or `new`.
    pub chosen: String,
    /// How far it got.
    pub stage: Stage,
    /// What stands for the request that the central server answered with what was wished.
    pub issued: Option<String>,
    /// The answer to its request.
    pub update: Option<Update>,
    /// Why the request was refused.
    pub problem: Option<Trouble>,
    /// Steps that were not proven when the last receipt came.
    pub unproven: u32,
    /// Last touched, in seconds since 1970.
    pub touched: u64,
}

impl Transfer {
    fn bytes(&self) -> usize {
        TRANSFER_BYTES + self.update.as_ref().map_or(0, |update| update.bytes.len()) + 64 * self.lines.len()
    }
}

#[derive(Default)]
struct Inner {
    transfers: HashMap<String, Arc<Transfer>>,
    bytes: usize,
}

impl Inner {
    fn remove(&mut self, id: &str) {
        if let Some(old) = self.transfers.remove(id) {
            self.bytes -= old.bytes();
        }
    }

    fn insert(&mut self, transfer: Transfer) {
        self.remove(&transfer.id);
        self.bytes += transfer.bytes();
        self.transfers.insert(transfer.id.clone(), Arc::new(transfer));
    }

    /// The longest untouched transfer that something is true of.
    fn oldest(&self, of: impl Fn(&Transfer) -> bool) -> Option<String> {
        let candidates = self.transfers.values().filter(|transfer| of(transfer));
        candidates.min_by_key(|transfer| transfer.touched).map(|transfer| transfer.id.clone())
    }
}

/// The transfers of all visitors.
pub struct Desk {
    most: usize,
    most_bytes: usize,
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk for so many transfers and so many bytes of files.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self { most, most_bytes, inner: Mutex::default() }
    }

    /// Keeps a transfer, new or changed; the longest untouched ones make room.
    pub fn keep(&self, mut transfer: Transfer, now: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        transfer.touched = now;
        let (id, session) = (transfer.id.clone(), transfer.session);
        inner.insert(transfer);
        let mine = |transfer: &Transfer| transfer.session == session && transfer.id != id;
        while inner.transfers.values().filter(|transfer| mine(transfer)).count() >= PER_VISITOR {
            let Some(oldest) = inner.oldest(mine) else { break };
            inner.remove(&oldest);
        }
        if inner.transfers.len() > self.most || inner.bytes > self.most_bytes {
            let old: Vec<String> = inner
                .transfers
                .values()
                .filter(|transfer| transfer.touched + LIFETIME_SECS < now)
                .map(|transfer| transfer.id.clone())
                .collect();
            old.iter().for_each(|id| inner.remove(id));
        }
        while inner.transfers.len() > self.most || inner.bytes > self.most_bytes {
            let Some(oldest) = inner.oldest(|transfer| transfer.id != id) else { break };
            inner.remove(&oldest);
        }
    }

    /// A visitor's transfer.
    #[must_use]
    pub fn find(&self, session: &[u8; 16], id: &str, now: u64) -> Option<Transfer> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let transfer = inner.transfers.get(id)?;
        let live = transfer.session == *session && transfer.touched + LIFETIME_SECS >= now;
        live.then(|| (**transfer).clone())
    }

    /// A visitor's transfers that are not done, newest first.
    #[must_use]
    pub fn unfinished(&self, session: &[u8; 16], now: u64) -> Vec<Transfer> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = inner.transfers.values().filter(|transfer| {
            transfer.session == *session
                && transfer.stage != Stage::Done
                && transfer.touched + LIFETIME_SECS >= now
        });
        let mut mine: Vec<Transfer> = mine.map(|transfer| (**transfer).clone()).collect();
        mine.sort_by_key(|transfer| std::cmp::Reverse(transfer.touched));
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(id: &str, session: u8, bytes: usize) -> Transfer {
        let update = Update { bytes: vec![0; bytes], steps: 1, serial: "3-1".to_owned() };
        Transfer {
            id: id.to_owned(),
            session: [session; 16],
            wish: Wish::Continue,
            ticket: None,
            firm_code: 1,
            kind: None,
            container: None,
            lines: Vec::new(),
            data: Vec::new(),
            chosen: String::new(),
            stage: Stage::Update,
            issued: None,
            update: Some(update),
            problem: None,
            unproven: 0,
            touched: 0,
        }
    }

    #[test]
    fn a_transfer_is_found_by_its_visitor_only_and_not_for_ever() {
        let desk = Desk::new(10, 1 << 20);
        desk.keep(transfer("a", 1, 10), 100);
        assert!(desk.find(&[1; 16], "a", 100).is_some());
        assert!(desk.find(&[2; 16], "a", 100).is_none());
        assert!(desk.find(&[1; 16], "a", 101 + LIFETIME_SECS).is_none());
    }

    #[test]
    fn the_longest_untouched_make_room() {
        let desk = Desk::new(3, 1 << 20);
        for (at, id) in ["a", "b", "c", "d"].iter().enumerate() {
            desk.keep(transfer(id, u8::try_from(at).unwrap(), 10), at as u64);
        }
        assert!(desk.find(&[0; 16], "a", 4).is_none() && desk.find(&[3; 16], "d", 4).is_some());
        let desk = Desk::new(100, 10_000);
        desk.keep(transfer("a", 1, 6000), 1);
        desk.keep(transfer("b", 1, 6000), 2);
        assert!(desk.find(&[1; 16], "a", 2).is_none() && desk.find(&[1; 16], "b", 2).is_some());
        let desk = Desk::new(1000, 1 << 30);
        for at in 0..100 {
            desk.keep(transfer(&at.to_string(), 1, 10), at);
        }
        assert_eq!(desk.unfinished(&[1; 16], 100).len(), PER_VISITOR);
        assert_eq!(desk.unfinished(&[1; 16], 100)[0].id, "99");
    }
}

//! The portal's own rules, beside those of the central server. The same ones hold for visitors and for applications
//! that use the gateway.

use std::time::Duration;

use licensing_client::{ServerClient, Settings};
use licensing_wire::json::{LicenseOverview, SelectionMessage, TicketAnswer};
use serde::{Deserialize, Serialize};

use crate::config::{RuleSettings, Selection};
use crate::desk::Wish;
use crate::trouble::{Trouble, trouble};

/// What is asked before an activation.
#[derive(Debug, Clone, Serialize)]
pub struct Question {
    /// `activate` or `reactivate`.
    pub action: &'static str,
    /// Firm code.
    pub firm_code: u32,
    /// The container's serial.
    pub container: String,
    /// The licenses.
    pub licenses: Vec<QuestionLine>,
    /// What was entered.
    pub data: std::collections::BTreeMap<String, String>,
}

/// A license that is asked about.
#[derive(Debug, Clone, Serialize)]
pub struct QuestionLine {
    /// License id.
    pub id: String,
    /// Item id.
    pub item: String,
    /// Display name.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// The order that made it.
    pub order_id: String,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    allow: bool,
    #[serde(default)]
    message: String,
}

/// The rules with the one who is asked.
pub struct Rules {
    /// The settings.
    pub settings: RuleSettings,
    check: Option<ServerClient>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.settings.fmt(f)
    }
}

/// A refusal by a switch of the portal.
fn switched_off(what: &str) -> Trouble {
    trouble("portal_rule", &format!("this portal does not offer {what}"))
}

impl Rules {
    /// The rules of settings.
    ///
    /// # Errors
    /// The address of the check is none.
    pub fn new(settings: RuleSettings) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(settings.check.timeout_ms);
        let patience = Settings { timeout, attempts: 1, ..Settings::default() };
        let check = match settings.check.url.as_str() {
            "" => None,
            url => Some(
                ServerClient::with(url, None, patience)
                    .map_err(|error| anyhow::anyhow!("rules.check.url: {error}"))?,
            ),
        };
        Ok(Self { settings, check })
    }

    /// Whether visitors may do something at all.
    ///
    /// # Errors
    /// A switch of the portal is off.
    pub fn offers(&self, wish: &Wish) -> Result<(), Trouble> {
        let rules = &self.settings;
        match wish {
            Wish::Activate(_) | Wish::Continue => Ok(()),
            Wish::Deactivate(_) if rules.allow_return => Ok(()),
            Wish::Deactivate(_) => Err(switched_off("the return of licenses")),
            Wish::Reactivate(_) if rules.allow_reactivation => Ok(()),
            Wish::Reactivate(_) => Err(switched_off("the re-activation of licenses")),
            Wish::Cancel if rules.allow_cancel => Ok(()),
            Wish::Cancel => Err(switched_off("cancelling transfers")),
            Wish::Automatic if rules.allow_automatic_update => Ok(()),
            Wish::Automatic => Err(switched_off("automatic updates")),
            Wish::Restore(_) if rules.allow_restore => Ok(()),
            Wish::Restore(_) => Err(switched_off("the restoration of containers")),
        }
    }

    /// The selection with what goes along with it. `kind` is the container's.
    #[must_use]
    pub fn complete(
        &self,
        overview: &TicketAnswer,
        firm_code: u32,
        kind: &str,
        mut wanted: Vec<SelectionMessage>,
    ) -> Vec<SelectionMessage> {
        // The overview lists what was made at the same moment in the order's own sequence.
        let age = |at: usize| (overview.licenses[at].created_at.as_str(), at);
        let chosen = |id: &str, wanted: &[SelectionMessage]| wanted.iter().any(|entry| entry.id == id);
        let newest = match self.settings.selection {
            Selection::Free => return wanted,
            Selection::All => None,
            Selection::Older => {
                let named =
                    (0..overview.licenses.len()).filter(|at| chosen(&overview.licenses[*at].id, &wanted));
                match named.map(age).max() {
                    Some(newest) => Some(newest),
                    // Everything is wanted anyway.
                    None => return wanted,
                }
            }
        };
        if wanted.is_empty() {
            return wanted;
        }
        for (at, license) in overview.licenses.iter().enumerate() {
            let goes_along = license.available > 0
                && license.firm_code == firm_code
                && license.containers.iter().any(|allowed| allowed == kind)
                && newest.is_none_or(|newest| age(at) < newest);
            if !goes_along {
                continue;
            }
            match wanted.iter_mut().find(|entry| entry.id == license.id) {
                Some(entry) if self.settings.selection == Selection::All => entry.quantity = None,
                Some(_) => {}
                None => wanted.push(SelectionMessage { id: license.id.clone(), quantity: None }),
            }
        }
        wanted
    }

    /// Whether licenses of a ticket may go into a container.
    ///
    /// # Errors
    /// They have to stay together, and some are in another one.
    pub fn together(&self, overview: &TicketAnswer, serial: &str) -> Result<(), Trouble> {
        if !self.settings.keep_ticket_together {
            return Ok(());
        }
        let mut places = overview.licenses.iter().flat_map(|license| &license.activations);
        match places.find(|place| place.container != serial) {
            Some(place) => Err(trouble(
                "ticket_stays_together",
                &format!("licenses of this ticket are in the container {}", place.container),
            )),
            None => Ok(()),
        }
    }

    /// What was entered, with nothing else in it.
    ///
    /// # Errors
    /// A field that is required is empty, or one is too long.
    pub fn entered(&self, fields: &[(String, String)]) -> Result<Vec<(String, String)>, Trouble> {
        let mut out = Vec::new();
        for field in &self.settings.data {
            let value = fields.iter().find(|(name, _)| *name == field.name);
            let value = value.map(|(_, value)| value.trim()).unwrap_or_default();
            if value.is_empty() && field.required {
                let message = format!("the field {} is empty", field.name);
                return Err(trouble("data_missing", &message));
            }
            if value.chars().count() > field.max_length {
                let message = format!("{}: at most {} characters", field.name, field.max_length);
                return Err(trouble("invalid_value", &message));
            }
            out.push((field.name.clone(), value.to_owned()));
        }
        Ok(out)
    }

    /// Whether somebody is asked before activations.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.check.is_some()
    }

    /// Asks whoever is to be asked. Blocks.
    ///
    /// # Errors
    /// He refuses, or does not answer in time as he should: then nothing is activated.
    pub fn ask(&self, question: &Question) -> Result<(), Trouble> {
        let Some(check) = &self.check else { return Ok(()) };
        let body = serde_json::to_vec(question).unwrap_or_default();
        let answer = check.pass_on("", body, None);
        let verdict = answer.ok().and_then(|answer| serde_json::from_slice::<Verdict>(&answer).ok());
        match verdict {
            Some(Verdict { allow: true, .. }) => Ok(()),
            Some(Verdict { message, .. }) if message.trim().is_empty() => {
                Err(trouble("activation_check_refused", "the vendor refused this activation"))
            }
            Some(Verdict { message, .. }) => {
                let message: String = message.chars().filter(|c| !c.is_control()).take(500).collect();
                Err(trouble("activation_check_refused", &message))
            }
            None => {
                Err(trouble("activation_check_failed", "the vendor's check of activations gave no answer"))
            }
        }
    }

    /// The question about a selection.
    #[must_use]
    pub fn question(
        action: &'static str,
        overview: &TicketAnswer,
        firm_code: u32,
        container: &str,
        wanted: &[SelectionMessage],
        data: &[(String, String)],
    ) -> Question {
        let line = |license: &LicenseOverview| {
            let named = wanted.iter().find(|entry| entry.id == license.id);
            let all = license.firm_code == firm_code && license.available > 0;
            let quantity = match named {
                Some(entry) => entry.quantity.unwrap_or(license.available.max(license.active)),
                None if wanted.is_empty() && all => license.available,
                None => return None,
            };
            Some(QuestionLine {
                id: license.id.clone(),
                item: license.item.clone(),
                name: license.name.clone(),
                quantity,
                order_id: license.order_id.clone(),
            })
        };
        Question {
            action,
            firm_code,
            container: container.to_owned(),
            licenses: overview.licenses.iter().filter_map(line).collect(),
            data: data.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn license(id: &str, created_at: &str, available: u32) -> LicenseOverview {
        serde_json::from_value(serde_json::json!({
            "id": id, "item": "I", "name": "N", "firm_code": 10, "product_code": 1, "quantity": 5,
            "available": available, "activating": 0, "active": 5 - available, "returning": 0, "withdrawn": 0,
            "state": "available", "created_at": created_at, "containers": ["act"], "options": [],
            "activations": if available < 5 {
                serde_json::json!([{"container": "3-1", "quantity": 1, "state": "active", "activated_at": ""}])
            } else { serde_json::json!([]) },
        }))
        .unwrap()
    }

    fn ticket() -> TicketAnswer {
        let licenses =
            vec![license("a", "2026-01-01", 5), license("b", "2026-02-01", 4), license("c", "2026-03-01", 5)];
        TicketAnswer { ticket: String::new(), licenses }
    }

    fn rules(selection: Selection, keep_ticket_together: bool) -> Rules {
        Rules::new(RuleSettings { selection, keep_ticket_together, ..RuleSettings::default() }).unwrap()
    }

    fn ids(wanted: &[SelectionMessage]) -> Vec<(&str, Option<u32>)> {
        wanted.iter().map(|entry| (entry.id.as_str(), entry.quantity)).collect()
    }

    #[test]
    fn what_goes_along_with_a_selection() {
        let b = || vec![SelectionMessage { id: "b".to_owned(), quantity: Some(1) }];
        let complete = |selection, kind| rules(selection, false).complete(&ticket(), 10, kind, b());
        assert_eq!(ids(&complete(Selection::Free, "act")), [("b", Some(1))]);
        assert_eq!(ids(&complete(Selection::Older, "act")), [("b", Some(1)), ("a", None)]);
        assert_eq!(ids(&complete(Selection::All, "act")), [("b", None), ("a", None), ("c", None)]);
        assert_eq!(ids(&complete(Selection::All, "dongle")), [("b", Some(1))]);
    }

    #[test]
    fn a_ticket_stays_together_when_the_portal_says_so() {
        rules(Selection::Free, false).together(&ticket(), "3-2").unwrap();
        rules(Selection::Free, true).together(&ticket(), "3-1").unwrap();
        let problem = rules(Selection::Free, true).together(&ticket(), "3-2").unwrap_err();
        assert_eq!(problem.code, "ticket_stays_together");
    }

    #[test]
    fn switches_are_told_apart() {
        let settings = RuleSettings { allow_return: false, allow_restore: false, ..RuleSettings::default() };
        let rules = Rules::new(settings).unwrap();
        assert_eq!(rules.offers(&Wish::Deactivate(Vec::new())).unwrap_err().code, "portal_rule");
        assert_eq!(rules.offers(&Wish::Restore(String::new())).unwrap_err().code, "portal_rule");
        rules.offers(&Wish::Cancel).unwrap();
    }
}

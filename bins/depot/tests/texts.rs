//! The texts are complete: every key in every language that is built in, every text used, every problem translated.

use std::collections::BTreeSet;

use depot::text::BUILT_IN;
use depot::theme::TEMPLATES;
use http_pages::Texts;
use licensing_wire::problem::TABLE;

fn keys(text: &str) -> BTreeSet<&str> {
    let named = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    named.filter_map(|line| line.split_once(" =").map(|(key, _)| key)).collect()
}

/// Families of keys that templates put together.
const FAMILIES: &[&str] = &[
    "state-",
    "step-",
    "wish-",
    "result-",
    "column-",
    "phase-",
    "binding-",
    "activate-lead-",
    "continue-o",
    "cancel-o",
];

/// Families of codes of the central server's operator and of its other interface.
const OPERATORS: &[&str] =
    &["database_", "copy_", "soap_", "invalid_xml", "operation_", "mail_", "certificate_"];

/// Codes a customer never meets: of the vendor's interface, of command lines, of using a license.
const NOT_FOR_CUSTOMERS: &[&str] = &[
    "unauthorized",
    "forbidden",
    "usage",
    "header_too_large",
    "idempotency_key_invalid",
    "idempotency_key_reused",
    "preactivation_beyond_limit",
    "item_unknown",
    "item_exists",
    "item_invalid",
    "order_unknown",
    "order_exists",
    "order_lines",
    "cursor_unknown",
    "webhook_unknown",
    "webhook_exists",
    "webhook_limit",
    "dead_letter_unknown",
    "token_exists",
    "token_unknown",
    "last_admin_token",
    "ticket_not_together",
    "approval_unknown",
    "approval_decided",
    "nothing_to_withdraw",
    "license_not_withdrawn",
    "license_replaced",
    "container_not_flagged",
    "item_not_preactivatable",
    "preactivation_unknown",
    "receipt_unknown",
    "issuing_key_replaced",
    "issuing_key_expired",
    "update_inconsistent",
    "no_license",
    "license_not_yet_valid",
    "license_expired",
    "usage_period_over",
    "feature_missing",
    "units_exhausted",
    "maintenance_over",
    "license_locked",
    "license_blacklisted",
    "anchor_lost",
    "no_host_traits",
    "container_exists",
    "not_supported_by_container",
    "flash_error",
    "flash_file_unknown",
    "flash_full",
    "all_uses_taken",
    "handle_unknown",
    "runtime_not_running",
    "runtime_protocol",
    "runtime_denied",
    "agent_origin_unknown",
    "agent_consents_damaged",
    "card_error",
    "input_unreadable",
    "output_unwritable",
    "problems_found",
    "settings_invalid",
    "sign_in_failed",
    "sign_in_waits",
    "second_factor_needed",
    "second_factor_setup_needed",
    "second_factor_wrong",
    "second_factor_not_due",
    "second_factor_exists",
    "second_factor_unknown",
    "password_change_needed",
    "password_unsuitable",
    "password_wrong",
    "origin_refused",
    "user_exists",
    "user_unknown",
    "second_person_needed",
    "order_held",
    "held_order_unknown",
    "held_order_decided",
    "last_admin_user",
];

#[test]
fn every_language_says_everything_and_nothing_else() {
    let (_, english) = BUILT_IN[0];
    let language = "de";
    let problem = |key: &&str| key.starts_with("problem-") && key != &"problem-title";
    let translated: BTreeSet<&str> =
        BUILT_IN.iter().filter(|(of, _)| *of == language).flat_map(|(_, text)| keys(text)).collect();
    let missing: Vec<&str> = keys(english).into_iter().filter(|key| !translated.contains(key)).collect();
    assert!(missing.is_empty(), "{language} misses {missing:?}");
    let known = keys(english);
    let surplus: Vec<&str> =
        translated.iter().copied().filter(|key| !known.contains(key) && !problem(key)).collect();
    assert!(surplus.is_empty(), "{language} has {surplus:?}, which English has not");
}

#[test]
fn every_text_is_used() {
    let mut used = String::new();
    for (_, template) in TEMPLATES {
        used.push_str(std::str::from_utf8(template).unwrap());
    }
    let templates = used.clone();
    used.push_str("\"language-name\"");
    used.push_str(include_str!("../src/pages/navigation.rs"));
    let unused: Vec<&str> = keys(BUILT_IN[0].1)
        .into_iter()
        .filter(|key| !used.contains(&format!("\"{key}\"")))
        .filter(|key| !FAMILIES.iter().any(|family| key.starts_with(family)))
        .collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
    // And what templates ask for is there.
    let known = keys(BUILT_IN[0].1);
    for asked in templates.split("t(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let family = FAMILIES.iter().any(|family| asked.starts_with(family) || family.starts_with(asked));
        assert!(family || known.contains(asked), "no text for {asked}");
    }
}

#[test]
fn every_problem_a_customer_can_meet_is_told_in_german_with_rule_and_remedy() {
    let texts = Texts::new(BUILT_IN, None, "en").unwrap();
    for entry in TABLE {
        let key = format!("problem-{}", entry.code.replace('_', "-"));
        let parts = [key.clone(), format!("{key}.rule"), format!("{key}.remedy")];
        let told = parts.iter().filter(|part| texts.find("de", part, &[]).is_some()).count();
        let not_for_customers = NOT_FOR_CUSTOMERS.contains(&entry.code)
            || OPERATORS.iter().any(|family| entry.code.starts_with(family));
        let expected = if not_for_customers { 0 } else { 3 };
        assert_eq!(told, expected, "{}", entry.code);
        // English is told by whoever refuses, with the facts of the case.
        assert!(texts.find("en", &key, &[]).is_none() || entry.code == "title", "{}", entry.code);
    }
    for key in BUILT_IN[1..].iter().flat_map(|(_, text)| keys(text)).filter(|key| key.starts_with("problem-"))
    {
        let code = key.trim_start_matches("problem-").replace('-', "_");
        let of_a_page =
            ["title", "why", "what_to_do", "details", "incident", "back"].contains(&code.as_str());
        assert!(of_a_page || TABLE.iter().any(|entry| entry.code == code), "{code} is no code");
    }
}

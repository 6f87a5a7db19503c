//! The license runtime of this computer and its browser agent.

use licensing_wire::time::print;
use serde_json::{Value, json};

use crate::args::{AgentCommand, Global};
use crate::failure::Failure;
use crate::output::{Output, table};

pub(crate) fn status(global: &Global, output: &Output) -> Result<(), Failure> {
    let Some(status) = global.computer()?.runtime()? else {
        return Err(Failure::new("runtime_not_running", "no license runtime runs for these containers"));
    };
    let used = |one: &license_runtime::local::Grant| {
        json!({
            "container": one.container.to_string(),
            "firm_code": one.firm_code.get(),
            "product_code": one.product_code.get(),
            "since": print(one.since),
        })
    };
    let uses: Vec<Value> = status.uses.iter().map(used).collect();
    let document = json!({
        "running": true,
        "version": status.version,
        "agent": status.agent,
        "connections": status.connections,
        "uses": uses,
    });
    output.result(&document, || {
        let agent = if status.agent.is_empty() { "off".to_owned() } else { status.agent.join(", ") };
        let row = |one: &license_runtime::local::Grant| {
            let (firm, product) = (one.firm_code.to_string(), one.product_code.to_string());
            vec![one.container.to_string(), firm, product, print(one.since)]
        };
        let uses = table(&["Container", "Firm", "Product", "In use since"], status.uses.iter().map(row));
        format!("license runtime {}, browser agent {agent}\n{uses}", status.version)
    });
    Ok(())
}

pub(crate) fn agent(global: &Global, command: &AgentCommand, output: &Output) -> Result<(), Failure> {
    let mut computer = global.computer()?;
    match command {
        AgentCommand::List => {}
        AgentCommand::Allow { origin } => {
            computer.agent_allow(origin)?;
            let document = json!({ "origin": origin.to_string(), "allowed": true });
            output.result(&document, || {
                format!("pages of {origin} may talk to the containers of this computer")
            });
            return Ok(());
        }
        AgentCommand::Revoke { origin } => {
            computer.agent_revoke(origin)?;
            let document = json!({ "origin": origin.to_string(), "allowed": false });
            output.result(&document, || format!("pages of {origin} may not talk to the containers any more"));
            return Ok(());
        }
    }
    let (allowed, pending) = computer.agent_list()?;
    let vendors = |consent: &license_runtime::Consent| -> Vec<u32> {
        consent.vendors.iter().map(|(firm_code, _)| firm_code.get()).collect()
    };
    let allowed_documents: Vec<Value> = allowed
        .iter()
        .map(|consent| {
            let (origin, since) = (consent.origin.to_string(), print(consent.allowed_at));
            json!({ "origin": origin, "since": since, "firm_codes": vendors(consent) })
        })
        .collect();
    let pending_documents: Vec<Value> = pending
        .iter()
        .map(|one| {
            json!({
                "origin": one.origin.to_string(),
                "firm_code": one.firm_code.get(),
                "firm_name": one.firm_name.to_string(),
                "since": print(one.asked_at),
            })
        })
        .collect();
    output.result(&json!({ "allowed": allowed_documents, "pending": pending_documents }), || {
        let allowed = allowed.iter().map(|consent| {
            let codes: Vec<String> = vendors(consent).iter().map(ToString::to_string).collect();
            vec![
                consent.origin.to_string(),
                "allowed".to_owned(),
                codes.join(", "),
                print(consent.allowed_at),
            ]
        });
        let pending = pending.iter().map(|one| {
            let firm = format!("{} {}", one.firm_code, one.firm_name);
            vec![one.origin.to_string(), "asks".to_owned(), firm, print(one.asked_at)]
        });
        table(&["Origin", "State", "Vendor", "Since"], allowed.chain(pending))
    });
    Ok(())
}

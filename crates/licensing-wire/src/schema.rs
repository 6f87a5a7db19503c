//! JSON schemas of every message, for the OpenAPI document. Made from the types themselves, so they cannot
//! differ from what is really read and written.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::json;
use crate::problem::Problem;

/// Where an OpenAPI document keeps its schemas.
const PATH: &str = "/components/schemas";

macro_rules! add {
    ($generator:ident: $($type:ty),+ $(,)?) => { $( $generator.subschema_for::<$type>(); )+ };
}

/// The schema of every message by its name (JSON Schema 2020-12, as OpenAPI 3.1 uses it).
#[must_use]
pub fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = PATH.into());
    let mut generator = settings.into_generator();
    add!(generator:
        json::ItemRequest, json::ItemAnswer, json::ItemList,
        json::OrderRequest, json::OrderAnswer, json::OrderMail, json::OrderMailRequest, json::OrderMailAnswer,
        json::TicketRequest, json::TicketAnswer,
        json::TransferRequest, json::TransferAnswer,
        json::ReceiptRequest, json::ReceiptAnswer, json::ReceiptFile,
        json::TemplateAnswer,
        json::ContainerAnswer, json::ContainerList,
        json::History,
        json::TokenRequest, json::TokenAnswer, json::TokenList, json::TokenSummary,
        json::ReactivationRequest, json::RestoreRequest, json::AutomaticUpdateRequest,
        json::CancellationRequest, json::ConversionRequest, json::PushRequest,
        json::LicenseMessage, json::LicenseList, json::ReplacementRequest,
        json::DecisionRequest, json::ApprovalMessage, json::ApprovalList,
        json::BlacklistAnswer, json::PreActivationRequest, json::PreActivationAnswer,
        json::ReconciliationAnswer,
        json::OrderList, json::UnfinishedList, json::SearchRequest, json::SearchAnswer, json::StatisticsAnswer,
        json::SignInRequest, json::CodeRequest, json::SessionAnswer, json::SessionList,
        json::PasswordRequest, json::ConfirmationRequest, json::SecondFactorAnswer, json::RecoveryCodes,
        json::UserRequest, json::OneTimePassword, json::RolesRequest, json::UserSummary, json::UserList,
        json::HeldOrderMessage, json::HeldOrderList,
        json::EventEnvelope, json::EventFeed, json::WebhookRequest, json::WebhookChange, json::WebhookSecret,
        json::WebhookMessage, json::WebhookList, json::WebhookTest, json::ReplayRequest, json::DeadLetterList,
        Problem,
    );
    generator.take_definitions(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_a_schema_that_names_its_fields() {
        let schemas = schemas();
        let fields = |name: &str| schemas[name]["properties"].as_object().map_or(0, Map::len);
        assert_eq!(fields("TransferRequest"), 3);
        assert_eq!(fields("LicenseOverview"), 20);
        assert!(fields("ItemAnswer") > 20);
        assert_eq!(schemas["TransferRequest"]["additionalProperties"], false);
        let text = serde_json::to_string(&schemas).unwrap();
        for reference in text.split("\"$ref\":\"").skip(1) {
            let target = reference.split('"').next().unwrap_or_default();
            let name = target.strip_prefix("#/components/schemas/").expect(target);
            assert!(schemas.contains_key(name), "{target} leads nowhere");
        }
    }
}

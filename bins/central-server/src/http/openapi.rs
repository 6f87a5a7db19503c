//! The OpenAPI document, made from the route table and the types of the messages.

use licensing_wire::problem::TABLE;
use licensing_wire::schema::schemas;
use serde_json::{Map, Value, json};

use crate::http::authorized::SESSION_COOKIE;
use crate::http::route::{Access, ROUTES, Route};

/// The interface as an OpenAPI 3.1 document.
#[must_use]
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.verb.name().to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Central server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Creates licenses from orders and issues them to containers. Failures are problem \
                documents (RFC 9457) with a stable code; the codes are listed at the schema Problem.",
        },
        "paths": paths,
        "components": {
            "schemas": with_codes(schemas()),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
            },
        },
    })
}

/// Lists every code at the schema of problems.
fn with_codes(mut schemas: Map<String, Value>) -> Map<String, Value> {
    let codes: Vec<&str> = TABLE.iter().map(|entry| entry.code).collect();
    if let Some(problem) = schemas.get_mut("Problem") {
        problem["properties"]["code"]["examples"] = json!(codes);
    }
    schemas
}

fn schema(name: &str) -> Value {
    match name {
        "OpenApi" => json!({ "type": "object" }),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

fn operation(route: &Route) -> Value {
    let mut responses = Map::new();
    for status in route.success {
        let content = match route.response {
            Some(name) => json!({ "application/json": { "schema": schema(name) } }),
            None => {
                let text = |media: &&str| ((*media).to_owned(), json!({ "schema": { "type": "string" } }));
                Value::Object(route.media.iter().map(text).collect())
            }
        };
        responses.insert(status.to_string(), json!({ "description": "Done.", "content": content }));
    }
    let problem = json!({
        "description": "Refused or failed; the code says why.",
        "content": { "application/problem+json": { "schema": schema("Problem") } },
    });
    responses.insert("default".to_owned(), problem);
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses,
    });
    if let Some(name) = route.request {
        let content = json!({ "application/json": { "schema": schema(name) } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    match route.access {
        Access::Vendor(permission) => {
            operation["security"] = json!([{ "token": [] }, { "session": [] }]);
            operation["x-permission"] = json!(format!("{permission:?}"));
        }
        Access::User(_) => operation["security"] = json!([{ "session": [] }]),
        Access::Anybody | Access::TicketHolder | Access::Container => {}
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split(['{', '}']).skip(1).step_by(2);
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    for (name, description) in route.query {
        let text = json!({ "type": "string" });
        parameters.push(json!({ "name": name, "in": "query", "description": description, "schema": text }));
    }
    if route.request.is_some()
        && !matches!(route.access, Access::Container | Access::User(_) | Access::Anybody)
    {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key with the same request gives the same answer.",
            "schema": { "type": "string", "maxLength": 255 },
        }));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_and_every_message_is_in_the_document() {
        let document = document();
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.verb.name().to_lowercase()];
            assert_eq!(operation["operationId"], route.name);
            for name in route.request.iter().chain(&route.response).filter(|name| **name != "OpenApi") {
                assert!(document["components"]["schemas"].get(name).is_some(), "{name} has no schema");
            }
        }
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        fn follow(document: &Value, part: &Value, found: &mut usize) {
            match part {
                Value::Object(fields) => {
                    if let Some(Value::String(target)) = fields.get("$ref") {
                        let place = target.strip_prefix('#').and_then(|place| document.pointer(place));
                        assert!(place.is_some(), "{target} leads nowhere");
                        *found += 1;
                    }
                    fields.values().for_each(|value| follow(document, value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| follow(document, value, found)),
                _ => {}
            }
        }
        let (document, mut found) = (document(), 0);
        follow(&document, &document, &mut found);
        assert!(found > ROUTES.len(), "{found} references");
    }
}

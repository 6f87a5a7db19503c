//! The description of the SOAP interface is the JSON interface, field by field; what is written by it is read by it;
//! the WSDL says the same.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::collections::{BTreeMap, BTreeSet};

use licensing_wire::problem::{Problem, TABLE};
use licensing_wire::schema::schemas;
use licensing_wire::soap::envelope::{FAULT_ELEMENT, answer, body, fault};
use licensing_wire::soap::operations::Place;
use licensing_wire::soap::types::{Field, Kind, Occurs, PROBLEM, Type};
use licensing_wire::soap::xml::{Element, parse};
use licensing_wire::soap::{OPERATIONS, Version, read, wsdl};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const VERSIONS: [Version; 2] = [Version::Soap11, Version::Soap12];

/// Every type that is reached from an operation, by its name.
fn all_types() -> BTreeMap<&'static str, &'static Type> {
    fn reach(field: &Field, found: &mut BTreeMap<&'static str, &'static Type>) {
        if let Kind::Of(of) = field.kind {
            let before = found.insert(of.name, of);
            assert!(before.is_none_or(|before| before.json == of.json), "{} is two types", of.name);
            of.fields.iter().for_each(|field| reach(field, found));
        }
    }
    let mut found = BTreeMap::from([(PROBLEM.name, &PROBLEM)]);
    for operation in OPERATIONS {
        operation.fields().iter().for_each(|field| reach(field, &mut found));
        reach(&operation.answer, &mut found);
    }
    found
}

/// Where a schema says how its values look: itself, without the `null` of what may be left out.
fn plain(schema: &Value) -> (&Value, Vec<&str>) {
    let schema = schema["anyOf"].as_array().map_or(schema, |any| &any[0]);
    let types = match &schema["type"] {
        Value::Array(types) => {
            types.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
        }
        Value::String(name) => vec![name.as_str()],
        _ => vec!["object"],
    };
    (schema, types)
}

fn assert_fits(place: &str, field: &Field, schema: &Value) {
    let (schema, types) = plain(schema);
    let many = matches!(field.occurs, Occurs::Any | Occurs::Some);
    assert_eq!(many, types == ["array"], "{place}: {schema}");
    let (schema, types) = if many { plain(&schema["items"]) } else { (schema, types) };
    let reference = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next());
    match field.kind {
        Kind::Of(of) => assert_eq!(reference, Some(of.json), "{place}"),
        Kind::Number => {
            assert_eq!((types[0], schema["format"].as_str()), ("integer", Some("uint32")), "{place}")
        }
        Kind::Long => {
            assert_eq!((types[0], schema["format"].as_str()), ("integer", Some("uint64")), "{place}")
        }
        Kind::Flag => assert_eq!(types, ["boolean"], "{place}"),
        Kind::Text | Kind::Moment | Kind::File => assert_eq!(types, ["string"], "{place}"),
    }
}

#[test]
fn every_type_is_its_json_message() {
    let schemas = schemas();
    let types = all_types();
    assert!(types.len() > 25, "{} types", types.len());
    for of in types.values() {
        let schema = schemas.get(of.json).unwrap_or_else(|| panic!("{} has no JSON message", of.name));
        let properties = schema["properties"].as_object().unwrap();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for field in of.fields {
            let place = format!("{}/{}", of.name, field.name);
            let property = properties.get(field.json).unwrap_or_else(|| panic!("{place} is no field"));
            assert_fits(&place, field, property);
            let must = matches!(field.occurs, Occurs::One | Occurs::Some);
            assert_eq!(
                must || field.occurs == Occurs::Any && required.contains(&field.json),
                required.contains(&field.json),
                "{place}"
            );
        }
        let described: BTreeSet<&str> = of.fields.iter().map(|field| field.json).collect();
        assert_eq!(described.len(), of.fields.len(), "{}: a field twice", of.name);
        let left_out: Vec<&str> =
            properties.keys().map(String::as_str).filter(|name| !described.contains(name)).collect();
        // The address of the page and the HTTP status say nothing that the code does not.
        let expected: &[&str] = if of.name == PROBLEM.name { &["status", "type"] } else { &[] };
        assert_eq!(left_out, expected, "{}", of.name);
    }
}

#[test]
fn operations_are_well_formed() {
    let mut names = BTreeSet::new();
    for operation in OPERATIONS {
        assert!(names.insert(operation.name), "{} twice", operation.name);
        assert!(!all_types().contains_key(operation.name), "{} is also a type", operation.name);
        let fields = operation.fields();
        let distinct: BTreeSet<&str> = fields.iter().map(|field| field.name).collect();
        assert_eq!(distinct.len(), fields.len(), "{}", operation.name);
        let whole = operation.parts.iter().filter(|part| part.place == Place::Message).count();
        let body = operation.parts.iter().filter(|part| part.place == Place::Body).count();
        assert!(whole == 0 || whole == 1 && body == 0, "{}", operation.name);
    }
}

/// Texts XML has trouble with among them.
fn text() -> impl Strategy<Value = String> {
    "[ -~\\n\\t\\r]{0,20}|\\PC{0,10}|[<>&'\"]{1,6}|]]>"
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Text => text().prop_map(Value::String).boxed(),
        Kind::Number => any::<u32>().prop_map(Value::from).boxed(),
        Kind::Long => (0..=i64::MAX.unsigned_abs()).prop_map(Value::from).boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Moment => (0..=253_402_300_799_u64)
            .prop_map(|secs| {
                licensing_wire::time::print(licensing_core::time::Timestamp::from_secs(secs)).into()
            })
            .boxed(),
        Kind::File => prop::collection::vec(any::<u8>(), 0..50)
            .prop_map(|bytes| licensing_wire::binary::to_base64(&bytes).into())
            .boxed(),
        Kind::Of(of) => message(of),
    }
}

fn message(of: &'static Type) -> BoxedStrategy<Value> {
    let mut map = Just(Map::new()).boxed();
    for field in of.fields {
        let name = field.json;
        let one = value(field.kind);
        let found = match field.occurs {
            Occurs::One => one.prop_map(Some).boxed(),
            Occurs::Optional => prop::option::of(one).boxed(),
            Occurs::Any => prop::collection::vec(one, 0..3)
                .prop_map(|values| (!values.is_empty()).then_some(Value::Array(values)))
                .boxed(),
            Occurs::Some => prop::collection::vec(one, 1..3).prop_map(|values| Some(values.into())).boxed(),
        };
        map = (map, found)
            .prop_map(move |(mut map, value)| {
                map.extend(value.map(|value| (name.to_owned(), value)));
                map
            })
            .boxed();
    }
    map.prop_map(Value::Object).boxed()
}

/// The element in the body.
fn opened(bytes: &[u8], version: Version) -> Element {
    body(parse(bytes).unwrap(), version).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn what_is_written_is_read(
        answers in OPERATIONS.iter().map(|operation| value(operation.answer.kind)).collect::<Vec<_>>()
    ) {
        for (operation, told) in OPERATIONS.iter().zip(&answers) {
            let Kind::Of(of) = operation.answer.kind else { panic!("an answer is a type") };
            for version in VERSIONS {
                let bytes = answer(version, operation, told.as_object().unwrap()).unwrap();
                let element = opened(&bytes, version);
                prop_assert_eq!(&element.name, &operation.response());
                let [inner] = element.children.as_slice() else { panic!("one element") };
                let read = read::message(inner, of).map(Value::Object);
                prop_assert_eq!(read.as_ref(), Ok(told), "{}", operation.name);
            }
        }
    }
}

#[test]
fn what_xml_cannot_hold_is_replaced_and_what_is_missing_is_our_fault() {
    let operation = licensing_wire::soap::Operation::named("RevokeToken").unwrap();
    let told = json!({"name": "a\u{1}b\u{ffff}", "roles": ["x"], "created_at": "2030-01-31T00:00:00Z"});
    let bytes = answer(Version::Soap11, operation, told.as_object().unwrap()).unwrap();
    assert_eq!(opened(&bytes, Version::Soap11).children[0].children[0].text, "a\u{fffd}b\u{fffd}");
    let broken = json!({"roles": ["x"]});
    assert_eq!(answer(Version::Soap11, operation, broken.as_object().unwrap()).unwrap_err().code, "internal");
}

#[test]
fn every_code_is_a_fault_in_both_versions() {
    for row in TABLE {
        let mut problem = Problem::from_code(row.code, "it & <that> happened");
        problem.update = Some("QUJD".into());
        for version in VERSIONS {
            let (status, bytes) = fault(version, &problem).unwrap();
            assert!((400..=500).contains(&status), "{}", row.code);
            let element = opened(&bytes, version);
            let child = |of: &Element, name: &str| {
                of.children.iter().find(|child| child.name == name).unwrap().clone()
            };
            let (class, detail) = match version {
                Version::Soap11 => (child(&element, "faultcode").text, child(&element, "detail")),
                Version::Soap12 => {
                    let code = child(&element, "Code");
                    let subcode = child(&child(&code, "Subcode"), "Value").text;
                    assert_eq!(subcode, format!("m:{}", row.code));
                    (child(&code, "Value").text, child(&element, "Detail"))
                }
            };
            let classes = if row.status >= 500 {
                ["soap:Server", "soap:Receiver"]
            } else {
                match row.code {
                    "soap_must_understand" => ["soap:MustUnderstand"; 2],
                    "soap_version_mismatch" => ["soap:VersionMismatch"; 2],
                    _ => ["soap:Client", "soap:Sender"],
                }
            };
            assert!(classes.contains(&class.as_str()), "{}: {class}", row.code);
            assert_eq!(detail.children[0].name, FAULT_ELEMENT);
            let read = read::message(&detail.children[0], &PROBLEM).unwrap();
            let told = serde_json::to_value(&problem).unwrap();
            for name in ["code", "title", "rule", "remedy", "update"] {
                assert_eq!(read[name], told[name], "{}", row.code);
            }
        }
    }
}

#[test]
fn the_wsdl_names_everything_and_refers_to_nothing_else() {
    for version in VERSIONS {
        let text = wsdl::document(version, "https://licenses.example/?a&b", |_| "Does <it>.");
        let mut reader = quick_xml::Reader::from_str(&text);
        let (mut names, mut references) = (BTreeSet::new(), BTreeSet::new());
        let mut depth = 0_i32;
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Start(start) | quick_xml::events::Event::Empty(start) => {
                    depth += 1;
                    let kind = start.local_name().as_ref().to_owned();
                    for attribute in start.attributes() {
                        let attribute = attribute.unwrap();
                        let value = attribute
                            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                            .unwrap()
                            .into_owned();
                        match attribute.key.0 {
                            "name" => {
                                names.insert((kind.clone(), value));
                            }
                            "type" | "element" | "message" | "binding" => {
                                if let Some(name) = value.strip_prefix("tns:") {
                                    references.insert(name.to_owned());
                                } else {
                                    assert!(value.starts_with("xsd:"), "{value}");
                                }
                            }
                            _ => {}
                        }
                    }
                }
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert!(depth > 500, "{depth} elements");
        for name in &references {
            assert!(names.iter().any(|(_, known)| known == name), "{name} leads nowhere");
        }
        for operation in OPERATIONS {
            for (kind, name) in [
                ("element", operation.name.to_owned()),
                ("element", operation.response()),
                ("message", operation.response()),
            ] {
                assert!(names.contains(&(kind.to_owned(), name.clone())), "{kind} {name}");
            }
            assert_eq!(text.matches(&format!("soapAction=\"{}\"", operation.action())).count(), 1);
        }
        for name in all_types().keys() {
            assert_eq!(text.matches(&format!("<xsd:complexType name=\"{name}\">")).count(), 1, "{name}");
        }
        assert!(
            text.contains("location=\"https://licenses.example/?a&amp;b\"")
                && text.contains("Does &lt;it&gt;.")
        );
        assert!(!text.contains("<?") || text.matches("<?").count() == 1);
    }
}

/// The page shows what the programs do: each piece of code in it stands in its program just so.
#[test]
fn the_page_shows_the_examples() {
    let page = include_str!("../../../docs/soap.md");
    for (language, program) in [
        ("php", include_str!("../../../examples/soap/php/client.php")),
        ("python", include_str!("../../../examples/soap/python/client.py")),
        ("java", include_str!("../../../examples/soap/java/Client.java")),
    ] {
        let pieces: Vec<&str> = page.split(&format!("```{language}\n")).skip(1).collect();
        assert!(!pieces.is_empty(), "no {language}");
        for piece in pieces {
            let piece = piece.split("```").next().unwrap();
            for part in piece.split("\n\n").map(str::trim) {
                let found = program.lines().map(str::trim).collect::<Vec<_>>().join("\n");
                let part = part.lines().map(str::trim).collect::<Vec<_>>().join("\n");
                assert!(found.contains(&part), "not in the program for {language}:\n{part}");
            }
        }
    }
}

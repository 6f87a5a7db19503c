//! The WSDL, one document for each version of SOAP, written from [`OPERATIONS`] and the types they name.
//!
//! Two documents, because toolkits that find the ports of both versions in one mix them up.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::schema::schemas;
use crate::soap::envelope::{FAULT_ELEMENT, Version};
use crate::soap::operations::{KEY, OPERATIONS, Operation};
use crate::soap::types::{Field, Kind, Occurs, PROBLEM, Type};
use crate::soap::xml::SCHEMA;
use crate::soap::{NAMESPACE, write};

/// Name of the service.
pub const SERVICE: &str = "LicenseCentral";

/// The WSDL 1.1 document of a version at an address; `summary` tells what the route of an operation does.
#[must_use]
pub fn document(version: Version, address: &str, summary: impl Fn(&str) -> &'static str) -> String {
    let (soap, binding) = match version {
        Version::Soap11 => ("http://schemas.xmlsoap.org/wsdl/soap/", "LicenseCentral11"),
        Version::Soap12 => ("http://schemas.xmlsoap.org/wsdl/soap12/", "LicenseCentral12"),
    };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<wsdl:definitions name=\"{SERVICE}\" targetNamespace=\"{NAMESPACE}\" \
         xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:soap=\"{soap}\" xmlns:xsd=\"{SCHEMA}\" \
         xmlns:tns=\"{NAMESPACE}\">\n"
    );
    types(&mut out);
    for operation in OPERATIONS {
        let (name, response) = (operation.name, operation.response());
        out.push_str(&format!(
            "<wsdl:message name=\"{name}\"><wsdl:part name=\"parameters\" element=\"tns:{name}\"/></wsdl:message>\n\
             <wsdl:message name=\"{response}\"><wsdl:part name=\"parameters\" element=\"tns:{response}\"/></wsdl:message>\n"
        ));
    }
    out.push_str(&format!(
        "<wsdl:message name=\"LicensingFault\"><wsdl:part name=\"fault\" element=\"tns:{FAULT_ELEMENT}\"/></wsdl:message>\n\
         <wsdl:portType name=\"{SERVICE}PortType\">\n"
    ));
    for operation in OPERATIONS {
        let (name, response) = (operation.name, operation.response());
        let documentation = documentation("wsdl", summary(operation.route));
        out.push_str(&format!(
            "<wsdl:operation name=\"{name}\">{documentation}<wsdl:input message=\"tns:{name}\"/><wsdl:output \
             message=\"tns:{response}\"/><wsdl:fault name=\"LicensingFault\" message=\"tns:LicensingFault\"/>\
             </wsdl:operation>\n"
        ));
    }
    out.push_str(&format!(
        "</wsdl:portType>\n<wsdl:binding name=\"{binding}\" type=\"tns:{SERVICE}PortType\">\n<soap:binding \
         style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n"
    ));
    for operation in OPERATIONS {
        bound(&mut out, operation);
    }
    let mut location = String::new();
    write::text(&mut location, address);
    out.push_str(&format!(
        "</wsdl:binding>\n<wsdl:service name=\"{SERVICE}\"><wsdl:port name=\"{binding}\" binding=\"tns:{binding}\">\
         <soap:address location=\"{location}\"/></wsdl:port></wsdl:service>\n</wsdl:definitions>\n"
    ));
    out
}

fn bound(out: &mut String, operation: &Operation) {
    out.push_str(&format!(
        "<wsdl:operation name=\"{}\"><soap:operation soapAction=\"{}\" style=\"document\"/><wsdl:input><soap:body \
         use=\"literal\"/></wsdl:input><wsdl:output><soap:body use=\"literal\"/></wsdl:output><wsdl:fault \
         name=\"LicensingFault\"><soap:fault name=\"LicensingFault\" use=\"literal\"/></wsdl:fault></wsdl:operation>\n",
        operation.name,
        operation.action()
    ));
}

fn documentation(prefix: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut out = format!("<{prefix}:documentation>");
    write::text(&mut out, text);
    out.push_str(&format!("</{prefix}:documentation>"));
    out
}

/// The schema: an element for each request and answer, a type for everything in them.
fn types(out: &mut String) {
    let schemas = schemas();
    out.push_str(&format!(
        "<wsdl:types><xsd:schema targetNamespace=\"{NAMESPACE}\" elementFormDefault=\"qualified\" \
         attributeFormDefault=\"unqualified\">\n"
    ));
    let mut written = BTreeSet::new();
    for operation in OPERATIONS {
        let fields = operation.fields();
        for field in fields.iter().chain([&operation.answer]) {
            reached(out, field, &schemas, &mut written);
        }
        wrapper(out, operation.name, &fields);
        wrapper(out, &operation.response(), &[operation.answer]);
    }
    complex(out, &PROBLEM, &schemas, &mut written);
    out.push_str(&format!(
        "<xsd:element name=\"{FAULT_ELEMENT}\" type=\"tns:{}\"/>\n</xsd:schema></wsdl:types>\n",
        PROBLEM.name
    ));
}

fn wrapper(out: &mut String, name: &str, fields: &[Field]) {
    out.push_str(&format!("<xsd:element name=\"{name}\"><xsd:complexType><xsd:sequence>"));
    for field in fields {
        let text =
            if field.name == KEY { "The same key with the same request gives the same answer." } else { "" };
        element(out, field, text);
    }
    out.push_str("</xsd:sequence></xsd:complexType></xsd:element>\n");
}

fn reached(
    out: &mut String,
    field: &Field,
    schemas: &Map<String, Value>,
    written: &mut BTreeSet<&'static str>,
) {
    if let Kind::Of(of) = field.kind {
        complex(out, of, schemas, written);
    }
}

/// A type, after those it is made of.
fn complex(out: &mut String, of: &Type, schemas: &Map<String, Value>, written: &mut BTreeSet<&'static str>) {
    if !written.insert(of.name) {
        return;
    }
    for field in of.fields {
        reached(out, field, schemas, written);
    }
    out.push_str(&format!("<xsd:complexType name=\"{}\"><xsd:sequence>\n", of.name));
    for field in of.fields {
        let description =
            &schemas.get(of.json).unwrap_or(&Value::Null)["properties"][field.json]["description"];
        element(out, field, description.as_str().unwrap_or_default());
        out.push('\n');
    }
    out.push_str("</xsd:sequence></xsd:complexType>\n");
}

fn element(out: &mut String, field: &Field, description: &str) {
    let of = match field.kind {
        Kind::Of(of) => format!("tns:{}", of.name),
        kind => format!("xsd:{}", kind.builtin().unwrap_or_default()),
    };
    let occurs = match field.occurs {
        Occurs::One => "",
        Occurs::Optional => " minOccurs=\"0\"",
        Occurs::Any => " minOccurs=\"0\" maxOccurs=\"unbounded\"",
        Occurs::Some => " maxOccurs=\"unbounded\"",
    };
    out.push_str(&format!("<xsd:element name=\"{}\" type=\"{of}\"{occurs}", field.name));
    match documentation("xsd", description).as_str() {
        "" => out.push_str("/>"),
        text => out.push_str(&format!("><xsd:annotation>{text}</xsd:annotation></xsd:element>")),
    }
}

//! Hostile and broken SOAP requests, with the code each is refused with. Used by the reader's own tests and, through
//! the whole server, by those of the central server.

/// A request that must be refused.
pub(crate) struct Hostile {
    /// What it is.
    pub(crate) name: &'static str,
    /// The body.
    pub(crate) bytes: Vec<u8>,
    /// The code.
    pub(crate) code: &'static str,
}

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const MESSAGES: &str = "urn:open-license:central:v1";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An envelope of SOAP 1.1 around a body.
pub(crate) fn envelope(body: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{ENVELOPE}\" xmlns:m=\"{MESSAGES}\" xmlns:xsi=\"{INSTANCE}\" \
         xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><e:Body>{body}</e:Body></e:Envelope>"
    )
}

/// An order inside an envelope, with something more in the order.
pub(crate) fn order(more: &str) -> String {
    envelope(&format!(
        "<m:CreateOrder><m:order><m:orderId>BOMB</m:orderId>{more}<m:line><m:item>A</m:item><m:quantity>1</m:quantity>\
         </m:line></m:order></m:CreateOrder>"
    ))
}

fn customer(text: &str) -> String {
    order(&format!("<m:customer>{text}</m:customer>"))
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

/// Everything.
pub(crate) fn corpus() -> Vec<Hostile> {
    let mut all = Vec::new();
    let mut add = |name, bytes: Vec<u8>, code| all.push(Hostile { name, bytes, code });
    for (name, text) in entities().into_iter().chain(floods()).chain(malformed()) {
        add(name, text.into_bytes(), "invalid_xml");
    }
    for (name, bytes) in encodings() {
        add(name, bytes, "invalid_xml");
    }
    for (name, bytes) in larger_than_a_body() {
        add(name, bytes.into_bytes(), "too_large");
    }
    for (name, code, text) in envelopes() {
        add(name, text.into_bytes(), code);
    }
    for (name, text) in messages() {
        add(name, text.into_bytes(), "invalid_message");
    }
    all
}

/// Entities, document types, processing instructions.
fn entities() -> Vec<(&'static str, String)> {
    let mut laughs = "<!DOCTYPE l [<!ENTITY l0 \"lol\">".to_owned();
    for i in 1..10 {
        laughs.push_str(&format!("<!ENTITY l{i} \"{}\">", format!("&l{};", i - 1).repeat(10)));
    }
    let before = |text: &str, inside: &str| format!("<?xml version=\"1.0\"?>{text}{}", customer(inside));
    let quadratic = format!("<!DOCTYPE q [<!ENTITY q \"{}\">]>", "q".repeat(50_000));
    vec![
        ("billion laughs", before(&(laughs + "]>"), "&l9;")),
        ("quadratic blowup", before(&quadratic, &"&q;".repeat(50_000))),
        ("an entity of a file", before("<!DOCTYPE x [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>", "&x;")),
        (
            "an entity of the network",
            before("<!DOCTYPE x [<!ENTITY x SYSTEM \"http://127.0.0.1:9/\">]>", "&x;"),
        ),
        ("a parameter entity", before("<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/\">%p;]>", "A")),
        ("an external document type", before("<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\">", "A")),
        ("an empty document type", before("<!DOCTYPE x>", "A")),
        ("a document type inside", customer("<!DOCTYPE x>")),
        ("an entity nobody declared", customer("&unknown;")),
        ("an entity without an end", customer("&amp")),
        ("a character that is none", customer("&#0;")),
        ("a character beyond all", customer("&#xffffffff;")),
        ("half a pair of surrogates", customer("&#xd800;")),
        ("a style sheet", before("<?xml-stylesheet href=\"http://127.0.0.1:9/\"?>", "A")),
        ("a processing instruction inside", customer("<?php echo 1 ?>")),
        ("a second XML declaration", customer("<?xml version=\"1.0\"?>")),
        ("XML 1.1", customer("A").replace("<e:Envelope", "<?xml version=\"1.1\"?><e:Envelope")),
    ]
}

/// Too much of something, in fewer bytes than a body may have.
fn floods() -> Vec<(&'static str, String)> {
    let many = |what: &str, count: usize| what.repeat(count);
    let numbered = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<String>();
    let attributes = numbered(20_000, &|i| format!(" a{i}=\"\""));
    let namespaces = numbered(10_000, &|i| format!(" xmlns:n{i}=\"u\""));
    let one_too_many = numbered(65, &|i| format!(" a{i}=\"\""));
    vec![
        ("60 000 elements inside each other", many("<a>", 60_000)),
        ("the same, closed", many("<a>", 60_000) + &many("</a>", 60_000)),
        ("33 elements inside each other", many("<a>", 33) + &many("</a>", 33)),
        ("20 000 attributes", format!("<a{attributes}/>")),
        ("65 attributes", format!("<a{one_too_many}/>")),
        ("10 000 namespaces", format!("<a{namespaces}/>")),
        ("33 namespaces, an element each", order(&numbered(33, &|i| format!("<x xmlns=\"u{i}\"/>")))),
        ("4 097 elements", order(&many("<m:line/>", 4_097))),
        ("a name of 400 000 bytes", format!("<{}/>", many("a", 400_000))),
        ("an attribute's name of 400 000 bytes", format!("<a {}=\"\"/>", many("b", 400_000))),
        ("an end tag's name of 400 000 bytes", format!("<a></{}>", many("a", 400_000))),
        ("a prefix of 400 000 bytes", format!("<{}:a/>", many("p", 400_000))),
        ("a value of 400 000 bytes", format!("<a b=\"{}\"/>", many("c", 400_000))),
        ("a namespace of 400 000 bytes", format!("<a xmlns=\"{}\"/>", many("u", 400_000))),
        ("a text of 400 000 bytes", customer(&many("t", 400_000))),
        ("a CDATA section of 400 000 bytes", customer(&format!("<![CDATA[{}]]>", many("t", 400_000)))),
        ("a start tag without an end", format!("<a{}", many(" ", 400_000))),
        ("blanks inside a tag", format!("<a {}=\"\" =/>", many(" ", 400_000))),
        ("100 000 quotes", format!("<a{}", many(" a=\"\"", 80_000))),
    ]
}

fn malformed() -> Vec<(&'static str, String)> {
    let prefix = |prefix: &str| customer("A").replace("<m:customer", &format!("<{prefix}:customer"));
    vec![
        ("nothing", String::new()),
        ("blanks", "  \n ".into()),
        ("JSON", "{\"order_id\":\"BOMB\"}".into()),
        ("a comment that does not end", customer("<!-- ")),
        ("two hyphens in a comment", customer("<!-- -- -->")),
        ("a CDATA section that does not end", customer("<![CDATA[ ")),
        ("the end of a CDATA section in text", customer("a]]>b")),
        ("a tag in a tag", customer("<m:a <m:b>")),
        ("a value that does not end", "<a b=\"".into()),
        ("a value without quotes", "<a b=c/>".into()),
        ("an attribute without a value", "<a b/>".into()),
        ("an end without a beginning", "</a>".into()),
        ("crossed elements", customer("<m:a><m:b></m:a></m:b>")),
        ("elements that do not end", customer("A").replace("</e:Body></e:Envelope>", "")),
        ("two roots", customer("A") + "<a/>"),
        ("text behind the root", customer("A") + "x"),
        ("a reference behind the root", customer("A") + "&amp;"),
        ("text before the root", "x".to_owned() + &customer("A")),
        ("an attribute twice", order("<m:customer a=\"1\" a=\"2\">A</m:customer>")),
        ("a namespace declared twice", order("<m:customer xmlns:m=\"u\" xmlns:m=\"v\">A</m:customer>")),
        ("nil twice under two prefixes", {
            let twice = format!("<m:customer xmlns:i=\"{INSTANCE}\" xsi:nil=\"true\" i:nil=\"false\"/>");
            order(&twice)
        }),
        ("a prefix nobody declared", prefix("nobody").replace("</m:customer", "</nobody:customer")),
        ("another prefix at the end", prefix("e")),
        ("a name with two colons", order("<m:a:b/>")),
        ("a name without a prefix's name", order("<:a/>")),
        ("a name that begins with a digit", order("<m:1/>")),
        ("the prefix xml for something else", order("<m:customer xmlns:xml=\"u\">A</m:customer>")),
        ("the prefix xmlns declared", order("<m:customer xmlns:xmlns=\"u\">A</m:customer>")),
        ("a type without a declared prefix", order("<m:customer xsi:type=\"no:body\">A</m:customer>")),
        ("a control character", customer("\u{1}")),
        ("a control character as a reference in a value", order("<m:customer a=\"&#1;\">A</m:customer>")),
    ]
}

fn encodings() -> Vec<(&'static str, Vec<u8>)> {
    let declared = |name: &str| format!("<?xml version=\"1.0\" encoding=\"{name}\"?>{}", customer("A"));
    let broken = |bytes: &[u8]| {
        let (before, after) =
            customer("A").split_once(">A<").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a text");
        [before.as_bytes(), b">", bytes, b"<", after.as_bytes()].concat()
    };
    vec![
        ("UTF-16, little end first", utf16(&declared("UTF-16"), true)),
        ("UTF-16, big end first", utf16(&declared("UTF-16"), false)),
        ("UTF-16 without a mark", utf16(&declared("UTF-16"), true)[2..].to_vec()),
        ("UTF-16 said and not used", declared("UTF-16").into_bytes()),
        ("UTF-7", declared("UTF-7").into_bytes()),
        ("ISO 8859-1", declared("ISO-8859-1").into_bytes()),
        ("EBCDIC", declared("IBM037").into_bytes()),
        ("no encoding named", declared("").into_bytes()),
        ("a lonely byte", broken(&[0xff])),
        ("a slash in two bytes", broken(&[0xc0, 0xaf])),
        ("a surrogate in three bytes", broken(&[0xed, 0xa0, 0x80])),
        ("half a character", broken(&[0xe2, 0x82])),
        ("a zero byte", broken(&[0])),
    ]
}

fn larger_than_a_body() -> Vec<(&'static str, String)> {
    vec![
        ("200 000 elements inside each other", "<a>".repeat(200_000)),
        ("800 000 attributes", format!("<a{}/>", " b=\"\"".repeat(800_000))),
        ("a million elements", order(&"<m:a/>".repeat(1_000_000))),
        ("CDATA without end", customer(&"<![CDATA[]]>".repeat(100_000))),
        ("comments without end", customer(&"<!---->".repeat(100_000))),
    ]
}

/// Well-formed, but no request.
fn envelopes() -> Vec<(&'static str, &'static str, String)> {
    let good = customer("A");
    let operation = "<m:GetTicket><m:ticket>A</m:ticket></m:GetTicket>";
    let header = |block: &str| good.replace("<e:Body>", &format!("<e:Header>{block}</e:Header><e:Body>"));
    vec![
        (
            "SOAP of the future",
            "soap_version_mismatch",
            good.replace(ENVELOPE, "http://www.w3.org/2050/soap"),
        ),
        ("no SOAP at all", "soap_version_mismatch", "<a/>".into()),
        ("another root", "soap_envelope", good.replace("e:Envelope", "e:Letter")),
        ("no body", "soap_envelope", format!("<e:Envelope xmlns:e=\"{ENVELOPE}\"/>")),
        ("an empty body", "soap_envelope", envelope("")),
        ("two operations", "soap_envelope", envelope(&operation.repeat(2))),
        ("text beside the operation", "soap_envelope", envelope(&format!("x{operation}"))),
        ("text beside the body", "soap_envelope", good.replace("<e:Body>", "x<e:Body>")),
        ("two bodies", "soap_envelope", good.replace("</e:Body>", "</e:Body><e:Body/><e:Body/>")),
        ("something behind the body", "soap_envelope", good.replace("</e:Body>", "</e:Body><m:x/>")),
        ("a body in another namespace", "soap_envelope", good.replace("e:Body", "m:Body")),
        ("a header to be understood", "soap_must_understand", header("<m:x e:mustUnderstand=\"1\"/>")),
        ("the same in words", "soap_must_understand", header("<m:x e:mustUnderstand=\" true \"/>")),
        ("an unknown operation", "operation_unknown", good.replace("CreateOrder", "DropOrders")),
        ("an answer as a request", "operation_unknown", good.replace("CreateOrder", "CreateOrderResponse")),
        ("an operation of another namespace", "operation_unknown", good.replace(MESSAGES, "urn:other")),
        (
            "an operation of no namespace",
            "operation_unknown",
            envelope("<GetTicket><ticket>A</ticket></GetTicket>"),
        ),
        (
            "the prefix rebound at the operation",
            "operation_unknown",
            good.replace("<m:CreateOrder>", "<m:CreateOrder xmlns:m=\"urn:other\">"),
        ),
    ]
}

/// Requests that are not what the description says.
fn messages() -> Vec<(&'static str, String)> {
    let good = customer("A");
    let line = |text: &str| good.replace("<m:quantity>1</m:quantity>", text);
    vec![
        ("an unknown element", order("<m:surprise>1</m:surprise>")),
        ("an unknown element at the top", good.replace("</m:CreateOrder>", "<m:x/></m:CreateOrder>")),
        ("a missing element", line("")),
        ("a missing order", envelope("<m:CreateOrder/>")),
        (
            "an order without a line",
            envelope("<m:CreateOrder><m:order><m:orderId>BOMB</m:orderId></m:order></m:CreateOrder>"),
        ),
        ("an element twice", order("<m:customer>A</m:customer><m:customer>B</m:customer>")),
        ("an element of another namespace", order("<x:customer xmlns:x=\"urn:other\">A</x:customer>")),
        ("an element of no namespace", order("<customer>A</customer>")),
        ("the prefix rebound at an element", order("<m:customer xmlns:m=\"urn:other\">A</m:customer>")),
        ("the default namespace taken away", order("<customer xmlns=\"\">A</customer>")),
        ("an element of the envelope inside", order("<e:customer>A</e:customer>")),
        ("text beside elements", order("stray")),
        ("text beside elements, in a CDATA section", order("<![CDATA[stray]]>")),
        ("elements where text is", order("<m:customer><m:b>A</m:b></m:customer>")),
        ("text and elements", order("<m:customer>A<m:b/>B</m:customer>")),
        ("another type stated", order("<m:customer xsi:type=\"xs:int\">A</m:customer>")),
        ("a type of ours at text", order("<m:customer xsi:type=\"m:ItemDefinition\">A</m:customer>")),
        (
            "a type stated at the operation",
            good.replace("<m:CreateOrder>", "<m:CreateOrder xsi:type=\"m:NewOrder\">"),
        ),
        ("another type of ours", good.replace("<m:order>", "<m:order xsi:type=\"m:ItemDefinition\">")),
        (
            "a type with a name of ours from elsewhere",
            good.replace("<m:order>", "<m:order xsi:type=\"xs:NewOrder\">"),
        ),
        ("nil where something must be", good.replace("<m:item>A</m:item>", "<m:item xsi:nil=\"true\"/>")),
        ("nil with content", order("<m:customer xsi:nil=\"true\">A</m:customer>")),
        ("nil that is neither", order("<m:customer xsi:nil=\"maybe\"/>")),
        ("an attribute nobody knows", order("<m:customer id=\"1\">A</m:customer>")),
        ("an attribute of our namespace", order("<m:customer m:id=\"1\">A</m:customer>")),
        ("a number that is none", line("<m:quantity>many</m:quantity>")),
        ("no number", line("<m:quantity/>")),
        ("a negative number", line("<m:quantity>-1</m:quantity>")),
        ("a number with a fraction", line("<m:quantity>1.0</m:quantity>")),
        ("a hexadecimal number", line("<m:quantity>0x1</m:quantity>")),
        ("a number beyond 32 bits", line("<m:quantity>4294967296</m:quantity>")),
        ("a number beyond everything", line(&format!("<m:quantity>{}</m:quantity>", "9".repeat(4_000)))),
        ("digits of another script", line("<m:quantity>\u{0661}</m:quantity>")),
        ("a yes that is none", order("<m:together>yes</m:together>")),
        ("a text of 5 000 bytes", customer(&"t".repeat(5_000))),
        ("a text of 5 000 bytes in pieces", customer(&"<![CDATA[t]]>".repeat(5_000))),
    ]
}

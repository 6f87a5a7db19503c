//! Hostile XML: refused with the code it deserves, without a word of it in the message; and nothing that comes ever
//! makes the reader panic.

#[path = "soap/corpus.rs"]
mod corpus;

use corpus::{corpus, envelope, order};
use licensing_wire::soap::{SoapError, Version, limits, read, read_envelope};
use proptest::prelude::*;

fn request(bytes: &[u8]) -> Result<(&'static str, read::Request), SoapError> {
    let (operation, element) = read_envelope(bytes, Version::Soap11).request?;
    Ok((operation.name, read::request(&element, operation)?))
}

#[test]
fn every_hostile_document_is_refused_with_its_code() {
    let corpus = corpus();
    assert!(corpus.len() > 120, "{} documents", corpus.len());
    for hostile in &corpus {
        let error = request(&hostile.bytes).err().unwrap_or_else(|| panic!("{}: was taken", hostile.name));
        assert_eq!(error.code, hostile.code, "{}: {}", hostile.name, error.message);
        assert!(error.message.len() < 1_000, "{}: {}", hostile.name, error.message);
        for word in ["BOMB", "stray", "lol", "passwd", "surprise", "nobody"] {
            assert!(!error.message.contains(word), "{}: {}", hostile.name, error.message);
        }
    }
}

#[test]
fn limits_are_exact() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(limits::check(nested(limits::DEPTH_MAX).as_bytes()).is_ok());
    assert!(limits::check(nested(limits::DEPTH_MAX + 1).as_bytes()).is_err());
    let wide = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
    assert!(limits::check(wide(limits::ELEMENTS_MAX).as_bytes()).is_ok());
    assert!(limits::check(wide(limits::ELEMENTS_MAX + 1).as_bytes()).is_err());
    let attributes = |count: usize| format!("<a{}/>", " b='/>'".repeat(count));
    assert!(limits::check(attributes(limits::ATTRIBUTES_MAX).as_bytes()).is_ok());
    assert!(limits::check(attributes(limits::ATTRIBUTES_MAX + 1).as_bytes()).is_err());
    let name = |length: usize| format!("<{}/>", "n".repeat(length));
    assert!(limits::check(name(limits::NAME_BYTES_MAX - 1).as_bytes()).is_ok());
    assert!(limits::check(name(limits::NAME_BYTES_MAX + 1).as_bytes()).is_err());
    let text = |length: usize| format!("<a>{}</a>", "t".repeat(length));
    assert!(limits::check(text(limits::TEXT_BYTES_MAX).as_bytes()).is_ok());
    assert!(limits::check(text(limits::TEXT_BYTES_MAX + 1).as_bytes()).is_err());
}

#[test]
fn what_toolkits_do_differently_is_taken() {
    let told = |text: &str| request(text.as_bytes()).unwrap().1.body;
    let plain = told(&order("<m:customer>C &amp; D</m:customer><m:together>true</m:together>"));
    assert_eq!(plain["customer"], "C & D");
    for same in [
        order(
            "<m:together> 1 </m:together><m:customer><![CDATA[C & D]]></m:customer><m:comment xsi:nil='1'/>",
        ),
        order(
            "<m:customer xsi:type='xs:string'>C &#38; D</m:customer>\n<!-- x --><m:together>1</m:together>",
        ),
        format!(
            "\u{feff}<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n{}",
            order(
                "<customer xmlns='urn:open-license:central:v1'>C <!-- -->&amp; D</customer><m:together>true</m:together>"
            )
        ),
        order("<m:customer>C &amp; D</m:customer><m:together>true</m:together>")
            .replace("<e:Body>", "<e:Header><x xmlns='urn:x' e:mustUnderstand='0'/></e:Header><e:Body>")
            .replace("m:", "long-prefix:")
            .replace("xmlns:m=", "xmlns:long-prefix="),
        order("<m:customer>C &amp; D</m:customer><m:together>true</m:together>")
            .replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
    ] {
        assert_eq!(told(&same), plain, "{same}");
    }
    let file = envelope("<m:ConfirmReceipt><m:context>\n  QUJD\r\nREVG  </m:context></m:ConfirmReceipt>");
    assert_eq!(told(&file)["context"], "QUJDREVG");
    let empty = told(&order("<m:comment/>"));
    assert_eq!(empty["comment"], "", "an empty text is a text");
}

proptest! {
    /// Whatever becomes of a good document, reading it ends, with or without an error.
    #[test]
    fn a_damaged_document_never_panics(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..8)
    ) {
        let mut bytes = order("<m:customer a='1' xsi:nil='false'>C &amp; <![CDATA[D]]><!-- x --></m:customer>").into_bytes();
        for (place, byte, what) in cuts {
            let at = place.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match what {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes.truncate(at),
            }
        }
        let _ = request(&bytes);
    }

    #[test]
    fn tags_in_any_order_never_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "<", ">", "</", "/>", "<a", "<m:a>", "</m:a>", " a=\"", "\"", "'", "=", "<!--", "-->", "<![CDATA[", "]]>", "&lt;", "&#x41;",
            "&", ";", "<?xml version=\"1.0\"?>", "?>", "<!DOCTYPE", "xmlns:m=\"u\"", "xmlns=\"\"", ":", "é", "\u{feff}", " ", "text",
        ]), 0..40)
    ) {
        let text = parts.concat();
        let _ = (request(text.as_bytes()), request(envelope(&text).as_bytes()), request(order(&text).as_bytes()));
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = request(&bytes);
    }
}

//! What a customer is told who has bought something.

use licensing_wire::json::OrderAnswer;

/// Most characters of what somebody adds.
const NOTE_CHARS_MAX: usize = 4_000;

/// The languages a mail can be in.
pub const LANGUAGES: [&str; 2] = ["en", "de"];

/// Subject and text of a mail.
///
/// # Security
/// It holds a ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct MailText {
    /// Its language.
    pub language: &'static str,
    /// The subject.
    pub subject: String,
    /// The text; lines end with `\n`.
    pub body: String,
}

impl std::fmt::Debug for MailText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailText(..)")
    }
}

struct Words {
    subject: &'static str,
    begin: &'static str,
    enter: &'static str,
    licenses: &'static str,
    end: &'static str,
}

const ENGLISH: Words = Words {
    subject: "Your licenses of order",
    begin: "Thank you for your order. Your ticket is",
    enter: "Enter it in our license portal to activate your licenses. Keep it secret: whoever has it can use it.",
    licenses: "Your licenses of order",
    end: "Kind regards",
};

const GERMAN: Words = Words {
    subject: "Ihre Lizenzen der Bestellung",
    begin: "Vielen Dank für Ihre Bestellung. Ihr Ticket ist",
    enter: "Geben Sie es in unserem Lizenzportal ein, um Ihre Lizenzen zu aktivieren. Halten Sie es geheim: Wer es hat, kann es benutzen.",
    licenses: "Ihre Lizenzen der Bestellung",
    end: "Mit freundlichen Grüßen",
};

/// A language that is known.
#[must_use]
pub fn language(word: &str) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|known| *known == word)
}

/// Whether something can be added: text and line ends, and not too much of it.
#[must_use]
pub fn is_note(text: &str) -> bool {
    text.chars().count() <= NOTE_CHARS_MAX
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// The mail about an order, which shows its ticket; what somebody adds comes first.
#[must_use]
pub fn mail_text(language: &'static str, order: &OrderAnswer, note: &str) -> MailText {
    let words = if language == "de" { GERMAN } else { ENGLISH };
    let id = &order.order_id;
    let licenses =
        order.licenses.iter().map(|license| format!("- {} × {}\n", license.name, license.quantity));
    let licenses: String = licenses.collect();
    let note = note.replace("\r\n", "\n").replace('\r', "\n");
    let note = match note.trim() {
        "" => String::new(),
        note => format!("{note}\n\n"),
    };
    let Words { subject, begin, enter, licenses: heading, end } = words;
    MailText {
        language,
        subject: format!("{subject} {id}"),
        body: format!(
            "{note}{begin}\n\n    {}\n\n{enter}\n\n{heading} {id}:\n{licenses}\n{end}\n",
            order.ticket
        ),
    }
}

//! What forms hold, as the messages of the routes want it.

use serde_json::{Map, Value};

use http_pages::Form;

/// Puts a text into a message unless it is empty: an absent option has its default.
pub(super) fn text(message: &mut Map<String, Value>, name: &str, form: &Form) {
    let entered = form.get(name).trim();
    if !entered.is_empty() {
        message.insert(name.to_owned(), entered.into());
    }
}

/// The same for a number. What is no number stays a text, so that the message is refused as it is.
pub(super) fn number(message: &mut Map<String, Value>, name: &str, form: &Form) {
    let entered = form.get(name).trim();
    if !entered.is_empty() {
        message.insert(name.to_owned(), as_number(entered));
    }
}

/// A number, or what was entered in its place.
pub(super) fn as_number(entered: &str) -> Value {
    entered.parse::<u32>().map_or_else(|_| entered.into(), Value::from)
}

/// Everything of one name in a form, in rows: the n-th of each column.
pub(super) fn rows<'a, const N: usize>(form: &'a Form, columns: [&str; N]) -> Vec<[&'a str; N]> {
    let columns = columns.map(|name| form.all(name));
    let count = columns.iter().map(Vec::len).max().unwrap_or(0);
    (0..count)
        .map(|row| {
            std::array::from_fn(|column| {
                columns.get(column).and_then(|values| values.get(row)).map_or("", |value| value.trim())
            })
        })
        .filter(|row: &[&str; N]| row.iter().any(|value| !value.is_empty()))
        .collect()
}

//! Comma-separated values (RFC 4180) that a spreadsheet only shows.

/// Characters a spreadsheet takes for the beginning of a formula.
const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Adds a record.
///
/// # Security
/// Spreadsheets run what looks like a formula, and ids and comments come from strangers. A cell that begins like one gets
/// an apostrophe before it, which spreadsheets take for "this is text".
pub fn record<T: AsRef<str>>(out: &mut String, cells: impl IntoIterator<Item = T>) {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let cell = cell.as_ref();
        let formula = cell.starts_with(FORMULAS);
        if !formula && !cell.contains([',', '"', '\n', '\r']) {
            out.push_str(cell);
            continue;
        }
        out.push('"');
        if formula {
            out.push('\'');
        }
        for character in cell.chars() {
            if character == '"' {
                out.push('"');
            }
            out.push(character);
        }
        out.push('"');
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_formula_and_everything_is_one_cell() {
        let mut out = String::new();
        record(&mut out, ["a", "", "b c", "1.5", "a=b"]);
        record(&mut out, ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]);
        record(&mut out, ["a,b", "say \"no\"", "two\nlines", "=\"a,b\""]);
        let lines = "a,,b c,1.5,a=b\r\n\
            \"'=1+1\",\"'+1\",\"'-1\",\"'@SUM(A1)\",\"'\t=1\",\"'\r=1\"\r\n\
            \"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\"'=\"\"a,b\"\"\"\r\n";
        assert_eq!(out, lines);
    }
}

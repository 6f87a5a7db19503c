//! The reference of settings, from the documented file a program brings along. That the file states every setting of
//! the types with its default is a test of each program.

/// The settings of a documented file as Markdown: a table for each part.
///
/// # Panics
/// A line is neither a comment, nor a table, nor a setting.
#[must_use]
pub fn reference(sample: &str) -> String {
    let mut out = String::new();
    let (mut table, mut words, mut begun) = (String::new(), Vec::new(), false);
    for line in sample.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            words.push(comment.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut table);
            (words, begun) = (Vec::new(), false);
        } else if line.trim().is_empty() {
            words = Vec::new();
        } else {
            let (name, value) = line.split_once(" = ").expect("a setting");
            if !begun {
                let heading = if table.is_empty() { "General".to_owned() } else { format!("`[{table}]`") };
                out.push_str(&format!("\n### {heading}\n\n| setting | default | |\n|---|---|---|\n"));
                begun = true;
            }
            let text = words.join(" ").replace('|', "\\|");
            out.push_str(&format!("| `{name}` | `{value}` | {text} |\n"));
            words = Vec::new();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn comments_belong_to_the_setting_below() {
        let sample = "# About all.\n\n# First,\n# in two lines.\na = 1\n\n[part]\n# Of | it.\nb = \"x\"\n";
        let expected = "\n### General\n\n| setting | default | |\n|---|---|---|\n| `a` | `1` | First, in two lines. |\n\
            \n### `[part]`\n\n| setting | default | |\n|---|---|---|\n| `b` | `\"x\"` | Of \\| it. |\n";
        assert_eq!(super::reference(sample), expected);
    }
}

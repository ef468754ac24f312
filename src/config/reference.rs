//! The reference page of the configuration, from the table of keys.

use std::fmt::Write;

use super::keys::KEYS;

/// The page, in Markdown.
pub(crate) fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         One YAML file, none needed. Each key can also be set by its environment variable and by `--set key=value`;\n\
         flags win over the environment, the environment over the file. In the file `${env:NAME}` and\n\
         `${env:NAME:-default}` stand for the environment's values. `spandrel config check FILE` reports every problem.\n\n\
         Sizes are bytes, or numbers with a unit such as `64MiB`. Durations are as in `500ms`, `30s`, `2m`, `7d`.\n\n\
         | key | variable | value | default | meaning |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let written =
            writeln!(page, "| `{}` | `{}` | {} | {default} | {} |", key.path, key.variable(), key.form, key.meaning);
        written.expect("writing to a string does not fail");
    }
    page
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/configuration.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert_eq!(page, super::reference(), "run: spandrel config reference > docs/reference/configuration.md");
    }
}

//! `score`: how right the analysis is, as a table.

fn main() -> anyhow::Result<()> {
    Ok(())
}

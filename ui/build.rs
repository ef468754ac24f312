//! Builds the web page when needed and lays it out in `OUT_DIR/page` for embedding.
//!
//! The page comes from `dist`. When `dist` is missing or older than the sources of the page, `npm ci` (only if
//! `node_modules` is behind `package-lock.json`) and `npm run build` make it. Files worth compressing get a `.gz`
//! sibling in `OUT_DIR/page`, so that the server never compresses at run time.
//!
//! `SPANDREL_UI_SKIP=1` builds without Node: the binary then carries a single page that says so.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

/// What the page is built from, relative to the crate. `src` also holds the Rust sources, which do not count.
const SOURCES: [&str; 7] =
    ["index.html", "package.json", "package-lock.json", "svelte.config.js", "vite.config.ts", "public", "src"];
const COMPRESSIBLE: [&str; 7] = ["css", "html", "js", "json", "map", "svg", "txt"];
const SKIP_VARIABLE: &str = "SPANDREL_UI_SKIP";

fn main() -> Result<()> {
    let crate_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let page_dir = PathBuf::from(env::var("OUT_DIR")?).join("page");

    println!("cargo:rerun-if-env-changed={SKIP_VARIABLE}");
    println!("cargo:rerun-if-changed=build.rs");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }

    if page_dir.exists() {
        fs::remove_dir_all(&page_dir).with_context(|| format!("removing {}", page_dir.display()))?;
    }
    fs::create_dir_all(&page_dir).with_context(|| format!("creating {}", page_dir.display()))?;

    if env::var(SKIP_VARIABLE).is_ok_and(|value| !value.is_empty() && value != "0") {
        println!("cargo:warning={SKIP_VARIABLE} is set: this build has no web page");
        return copy_compressed(&crate_dir.join("src/no-page.html"), &page_dir.join("index.html"));
    }

    let dist = crate_dir.join("dist");
    if is_stale(&crate_dir, &dist.join("index.html"))? {
        build_page(&crate_dir)?;
    }
    copy_tree(&dist, &page_dir)
}

fn is_stale(crate_dir: &Path, built: &Path) -> Result<bool> {
    let Ok(built_at) = modified(built) else { return Ok(true) };
    let mut pending: Vec<PathBuf> = SOURCES.iter().map(|source| crate_dir.join(source)).collect();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(entries(&path)?);
        } else if path.extension().is_none_or(|extension| extension != "rs") && modified(&path)? > built_at {
            return Ok(true);
        }
    }
    Ok(false)
}

fn build_page(crate_dir: &Path) -> Result<()> {
    let installed = modified(&crate_dir.join("node_modules/.package-lock.json"));
    let locked = modified(&crate_dir.join("package-lock.json"))?;
    if installed.map_or(true, |installed| installed < locked) {
        npm(crate_dir, &["ci", "--no-audit", "--no-fund"])?;
    }
    npm(crate_dir, &["run", "build"])
}

fn npm(crate_dir: &Path, arguments: &[&str]) -> Result<()> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let shown = arguments.join(" ");
    let result = Command::new(program)
        .args(arguments)
        .current_dir(crate_dir)
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .output();
    let output = match result {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "the web page needs `npm`, which was not found. Install Node.js 20.19 or later (it brings npm), \
             or set {SKIP_VARIABLE}=1 to build without the page"
        ),
        Err(error) => return Err(error).with_context(|| format!("starting `npm {shown}`")),
    };
    if !output.status.success() {
        bail!(
            "`npm {shown}` in {} failed ({}):\n{}{}\nSet {SKIP_VARIABLE}=1 to build without the page",
            crate_dir.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for source in entries(from)? {
        let name = source.file_name().expect("a directory entry has a name");
        let target = to.join(name);
        if source.is_dir() {
            fs::create_dir_all(&target).with_context(|| format!("creating {}", target.display()))?;
            copy_tree(&source, &target)?;
        } else {
            copy_compressed(&source, &target)?;
        }
    }
    Ok(())
}

/// Copies one file, and writes `<target>.gz` beside it when that is smaller.
fn copy_compressed(source: &Path, target: &Path) -> Result<()> {
    let content = fs::read(source).with_context(|| format!("reading {}", source.display()))?;
    fs::write(target, &content).with_context(|| format!("writing {}", target.display()))?;

    let extension = target.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !COMPRESSIBLE.contains(&extension) {
        return Ok(());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&content)?;
    let compressed = encoder.finish()?;
    if compressed.len() < content.len() {
        let compressed_target = target.with_extension(format!("{extension}.gz"));
        fs::write(&compressed_target, compressed)
            .with_context(|| format!("writing {}", compressed_target.display()))?;
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?;
    listed.map(|entry| Ok(entry?.path())).collect()
}

fn modified(path: &Path) -> Result<SystemTime> {
    let metadata = fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?;
    Ok(metadata.modified()?)
}

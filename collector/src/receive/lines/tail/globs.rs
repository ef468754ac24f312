//! Which files there are.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs, io,
    path::{Component, Path, PathBuf},
};

use glob::{MatchOptions, Pattern};

use super::identity::Inode;

/// Files with these endings are compressed, and so never followed.
const COMPRESSED: [&str; 7] = ["gz", "zst", "bz2", "xz", "lz4", "zip", "Z"];
/// Directories that `**` goes down at most.
const MAX_DEPTH: usize = 32;
/// As a shell does it: names that begin with a dot must be asked for.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The globs of one source.
#[derive(Debug)]
pub(super) struct Globs {
    includes: Vec<Include>,
    excludes: Vec<Pattern>,
}

#[derive(Debug)]
struct Include {
    pattern: Pattern,
    /// The directory before the first wildcard.
    base: PathBuf,
    /// What is below it.
    segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
enum Segment {
    Name(Pattern),
    AnyDirectories,
}

/// A file that matches.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Where the file is, if `path` is a symbolic link to it.
    pub(super) target: Option<PathBuf>,
    pub(super) inode: Inode,
    pub(super) size: u64,
}

/// What is there at one time.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Found>,
    /// Directories whose changes matter.
    pub(super) directories: BTreeSet<PathBuf>,
    /// Directories that could not be read.
    pub(super) errors: Vec<(PathBuf, io::Error)>,
}

impl Globs {
    /// # Errors
    /// Says which glob is wrong, and how.
    pub(super) fn new(paths: &[String], exclude: &[String]) -> Result<Self, String> {
        let compile = |text: &String| Pattern::new(text).map_err(|error| format!("glob {text:?}: {error}"));
        let includes = paths.iter().map(|text| Include::new(text)).collect::<Result<_, _>>()?;
        Ok(Self { includes, excludes: exclude.iter().map(compile).collect::<Result<_, _>>()? })
    }

    /// Whether a file of this path would be followed.
    pub(super) fn matches(&self, path: &Path) -> bool {
        self.includes.iter().any(|include| include.pattern.matches_path_with(path, OPTIONS)) && self.admits(path)
    }

    /// All files that match, each once.
    pub(super) fn list(&self) -> Listing {
        let mut listing = Listing::default();
        let mut seen = HashSet::new();
        for include in &self.includes {
            self.walk(include, &mut listing, &mut seen);
        }
        listing
    }

    fn admits(&self, path: &Path) -> bool {
        let compressed = path.extension().is_some_and(|ending| COMPRESSED.iter().any(|known| ending == *known));
        !compressed && !self.excludes.iter().any(|pattern| pattern.matches_path_with(path, OPTIONS))
    }

    fn walk(&self, include: &Include, listing: &mut Listing, seen: &mut HashSet<Inode>) {
        let mut to_visit = vec![(include.base.clone(), 0, 0)];
        while let Some((directory, position, depth)) = to_visit.pop() {
            let Some(segment) = include.segments.get(position) else { continue };
            let last = position + 1 == include.segments.len();
            if let Segment::AnyDirectories = segment {
                to_visit.push((directory.clone(), position + 1, depth));
            }
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    listing.directories.extend(nearest_ancestor(&directory));
                    continue;
                }
                Err(error) => {
                    listing.errors.push((directory, error));
                    continue;
                }
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let is_directory = |follow: bool| match entry.file_type() {
                    Ok(kind) if kind.is_symlink() && follow => entry.path().is_dir(),
                    Ok(kind) => kind.is_dir(),
                    Err(_) => false,
                };
                match segment {
                    Segment::AnyDirectories => {
                        if depth < MAX_DEPTH && !name.starts_with('.') && is_directory(false) {
                            to_visit.push((entry.path(), position, depth + 1));
                        }
                    }
                    Segment::Name(pattern) if !pattern.matches_with(name, OPTIONS) => {}
                    Segment::Name(_) if !last => {
                        if is_directory(true) {
                            to_visit.push((entry.path(), position + 1, depth));
                        }
                    }
                    Segment::Name(_) => {
                        let path = entry.path();
                        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                        if self.admits(&path) {
                            add_file(path, is_link, listing, seen);
                        }
                    }
                }
            }
            listing.directories.insert(directory);
        }
    }
}

/// The directory in which it shows that a missing one appears.
fn nearest_ancestor(directory: &Path) -> Option<PathBuf> {
    let named = |path: &Path| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() };
    directory.ancestors().skip(1).map(named).find(|ancestor| ancestor.is_dir())
}

fn add_file(path: PathBuf, is_link: bool, listing: &mut Listing, seen: &mut HashSet<Inode>) {
    // What is gone by the time it is looked at is not there.
    let Ok(metadata) = fs::metadata(&path) else { return };
    let inode = Inode::of(&metadata);
    if !metadata.is_file() || !seen.insert(inode) {
        return;
    }
    let target = if is_link { fs::canonicalize(&path).ok() } else { None };
    if let Some(directory) = target.as_deref().and_then(Path::parent) {
        listing.directories.insert(directory.to_owned());
    }
    listing.files.push(Found { path, target, inode, size: metadata.len() });
}

/// The files in a directory by the numbers of their inodes.
pub(super) fn names_by_inode(directory: &Path) -> HashMap<u64, PathBuf> {
    use std::os::unix::fs::DirEntryExt;
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| (entry.ino(), entry.path())).collect()
}

impl Include {
    fn new(text: &str) -> Result<Self, String> {
        let pattern = Pattern::new(text).map_err(|error| format!("glob {text:?}: {error}"))?;
        let has_wildcard = |name: &str| name.contains(['*', '?', '[']);
        let mut base = PathBuf::new();
        let mut segments = Vec::new();
        let components: Vec<_> = Path::new(text).components().collect();
        for (position, component) in components.iter().enumerate() {
            let name = component.as_os_str().to_str().unwrap_or_default();
            let is_last = position + 1 == components.len();
            if segments.is_empty() && !is_last && !has_wildcard(name) {
                base.push(component);
            } else if name == "**" {
                segments.push(Segment::AnyDirectories);
            } else if matches!(component, Component::Normal(_)) {
                let part = Pattern::new(name).map_err(|error| format!("glob {text:?}: {error}"))?;
                segments.push(Segment::Name(part));
            } else {
                return Err(format!("glob {text:?} does not name files"));
            }
        }
        match segments.last() {
            Some(Segment::Name(_)) => {}
            Some(Segment::AnyDirectories) => segments.push(Segment::Name(any_name())),
            None => return Err(format!("glob {text:?} does not name files")),
        }
        if base.as_os_str().is_empty() {
            base.push(".");
        }
        Ok(Self { pattern, base, segments })
    }
}

fn any_name() -> Pattern {
    Pattern::new("*").expect("one asterisk is a glob")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(globs: &Globs, root: &Path) -> Vec<String> {
        let mut names: Vec<_> = globs
            .list()
            .files
            .iter()
            .map(|found| found.path.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn globs_find_what_a_shell_would() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for path in ["a/x.log", "a/y.log", "a/y.log.gz", "a/.hidden.log", "b/c/d/z.log", "b/skip.log", "top.log"] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), path).unwrap();
        }
        std::os::unix::fs::symlink(root.join("a/x.log"), root.join("b/link.log")).unwrap();
        let globs = |paths: &[&str], exclude: &[&str]| {
            let absolute = |texts: &[&str]| texts.iter().map(|text| format!("{}/{text}", root.display())).collect();
            let (paths, exclude): (Vec<String>, Vec<String>) = (absolute(paths), absolute(exclude));
            Globs::new(&paths, &exclude).unwrap()
        };
        assert_eq!(names(&globs(&["*/*.log"], &["b/skip*"]), root).len(), 2);
        assert_eq!(names(&globs(&["a/*"], &[]), root), ["a/x.log", "a/y.log"]);
        assert_eq!(
            names(&globs(&["**/*.log"], &["a/*", "b/link.log"]), root),
            ["b/c/d/z.log", "b/skip.log", "top.log"]
        );
        assert_eq!(names(&globs(&["top.log", "*.log", "none/*.log"], &[]), root), ["top.log"]);
        assert_eq!(names(&globs(&["a/[x-z].log"], &[]), root), ["a/x.log", "a/y.log"]);
        let link = globs(&["b/link.log"], &[]).list();
        assert_eq!(link.files[0].target.as_deref(), Some(fs::canonicalize(root.join("a/x.log")).unwrap().as_path()));
        assert!(link.directories.iter().any(|directory| directory.ends_with("a")));
        let some = globs(&["a/*.log"], &["a/y*"]);
        assert!(some.matches(&root.join("a/x.log")) && !some.matches(&root.join("a/y.log")));
        assert!(!some.matches(&root.join("a/x.log.gz")));
        for wrong in ["/var/log/[", "/", "/var/..", ""] {
            assert!(Globs::new(&[wrong.to_owned()], &[]).is_err(), "{wrong}");
        }
    }
}

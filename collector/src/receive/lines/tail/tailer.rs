//! All followed files of a source, and whose turn it is. Everything here may block on the disk.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use spandrel_normalize::{batch::LineBatch, envelope::service_of_path, format::LineContext};
use tokio::time::Instant;

use super::{
    super::{
        config::{FileConfig, StartAt},
        source::{RECORD_TIMEOUT, Source, is_full},
    },
    checkpoint::{Checkpoint, Entry},
    file::{Reading, TailedFile, Turn},
    globs::{Globs, Listing},
    identity::Inode,
    known::{Known, Names},
    watch::{Changes, Watch},
};

/// A step ends after this time, so that the source can be stopped.
/// Directories may appear while they are listed; this often they are listed again at once.
const MAX_RELISTS: usize = 4;
const STEP: Duration = Duration::from_millis(50);
/// Joined parts that all files together may keep.
const MAX_PENDING_BYTES: usize = 32 * 1024 * 1024;
/// Files that wait for something are looked at this often.
const TICK: Duration = Duration::from_secs(1);
/// Listing takes at most this share of the time where changes are reported,
const WATCHED_SHARE: u32 = 200;
/// and this where they are not, or when files come and go all the time.
const UNWATCHED_SHARE: u32 = 20;

pub(super) struct Tailer {
    source: Arc<Source>,
    config: FileConfig,
    globs: Globs,
    checkpoint: Checkpoint,
    watch: Watch,
    files: HashMap<Inode, TailedFile>,
    /// Files by the names under which changes are reported.
    by_path: HashMap<PathBuf, Inode>,
    ready: VecDeque<Inode>,
    /// Files that wait for the end of a line or were rotated.
    waiting: HashSet<Inode>,
    /// Files whose bytes are in the batch.
    touched: HashSet<Inode>,
    /// Files to forget when the batch is stored.
    finished: Vec<Inode>,
    pub(super) batch: LineBatch,
    pub(super) batch_since: Option<Instant>,
    open: HashSet<Inode>,
    turns: u64,
    next_list: Instant,
    may_list: Instant,
    next_tick: Instant,
    next_checkpoint: Instant,
    dirty: bool,
    buffer: Vec<u8>,
    line: Vec<u8>,
    failing: HashSet<PathBuf>,
}

impl Tailer {
    /// Reads the checkpoint and lists the files.
    pub(super) fn new(
        source: Arc<Source>,
        config: FileConfig,
        globs: Globs,
        checkpoint: Checkpoint,
    ) -> io::Result<Self> {
        let entries = checkpoint.read()?;
        let now = Instant::now();
        let mut tailer = Self {
            batch: source.batch(),
            batch_since: None,
            source,
            config,
            globs,
            checkpoint,
            watch: Watch::new(),
            files: HashMap::new(),
            by_path: HashMap::new(),
            ready: VecDeque::new(),
            waiting: HashSet::new(),
            touched: HashSet::new(),
            finished: Vec::new(),
            open: HashSet::new(),
            turns: 0,
            next_list: now,
            may_list: now,
            next_tick: now,
            next_checkpoint: now,
            dirty: false,
            buffer: Vec::new(),
            line: Vec::new(),
            failing: HashSet::new(),
        };
        let begin_at_end = entries.is_none() && tailer.config.start_at == StartAt::End;
        let entries = entries.unwrap_or_default();
        tailer.list(Some(&Known::new(&entries, begin_at_end)));
        tailer.find_rotated(&entries);
        Ok(tailer)
    }

    pub(super) fn changed(&self) -> Arc<tokio::sync::Notify> {
        Arc::clone(&self.watch.changed)
    }

    /// Reads what there is to read, up to a full batch or the end of a step. Whether there is more.
    pub(super) fn step(&mut self) -> bool {
        self.take_changes();
        let start = Instant::now();
        if start >= self.next_list {
            self.list(None);
        }
        if start >= self.next_tick {
            self.tick(start);
        }
        while !is_full(&self.batch) && start.elapsed() < STEP {
            let Some(inode) = self.ready.pop_front() else { return false };
            self.turn(inode);
        }
        !self.ready.is_empty()
    }

    /// When there is something to do besides reading changes; never, if there are neither files that wait nor lists due.
    pub(super) fn due(&self) -> Instant {
        let tick = (!self.waiting.is_empty()).then_some(self.next_tick);
        let checkpoint = self.dirty.then_some(self.next_checkpoint);
        [tick, checkpoint].into_iter().flatten().fold(self.next_list, Instant::min)
    }

    /// Whether there is something to store.
    pub(super) fn has_batch(&self) -> bool {
        !self.touched.is_empty() || !self.finished.is_empty()
    }

    pub(super) fn take_batch(&mut self) -> LineBatch {
        self.batch_since = None;
        std::mem::replace(&mut self.batch, self.source.batch())
    }

    /// The batch that was taken is durable.
    pub(super) fn stored(&mut self) {
        for inode in self.touched.drain() {
            if let Some(file) = self.files.get_mut(&inode) {
                file.stored = file.safe_offset();
            }
        }
        for inode in std::mem::take(&mut self.finished) {
            self.forget(inode);
        }
        self.dirty = true;
        self.count();
    }

    /// Writes the checkpoint where it is time, or at once.
    pub(super) fn write_checkpoint(&mut self, at_once: bool) {
        let start = Instant::now();
        if !self.dirty || (start < self.next_checkpoint && !at_once) {
            return;
        }
        let entries = self.files.values().map(TailedFile::entry).collect();
        match self.checkpoint.write(entries) {
            Ok(()) => self.dirty = false,
            Err(error) => {
                self.source.stats.failed_checkpoints.fetch_add(1, Ordering::Relaxed);
                let path = self.checkpoint.path().display();
                tracing::error!(source = self.source.name, %path, %error, "the checkpoint cannot be written");
            }
        }
        self.next_checkpoint = start + (start.elapsed() * UNWATCHED_SHARE).max(TICK);
    }

    fn turn(&mut self, inode: Inode) {
        let Some(file) = self.files.get_mut(&inode) else { return };
        file.queued = false;
        self.turns += 1;
        file.last_used = self.turns;
        let (service, scanned) = (file.service.clone(), file.scanned);
        let mut reading = Reading {
            batch: &mut self.batch,
            context: context(&self.source, service.as_deref()),
            envelope: self.config.envelope,
            multiline: self.source.multiline.as_ref(),
            max_line_bytes: self.source.max_line_bytes,
            pending_room: MAX_PENDING_BYTES / self.waiting.len().max(1),
            buffer: &mut self.buffer,
            line: &mut self.line,
        };
        let mut truncated = false;
        let turn = file.turn(&mut reading, &mut truncated);
        if file.handle.is_some() {
            self.open.insert(inode);
        }
        if file.scanned != scanned || file.safe_offset() != file.stored || truncated {
            self.touched.insert(inode);
            self.batch_since.get_or_insert_with(Instant::now);
        }
        if file.waiting_since.is_some() || file.rotated_since.is_some() {
            self.waiting.insert(inode);
        }
        if truncated {
            self.source.stats.truncations.fetch_add(1, Ordering::Relaxed);
        }
        match turn {
            Ok(Turn::More) => {
                file.queued = true;
                self.ready.push_back(inode);
            }
            Ok(Turn::End) => {
                self.failing.remove(&file.path);
            }
            Ok(Turn::Gone) if file.rotated_since.is_some() => self.finished.push(inode),
            // Listing tells under which name it is, if at all.
            Ok(Turn::Gone) => self.next_list = self.next_list.min(self.may_list),
            Err(error) => {
                // It is tried again when it changes or is listed.
                if self.failing.insert(file.path.clone()) {
                    let path = file.path.display();
                    tracing::warn!(source = self.source.name, %path, %error, "the file cannot be read");
                }
            }
        }
        if self.open.len() > self.config.max_open_files.max(1) {
            self.close_idle();
        }
    }

    /// Closes the files that were not read for longest, an eighth of those that may be open.
    fn close_idle(&mut self) {
        let rank = |file: &TailedFile| (file.rotated_since.is_some(), file.last_used);
        let open = self.open.iter().filter_map(|inode| self.files.get(inode));
        let mut open: Vec<_> = open.map(|file| (rank(file), file.inode)).collect();
        // A file that was removed can be read only as long as it is open.
        open.sort_unstable_by_key(|(rank, _)| *rank);
        let excess = open.len().saturating_sub(self.config.max_open_files) + self.config.max_open_files / 8;
        for (_, inode) in open.iter().take(excess.min(open.len().saturating_sub(1))) {
            self.open.remove(inode);
            if let Some(file) = self.files.get_mut(inode) {
                file.handle = None;
            }
        }
    }

    fn queue(&mut self, inode: Inode) {
        if let Some(file) = self.files.get_mut(&inode)
            && !file.queued
        {
            file.queued = true;
            self.ready.push_back(inode);
        }
    }

    fn take_changes(&mut self) {
        let Changes { written, moved, overflow } = self.watch.take();
        let mut list = overflow;
        for path in &written {
            match self.by_path.get(path) {
                Some(inode) => self.queue(*inode),
                None => list |= self.globs.matches(path),
            }
        }
        for path in &moved {
            self.watch.forget(path);
            if let Some(inode) = self.by_path.get(path) {
                self.queue(*inode);
                list = true;
            }
            list |= self.globs.matches(path) || path.is_dir();
        }
        if list {
            self.next_list = self.next_list.min(self.may_list);
        }
    }

    /// Looks which files there are. `known` is given at the start.
    fn list(&mut self, known: Option<&Known<'_>>) {
        let start = Instant::now();
        let mut listing = self.globs.list();
        // A file may have appeared in a directory after that was listed and before it was watched.
        for _ in 0..MAX_RELISTS {
            if !self.watch.set(&listing.directories) {
                break;
            }
            listing = self.globs.list();
        }
        for (path, error) in &listing.errors {
            if self.failing.insert(path.clone()) {
                tracing::warn!(source = self.source.name, path = %path.display(), %error, "cannot list");
            }
        }
        self.compare(listing, known);
        let taken = start.elapsed();
        let interval = match self.watch.is_complete() {
            true => (taken * WATCHED_SHARE).max(self.config.list_interval),
            false => (taken * UNWATCHED_SHARE).max(TICK.min(self.config.list_interval)),
        };
        let now = Instant::now();
        self.next_list = now + interval;
        self.may_list = now + (taken * UNWATCHED_SHARE).min(interval);
        self.count();
    }

    fn compare(&mut self, listing: Listing, known: Option<&Known<'_>>) {
        let mut missing: HashSet<Inode> = self.files.keys().copied().collect();
        self.by_path.clear();
        for found in listing.files {
            let (inode, path) = (found.inode, found.path);
            missing.remove(&inode);
            self.by_path.extend(found.target.into_iter().map(|target| (target, inode)));
            self.by_path.insert(path.clone(), inode);
            if let Some(file) = self.files.get_mut(&inode) {
                let changed = file.size != found.size || file.path != path;
                file.path = path;
                file.rotated_since = None;
                if changed {
                    self.queue(inode);
                }
                continue;
            }
            let mut file = TailedFile::new(path, inode, found.size);
            file.service = service_of_file(&file.path);
            if let Some(known) = known {
                match known.entry_of(&file) {
                    Some(entry) => file.resume(entry),
                    None if known.begin_at_end => self.skip_to_end(&mut file),
                    None => {}
                }
            }
            let has_more = file.size != file.offset;
            self.files.insert(inode, file);
            self.dirty = true;
            if has_more {
                self.queue(inode);
            }
        }
        let mut names = Names::default();
        for inode in missing {
            let Some(file) = self.files.get_mut(&inode) else { continue };
            if file.rotated_since.is_some() {
                continue;
            }
            file.rotated_since = Some(Instant::now());
            match names.find(&file.path, inode) {
                Some(path) => file.path = path,
                // Nobody can open it again.
                None if file.handle.is_none() => {
                    self.finished.push(inode);
                    continue;
                }
                None => {}
            }
            self.waiting.insert(inode);
            self.queue(inode);
        }
    }

    fn skip_to_end(&self, file: &mut TailedFile) {
        if let Err(error) = file.begin_at_end() {
            let path = file.path.display();
            tracing::warn!(source = self.source.name, %path, %error, "the file cannot be read");
        }
    }

    /// Finds the files of the checkpoint that were renamed while the source was stopped, to read their ends.
    fn find_rotated(&mut self, entries: &[Entry]) {
        let mut names = Names::default();
        for entry in entries {
            if self.files.contains_key(&entry.inode) {
                continue;
            }
            let Some(path) = names.find(&entry.path, entry.inode) else { continue };
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let is_same = std::fs::File::open(&path).and_then(|file| entry.fingerprint.fits(&file)).unwrap_or(false);
            if !is_same {
                continue;
            }
            let mut file = TailedFile::new(path, entry.inode, metadata.len());
            file.service = service_of_file(&entry.path);
            file.resume(entry);
            file.rotated_since = Some(Instant::now());
            self.files.insert(entry.inode, file);
            self.waiting.insert(entry.inode);
            self.queue(entry.inode);
        }
    }

    /// Looks after the files that wait.
    fn tick(&mut self, now: Instant) {
        self.next_tick = now + TICK;
        let waiting: Vec<_> = self.waiting.iter().copied().collect();
        for inode in waiting {
            let Some(file) = self.files.get_mut(&inode) else {
                self.waiting.remove(&inode);
                continue;
            };
            if let Some(handle) = &file.handle
                && let Ok(metadata) = handle.metadata()
                && metadata.len() != file.scanned
            {
                file.rotated_since = file.rotated_since.map(|_| now);
                self.queue(inode);
                continue;
            }
            let rotated = file.rotated_since.is_some_and(|since| now - since >= self.config.rotated_wait);
            let timeout = if file.waits_for_record() { RECORD_TIMEOUT } else { self.config.unterminated_timeout };
            let timed_out = file.waiting_since.is_some_and(|since| now - since >= timeout);
            if file.queued || !(rotated || timed_out) {
                if file.waiting_since.is_none() && file.rotated_since.is_none() {
                    self.waiting.remove(&inode);
                }
                continue;
            }
            self.take_incomplete(inode);
            if rotated {
                self.finished.push(inode);
            }
            self.waiting.remove(&inode);
        }
    }

    fn take_incomplete(&mut self, inode: Inode) {
        let Some(file) = self.files.get_mut(&inode) else { return };
        let service = file.service.clone();
        let mut reading = Reading {
            batch: &mut self.batch,
            context: context(&self.source, service.as_deref()),
            envelope: self.config.envelope,
            multiline: self.source.multiline.as_ref(),
            max_line_bytes: self.source.max_line_bytes,
            pending_room: 0,
            buffer: &mut self.buffer,
            line: &mut self.line,
        };
        let taken = file.take_incomplete(&mut reading);
        self.touched.insert(inode);
        self.batch_since.get_or_insert_with(Instant::now);
        if let Err(error) = taken {
            let path = file.path.display();
            tracing::warn!(source = self.source.name, %path, %error, "the last line cannot be read");
        }
    }

    fn forget(&mut self, inode: Inode) {
        if let Some(file) = self.files.remove(&inode) {
            self.open.remove(&inode);
            self.waiting.remove(&inode);
            if self.by_path.get(&file.path) == Some(&inode) {
                self.by_path.remove(&file.path);
            }
        }
    }

    fn count(&self) {
        let stats = &self.source.stats;
        stats.files.store(self.files.len() as u64, Ordering::Relaxed);
        stats.open_files.store(self.open.len() as u64, Ordering::Relaxed);
        stats.lag_bytes.store(self.files.values().map(TailedFile::lag).sum(), Ordering::Relaxed);
    }
}

fn context<'a>(source: &'a Source, service_of_file: Option<&'a str>) -> LineContext<'a> {
    LineContext { service: source.service.as_deref().or(service_of_file), ..source.context() }
}

fn service_of_file(path: &Path) -> Option<Arc<str>> {
    path.to_str().and_then(service_of_path).map(Arc::from)
}

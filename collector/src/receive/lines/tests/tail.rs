use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
};

use spandrel_normalize::format::LineReason;

use super::{
    super::config::{FileConfig, StartAt},
    *,
};

struct Place {
    directory: tempfile::TempDir,
    sink: Arc<Sink>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("logs")).unwrap();
        Self { directory, sink: Arc::new(Sink::default()) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("logs").join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = File::options().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn files(&self) -> FileConfig {
        FileConfig {
            paths: vec![self.path("*.log").to_str().unwrap().to_owned()],
            list_interval: Duration::from_millis(200),
            ..FileConfig::default()
        }
    }

    async fn start(&self) -> Running {
        self.start_with(self.files()).await
    }

    async fn start_with(&self, files: FileConfig) -> Running {
        Running::start(&self.sink, &config(Input::File(files)), self.directory.path()).await
    }

    async fn expect(&self, expected: &[&str]) {
        let count = expected.len();
        eventually("the expected lines", || self.sink.count() >= count).await;
        let mut bodies = self.sink.bodies();
        bodies.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(bodies, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_followed_and_those_that_appear_later_too() {
    let place = Place::new();
    place.append("a.log", "one\ntwo\r\n");
    place.append("a.log.gz", "compressed\n");
    place.append("other.txt", "other\n");
    let running = place.start().await;
    place.expect(&["one", "two"]).await;
    place.append("a.log", "three");
    place.append("b.log", "four\n");
    place.expect(&["one", "two", "four"]).await;
    place.append("a.log", " and more\n");
    place.expect(&["one", "two", "four", "three and more"]).await;
    fs::remove_file(place.path("b.log")).unwrap();
    place.append("b.log", "five\n");
    place.expect(&["one", "two", "four", "three and more", "five"]).await;
    let stats = Arc::clone(&running.source.stats);
    running.stop().await;
    assert_eq!((stats.lines(), stats.lag_bytes()), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_by_rename_while_writing_loses_nothing() {
    let place = Place::new();
    let running = place.start().await;
    let mut expected = Vec::new();
    for rotation in 0..5 {
        let mut file = File::options().append(true).create(true).open(place.path("a.log")).unwrap();
        let mut write = |line: String| {
            writeln!(file, "{line}").unwrap();
            expected.push(line);
        };
        let first = format!("{rotation} first");
        write(first.clone());
        eventually("the file is followed", || sink_has(&place, &first)).await;
        for number in 0..200 {
            write(format!("{rotation} {number}"));
        }
        fs::rename(place.path("a.log"), place.path(&format!("a.log.{rotation}"))).unwrap();
        // The writer goes on with the renamed file until it is told.
        write(format!("{rotation} after"));
    }
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    place.expect(&expected).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_is_begun_again() {
    let place = Place::new();
    place.append("a.log", "one\ntwo\n");
    let running = place.start().await;
    place.expect(&["one", "two"]).await;
    fs::copy(place.path("a.log"), place.path("a.log.1")).unwrap();
    File::options().write(true).open(place.path("a.log")).unwrap().set_len(0).unwrap();
    place.append("a.log", "three is longer than what was there before\n");
    place.expect(&["one", "two", "three is longer than what was there before"]).await;

    // A writer that does not append leaves a hole of zeros.
    let mut file = File::options().write(true).open(place.path("a.log")).unwrap();
    file.set_len(0).unwrap();
    file.seek(SeekFrom::Start(1_000_000)).unwrap();
    file.write_all(b"four\n").unwrap();
    place.expect(&["one", "two", "three is longer than what was there before", "four"]).await;
    assert_eq!(running.source.stats.rejected(LineReason::Binary), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_source_goes_on_where_it_was() {
    let place = Place::new();
    place.append("a.log", "one\ntwo\nhalf");
    place.append("b.log", "bee\n");
    let running = place.start().await;
    place.expect(&["one", "two", "bee"]).await;
    running.stop().await;

    place.append("a.log", " a line\nlast of the old\n");
    fs::rename(place.path("a.log"), place.path("a.log.1")).unwrap();
    place.append("a.log", "first of the new\n");
    let running = place.start().await;
    place.expect(&["one", "two", "bee", "half a line", "last of the old", "first of the new"]).await;
    running.stop().await;
    let running = place.start().await;
    place.append("b.log", "end\n");
    place.expect(&["one", "two", "bee", "half a line", "last of the old", "first of the new", "end"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_source_reads_some_lines_again_and_leaves_none_out() {
    let place = Place::new();
    let mut written = 0;
    for round in 0..4 {
        let before = place.sink.count();
        let running = place.start().await;
        for _ in 0..500 {
            place.append("a.log", &format!("line {written}\n"));
            written += 1;
        }
        if round < 3 {
            eventually("some are stored", || place.sink.count() > before).await;
            running.kill().await;
        } else {
            let all = || place.sink.bodies().into_iter().collect::<std::collections::HashSet<_>>();
            eventually("all are stored", || all().len() == written).await;
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d_1_offsets_advance_only_when_lines_are_durable() {
    let place = Place::new();
    place.append("a.log", "one\n");
    place.sink.refuse(true);
    let running = place.start().await;
    eventually("the sink refuses", || place.sink.refused() > 2).await;
    running.kill().await;
    assert_eq!(place.sink.count(), 0);
    let running = place.start().await;
    place.append("a.log", "two\n");
    eventually("the sink refuses", || place.sink.refused() > 5).await;
    place.sink.refuse(false);
    place.expect(&["one", "two"]).await;
    assert!(running.source.stats.retries() > 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_a_container_runtime_cut_are_joined_across_a_restart() {
    let place = Place::new();
    let name = format!("adservice-5f6585d649-fnmft_shop_server-{}.log", "0123456789abcdef".repeat(4));
    place.append(&name, "2026-01-01T00:00:00Z stdout F whole\n2026-01-01T00:00:00Z stdout P beginning \n");
    let running = place.start().await;
    place.expect(&["whole"]).await;
    running.stop().await;
    place.append(&name, "2026-01-01T00:00:00Z stderr F between\n2026-01-01T00:00:00Z stdout F and end\n");
    let running = place.start().await;
    place.expect(&["whole", "between", "beginning and end"]).await;
    assert!(place.sink.logs().iter().all(|log| log.service == "adservice"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_several_lines_are_joined_across_a_restart() {
    use spandrel_normalize::multiline::Rule;
    let place = Place::new();
    let config = SourceConfig { multiline: Some(Rule::Indented), ..config(Input::File(place.files())) };
    let start = || Running::start(&place.sink, &config, place.directory.path());
    place.append("a.log", "one\nfailed\n  at a\n");
    let running = start().await;
    place.expect(&["one"]).await;
    running.stop().await;
    place.append("a.log", "  at b\ntwo\n");
    let running = start().await;
    // The last record is complete when no line has come for a while.
    place.expect(&["one", "failed\n  at a\n  at b", "two"]).await;
    let stats = Arc::clone(&running.source.stats);
    eventually("all is stored", || stats.lag_bytes() == 0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_is_taken_without_its_end_after_a_time_and_at_rotation() {
    let place = Place::new();
    place.append("a.log", "no line end");
    place.append("b.log", "one\nleft over");
    let short = Duration::from_millis(10);
    let running =
        place.start_with(FileConfig { unterminated_timeout: short, rotated_wait: short, ..place.files() }).await;
    place.expect(&["no line end", "one", "left over"]).await;
    fs::remove_file(place.path("b.log")).unwrap();
    let stats = Arc::clone(&running.source.stats);
    eventually("the removed file is forgotten", || stats.files() == 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lines_and_garbage_cost_themselves_only() {
    let place = Place::new();
    place.append("a.log", &format!("one\n{}\ntwo\n{}\nthree\n", "x".repeat(1_000_000), "y".repeat(70_000)));
    let mut file = File::options().append(true).open(place.path("a.log")).unwrap();
    file.write_all(b"\xff\xfe not utf-8\n\x01\x00\x02\n{\"cut\":\nfour\n").unwrap();
    let running = place.start().await;
    let stats = Arc::clone(&running.source.stats);
    eventually("all are seen", || sink_has(&place, "four")).await;
    assert_eq!(place.sink.count(), 6);
    assert_eq!((stats.rejected(LineReason::TooLong), stats.rejected(LineReason::Binary)), (2, 1));

    // An endless line, as it grows.
    for _ in 0..64 {
        file.write_all(&vec![b'z'; 512 * 1024]).unwrap();
    }
    eventually("it is rejected", || stats.rejected(LineReason::TooLong) == 3).await;
    file.write_all(b"\nfive\n").unwrap();
    eventually("the next line is stored", || sink_has(&place, "five")).await;
    assert_eq!(stats.rejected(LineReason::TooLong), 3);
    running.stop().await;
}

fn sink_has(place: &Place, body: &str) -> bool {
    place.sink.bodies().iter().any(|stored| stored == body)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_there_can_be_begun_at_their_ends() {
    let place = Place::new();
    place.append("a.log", "old\nold too\npart");
    let files = || FileConfig { start_at: StartAt::End, ..place.files() };
    let running = place.start_with(files()).await;
    let stats = Arc::clone(&running.source.stats);
    eventually("the file is found", || stats.files() == 1).await;
    place.append("a.log", " of it\n");
    place.append("b.log", "appears\n");
    place.expect(&["part of it", "appears"]).await;
    running.stop().await;
    place.append("a.log", "while stopped\n");
    let running = place.start_with(files()).await;
    place.expect(&["part of it", "appears", "while stopped"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files_are_read_with_few_of_them_open() {
    let place = Place::new();
    for number in 0..10_000 {
        fs::write(place.path(&format!("{number}.log")), format!("{number}\n")).unwrap();
    }
    let running = place.start_with(FileConfig { max_open_files: 16, ..place.files() }).await;
    let stats = Arc::clone(&running.source.stats);
    eventually("all are stored", || place.sink.count() == 10_000).await;
    assert_eq!(stats.files(), 10_000);
    assert!(stats.open_files() <= 16);
    for number in (0..10_000).step_by(1000) {
        place.append(&format!("{number}.log"), "more\n");
        fs::rename(place.path(&format!("{number}.log")), place.path(&format!("{number}.log.1"))).unwrap();
    }
    eventually("those that were renamed are read to their ends", || place.sink.count() == 10_010).await;
    running.stop().await;
}

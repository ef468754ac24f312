use super::{
    super::{config::StdinConfig, stdin::run},
    *,
};

#[tokio::test]
async fn lines_are_stored_in_order_to_the_last_one_without_a_line_end() {
    let (sink, stop) = (Arc::new(Sink::default()), CancellationToken::new());
    let source = source(&sink, &stop);
    let long = "x".repeat(100_000);
    let text = format!("one\n2026-01-01T00:00:00Z stdout P tw\n2026-01-01T00:00:00Z stdout F o\n{long}\n\n\u{0}\nlast");
    run(Arc::clone(&source), StdinConfig::default(), text.as_bytes()).await.unwrap();
    assert_eq!(sink.bodies(), ["one", "two", "last"]);
    let rejected = |reason| source.stats.rejected(reason);
    use spandrel_normalize::format::LineReason;
    assert_eq!((rejected(LineReason::TooLong), rejected(LineReason::Binary)), (1, 1));
}

#[tokio::test]
async fn nothing_is_read_while_lines_cannot_be_stored() {
    use tokio::io::AsyncWriteExt;
    let (sink, stop) = (Arc::new(Sink::default()), CancellationToken::new());
    let source = source(&sink, &stop);
    let (mut writer, reader) = tokio::io::duplex(1024);
    sink.refuse(true);
    let running = tokio::spawn(run(source, StdinConfig::default(), reader));
    let written = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&written);
    let writing = tokio::spawn(async move {
        for number in 0..5000 {
            writer.write_all(format!("line {number} {}\n", "x".repeat(1000)).as_bytes()).await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    eventually("the sink refuses", || sink.refused() > 5).await;
    assert!(written.load(Ordering::SeqCst) < 2500);
    sink.refuse(false);
    writing.await.unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(sink.count(), 5000);
}

#[tokio::test]
async fn stack_traces_are_one_record() {
    use spandrel_normalize::multiline::Rule;
    use tokio::io::AsyncWriteExt;
    let (sink, stop) = (Arc::new(Sink::default()), CancellationToken::new());
    let source = Arc::new(Source { multiline: Some(Rule::Indented), ..Arc::into_inner(source(&sink, &stop)).unwrap() });
    let (mut writer, reader) = tokio::io::duplex(1024);
    let running = tokio::spawn(run(source, StdinConfig::default(), reader));
    let prefix = "2026-01-01T00:00:00Z stdout F";
    writer
        .write_all(format!("{prefix} failed\n{prefix}   at a\n{prefix}   at b\n{prefix} next\n").as_bytes())
        .await
        .unwrap();
    eventually("the record is stored, and the next when no line has come for a while", || sink.count() == 2).await;
    assert_eq!(sink.bodies(), ["failed\n  at a\n  at b", "next"]);
    writer.write_all(b"last\n  at c").await.unwrap();
    drop(writer);
    running.await.unwrap().unwrap();
    assert_eq!(sink.bodies()[2..], ["last\n  at c"]);
}

use super::{BIN, CLOCK_TOLERANCE, MAX_PAIRS, Offset, Skew, WINDOW};
use crate::{
    hops::Hops,
    paths::Paths,
    span::Kind::{Client, Server},
    testing::{Fixture, MS},
    text::Text,
};

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    /// From 0 up to `limit`.
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % limit
    }
}

/// A client span on host `a` and its server span on host `b`, in milliseconds.
fn pair(fixture: &mut Fixture, (a, b): (&str, &str), client: (i64, i64), server: (i64, i64)) {
    let id = fixture.spans.len() as u64 + 1;
    fixture.span((id, 0), Client, a, client);
    fixture.span((id + 1, id), Server, b, server);
}

fn solved(fixture: &Fixture) -> Skew {
    let mut skew = Skew::default();
    skew.observe(&fixture.trace(), &fixture.context);
    skew.solve();
    skew
}

fn host(fixture: &Fixture, name: &str) -> Text {
    fixture.context.texts.find(name).unwrap()
}

#[test]
fn calls_leave_an_interval_for_the_offset() {
    const MICRO: i64 = 1000;
    let offset = |ahead, uncertainty| Offset { ahead, uncertainty };
    type Times = ((i64, i64), (i64, i64));
    let vectors: [(&str, &[Times], Offset); 6] = [
        ("nested: no evidence", &[((100, 200), (110, 180))], offset(0, 15 * MS)),
        ("ahead", &[((100, 200), (250, 330))], offset(130 * MS + 50 * MICRO, 10 * MS)),
        ("behind", &[((200, 300), (150, 230))], offset(-50 * MS - 50 * MICRO, 10 * MS)),
        (
            "two calls narrow it",
            &[((100, 200), (250, 330)), ((100, 200), (240, 325))],
            offset(130 * MS + 50 * MICRO, 5 * MS),
        ),
        ("a server that went on says nothing", &[((100, 200), (250, 400))], Offset::default()),
        ("more than five minutes is not skew", &[((0, 100), (400_000, 400_050))], Offset::default()),
    ];
    for (name, pairs, expected) in vectors {
        let mut fixture = Fixture::default();
        for (client, server) in pairs {
            pair(&mut fixture, ("a/h1", "b/h2"), *client, *server);
        }
        let skew = solved(&fixture);
        let (one, other) = (host(&fixture, "h1"), host(&fixture, "h2"));
        assert_eq!(skew.between(one, other, 0), expected, "{name}");
        assert_eq!(skew.between(other, one, 0), offset(-expected.ahead, expected.uncertainty), "{name}, backwards");
        assert_eq!(skew.suspects(0).count(), usize::from(name.starts_with("more")), "{name}");
    }
}

/// The calls of the hotel sample that ANALYSIS.md works out, in microseconds: the offset is between -2478 and -664.
#[test]
fn the_worked_example() {
    let mut fixture = Fixture::default();
    pair(&mut fixture, ("a/h1", "b/h2"), (0, 0), (0, 0));
    (fixture.spans[0].start, fixture.spans[0].end) = (92_623_000, 99_745_000);
    (fixture.spans[1].start, fixture.spans[1].end) = (91_959_000, 97_267_000);
    let skew = solved(&fixture);
    let found = skew.between(host(&fixture, "h1"), host(&fixture, "h2"), 92_623_000);
    assert_eq!(found, Offset { ahead: -714_000, uncertainty: 907_000 });
}

#[test]
fn failed_calls_and_unknown_hosts_say_nothing() {
    let mut fixture = Fixture::default();
    pair(&mut fixture, ("a/h1", "b/h2"), (100, 200), (250, 330));
    pair(&mut fixture, ("a", "b/h2"), (100, 200), (250, 330));
    pair(&mut fixture, ("a/h2", "b/h2"), (100, 200), (250, 330));
    fixture.spans[0].outcome = spandrel_proto::model::Outcome::Timeout;
    assert!(solved(&fixture).is_empty());
}

#[test]
fn one_call_in_a_hundred_may_lie_and_the_rest_decides() {
    let mut fixture = Fixture::default();
    for call in 0..199 {
        pair(&mut fixture, ("a/h1", "b/h2"), (call, call + 100), (call + 150, call + 230));
    }
    pair(&mut fixture, ("a/h1", "b/h2"), (0, 5000), (4000, 4990));
    let found = solved(&fixture).between(host(&fixture, "h1"), host(&fixture, "h2"), 0);
    assert_eq!(found.ahead, 130 * MS + CLOCK_TOLERANCE);
}

#[test]
fn offsets_add_up_along_calls_and_end_where_calls_do() {
    let mut fixture = Fixture::default();
    pair(&mut fixture, ("a/h1", "b/h2"), (1000, 1100), (1250, 1330));
    pair(&mut fixture, ("b/h2", "c/h3"), (1250, 1300), (1450, 1480));
    pair(&mut fixture, ("d/h4", "e/h5"), (0, 100), (50, 130));
    let skew = solved(&fixture);
    let [h1, h2, h3, h4] = ["h1", "h2", "h3", "h4"].map(|name| host(&fixture, name));
    let sum = skew.between(h1, h2, 0).ahead + skew.between(h2, h3, 0).ahead;
    assert_eq!(skew.between(h1, h3, 0).ahead, sum);
    assert_eq!(skew.between(h1, h4, 0), Offset::default());
    assert_eq!(skew.between(h1, h2, WINDOW + 1).ahead, skew.between(h1, h2, 0).ahead);
    assert_eq!(skew.between(h1, h2, 2 * WINDOW), Offset::default());
    assert_eq!(skew.offset(h3, 0).ahead - skew.offset(h1, 0).ahead, sum);
}

#[test]
fn a_clock_that_was_set_has_two_offsets_in_one_window() {
    let mut fixture = Fixture::default();
    for second in 0..600 {
        let (start, ahead) = (second * 1000, if second < 300 { 40 } else { -200 });
        pair(&mut fixture, ("a/h1", "b/h2"), (start, start + 10), (start + ahead + 1, start + ahead + 9));
    }
    let skew = solved(&fixture);
    let between = |second: i64| skew.between(host(&fixture, "h1"), host(&fixture, "h2"), second * 1000 * MS).ahead;
    assert_eq!([between(0), between(299)], [39 * MS + CLOCK_TOLERANCE; 2]);
    assert_eq!([between(301), between(599)], [-199 * MS - CLOCK_TOLERANCE; 2]);
    assert_eq!(skew.suspects(0).count(), 0);
}

/// Clocks up to half a second apart that drift by up to 20 millionths, and a network that takes 0.1 to 1.7 ms.
#[test]
fn injected_offsets_are_recovered() {
    let (mut all, mut within) = (0, 0);
    for seed in 1..=5 {
        let wrong = inject_and_recover(seed);
        all += wrong.len();
        within += wrong.iter().filter(|(wrong, offset)| *wrong <= offset.uncertainty).count();
        let within_tolerance = wrong.iter().filter(|(wrong, offset)| *wrong <= offset.tolerance()).count();
        let worst = wrong.iter().map(|(wrong, _)| *wrong).max().unwrap();
        println!("seed {seed}: {within_tolerance} within tolerance of {}; worst {worst} ns", wrong.len());
        assert!(within_tolerance * 100 >= wrong.len() * 99 && worst < MS, "{within_tolerance}, {worst}");
    }
    println!("{within} of {all} within their uncertainty");
    assert!(within * 100 >= all * 99, "{within} of {all}");
}

/// By how much the offset of each host in each bin is wrong, and what it is held to be.
fn inject_and_recover(seed: u64) -> Vec<(i64, Offset)> {
    const HOSTS: i64 = 12;
    const MICRO: i64 = 1000;
    let mut random = Random(seed);
    let drift = |random: &mut Random| random.below(41) - 20;
    let truth: Vec<(i64, i64)> =
        (0..HOSTS).map(|_| (random.below(1_000_000_001) - 500_000_000, drift(&mut random))).collect();
    let clock = |host: i64, time: i64| time + truth[host as usize].0 + time / 1_000_000 * truth[host as usize].1;
    let mut fixture = Fixture::default();
    let names: Vec<String> = (0..HOSTS).map(|host| format!("s{host}/h{host}")).collect();
    for call in 0..60_000_i64 {
        let (from, to) = (random.below(HOSTS), random.below(HOSTS));
        let start = call * (3 * WINDOW / 60_000) + WINDOW;
        let [there, back] = [(); 2].map(|()| 100 * MICRO + random.below(40) * random.below(40) * MICRO);
        let work = random.below(50) * MS;
        let (arrival, answer) = (start + there, start + there + work);
        pair(&mut fixture, (&names[from as usize], &names[to as usize]), (0, 0), (0, 0));
        let spans = fixture.spans.len();
        let (client, server) = (spans - 2, spans - 1);
        fixture.spans[client].start = clock(from, start);
        fixture.spans[client].end = clock(from, answer + back);
        fixture.spans[server].start = clock(to, arrival);
        fixture.spans[server].end = clock(to, answer);
    }
    let skew = solved(&fixture);
    let hosts: Vec<Text> = (0..HOSTS).map(|index| host(&fixture, &format!("h{index}"))).collect();
    let mut wrong = Vec::new();
    for bin in 16..4 * 16 {
        let middle = bin * BIN + BIN / 2;
        for index in 1..HOSTS {
            let found = skew.between(hosts[0], hosts[index as usize], middle);
            wrong.push(((found.ahead - (clock(index, middle) - clock(0, middle))).abs(), found));
        }
    }
    wrong
}

#[test]
fn skew_moves_spans_and_leaves_durations() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Server, "a/h1", (0, 100));
    fixture.span((2, 1), Client, "a/h1", (10, 90));
    fixture.span((3, 2), Server, "b/h2", (520, 580));
    let trace = fixture.trace();
    let build = |skew: &Skew| Paths::build(&trace, &Hops::default(), &fixture.context, skew);
    let (plain, skewed) = (build(&Skew::default()), build(&solved(&fixture)));
    assert_eq!(plain.exclusive, [20 * MS, 80 * MS, 0]);
    assert_eq!(skewed.exclusive, [20 * MS, 20 * MS, 60 * MS]);
    assert_eq!(skewed.adjusted[2].1 - skewed.adjusted[2].0, 60 * MS);
    assert_eq!(trace.spans[2].start, 520 * MS);
}

#[test]
fn the_order_of_calls_does_not_matter_and_what_is_old_goes() {
    let mut fixture = Fixture::default();
    let mut random = Random(3);
    for _ in 0..300 {
        let (start, ahead) = (random.below(900_000), 200 + random.below(30));
        pair(&mut fixture, ("a/h1", "b/h2"), (start, start + 100), (start + ahead, start + ahead + 50));
    }
    let backwards = Fixture { context: fixture.context.clone(), spans: fixture.spans.iter().rev().cloned().collect() };
    let (mut one, other) = (solved(&fixture), solved(&backwards));
    let (h1, h2) = (host(&fixture, "h1"), host(&fixture, "h2"));
    for bin in 0..24 {
        assert_eq!(one.between(h1, h2, bin * BIN), other.between(h1, h2, bin * BIN), "{bin}");
    }
    let size = one.size();
    one.forget_before(WINDOW);
    assert!(one.size() < size && one.size() > 0);
    assert_eq!(one.between(h1, h2, 0), Offset::default());
    one.forget_before(9 * WINDOW);
    assert_eq!((one.size(), one.is_empty()), (0, true));
}

#[test]
fn what_is_kept_is_bounded_and_the_rest_counted() {
    let mut skew = Skew::default();
    let mut context = crate::context::Context::new();
    let mut host = |index: i64| context.texts.intern(&format!("h{index}"));
    for index in 0..2 * MAX_PAIRS as i64 {
        let hosts = (host(2 * index), host(2 * index + 1));
        for bin in 0..2 {
            skew.add(hosts, bin * BIN, (index, index + 100));
        }
    }
    skew.solve();
    assert_eq!((skew.held, skew.overflowed()), (2 * MAX_PAIRS, 2 * MAX_PAIRS as u64));
    assert!(skew.size() < 4 << 20, "{}", skew.size());
    let extreme = (host(0), host(1));
    skew.add(extreme, i64::MAX, (i64::MIN, i64::MAX));
    skew.add(extreme, i64::MIN, (i64::MAX, i64::MIN));
    skew.solve();
    assert_eq!(skew.between(extreme.0, extreme.1, i64::MAX).ahead, 0);
}

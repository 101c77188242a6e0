//! Time of whole networks on the ISAAC chip: copies, rows that follow rows, reloading.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod networks;

use networks::{lenet5, linear, resnet20, two_convolutions, vgg8};
use ohmic_hardware::{Event, Hardware};
use ohmic_mapping::{Plan, Shapes, map_shapes};
use ohmic_metrics::{Cost, Limit, Timeline, assumed_cost, cost, timeline};
use ohmic_network::Network;

/// The ISAAC chip with these settings; without the stages of its pipeline, unless they are set.
fn isaac(sets: &[(&str, toml::Value)]) -> Hardware {
    let bare = ["schedule.stages_before", "schedule.stages_after"].map(|key| (key.to_owned(), 0.into()));
    let sets = sets.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let sets: Vec<(String, toml::Value)> = bare.into_iter().chain(sets).collect();
    Hardware::load("isaac_isca_2016", &sets).unwrap()
}

fn on(network: &Network, sets: &[(&str, toml::Value)]) -> (Plan, Cost) {
    let (plan, cost, _) = assumed_cost(network, &isaac(sets)).unwrap();
    (plan, cost)
}

fn duplicate(how: &str) -> (&'static str, toml::Value) {
    ("schedule.duplicate", how.into())
}

/// On the 16 128 crossbars of the ISAAC chip, balanced copies beat every layer once and equal copies by these factors:
/// LeNet-5 777 x and 2.9 x, VGG-8 35 x and 17 x, ResNet-20 512 x and 5.5 x (the time of a vector apart, whole numbers of turns: 784, 3
/// and 1; 1024, 512 and 29; 1024, 11 and 2).
#[test]
fn balanced_copies_beat_the_naive_ones() {
    for (network, over_none, over_equal) in
        [(lenet5(), 777.0, 2.9), (vgg8(), 35.0, 17.0), (resnet20(), 512.0, 5.5)]
    {
        let [none, equal, balanced] =
            ["none", "equal", "balanced"].map(|how| on(&network, &[duplicate(how)]));
        assert!(balanced.0.crossbars <= 16_128 && equal.0.crossbars <= 16_128, "{}", network.name);
        let (over, than) =
            (none.1.interval_s / balanced.1.interval_s, equal.1.interval_s / balanced.1.interval_s);
        println!(
            "{}: {} crossbars once, {} equal, {} balanced: {over:.2} x over none, {than:.2} x over equal copies",
            network.name, none.0.crossbars, equal.0.crossbars, balanced.0.crossbars
        );
        assert!(over >= over_none && than >= over_equal, "{}: {over}, {than}", network.name);
        for (plan, cost) in [&none, &equal, &balanced] {
            // copies take space, never reads: the events of an inference stay
            assert_eq!(cost.events, none.1.events, "{}", network.name);
            let placed: usize = plan.layers.iter().flatten().map(|l| l.placed.len()).sum();
            assert_eq!(placed, plan.crossbars);
        }
    }
}

/// More crossbars never make inferences slower, and a budget below every layer once is refused.
#[test]
fn throughput_never_falls_with_the_budget() {
    let network = lenet5();
    let mut before = f64::INFINITY;
    for budget in [42, 43, 45, 50, 60, 100, 200, 500, 2000] {
        let sets = [duplicate("balanced"), ("schedule.crossbars", budget.into())];
        let (plan, cost) = on(&network, &sets);
        assert!(plan.crossbars <= budget as usize && cost.interval_s <= before, "{budget}");
        before = cost.interval_s;
    }
    let small = isaac(&[duplicate("balanced"), ("schedule.crossbars", 10.into())]);
    let refused = assumed_cost(&network, &small).unwrap_err().to_string();
    assert!(refused.contains("42 crossbars") && refused.contains("schedule.crossbars"), "{refused}");
}

/// Twice the images cost twice the energy: an inference costs the same.
#[test]
fn twice_the_batch_is_twice_the_energy() {
    let (network, hw) = (lenet5(), isaac(&[duplicate("balanced")]));
    let shapes = Shapes::unseen(&network, &hw.precision());
    let plan = map_shapes(&shapes, &hw).unwrap();
    let (activity, events) = ohmic_execution::assumed(&plan, &hw, shapes.digital_elements).unwrap();
    let mut twice = activity.clone();
    twice.merge(&activity);
    let twice_events: Vec<_> = events.iter().map(|e| e.scaled(2.0)).collect();
    let (one, two) =
        (cost(&plan, &hw, &activity, &events).unwrap(), cost(&plan, &hw, &twice, &twice_events).unwrap());
    assert!((two.energy_joule() / one.energy_joule() - 1.0).abs() < 1e-12);
    assert!((two.interval_s / one.interval_s - 1.0).abs() < 1e-12);
}

const STAGES: [(&str, &str); 3] =
    [("schedule.cycle", "100 ns"), ("schedule.stages_before", "1"), ("schedule.stages_after", "5")];

/// The stages of ISAAC's pipeline, with `more` settings.
fn staged(more: &[(&'static str, toml::Value)]) -> Vec<(&'static str, toml::Value)> {
    let stages =
        STAGES.map(|(key, value)| (key, value.parse::<i64>().map_or_else(|_| value.into(), Into::into)));
    stages.into_iter().chain(more.iter().cloned()).collect()
}

/// ISAAC's pipeline of 22 cycles of 100 ns: one to fetch a vector, 16 reads of one bit each, one for the last conversion,
/// two to shift and add, one for the sigmoid, one to write back. With 15 outputs, 121 conversions fit the 100 ns of a read.
#[test]
fn twenty_two_cycles() {
    let (_, cost) = on(&linear(128, 15), &staged(&[]));
    assert!((cost.latency_s - 2.2e-6).abs() < 1e-15, "{}", cost.latency_s);
    // the file says the same
    let preset = Hardware::preset("isaac_isca_2016").unwrap();
    assert_eq!(assumed_cost(&linear(128, 15), &preset).unwrap().1.latency_s, cost.latency_s);
    // the next vector enters after the 16 cycles that the crossbar is busy
    assert!((cost.interval_s - 1.6e-6).abs() < 1e-15, "{}", cost.interval_s);
}

/// Two layers of 32 rows of 32 vectors: the second starts when two rows are there and never waits again, so both take
/// 1024 + 64 vectors instead of 2048. With two copies of each, turns are half as many. Stages delay the second start once
/// before and once after, and the end of the second.
#[test]
fn rows_follow_rows() {
    let network = two_convolutions();
    let vector_s = 16.0 * 129.0 / 1.28e9;
    let rows = ("schedule.start", toml::Value::from("rows"));
    let (_, whole) = on(&network, &[]);
    assert!((whole.latency_s - 2048.0 * vector_s).abs() < 1e-12);
    let (_, overlapped) = on(&network, std::slice::from_ref(&rows));
    assert!((overlapped.latency_s - 1088.0 * vector_s).abs() < 1e-12);
    assert_eq!(overlapped.interval_s, whole.interval_s);
    // one row of crossbars and two: three crossbars once
    let twice = [rows.clone(), duplicate("equal"), ("schedule.crossbars", 6.into())];
    let (plan, copied) = on(&network, &twice);
    assert_eq!(plan.layers.iter().flatten().map(|l| l.copies).collect::<Vec<_>>(), [2, 2]);
    assert!((copied.latency_s - 544.0 * vector_s).abs() < 1e-12);
    let (_, with_stages) = on(&network, &staged(&[rows]));
    let stages_s = 2.0 * 6.0 * 100e-9;
    assert!((with_stages.latency_s - 1088.0 * vector_s - stages_s).abs() < 1e-12);
}

/// 128 inputs of 16 bits: 1.6125 us of conversions; lines for 1.6 us if there are fewer outputs; a bus of 1 bit at 1.2 GHz
/// takes 2048 / 1.2 GHz.
#[test]
fn what_limits_is_named() {
    let limits = ("schedule.bus", toml::Value::from("limits"));
    let narrow = ("hierarchy.bus_bits", toml::Value::from(1));
    let of = |sets: &[(&str, toml::Value)]| {
        let cost = on(&linear(128, 16), sets).1;
        (cost.bottleneck().unwrap().limit, cost.interval_s)
    };
    assert_eq!(of(std::slice::from_ref(&limits)), (Limit::Conversions, 16.0 * (129.0 / 1.28e9)));
    // 121 conversions take 94.5 ns
    assert_eq!(on(&linear(128, 15), &[]).1.bottleneck().unwrap().limit, Limit::Lines);
    let (limit, interval_s) = of(&[limits, narrow.clone()]);
    assert!(limit == Limit::Bus && (interval_s - 2048.0 / 1.2e9).abs() < 1e-15);
    assert_eq!(of(&[narrow]).0, Limit::Conversions);
}

/// No row of a trace has two things at a time, and it ends with the latency.
fn check_trace(timeline: &Timeline, network: &Network, plan: &Plan, cost: &Cost) {
    let trace: serde_json::Value = serde_json::from_str(&timeline.chrome_trace(network, plan)).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let mut rows: std::collections::BTreeMap<(u64, u64), Vec<(f64, f64)>> = std::collections::BTreeMap::new();
    for e in events.iter().filter(|e| e["ph"] == "X") {
        let (start, length) = (e["ts"].as_f64().unwrap(), e["dur"].as_f64().unwrap());
        assert!(start >= 0.0 && length >= 0.0);
        let at = (e["pid"].as_u64().unwrap(), e["tid"].as_u64().unwrap());
        rows.entry(at).or_default().push((start, start + length));
    }
    for e in events.iter().filter(|e| e["ph"] == "M") {
        assert!(e["args"]["name"].as_str().is_some_and(|name| !name.is_empty()));
    }
    for ((pid, tid), spans) in &mut rows {
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        // in microseconds, rounded to far less than a picosecond
        assert!(spans.windows(2).all(|w| w[0].1 <= w[1].0 + 1e-6), "{} row {pid}/{tid}", network.name);
    }
    let end = match cost.reload {
        // of the batch
        Some(_) => rows.values().flatten().map(|s| s.1).fold(0.0, f64::max),
        // of the first image
        None => rows[&(2, 0)][0].1,
    };
    let latency = cost.latency_s * 1e6;
    assert!((end - latency).abs() <= 1e-9 * latency, "{}: ends at {end}, latency {latency}", network.name);
}

/// ResNet-20 with its residual branches, four images: rows follow rows, images follow images, and each leaves an interval
/// after the one before it once the slowest layer sets the pace.
#[test]
fn timelines_hold_together() {
    for how in ["none", "balanced"] {
        let network = resnet20();
        let hw = isaac(&staged(&[duplicate(how), ("schedule.start", "rows".into())]));
        let (plan, cost, _) = assumed_cost(&network, &hw).unwrap();
        let timeline = timeline(&plan, &hw, &cost, 4);
        check_trace(&timeline, &network, &plan, &cost);
        let whole = on(&network, &staged(&[duplicate(how)])).1;
        assert!(cost.latency_s < whole.latency_s && cost.latency_s > cost.interval_s);
        println!(
            "resnet20, {how}: {:.4e} s overlapped, {:.4e} s one after the other",
            cost.latency_s, whole.latency_s
        );
        // every layer works on every image for as long as its turns take
        for layer in &cost.layers {
            let spans = timeline.spans.iter().filter(|s| s.layer == layer.id);
            let busy: f64 = spans.map(|s| s.end_s - s.start_s).sum();
            assert!((busy - 4.0 * layer.time_s).abs() < 1e-9 * busy);
        }
    }
}

/// A small ISAAC chip of 960 crossbars with cells that are written for 8 pJ and 100 ns a pulse.
fn small(more: &str) -> Hardware {
    let text = format!(
        "extends = \"isaac_isca_2016\"\n[hierarchy]\ntiles = 10\n[write]\nkind = \"single\"\npulse_time = \"100 ns\"\n\
         [component.writing]\nkind = \"priced\"\nper = \"crossbar\"\narea = \"0 um2\"\n\
         events = {{ write_pulse = \"8 pJ\" }}\nsource = \"a test\"\n{more}"
    );
    Hardware::from_text("test", &text).unwrap()
}

/// VGG-8 takes 8, 72, 144, 288, 576, 1152, 4096 and 8 crossbars: the first four fit a load of 960, the fifth takes one, the
/// sixth two, the seventh five, the last one. A word line is written at once, 128 of them are 12.8 us a load.
#[test]
fn networks_larger_than_the_chip() {
    let network = vgg8();
    let reload = |images: u32| {
        let hw = small(&format!("[schedule]\noverflow = \"reload\"\nimages_per_load = {images}\n"));
        let (plan, cost, record) = assumed_cost(&network, &hw).unwrap();
        check_trace(&timeline(&plan, &hw, &cost, 4), &network, &plan, &cost);
        (plan, cost, record)
    };
    let (plan, cost, _) = reload(100);
    let loads: Vec<_> = plan.layers.iter().flatten().map(|l| l.loads.clone()).collect();
    assert_eq!(loads, [0..1, 0..1, 0..1, 0..1, 1..2, 2..4, 4..9, 9..10]);
    assert_eq!((plan.loads, plan.chips, plan.crossbars), (10, 1, 960));
    let cells: u64 = plan.layers.iter().flatten().map(|l| l.cells).sum();
    let written = cost.reload.clone().unwrap();
    assert!((written.energy_joule - cells as f64 * 8e-12 / 100.0).abs() < 1e-9 * written.energy_joule);
    assert!((written.time_s - 10.0 * 12.8e-6 / 100.0).abs() < 1e-12);
    assert!((cost.latency_s - 100.0 * cost.interval_s).abs() < 1e-9 * cost.latency_s);
    // a batch twice as large halves what an inference bears of it, and reads cost what they cost on many chips
    let (_, twice, _) = reload(200);
    assert!(
        (twice.reload.unwrap().energy_joule * 2.0 - written.energy_joule).abs() < 1e-9 * written.energy_joule
    );
    let (many, on_many, _) = assumed_cost(&network, &small("")).unwrap();
    assert_eq!((many.loads, many.chips, on_many.reload), (1, 7, None));
    assert_eq!(on_many.events, cost.events);
    assert!(on_many.interval_s < cost.interval_s);
    // copies fill each load
    let balanced = "[schedule]\nduplicate = \"balanced\"\noverflow = \"reload\"\nimages_per_load = 100\n";
    let (plan, faster, _) = assumed_cost(&network, &small(balanced)).unwrap();
    assert!(plan.crossbars <= 960 && faster.interval_s < cost.interval_s);
    assert!(cost.events.iter().all(|e| e.get(Event::WritePulse) == 0.0));
}

/// Nothing about writing is assumed silently.
#[test]
fn reloading_needs_its_price() {
    let network = vgg8();
    let sets = |more: &str| format!("[schedule]\noverflow = \"reload\"\nimages_per_load = 10\n{more}");
    let refused = |text: String| {
        assumed_cost(&network, &Hardware::from_text("test", &text).unwrap()).unwrap_err().to_string()
    };
    let start = "extends = \"isaac_isca_2016\"\n[hierarchy]\ntiles = 10\n";
    let e = refused(format!("{start}{}", sets("")));
    assert!(e.contains("[write]") && e.contains("schedule.overflow"), "{e}");
    let e = refused(format!("{start}{}", sets("[write]\nkind = \"single\"\n")));
    assert!(e.contains("write.pulse_time"), "{e}");
    let e = refused(format!("{start}{}", sets("[write]\nkind = \"single\"\npulse_time = \"100 ns\"\n")));
    assert!(e.contains("write_pulse"), "{e}");
    let verify = "[write]\nkind = \"verify\"\nband_fraction = 0.02\nmax_pulses = 10\npulse_time = \"100 ns\"\n\
                  verify_time = \"50 ns\"\n";
    let e = refused(format!("{start}{}", sets(verify)));
    assert!(e.contains("activity.pulses"), "{e}");
    let missing = Hardware::from_text("test", &format!("{start}[schedule]\noverflow = \"reload\"\n"));
    assert!(missing.unwrap_err().to_string().contains("images_per_load"));
    let missing = Hardware::from_text("test", "extends = \"generic_reram\"\n[schedule]\nstages_after = 5\n");
    assert!(missing.unwrap_err().to_string().contains("cycle"));
}

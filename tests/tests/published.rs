//! Every figure that a preset's `expected.toml` publishes is met, and hostile files of figures are refused with the
//! place and the way out.

#![allow(missing_docs, clippy::unwrap_used)]

use ohmic_config::SourceText;
use ohmic_repro::{Data, Evaluator, Expected, Published, Verdict, reproduce};
use ohmic_sweep::Simulation;

#[test]
fn published_figures_are_met() {
    let evaluator = Evaluator::new(Simulation::default(), None, Data::Used);
    let mut missed = Vec::new();
    for published in Published::presets().unwrap() {
        let reproduction = reproduce(&published, &evaluator, |_| ()).unwrap();
        for judged in &reproduction.figures {
            let name = format!("{}: {}", published.machine, judged.figure.name);
            match &judged.verdict {
                Verdict::Skipped(why) => println!("SKIPPED: {name}: {why}"),
                Verdict::Missed => missed.push(format!("{name}: {:?}", judged.deviation())),
                _ => {}
            }
        }
        assert!(reproduction.figures.len() > 5, "{} publishes next to nothing", published.machine);
    }
    assert!(missed.is_empty(), "outside their tolerance: {missed:#?}");
}

fn refused(text: &str) -> String {
    let source = SourceText { path: "expected.toml".to_owned(), text: text.to_owned() };
    Expected::parse(source).unwrap_err().to_string()
}

#[test]
fn hostile_files_are_refused() {
    let figure =
        "[figure.power]\nof = \"peak_power\"\nvalue = \"65.8 W\"\ntag = \"exact\"\nsource = \"Table I\"\n";
    Expected::parse(SourceText { path: "e".to_owned(), text: figure.to_owned() }).unwrap();
    for (from, to, says) in [
        ("peak_power", "peak_pwer", "did you mean `peak_power`"),
        ("65.8 W", "65.8 mm2", "a power"),
        ("\"65.8 W\"", "65.8", "a power"),
        ("65.8 W", "watt", "does not begin with a number"),
        ("65.8 W", "0 W", "no relative deviation"),
        ("65.8 W", "-65.8 W", "no relative deviation"),
        ("65.8 W", "65.8 parsec", "no known unit"),
        ("65.8 W", "65.8", "has no unit"),
        ("\"65.8 W\"", "nan", "no relative deviation"),
        ("exact", "exactly", "exact"),
        ("tag = \"exact\"", "tag = \"shown\"", "nothing says why"),
        ("tag = \"exact\"", "tag = \"exact\"\ntolerance = 0.5", "wider than"),
        ("tag = \"exact\"", "tag = \"exact\"\ntolerance = -0.5", "tolerance"),
        ("source = \"Table I\"\n", "", "source"),
        ("of = \"peak_power\"", "of = \"accuracy\"", "network"),
        ("tag = \"exact\"", "tag = \"exact\"\nagainst = \"isaac_isca_2016\"", "a ratio has no unit"),
        ("tag = \"exact\"", "tag = \"exact\"\ncolour = 1", "colour"),
    ] {
        let said = refused(&figure.replace(from, to));
        assert!(said.contains(says) && said.contains("expected.toml:"), "{to}: {said}");
    }
    assert!(refused("# nothing\n").contains("no figure is published"));
    let assumed = format!(
        "{figure}[assumption.a]\nkey = \"adc.bits\"\nvalues = [6]\nmoves = [\"pwer\"]\nwhy = \"?\"\n"
    );
    assert!(refused(&assumed).contains("known: power"), "{}", refused(&assumed));
}

//! Broken cells, spare columns and what changes places: ideal hardware stays ideal, and as many chips can be
//! repaired as the closed form says.

#![allow(clippy::float_cmp, missing_docs, clippy::unwrap_used)]

use ohmic_execution::{Chip, Design, Repair, Shortcuts};
use ohmic_mapping::repair::plan_yield;
use ohmic_network::Shape;
use ohmic_network::reference::IntegerEngine;
use ohmic_numerics::{Noise, Seed};
use ohmic_tests::{Bench, Inputs, hardware, integers, linear, random, samples};

const REMAPS: [&str; 4] = ["none", "spares", "outputs", "columns"];
const ENCODINGS: [&str; 4] = [
    "kind = \"differential\"\nsides = \"one\"\nsubtract = \"analog\"\ncell_bits = 4",
    "kind = \"offset\"\ninput_sum = \"unit_column\"\ncell_bits = 2",
    "kind = \"offset_column\"\ncell_bits = 4",
    "kind = \"twos_complement\"\ncell_bits = 1",
];

fn machine(encoding: &str, fault: &str, redundancy: &str) -> String {
    format!(
        "[device]\nkind = \"ideal\"\ng_max = \"40 uS\"\ng_min = \"1 uS\"\n[encoding]\n{encoding}\n[adc]\nkind = \"ideal\"\n\
         [crossbar]\ndummy_column = \"analog\"\n[fault]\n{fault}\n[redundancy]\n{redundancy}\n\
         [component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\nevents = {{ conversion = \"1 pJ\" }}\n\
         for_adc_bits = 32\nsource = \"test\"\n"
    )
}

/// Without broken cells nothing that may change places changes a bit; with few, and spare columns enough, nothing
/// either, where nothing remapped they do harm.
#[test]
fn repaired_chips_are_ideal_bit_for_bit() {
    let (k, n) = (100, 24);
    let network = linear(k, n, random(1, k * n));
    let x = samples(3, 5, &Shape(vec![k]), Inputs::Rectified);
    let quantized = integers(&network, 8, 8, &x);
    let want = network.forward(&x, 0, &mut IntegerEngine::new(&quantized)).unwrap();
    let mut harmed = 0;
    for encoding in ENCODINGS {
        for remap in REMAPS {
            // what nothing evades has ten times as many broken cells, so that every encoding is sure to meet some
            let fraction = if remap == "none" { 2e-3 } else { 2e-4 };
            let stuck =
                format!("kind = \"stuck\"\nstuck_hrs_fraction = {fraction}\nstuck_lrs_fraction = {fraction}");
            for fault in ["kind = \"none\"", &stuck] {
                let text = machine(encoding, fault, &format!("spare_columns = 16\nremap = \"{remap}\""));
                let hardware = hardware(&text);
                let bench = Bench::new(&network, &quantized, &hardware);
                for shortcuts in [Shortcuts::Taken, Shortcuts::Avoided] {
                    let got = bench.run(&x, 1, shortcuts).unwrap().output.data;
                    if remap == "none" && fault.contains("stuck") {
                        harmed += usize::from(got != want.data);
                    } else {
                        assert_eq!(got, want.data, "{text}");
                    }
                }
            }
        }
    }
    assert!(harmed == 8, "faults that nothing evades do harm: {harmed} of 8");
}

/// Of 300 chips as many can be repaired as the closed form says, within four standard errors; with a finer step of
/// remapping the error never grows.
#[test]
fn yield_agrees_with_chips() {
    let (k, n) = (150, 40);
    let network = linear(k, n, random(1, k * n));
    let x = samples(3, 2, &Shape(vec![k]), Inputs::Rectified);
    let quantized = integers(&network, 8, 8, &x);
    for (spares, rate) in [(0, 2e-5), (2, 1e-4), (6, 2.5e-4)] {
        let repairs = |remap: &str| -> (f64, Vec<Repair>) {
            let fault = format!("kind = \"stuck\"\nstuck_hrs_fraction = {rate}\nstuck_lrs_fraction = {rate}");
            let redundancy = format!("spare_columns = {spares}\nremap = \"{remap}\"");
            let hardware = hardware(&machine(ENCODINGS[0], &fault, &redundancy));
            let bench = Bench::new(&network, &quantized, &hardware);
            let design = Design::new(&network, &quantized, &bench.plan, &hardware, &x).unwrap();
            let chips = (0..300).map(|chip| {
                let noise = Noise::new(Seed(8)).instance(chip);
                Chip::program(&design, noise, Shortcuts::Taken).unwrap().repair()
            });
            (plan_yield(&bench.plan, 2.0 * rate, spares), chips.collect())
        };
        let (expected, none) = repairs("none");
        let seen = none.iter().filter(|r| r.unrepairable_blocks == 0).count() as f64 / 300.0;
        let standard_error = (expected * (1.0 - expected) / 300.0).sqrt();
        assert!(
            (seen - expected).abs() < 4.0 * standard_error,
            "{spares} spares: {seen} expected {expected}"
        );
        assert!(0.05 < expected && expected < 0.95, "{expected} tells little");
        for remap in ["spares", "outputs", "columns"] {
            for (plain, moved) in none.iter().zip(&repairs(remap).1) {
                assert_eq!(plain.error_before, moved.error_before);
                assert!(moved.error_after <= plain.error_after, "{remap}");
                assert_eq!(plain.unrepairable_blocks, moved.unrepairable_blocks);
            }
        }
    }
}

//! The machines that come with Ohmic load, price what they cause, and add up to what was published.

use ohmic_hardware::{Event, Gain, Hardware, Level, Skipping, presets};
use ohmic_numerics::Mat;

#[test]
fn every_preset_loads_and_its_resolved_text_is_the_same_machine() {
    for name in presets::names() {
        let hw = Hardware::preset(name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(hw.name(), name);
        let again = Hardware::from_text("resolved", hw.resolved()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(again.resolved(), hw.resolved());
        assert_eq!(format!("{:?}", again.components()), format!("{:?}", hw.components()));
    }
}

#[test]
fn every_preset_prices_what_it_causes() {
    for name in presets::names() {
        let hw = Hardware::preset(name).unwrap();
        // a column of ones, wide enough for one block: what its encoding asks of the digital side
        let weights = Mat::filled(hw.crossbar().rows_per_read, 1, 1);
        let encoded = hw
            .encoding()
            .encode(weights.view(), hw.precision().weight_bits, hw.crossbar().rows_per_read)
            .unwrap();
        let applies = |event| match event {
            Event::SignApply => encoded.readouts.iter().any(|r| matches!(r.gain, Gain::PerFragment(_))),
            Event::SkipCheck => hw.dac().skipping() != Skipping::None,
            Event::LinkByte => hw.interconnect().is_some(),
            Event::InputSumAdd => encoded.input_sum_scale.iter().any(|s| *s != 0),
            Event::WritePulse => hw.write().spec().is_some(),
            Event::VerifyRead => hw.write().verifies(),
            _ => true,
        };
        for event in Event::ALL.into_iter().filter(|e| applies(*e)) {
            assert!(
                hw.components().iter().any(|c| c.model.energy_joule(event).is_some()),
                "{name} has no price for {}",
                event.name()
            );
        }
    }
}

fn area_m2(hw: &Hardware, levels: &[Level]) -> f64 {
    let (x, h) = (hw.crossbar(), hw.hierarchy());
    let instances = |level| match level {
        Level::Row => h.crossbars() * x.rows,
        Level::Adc => h.crossbars() * x.adcs,
        Level::Crossbar => h.crossbars(),
        Level::Macro => h.macros_per_tile * h.tiles,
        Level::Tile => h.tiles,
        Level::Chip => 1,
    };
    hw.components()
        .iter()
        .filter(|c| levels.contains(&c.per))
        .map(|c| instances(c.per) as f64 * c.count * c.model.area_m2())
        .sum()
}

/// ISAAC, ISCA 2016, Table I: an IMA has 0.01312 mm2, a tile 0.372 mm2 and the chip 85.4 mm2; the
/// figures of one instance have up to two digits, hence 1 %.
#[test]
fn isaac_has_the_published_area() {
    use Level::*;
    let hw = Hardware::preset("isaac_isca_2016").unwrap();
    let ima = area_m2(&hw, &[Row, Adc, Crossbar, Macro]) / (12.0 * 168.0);
    assert!((ima * 1e6 / 0.01312 - 1.0).abs() < 0.01, "{ima}");
    let tile = area_m2(&hw, &[Row, Adc, Crossbar, Macro, Tile]) / 168.0;
    assert!((tile * 1e6 / 0.372 - 1.0).abs() < 0.01, "{tile}");
    let chip = area_m2(&hw, &[Row, Adc, Crossbar, Macro, Tile, Chip]);
    assert!((chip * 1e6 / 85.4 - 1.0).abs() < 0.01, "{chip}");
}

/// FORMS: 0.2262 pJ and 284.4 um2 a converter. CAP-RAM: 429 um2 a converter, 0.179 mm2 a macro; its two modes differ by 64
/// conversions a cycle of 35 MHz, of 573.44 GOPS / 49.4 TOPS/W = 11.608 mW and 6.35 mW: 2.347 pJ.
#[test]
fn scaled_converters_meet_their_source() {
    let adc = |name| {
        let hw = Hardware::preset(name).unwrap();
        let adc = hw.components().iter().find(|c| c.name == "adc").unwrap();
        (adc.model.energy_joule(Event::Conversion).unwrap() * 1e12, adc.model.area_m2() * 1e12)
    };
    let (pj, um2) = adc("forms_isca_2021");
    assert!((pj - 0.2262).abs() < 1e-4 && (um2 - 284.4).abs() < 0.1, "{pj} {um2}");
    let (pj, um2) = adc("cap_ram_jssc_2021");
    assert!((pj - 2.347).abs() < 1e-3 && (um2 - 429.0).abs() < 0.1, "{pj} {um2}");
    let hw = Hardware::preset("cap_ram_jssc_2021").unwrap();
    let of_macro =
        area_m2(&hw, &[Level::Adc, Level::Crossbar, Level::Macro]) / hw.hierarchy().crossbars() as f64;
    assert!((of_macro * 1e6 / 0.179 - 1.0).abs() < 0.01, "{of_macro}");
}

/// ISAAC's own width: 9 bits for 128 rows of 2-bit cells and 1-bit inputs, 8 with flipped columns.
#[test]
fn isaac_needs_eight_bits_and_without_flipped_columns_nine() {
    let set = |k: &str, v: toml::Value| (k.to_owned(), v);
    let flip = set("encoding.flipped_columns", "never".into());
    assert!(Hardware::load("isaac_isca_2016", &[set("adc.bits", 9.into())]).is_err());
    assert!(Hardware::load("isaac_isca_2016", &[set("adc.bits", 9.into()), flip.clone()]).is_ok());
    assert!(Hardware::load("isaac_isca_2016", &[set("adc.bits", 10.into()), flip]).is_err());
}

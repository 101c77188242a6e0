//! Every mistake one can make in a hardware file, and what its maker is told: the place, what was
//! expected, and the way out. The texts are the product; a change here is a change for users.

use ohmic_hardware::Hardware;

const BASE: &str = include_str!("../../../models/hardware/generic_reram/hardware.toml");

/// The message for the generic preset's text with one thing changed.
fn changed(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    refused(&BASE.replacen(from, to, 1))
}

fn refused(text: &str) -> String {
    match Hardware::from_text("my.toml", text) {
        Ok(_) => panic!("not refused:\n{text}"),
        Err(e) => e.to_string(),
    }
}

fn set(name: &str, path: &str, value: impl Into<toml::Value>) -> String {
    match Hardware::load(name, &[(path.to_owned(), value.into())]) {
        Ok(_) => panic!("{name} with {path} is not refused"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn wrong_key() {
    assert_eq!(
        changed("bits = 8\nrange", "bitz = 8\nrange"),
        "\
unknown key `adc.bitz`
  --> my.toml:25:1
   |
25 | bitz = 8
   | ^^^^ the kind `uniform` has no such key
   |
   = help: did you mean `bits`? known keys: kind, bits, range, percentile, range_per, sigma_lsb, offset_sigma_lsb, gain_sigma, dnl_sigma_lsb, inl_bow_lsb, calibration, calibration_fraction_bits, unused_codes"
    );
}

#[test]
fn bare_number() {
    assert_eq!(
        changed("v_read = \"0.2 V\"", "v_read = 0.2"),
        "\
`crossbar.v_read` = 0.2 has no unit
  --> my.toml:39:10
   |
39 | v_read = 0.2
   |          ^^^ expected a voltage with its unit, like \"0.2 V\"
   |
   = help: if V is meant, write v_read = \"0.2 V\"; units of voltage: V, mV, uV"
    );
}

#[test]
fn wrong_unit() {
    assert_eq!(
        changed("v_read = \"0.2 V\"", "v_read = \"0.2 mW\""),
        "\
`crossbar.v_read`: \"0.2 mW\" is power, not voltage
  --> my.toml:39:10
   |
39 | v_read = \"0.2 mW\"
   |          ^^^^^^^^ expected a voltage with its unit, like \"0.2 V\"
   |
   = help: units of voltage: V, mV, uV"
    );
}

#[test]
fn out_of_range() {
    assert_eq!(
        changed("rows = 128", "rows = 0"),
        "\
`crossbar.rows` = 0 is out of range
  --> my.toml:36:8
   |
36 | rows = 0
   |        ^ expected 1 to 65536
   |
   = help: `rows`: word lines of a crossbar"
    );
}

#[test]
fn adc_bits_that_make_no_sense_for_the_rows() {
    assert_eq!(
        changed("bits = 8\nrange", "bits = 14\nrange"),
        "\
`adc.bits`: 14 bits have codes that can never occur
  --> my.toml:25:8
   |
25 | bits = 14
   |        ^^
...
38 | rows_per_read = \"all\"
   |                 ----- 128 rows of 4-bit cells with input digits up to 1 sum to -1920 to 1920
   |
   = help: 12 bits tell every sum from every other; set adc.bits = 12, or adc.unused_codes = \"allow\" to sweep \
bits over designs"
    );
}

#[test]
fn a_setting_shows_the_setting_and_the_file() {
    assert_eq!(
        set("isaac_isca_2016", "adc.bits", 11),
        "\
`adc.bits`: 11 bits have codes that can never occur
  --> --set or sweep axis:1:12
   |
 1 | adc.bits = 11
   |            ^^
   |
  ::: models/hardware/isaac_isca_2016/hardware.toml:40:17
   |
40 | rows_per_read = \"all\"
   |                 ----- 128 rows of 2-bit cells with input digits up to 1 sum to 0 to 192
   |
   = help: 8 bits tell every sum from every other; set adc.bits = 8, or adc.unused_codes = \"allow\" to sweep \
bits over designs"
    );
    assert!(set("generic_reram", "adc.bit", 4).contains("did you mean `bits`?"));
    assert!(set("generic_reram", "devise.sigma_ln", 0.1).contains("did you mean `device`?"));
    assert!(set("generic_reram", "device.kind.x", 0.1).contains("`kind` is a text, it has no keys below it"));
    assert!(set("generic", "adc.bits", 4).contains("did you mean `generic_reram`?"));
    assert!(set("no/such/file.toml", "adc.bits", 4).starts_with("cannot read no/such/file.toml: "));
}

/// One line each: what is changed, and what the message has to say.
#[test]
fn every_other_mistake() {
    for (from, to, parts) in [
        ("[adc]", "[acd]", &["unknown section `[acd]`", "did you mean `adc`?"][..]),
        ("sigma_ln = 0.05", "", &["missing key `device.sigma_ln`", "[device]", "add `sigma_ln = 0`"]),
        ("kind = \"lognormal\"", "", &["missing key `device.kind`", "one of ideal, gaussian_absolute"]),
        ("\"lognormal\"", "\"log_normal\"", &["no choice \"log_normal\"", "did you mean `lognormal`?"]),
        ("\"analog\"", "\"analogue\"", &["did you mean `analog`? known names: analog, digital"]),
        ("\"40 uS\"", "\"40 us\"", &["\"40 us\" is time, not conductance", "did you mean `uS`?"]),
        ("\"40 uS\"", "\"25 kOhm\"", &["one over it is conductance: g_max = \"40 uS\""]),
        ("\"10 ns\"", "\"10 nsec\"", &["unknown unit `nsec`", "did you mean `ns`?"]),
        ("\"10 ns\"", "\"10\"", &["\"10\" has no unit"]),
        ("\"10 ns\"", "\"fast\"", &["does not begin with a number"]),
        ("\"10 ns\"", "\"0 s\"", &["out of range", "more than 0 s"]),
        ("rows = 128", "rows = \"many\"", &["is a text", "expected a whole number"]),
        ("rows = 128", "rows = 128.5", &["is a number", "expected a whole number"]),
        ("rows = 128", "rows = true", &["is true or false"]),
        ("\"all\"", "\"each\"", &["a whole number or \"all\""]),
        ("\"all\"", "256", &["256 is more than `rows` = 128", "there are 128 rows"]),
        ("adcs = 8", "adcs = 200", &["200 is more than `cols` = 128"]),
        ("cols = 128", "cols = 3", &["converters"]),
        ("sigma_ln = 0.05", "sigma_ln = 5", &["0 to 2", "a spread, not a percentage"]),
        ("sigma_ln = 0.05", "sigma_ln = \"5 %\"", &["is a text", "expected a number"]),
        ("sigma_ln = 0.05", "sigma_ln = nan", &["out of range"]),
        ("sigma_ln = 0.05", "sigma_ln = 0.1\nsigma_ln = 0.2", &["duplicate key", "given here first"]),
        ("sigma_ln = 0.05", "sigma_ln = 0,05", &["not valid TOML", "the decimal sign is a point"]),
        ("\"40 uS\"", "\"40 uS", &["not valid TOML"]),
        ("\"1 uS\"", "\"50 uS\"", &["not less than `g_max`", "the highest level"]),
        ("sigma_ln", "on_off_ratio = 5\nsigma_ln", &["both are given", "also given"]),
        ("kind = \"differential\"", "kind = \"polarized\"", &["the kind `polarized` has no such key"]),
        ("weight_bits = 8", "weight_bits = 1", &["2 to 16"]),
        ("bits = 8\nrange", "bits = 1\nrange", &["cannot tell positive sums from negative ones"]),
        ("\"max\"\n\n[precision]", "\"percentile\"\n\n[precision]", &["missing key `adc.percentile`"]),
        ("sample = ", "samples = ", &["component.sample_hold.events.samples", "did you mean `sample`?"]),
        ("\"0.98 fJ\"", "0.98", &["component.sample_hold.events.sample", "expected an energy"]),
        ("bits = 8\nrange", "bits = 12\nrange", &["no price for adc.bits = 12", "12 here", "1 to 11 bits"]),
        ("name = \"generic_reram\"", "name = \"\"", &["`name`: the text is empty"]),
        ("name =", "extends = \"isaac\"\nname =", &["did you mean `isaac_isca_2016`?"]),
    ] {
        let message = if from == "cols = 128" {
            // fewer converters too, so that the columns themselves are what is wrong
            refused(&BASE.replacen(from, to, 1).replacen("adcs = 8", "adcs = 3", 1))
        } else {
            changed(from, to)
        };
        if from == "cols = 128" {
            assert!(message.contains("3 columns hold not even one output"), "{message}");
            continue;
        }
        for part in parts {
            assert!(message.contains(part), "{from:?} -> {to:?} does not say {part:?}:\n{message}");
        }
        assert!(message.contains("my.toml:"), "no place:\n{message}");
    }
}

#[test]
fn missing_sections_show_what_they_could_be() {
    for section in ["device", "encoding", "dac", "adc", "precision", "crossbar", "hierarchy"] {
        let start = BASE.find(&format!("[{section}]")).unwrap();
        let end = start + 1 + BASE[start + 1..].find("\n[").unwrap();
        let message = refused(&format!("{}{}", &BASE[..start], &BASE[end..]));
        assert!(message.starts_with(&format!("missing section `[{section}]`")), "{message}");
        assert!(message.contains("add a section"), "{message}");
    }
    assert!(refused("").starts_with("missing key `name`"));
}

#[test]
fn widths_that_do_not_go_together_show_both_places() {
    let text = BASE.replacen(
        "kind = \"differential\"\ncell_bits = 4\nsides = \"one\"\nsubtract = \"analog\"",
        "kind = \"ternary\"",
        1,
    );
    let message = refused(&text);
    assert!(message.contains("8 bits do not fit the encoding"), "{message}");
    assert!(message.contains("holds weights of 2 bits") && message.contains("weight_bits = 8"), "{message}");
    let flipped = "extends = \"isaac_isca_2016\"\n[encoding]\ninput_sum = \"digital\"\n";
    let message = refused(flipped);
    assert!(message.contains("flipped columns need the unit column"), "{message}");
    // a place in the preset and one in the file
    assert!(
        message.contains("models/hardware/isaac_isca_2016/hardware.toml:") && message.contains("my.toml:3"),
        "{message}"
    );
    let priced = "extends = \"isaac_isca_2016\"\n[dac]\nbits = 2\n";
    let message = refused(priced);
    assert!(message.contains("`priced` has no price for dac.bits = 2"), "{message}");
    let message = refused(
        "extends = \"generic_reram\"\n[component.x]\nkind = \"priced\"\nper = \"row\"\narea = \"1 um2\"\nevents = { row_drive = \"1 pJ\" }\nsource = \"me\"\n",
    );
    assert!(
        message.contains("without saying for how many bits") && message.contains("for_dac_bits"),
        "{message}"
    );
}

/// Presets are changed by saying only what differs, in the file or by settings.
#[test]
fn presets_are_changed_by_what_differs() {
    let hw = Hardware::from_text(
        "my.toml",
        "extends = \"generic_reram\"\nname = \"mine\"\n[device]\non_off_ratio = 10\n[adc]\nbits = 6\n",
    )
    .unwrap();
    assert_eq!((hw.name(), hw.adc().bits()), ("mine", 6));
    // 40 uS / 10: the ratio has replaced the preset's g_min
    assert!((hw.device().window().g_min_siemens - 4e-6).abs() < 1e-15);
    assert!(!hw.resolved().contains("g_min") && !hw.resolved().contains("extends"));
    let ideal =
        "extends = \"generic_reram\"\n[device]\nkind = \"ideal\"\ng_min = \"0 S\"\ng_max = \"1 uS\"\n";
    assert!(Hardware::from_text("my.toml", ideal).is_ok());
    let sets = [
        ("adc.bits".to_owned(), 8.0.into()),
        ("adc".to_owned(), toml::Value::Table(toml::toml! { kind = "ideal" })),
    ];
    // an ideal converter has 32 bits, for which the preset's price model has no figure
    let e = Hardware::load("generic_reram", &sets).unwrap_err().one_line();
    assert!(e.contains("`adc_zigzag` has no price for adc.bits = 32"), "{e}");
    assert!(!e.contains('\n'), "{e}");
    assert_eq!(Hardware::load("generic_reram", &sets[..1]).unwrap().adc().bits(), 8);
}

/// Another kind keeps the keys that it knows and drops the others; a key that is set beside it is never dropped.
#[test]
fn another_kind_keeps_what_it_knows() {
    let sets = |pairs: &[(&str, &str)]| -> Vec<(String, toml::Value)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect()
    };
    let hw = Hardware::load("generic_reram", &sets(&[("device.kind", "ideal")])).unwrap();
    assert!(hw.resolved().contains("kind = \"ideal\"") && !hw.resolved().contains("sigma_ln"));
    let before = Hardware::preset("generic_reram").unwrap();
    assert_eq!(hw.device().window(), before.device().window());
    for order in [
        [("device.kind", "ideal"), ("device.sigma", "1 uS")],
        [("device.sigma", "1 uS"), ("device.kind", "ideal")],
    ] {
        let said = Hardware::load("generic_reram", &sets(&order)).unwrap_err().to_string();
        assert!(said.contains("unknown key `device.sigma`"), "{said}");
    }
    let said = Hardware::load("generic_reram", &sets(&[("device.kind", "ideel")])).unwrap_err().to_string();
    assert!(said.contains("ideal"), "{said}");
}

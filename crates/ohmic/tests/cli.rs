//! The command line as a user meets it: answers, wrong requests, hostile inputs. Every wrong request ends
//! with exit code 2, one message that begins with `error:`, and no panic.

#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn ohmic(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ohmic"))
        .args(args)
        .current_dir(repository())
        .output()
        .expect("ohmic starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a request that is right.
fn answer(args: &[&str]) -> String {
    let out = ohmic(args);
    assert_eq!(out.status.code(), Some(0), "{args:?}\n{}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

/// The message of a request that is wrong.
fn refused(args: &[&str], words: &[&str]) -> String {
    let out = ohmic(args);
    let message = text(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{args:?}\n{}{message}", text(&out.stdout));
    assert!(message.contains("error: "), "{args:?}\n{message}");
    assert!(!message.contains("panicked"), "{args:?}\n{message}");
    for word in words {
        assert!(message.contains(word), "{args:?}: `{word}` in\n{message}");
    }
    message
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("writes");
    path.display().to_string()
}

/// A small sweep over the built-in network and data.
const SWEEP: &str = "# Does it work?\nseed = 1\n[run]\nnetwork = \"lenet5-glyphs\"\ndata = \"glyphs\"\nimages = 8\ntrials = 2\n\
    hardware = [\"generic_reram\"]\n[[axis]]\nkey = \"device.sigma_ln\"\nvalues = [0.0, 0.1]\n";

/// The shape of the figures, not the figures.
#[test]
fn bench_prints_one_object_a_figure() {
    let args = ["bench", "--quick", "--case", "mvm.exact", "--format", "json", "--threads", "2"];
    let figures: serde_json::Value = serde_json::from_str(&answer(&args)).expect("JSON");
    let figures = figures.as_array().expect("a list");
    assert_eq!(figures.len(), 2);
    for (figure, threads) in figures.iter().zip([1, 2]) {
        assert_eq!((&figure["case"], &figure["threads"]), (&"mvm.exact".into(), &threads.into()));
        assert_eq!(figure["unit"], "MAC/s");
        let number = |key: &str| figure[key].as_f64().expect("a number");
        assert!(number("rate") > 0.0 && number("reference") > 0.0);
        assert!((number("ratio") - number("rate") / number("reference")).abs() < 1e-9);
    }
    refused(&["bench", "--case", "mvm.exakt"], &["mvm.exact", "--list"]);
    assert!(answer(&["bench", "--list"]).contains("isaac.exact"));
}

#[test]
fn every_command_has_a_help_text() {
    let all = answer(&["--help"]);
    for command in
        ["run", "sweep", "train", "map", "cost", "report", "list", "explain", "check", "bench", "doctor"]
    {
        assert!(all.contains(&format!("\n  {command} ")), "{command} in\n{all}");
        let help = answer(&[command, "--help"]);
        assert!(help.contains("Usage: ohmic") && help.contains("--format"), "{help}");
    }
    refused(&["swep", "x.toml"], &["sweep"]);
    refused(&["run", "--hardware", "generic_reram"], &["--network"]);
    refused(&["sweep", "x.toml", "--shard", "3/2"], &["1 <= I <= N"]);
    refused(&["run", "--hardware", "a", "--network", "b", "--set", "adc.bits"], &["KEY=VALUE"]);
}

#[test]
fn lists_and_explanations() {
    assert!(answer(&["list", "device"]).contains("lognormal"));
    assert!(answer(&["list", "preset"]).contains("isaac_isca_2016"));
    assert!(answer(&["list", "network"]).contains("lenet5-glyphs"));
    for what in [
        "encoding",
        "adc",
        "dac",
        "fault",
        "wires",
        "compensation",
        "component",
        "layer",
        "plot",
        "data",
        "knobs",
        "event",
        "column",
    ] {
        let json: serde_json::Value =
            serde_json::from_str(&answer(&["list", what, "--format", "json"])).expect("is JSON");
        let list = json.as_array().expect("is a list");
        assert!(
            !list.is_empty() && list.iter().all(|e| e["meaning"].as_str().is_some_and(|m| !m.is_empty())),
            "{what}"
        );
    }
    let explained = answer(&["explain", "adc.bits"]);
    for word in ["meaning", "range", "hardware file"] {
        assert!(explained.contains(word), "{explained}");
    }
    assert!(answer(&["explain", "energy:adc"]).contains("unit     J"));
    assert!(answer(&["explain", "sigma_ln"]).contains("device.sigma_ln"));
    assert!(answer(&["explain", "run.images"]).contains("sweep file"));
    refused(&["explain", "adc.bitz"], &["did you mean `adc.bits`?"]);
    assert!(answer(&["doctor"]).contains("kernels"));
}

#[test]
fn the_self_test_passes() {
    let text = answer(&["check"]);
    assert!(text.contains("bit for bit") && !text.contains("DIFFER"), "{text}");
}

#[test]
fn one_run_shows_hardware_layers_accuracy_and_cost() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run").display().to_string();
    let args = [
        "run",
        "--hardware",
        "generic_reram",
        "--network",
        "lenet5-glyphs",
        "--images",
        "40",
        "--trials",
        "2",
    ];
    let text = answer(&[&args[..], &["--out", &out]].concat());
    let hardware = text.find("[device]").expect("the resolved hardware");
    let layers = text.find("SNR").expect("the layers");
    let accuracy = text.find("accuracy, this hardware").expect("the accuracy");
    let cost = text.find("energy per inference").expect("the cost");
    assert!(hardware < layers && layers < accuracy && accuracy < cost, "{text}");
    assert!(!text.contains("has collapsed"), "{text}");
    for file in ["results.csv", "results.json", "results.parquet", "resolved.toml"] {
        assert!(Path::new(&out).join(file).exists(), "{file}");
    }
    let json = answer(&[&args[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
    assert_eq!(json["trials"].as_array().map(Vec::len), Some(2));
    for command in ["map", "cost"] {
        let json = answer(&[
            command,
            "--hardware",
            "generic_reram",
            "--network",
            "lenet5-glyphs",
            "--format",
            "json",
        ]);
        let json: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
        assert!(json["layers"].as_array().is_some_and(|l| !l.is_empty()), "{json}");
    }
}

#[test]
fn a_run_near_chance_names_the_layer_that_broke() {
    let text = answer(&[
        "run",
        "--hardware",
        "generic_reram",
        "--network",
        "lenet5-glyphs",
        "--images",
        "100",
        "--set",
        "device.sigma_ln=2.0",
    ]);
    assert!(text.contains("accuracy has collapsed") && text.contains("broke first"), "{text}");
}

#[test]
fn a_sweep_draws_its_report_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let sweep = write(folder.path(), "small.toml", SWEEP);
    let out = folder.path().join("out");
    let path = out.display().to_string();
    let text = answer(&["sweep", &sweep, "--out", &path]);
    assert!(text.contains("Does it work?") && text.contains("report.html"), "{text}");
    let page = std::fs::read_to_string(out.join("report.html")).expect("the page");
    assert!(page.contains("<svg") && !page.contains("src=\"http"), "one page, without a network");
    let results = std::fs::read(out.join("results.csv")).expect("the results");
    let again = answer(&["sweep", &sweep, "--out", &path, "--format", "json"]);
    let again: serde_json::Value = serde_json::from_str(&again).expect("is JSON");
    assert_eq!((again["computed"].as_u64(), again["found"].as_u64()), (Some(0), Some(4)));
    assert_eq!(std::fs::read(out.join("results.csv")).expect("the results"), results);
    let other = folder.path().join("threads").display().to_string();
    answer(&["sweep", &sweep, "--out", &other, "--threads", "1"]);
    assert_eq!(std::fs::read(Path::new(&other).join("results.csv")).expect("the results"), results);
    assert!(answer(&["report", &path]).contains("report.html"));
    refused(&["sweep", &sweep, "--out", &path, "--set", "seed=2"], &["another sweep", "seed"]);
}

#[test]
fn a_point_that_cannot_be_encoded_fails_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    // the network is not polarized; the other encoding takes any weight
    let encodings = "[{ kind = \"polarized\", cell_bits = 4 }, { kind = \"offset_column\", cell_bits = 4 }]";
    let sweep = write(
        folder.path(),
        "encodings.toml",
        SWEEP.replace("device.sigma_ln", "encoding").replace("[0.0, 0.1]", encodings),
    );
    let out = ohmic(&["sweep", &sweep, "--out", &folder.path().join("out").display().to_string()]);
    assert_eq!(out.status.code(), Some(1), "{}{}", text(&out.stdout), text(&out.stderr));
    let csv = std::fs::read_to_string(folder.path().join("out/results.csv")).expect("the results");
    assert_eq!(csv.matches(",failed,").count(), 2, "{csv}");
    assert_eq!(csv.matches(",done,").count(), 2, "{csv}");
    assert!(text(&out.stdout).contains("polarized"), "{}", text(&out.stdout));
}

#[test]
fn wrong_hardware_is_shown_in_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let preset = std::fs::read_to_string(repository().join("models/hardware/generic_reram/hardware.toml"))
        .expect("reads");
    for (from, to, words) in [
        ("bits = 8\nrange", "bitz = 8\nrange", ["bitz", "bits"]),
        ("g_max = \"40 uS\"", "g_max = \"40 uA\"", ["g_max", "conductance"]),
        ("g_max = \"40 uS\"", "g_max = 40", ["g_max", "unit"]),
        ("sigma_ln = 0.05", "sigma_ln = 7.0", ["sigma_ln", "2"]),
        ("kind = \"lognormal\"", "kind = \"lognormall\"", ["lognormall", "lognormal"]),
        ("[adc]\nkind = \"uniform\"\nbits = 8", "[adc]\nkind = \"uniform\"\nbits = 16", ["bits", "16"]),
        ("[encoding]", "[encoding", ["hardware.toml", "1"]),
    ] {
        assert!(preset.contains(from), "{from}");
        let file = write(folder.path(), "hardware.toml", preset.replacen(from, to, 1));
        let message = refused(&["check", &file], &words);
        assert!(message.contains("hardware.toml"), "{message}");
    }
    refused(&["check", &write(folder.path(), "empty.toml", "")], &["neither a hardware file"]);
    refused(&["run", "--hardware", "isac_isca_2016", "--network", "lenet5-glyphs"], &["isaac_isca_2016"]);
}

#[test]
fn wrong_sweeps_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let path = out.display().to_string();
    for (from, to, words) in [
        ("[0.0, 0.1]", "[]", ["the axis `device.sigma_ln` is empty", ":11:10"]),
        ("device.sigma_ln", "device.sigma", ["device.sigma", "sigma_ln"]),
        ("generic_reram", "no_such", ["no_such", "preset"]),
        ("lenet5-glyphs", "lenet6-glyphs", ["lenet6-glyphs", "lenet5-glyphs"]),
        ("\"glyphs\"", "\"glyph\"", ["glyph", "glyphs"]),
        ("images = 8", "images = 0", ["images", "1 or more"]),
        ("seed = 1\n", "", ["seed", "add `seed = 1`"]),
        ("[run]", "[run", ["small.toml", "3"]),
    ] {
        let sweep = write(folder.path(), "small.toml", SWEEP.replacen(from, to, 1));
        refused(&["sweep", &sweep, "--out", &path], &words);
        assert!(!out.exists(), "nothing is written for a wrong request: {from} -> {to}");
    }
    refused(&["sweep", &folder.path().join("none.toml").display().to_string()], &["none.toml"]);
    refused(&["report", &folder.path().join("none").display().to_string()], &["none"]);
    refused(&["report", &folder.path().display().to_string()], &["results"]);
}

#[test]
fn hostile_models_and_data_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    refused(&["check", &path("none.onnx")], &["none.onnx"]);
    refused(&["check", &write(folder.path(), "noise.onnx", [0xff_u8; 400])], &["noise.onnx"]);
    refused(&["check", &write(folder.path(), "image.png", "x")], &["image.png"]);

    // a model whose weights are cut off, then one with a NaN
    let kept = repository().join("models/networks/lenet5-glyphs");
    let model = std::fs::read_to_string(kept.join("model.toml")).expect("reads");
    let weights = std::fs::read(kept.join("weights.safetensors")).expect("reads");
    let declared =
        model.split("blake3 = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a hash").to_owned();
    for (bytes, words) in [
        (weights[..weights.len() / 2].to_vec(), ["weights.safetensors", "cut off"]),
        (
            weights
                .iter()
                .copied()
                .enumerate()
                .map(|(i, b)| if i >= weights.len() - 4 { 0xff } else { b })
                .collect(),
            ["NaN", ""],
        ),
        (b"{}".to_vec(), ["weights.safetensors", ""]),
    ] {
        let hash = blake3::hash(&bytes).to_hex().to_string();
        write(folder.path(), "weights.safetensors", &bytes);
        let file = write(folder.path(), "model.toml", model.replace(&declared, &hash));
        refused(&["check", &file], &words);
    }
    write(folder.path(), "weights.safetensors", &weights[1..]);
    refused(&["check", &write(folder.path(), "model.toml", &model)], &["hash"]);

    // images cut off in the middle of their gzip stream; another magic number; labels that are not there
    let run = |data: &str, words: &[&str]| {
        refused(
            &[
                "run",
                "--hardware",
                "generic_reram",
                "--network",
                "lenet5-glyphs",
                "--images",
                "2",
                "--data",
                data,
            ],
            words,
        );
    };
    let gzip = write(folder.path(), "images.idx.gz", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63, 0x60]);
    let labels = write(folder.path(), "labels.idx", [0, 0, 8, 1, 0, 0, 0, 1, 7]);
    run(&format!("{gzip},{labels}"), &["images.idx.gz"]);
    let magic = write(folder.path(), "magic.idx", [1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
    run(&format!("{magic},{labels}"), &["magic.idx"]);
    run(&format!("{magic},{}", path("none.idx")), &[".idx"]);
    let shape = write(folder.path(), "rows.csv", "1,2,3,0\n4,5,6,1\n1,2,3,0\n4,5,6,1\n");
    run(&shape, &["28"]);
}

/// A folder that cannot be written: for root, one below a file.
#[test]
fn an_output_folder_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let sweep = write(folder.path(), "small.toml", SWEEP);
    let file = write(folder.path(), "file", "x");
    refused(&["sweep", &sweep, "--out", &format!("{file}/out")], &["file"]);
    if cfg!(target_os = "linux") {
        refused(&["sweep", &sweep, "--out", "/proc/ohmic"], &["/proc/ohmic"]);
    }
}

/// A full disk: one clear message, exit code 2, and the same command goes on when there is room again.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_stops_the_sweep_and_nothing_finished_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let mount = |options: &str| {
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&disk)
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !mount("size=64k") {
        println!("SKIPPED: a small disk can be made by root only");
        return;
    }
    let sweep = write(folder.path(), "small.toml", SWEEP);
    let out = disk.join("out").display().to_string();
    let first = ohmic(&["sweep", &sweep, "--out", &out]);
    let message = text(&first.stderr);
    let enlarged = mount("remount,size=64m");
    let second = ohmic(&["sweep", &sweep, "--out", &out]);
    let _ = Command::new("umount").arg(&disk).output();
    assert_eq!(first.status.code(), Some(2), "{message}");
    assert!(message.contains("the disk is full") && !message.contains("panicked"), "{message}");
    assert!(enlarged, "the disk is enlarged");
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let out =
            Command::new(env!("CARGO_BIN_EXE_ohmic")).arg("list").stdout(full).output().expect("starts");
        assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    }
}

/// Sixteen cells in two states, by turns: 10 to 17 uS and 100 to 107 uS. Both have the mean of 0 to 7 above their first,
/// 3.5 uS, and the standard deviation sqrt(6) = 2.45 uS.
#[test]
fn raw_reads_become_a_device_that_can_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let reads: String = (0..16).map(|i| format!("{}\n", 10 + 90 * (i % 2) + i / 2)).collect();
    write(folder.path(), "reads.csv", &reads);
    let file = write(
        folder.path(),
        "measurement.toml",
        "name = \"chip\"\nsource = \"a test\"\n[reads.fresh]\nfile = \"reads.csv\"\nelapsed = \"1 s\"\nunit = \
         \"uS\"\nstates = 2\n",
    );
    let out = folder.path().join("device");
    let said = answer(&["fit", &file, "--out", &out.display().to_string()]);
    assert!(said.contains("13.5 uS") && said.contains("103 uS") || said.contains("104 uS"), "{said}");
    assert!(said.contains("2.45 uS"), "{said}");
    for name in ["states.csv", "device.toml", "states.svg", "states.png"] {
        assert!(out.join(name).exists(), "{name}");
    }
    let device = out.join("device.toml").display().to_string();
    answer(&["check", &device]);
    write(folder.path(), "reads.csv", reads.replace("12\n", "-12\n"));
    refused(&["fit", &file], &["reads.csv:5:1", "not a conductance of 0 or more"]);
}

/// A curve is the single answers side by side, and a finer converter that clips nothing never rounds worse.
#[test]
fn ratios_versus_a_key_are_those_of_single_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let common =
        ["snr", "--hardware", "generic_reram", "--network", "mlp-glyphs", "--images", "8", "--trials", "1"];
    let json = |more: &[&str]| -> serde_json::Value {
        serde_json::from_str(&answer(&[&common[..], &["--format", "json"], more].concat())).expect("is JSON")
    };
    let versus = json(&["--versus", "adc.bits=5,6"]);
    let single = json(&["--set", "adc.bits=6"]);
    assert_eq!(versus["values"][1]["adc.bits"], 6);
    assert_eq!(versus["values"][1]["layers"], single["layers"]);
    assert_ne!(versus["values"][0]["layers"], single["layers"]);

    let bits = "adc.bits=3,4,5,6,7,8";
    let set = ["--predict", "--set", "adc.range=full_scale", "--set", "adc.unused_codes=allow"];
    let curve = json(&[&set[..], &["--versus", bits]].concat());
    let steps = curve["values"].as_array().expect("a list");
    let sqnr = |step: &serde_json::Value| step["sqnr_db"].as_f64().expect("a number");
    assert_eq!(steps.len(), 6);
    assert!(steps.windows(2).all(|p| sqnr(&p[0]) <= sqnr(&p[1])), "{steps:?}");
    assert!(
        steps
            .iter()
            .flat_map(|s| s["layers"].as_array())
            .flatten()
            .all(|l| { l["predicted"]["alone"]["clipping"].as_f64().is_some_and(|c| c.abs() < 1e-12) })
    );

    for (versus, figures) in [
        ("crossbar.rows_per_read=16,32", ["snr_versus", "snr_versus_layers"]),
        ("device.g_max=50 uS,100 uS", ["snr_versus", "snr_versus_layers"]),
        ("adc.range=max,full_scale", ["snr_versus", "snr_versus_waterfall"]),
    ] {
        let out = folder.path().join(&versus[..8]);
        let said = answer(
            &[&common[..], &["--predict", "--versus", versus, "--out", &out.display().to_string()]].concat(),
        );
        assert!(said.contains("SQNR") && said.contains("binds"), "{said}");
        let table = std::fs::read_to_string(out.join("snr_versus.csv")).expect("a table");
        assert!(table.starts_with("axis:") && table.contains("sqnr_db"), "{table}");
        for name in figures {
            assert!(
                out.join(name).with_extension("svg").exists()
                    && out.join(name).with_extension("png").exists()
            );
        }
    }
}

#[test]
fn wrong_keys_and_values_of_a_curve_are_refused() {
    let common = ["snr", "--predict", "--hardware", "generic_reram", "--network", "mlp-glyphs", "--versus"];
    for (versus, words) in [
        ("adc.bitz=5,6", &["did you mean `bits`"][..]),
        ("adc.bits=5,99", &["--versus adc.bits, 99", "99"]),
        ("adc.bits=5,fine", &["fine"]),
        ("device.g_max=50 uS,50 uV", &["uV"]),
        ("adc.bits=5", &["one value", "--set adc.bits=5"]),
        ("adc.bits=5,5", &["twice"]),
        ("adc.bits=5,,6", &["value 2 of 3 is empty"]),
        ("adc.bits", &["KEY=V1,V2"]),
        ("run.images=8,16", &["no hardware key"]),
    ] {
        refused(&[&common[..], &[versus]].concat(), words);
    }
    refused(&[&common[..], &["adc.bits=5,6", "--set", "adc.bits=7"]].concat(), &["leave one of them out"]);
}

/// docs/reference is what `ohmic explain --all` says now.
#[test]
fn the_reference_pages_are_fresh() {
    let folder = tempfile::tempdir().expect("a folder");
    answer(&["explain", "--all", "--out", &folder.path().display().to_string()]);
    let mut pages = 0;
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let path = entry.expect("is readable").path();
        let name = path.file_name().expect("a name").to_owned();
        let kept =
            std::fs::read_to_string(repository().join("docs/reference").join(&name)).unwrap_or_default();
        let fresh = std::fs::read_to_string(&path).expect("reads");
        assert!(kept == fresh, "docs/reference/{} is stale: run `just reference`", name.to_string_lossy());
        pages += 1;
    }
    assert_eq!(pages, 4);
}

/// Every sweep that is kept is right: it parses, and all its axes name real keys.
#[test]
fn the_kept_sweeps_are_right() {
    let mut sweeps = 0;
    for entry in std::fs::read_dir(repository().join("sweeps")).expect("a folder") {
        let path = entry.expect("is readable").path();
        if path.extension().is_some_and(|e| e == "toml") {
            assert!(answer(&["check", &path.display().to_string()]).contains("a sweep file, and right"));
            sweeps += 1;
        }
    }
    assert!(sweeps >= 5, "{sweeps}");
}

#[test]
fn results_are_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let out = out.to_str().unwrap();
    for command in ["run", "cost"] {
        let common =
            ["--hardware", "generic_reram", "--network", "mlp-glyphs", "--images", "20", "--out", out];
        let args: Vec<&str> = [command].into_iter().chain(common).collect();
        if command == "run" {
            assert!(ohmic(&args).status.success());
        }
        refused(&args, &["holds results already", "--out"]);
    }
    assert!(std::path::Path::new(out).join("results.csv").exists());
}

//! A layer on wires with resistance against the crossbar solved node by node, and what hardware files may say.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

use ohmic_execution::{Chip, Design, Error, Probe, Shortcuts};
use ohmic_hardware::dac::InputSign;
use ohmic_hardware::{Hardware, Patch};
use ohmic_mapping::Plan;
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{Network, Shape, Tensor};
use ohmic_numerics::{Cells, Mat, Noise, Seed, Site};
use ohmic_tests::{Bench, Inputs, hardware, integers, linear, only, random, samples};

/// Lines as a test writes them, in ohm.
#[derive(Clone, Copy)]
struct Wires {
    row: f64,
    column: f64,
    driver: f64,
    sense: f64,
    both: bool,
    top: bool,
    floating: bool,
}

const WIRES: Wires =
    Wires { row: 150.0, column: 90.0, driver: 400.0, sense: 300.0, both: false, top: false, floating: false };

impl Wires {
    fn section(&self, kind: &str, more: &str) -> String {
        format!(
            "[wires]\nkind = \"{kind}\"\nrow_segment = \"{} Ohm\"\ncolumn_segment = \"{} Ohm\"\n\
             driver_resistance = \"{} Ohm\"\nsense_resistance = \"{} Ohm\"\ndriven_from = \"{}\"\nsensed_at = \"{}\"\n{more}\n",
            self.row,
            self.column,
            self.driver,
            self.sense,
            if self.both { "both" } else { "left" },
            if self.top { "top" } else { "bottom" }
        )
    }

    fn exact(&self) -> String {
        let undriven = if self.floating { "floating" } else { "grounded" };
        self.section("exact", &format!("undriven_rows = \"{undriven}\""))
    }
}

/// Currents into the sense inputs of a whole crossbar, its unused cells at 0 S, for voltages on the driven rows
/// (`None`: not driven). Plain nodal analysis: every node of the crossbar, Gauss, f64.
fn currents(crossbar: &Mat<f64>, wires: &Wires, volts: &[Option<f64>]) -> Vec<f64> {
    let (m, n) = (crossbar.rows(), crossbar.cols());
    let word = |i: usize, j: usize| i * n + j;
    let bit = |i: usize, j: usize| m * n + i * n + j;
    let mut a = Mat::filled(2 * m * n, 2 * m * n, 0.0);
    let mut b = vec![0.0; 2 * m * n];
    let mut join = |p: usize, q: usize, siemens: f64| {
        for (p, q) in [(p, q), (q, p)] {
            a[(p, p)] += siemens;
            a[(p, q)] -= siemens;
        }
    };
    for i in 0..m {
        for j in 0..n {
            join(word(i, j), bit(i, j), crossbar[(i, j)]);
            if j + 1 < n {
                join(word(i, j), word(i, j + 1), 1.0 / wires.row);
            }
            if i + 1 < m {
                join(bit(i, j), bit(i + 1, j), 1.0 / wires.column);
            }
        }
    }
    for (i, volts) in volts.iter().enumerate().take(m) {
        let ends = if wires.both { vec![word(i, 0), word(i, n - 1)] } else { vec![word(i, 0)] };
        for end in ends {
            match *volts {
                Some(v) => {
                    a[(end, end)] += 1.0 / wires.driver;
                    b[end] += v / wires.driver;
                }
                // its potential does not matter if nothing is connected
                None => a[(end, end)] += 1e-18,
            }
        }
    }
    let last = if wires.top { 0 } else { m - 1 };
    (0..n).for_each(|j| a[(bit(last, j), bit(last, j))] += 1.0 / wires.sense);
    let dim = 2 * m * n;
    for p in 0..dim {
        for r in p + 1..dim {
            let factor = a[(r, p)] / a[(p, p)];
            if factor != 0.0 {
                for c in p..dim {
                    let v = a[(p, c)];
                    a[(r, c)] -= factor * v;
                }
                b[r] -= factor * b[p];
            }
        }
    }
    for p in (0..dim).rev() {
        let sum: f64 = (p + 1..dim).map(|c| a[(p, c)] * b[c]).sum();
        b[p] = (b[p] - sum) / a[(p, p)];
    }
    (0..n).map(|j| b[bit(last, j)] / wires.sense).collect()
}

/// The layer's answers in units of the integer product, cell by cell and node by node.
fn specification(
    hw: &Hardware,
    plan: &Plan,
    layer: &QuantizedMvm,
    wires: &Wires,
    has_dummy: bool,
    x: &[i32],
    noise: &Noise,
) -> Vec<f64> {
    let plan = plan.layers[0].as_ref().unwrap();
    let (k, n) = (plan.k, plan.n);
    let window = hw.device().window();
    let step = window.step_siemens(1 << hw.encoding().cell_bits());
    let sign = if layer.input_signed { InputSign::Signed } else { InputSign::Unsigned };
    let slices = hw.dac().slices(layer.input_bits, sign);
    let mut y = vec![0.0; x.len() / k * n];
    for block in &plan.blocks {
        let rows = block.rows.clone();
        let outputs = block.outputs.len();
        let weights = Mat::from_fn(rows.len(), outputs, |r, c| {
            layer.weights[0][(rows.start + r, block.outputs.start + c)]
        });
        let encoded = hw.encoding().encode(weights.view(), layer.weight_bits, plan.rows_per_read).unwrap();
        let site = Site { layer: plan.id.0, block: block.id.0 };
        let mut planes: Vec<Mat<u16>> = encoded.planes.clone();
        if has_dummy {
            planes.push(Mat::filled(rows.len(), 1, 0));
        }
        // bit lines: the planes of one output side by side, then what all outputs share, then the dummy
        let own: Vec<usize> = (0..encoded.planes.len()).filter(|&p| planes[p].cols() == outputs).collect();
        let shared: Vec<usize> = (0..planes.len()).filter(|p| !own.contains(p)).collect();
        let line = |plane: usize, c: usize| match own.iter().position(|&p| p == plane) {
            Some(at) => c * own.len() + at,
            None => outputs * own.len() + shared.iter().position(|&p| p == plane).unwrap(),
        };
        let mut crossbar = Mat::filled(hw.crossbar().rows, hw.crossbar().cols, 0.0);
        let mut first = 0;
        for (which, plane) in planes.iter().enumerate() {
            let mut g: Vec<f32> = plane
                .as_slice()
                .iter()
                .map(|&l| (window.g_min_siemens + f64::from(l) * step) as f32)
                .collect();
            let patch = Patch::row(g.len(), Cells { site, first }, noise);
            hw.device().program(&mut g, &patch, 0);
            first += g.len() as u32;
            for (at, g) in g.into_iter().enumerate() {
                let (r, c) = (at / plane.cols(), at % plane.cols());
                crossbar[(block.first_row + r, block.first_col + line(which, c))] = f64::from(g);
            }
        }
        for (v, x) in x.chunks_exact(k).enumerate() {
            let y = &mut y[v * n..][block.outputs.clone()];
            for slice in &slices {
                for (fragment, start) in (0..rows.len()).step_by(plan.rows_per_read).enumerate() {
                    let read = start..(start + plan.rows_per_read).min(rows.len());
                    let mut volts = vec![(!wires.floating).then_some(0.0); crossbar.rows()];
                    for r in read {
                        volts[block.first_row + r] = Some(f64::from(slice.digit(x[rows.start + r])));
                    }
                    let current = currents(&crossbar, wires, &volts);
                    let dummy = if has_dummy { current[line(planes.len() - 1, 0)] } else { 0.0 };
                    for readout in &encoded.readouts {
                        for (c, y) in y.iter_mut().enumerate() {
                            let sum: f64 = readout
                                .terms
                                .iter()
                                .map(|&(p, sign)| {
                                    let column = if planes[p].cols() == 1 { 0 } else { c };
                                    sign.value() as f64 * (current[line(p, column)] - dummy) / step
                                })
                                .sum();
                            *y += sum * (readout.gain.at(fragment, c) * slice.gain) as f64;
                        }
                    }
                }
            }
            let sum: i64 = rows.clone().map(|r| i64::from(x[r])).sum();
            for (y, scale) in y.iter_mut().zip(&encoded.input_sum_scale) {
                *y += (scale * sum) as f64;
            }
        }
    }
    y
}

const N: usize = 3;
const LOGNORMAL: &str = "kind = \"lognormal\"\ng_max = \"40 uS\"\ng_min = \"1 uS\"\nsigma_ln = 0.1";
const IDEAL: &str = "kind = \"ideal\"\ng_max = \"40 uS\"\ng_min = \"0 S\"";
const DIFFERENTIAL: &str = "kind = \"differential\"\ncell_bits = 4\nsides = \"one\"\nsubtract = \"analog\"";
const OFFSET: &str =
    "kind = \"offset\"\ncell_bits = 2\ninput_sum = \"unit_column\"\nflipped_columns = \"never\"";
const ADC: &str = "[adc]\nkind = \"ideal\"\n[component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\nevents = { conversion = \"1 pJ\" }\nfor_adc_bits = 32\nsource = \"test\"\n";

struct Case {
    network: Network,
    x: Tensor,
}

/// 11 rows on crossbars of 8 x 11 with 3 rows a read: blocks of 6 and 5 rows, two outputs and one.
fn case() -> Case {
    Case { network: linear(11, N, random(1, 11 * N)), x: samples(3, 2, &Shape(vec![11]), Inputs::Rectified) }
}

fn text(device: &str, encoding: &str, crossbar: &str, wires: &str) -> String {
    format!(
        "[device]\n{device}\n[encoding]\n{encoding}\n{ADC}[precision]\nweight_bits = 8\ninput_bits = 4\n\
         [crossbar]\nrows = 8\ncols = 11\nrows_per_read = 3\n{crossbar}\n{wires}"
    )
}

fn answers(case: &Case, hw: &Hardware) -> Result<(Vec<f64>, Vec<f64>, bool), Error> {
    let quantized = integers(&case.network, 8, 4, &case.x);
    let layer = only(&quantized);
    let bench = Bench::new(&case.network, &quantized, hw);
    let design = Design::new(&case.network, &quantized, &bench.plan, hw, &case.x)?;
    let noise = Noise::new(Seed(17));
    let chip = Chip::program(&design, noise, Shortcuts::Taken)?;
    let run = chip.run(&case.x, 0, Probe::Off)?;
    let unit = |i: usize| f64::from(layer.input_step) * f64::from(layer.weight_step[i % N]);
    let got = run.output.data.iter().enumerate();
    let got = got.map(|(i, &y)| f64::from(y) / unit(i) - layer.bias[i % N] as f64).collect();
    Ok((got, run.output.data.iter().map(|&y| f64::from(y)).collect(), chip.lossless_layers().is_empty()))
}

fn wanted(case: &Case, hw: &Hardware, wires: &Wires, has_dummy: bool) -> Vec<f64> {
    let quantized = integers(&case.network, 8, 4, &case.x);
    let layer = only(&quantized);
    let bench = Bench::new(&case.network, &quantized, hw);
    let mut integers = vec![0; case.x.data.len()];
    layer.quantize_inputs(&case.x.data, &mut integers);
    specification(hw, &bench.plan, layer, wires, has_dummy, &integers, &Noise::new(Seed(17)))
}

fn rms(v: impl Iterator<Item = f64>) -> f64 {
    let v: Vec<f64> = v.collect();
    (v.iter().map(|v| v * v).sum::<f64>() / v.len() as f64).sqrt()
}

fn off(a: &[f64], b: &[f64]) -> f64 {
    rms(a.iter().zip(b).map(|(a, b)| a - b)) / rms(b.iter().copied())
}

/// Every option. Only the fixed point of reads differs, below 2^-12 of the largest level a cell; without
/// wires the same answers are off by several percent.
#[test]
fn layer_on_wires_is_the_crossbar_node_by_node() {
    let case = case();
    for (wires, encoding, crossbar) in [
        (WIRES, DIFFERENTIAL, ""),
        (Wires { both: true, top: true, ..WIRES }, DIFFERENTIAL, "dummy_column = \"none\""),
        (Wires { floating: true, ..WIRES }, DIFFERENTIAL, ""),
        (Wires { both: true, floating: true, ..WIRES }, OFFSET, "dummy_column = \"analog\""),
        (Wires { top: true, ..WIRES }, OFFSET, "dummy_column = \"analog\""),
    ] {
        let hw = hardware(&text(LOGNORMAL, encoding, crossbar, &wires.exact()));
        let (got, ..) = answers(&case, &hw).unwrap();
        let want = wanted(&case, &hw, &wires, crossbar.contains("analog"));
        assert!(off(&got, &want) < 1e-3, "{}: {got:?} {want:?}", off(&got, &want));
        let (without, ..) = answers(&case, &hardware(&text(LOGNORMAL, encoding, crossbar, ""))).unwrap();
        assert!(off(&without, &want) > 0.02, "wires have to matter: {}", off(&without, &want));
    }
}

/// As resistances go to zero, answers go to those without wires, and at zero they are the same bits; exact
/// cells on wires are no longer lossless.
#[test]
fn short_wires_tend_to_none() {
    let case = case();
    let of = |wires: &str| answers(&case, &hardware(&text(IDEAL, DIFFERENTIAL, "", wires))).unwrap();
    let (_, ideal, computed) = of("");
    assert!(!computed, "without wires the layer is lossless");
    let (_, none, _) = of("[wires]\nkind = \"none\"\n");
    assert_eq!(none, ideal);
    let mut last = f64::INFINITY;
    for ohm in [100.0, 10.0, 1.0] {
        let wires = Wires { row: ohm, column: ohm, driver: ohm, sense: ohm, ..WIRES };
        let (_, got, computed) = of(&wires.exact());
        assert!(computed, "wires have to be computed");
        let now = off(&got, &ideal);
        assert!(now < last / 5.0, "{ohm} ohm: {now}");
        last = now;
    }
    let zero = Wires { row: 0.0, column: 0.0, driver: 0.0, sense: 0.0, ..WIRES };
    assert_eq!(of(&zero.exact()).1, ideal);
}

/// One thread or four, the same bits.
#[test]
fn threads_change_nothing() {
    let case = case();
    let hw = hardware(&text(LOGNORMAL, DIFFERENTIAL, "", &WIRES.exact()));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| answers(&case, &hw).unwrap().1)
    };
    assert_eq!(on(1), on(4));
}

/// The approximate method is close to the exact one, or says that it cannot be.
#[test]
fn approximate_wires_keep_their_bound_or_refuse() {
    let case = case();
    let wires = Wires { row: 1.0, column: 1.0, driver: 5.0, sense: 5.0, ..WIRES };
    let run = |wires: &str| answers(&case, &hardware(&text(LOGNORMAL, DIFFERENTIAL, "", wires)));
    let (_, exact, _) = run(&wires.exact()).unwrap();
    let (_, near, _) = run(&wires.section("approximate", "error_bound = 0.001")).unwrap();
    assert!(off(&near, &exact) < 2e-3, "{}", off(&near, &exact));
    let e = run(&WIRES.section("approximate", "error_bound = 0.001")).unwrap_err();
    assert!(matches!(e, Error::Wires { .. }), "{e}");
    let e = e.to_string();
    assert!(e.contains("crossbar 0, `[wires]`: the approximate method is certain to"), "{e}");
}

/// Read noise of a cell reaches its bit line like its current.
#[test]
fn read_noise_shrinks_with_the_current() {
    let case = case();
    let device = "kind = \"gaussian_absolute\"\ng_max = \"40 uS\"\ng_min = \"10 uS\"\nsigma_fraction = 0.0";
    let (with, without) = (&format!("{device}\nread_sigma_fraction = 0.1"), device);
    // read noise is drawn at conversions; 7 bits tell all sums of 3 rows and 4-bit cells apart
    let run = |device: &str, wires: &str| {
        let converter = "[adc]\nkind = \"uniform\"\nbits = 7\nrange = \"full_scale\"\n";
        let text = text(device, DIFFERENTIAL, "", wires).replace(ADC, converter);
        answers(&case, &hardware(&text)).unwrap().0
    };
    // drivers alone: every cell of a row sees the same share, 1 / (1 + 20 kOhm · 4 or 8 cells of 10 to 40 uS)
    let spread = |wires: &str| {
        let (noisy, quiet) = (run(with, wires), run(without, wires));
        rms(noisy.iter().zip(&quiet).map(|(a, b)| a - b))
    };
    let wires = Wires { row: 0.0, column: 0.0, driver: 20_000.0, sense: 0.0, ..WIRES };
    let (ideal, on_wires) = (spread(""), spread(&wires.exact()));
    assert!(on_wires < 0.6 * ideal && on_wires > 0.12 * ideal, "{on_wires} against {ideal}");
}

fn refused(section: &str) -> String {
    let text = format!("name = \"test\"\nextends = \"generic_reram\"\n{section}");
    Hardware::from_text("test.toml", &text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn hostile_hardware_files() {
    let good = WIRES.exact();
    for (from, to, told) in [
        ("\"150 Ohm\"", "\"-1 Ohm\"", "`wires.row_segment`"),
        ("\"150 Ohm\"", "\"nan Ohm\"", "wires.row_segment"),
        ("\"150 Ohm\"", "\"inf Ohm\"", "wires.row_segment"),
        ("\"150 Ohm\"", "\"1e7 Ohm\"", "`wires.row_segment`"),
        ("\"150 Ohm\"", "\"1e-12 Ohm\"", "1e-12 Ohm is next to nothing"),
        ("\"150 Ohm\"", "150", "no unit"),
        ("\"150 Ohm\"", "\"150 V\"", "is voltage, not resistance"),
        ("row_segment", "row_segmnt", "did you mean `row_segment`"),
        ("\"exact\"", "\"exakt\"", "did you mean `exact`"),
        ("\"left\"", "\"right\"", "wires.driven_from"),
        ("\"bottom\"", "\"middle\"", "wires.sensed_at"),
        ("\"grounded\"", "\"open\"", "wires.undriven_rows"),
        ("driven_from = \"left\"\n", "", "driven_from"),
        ("kind = \"exact\"\n", "", "one of none, exact, approximate"),
    ] {
        assert!(good.contains(from), "{from}");
        let e = refused(&good.replacen(from, to, 1));
        assert!(e.contains(told) && e.contains("test.toml:"), "{from} -> {to}: {e}");
    }
    for (bound, told) in
        [("", "error_bound"), ("error_bound = 0", "error_bound"), ("error_bound = 2.0", "error_bound")]
    {
        let e = refused(&WIRES.section("approximate", bound));
        assert!(e.contains(told), "{bound}: {e}");
    }
    let e = refused("[wires]\nkind = \"none\"\nrow_segment = \"1 Ohm\"\n");
    assert!(e.contains("unknown key `wires.row_segment`"), "{e}");
    // what is said comes back in the resolved file
    let hw = hardware(&good);
    let again = Hardware::from_text("resolved.toml", hw.resolved()).unwrap();
    assert_eq!(hw.wires().wires(), again.wires().wires());
    assert!(hw.wires().wires().is_some());
}

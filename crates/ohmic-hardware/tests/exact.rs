//! Every encoding is exact, no hardware involved: the formula that execution evaluates, in whole
//! numbers, is the integer matrix product. Runs over `encoding::KINDS` with every choice of their
//! keys, so a new encoding is tested without a line here.

use ohmic_config::key::Form;
use ohmic_hardware::encoding::{EncodeError, Encoded, KINDS, WeightEncoding};
use ohmic_numerics::{Mat, Noise, Purpose, Seed, Site};
use proptest::prelude::*;

/// Every section text that a kind's choices and cell widths make; those that do not build are named
/// in the kind's own tests.
fn texts(kind: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    for key in KINDS[kind].keys {
        let values: Vec<String> = match key.form {
            Form::Choice(names) => names.iter().map(|(n, _)| format!("\"{n}\"")).collect(),
            Form::Integer if key.key == "cell_bits" => ["1", "2", "3", "4", "8"].map(str::to_owned).to_vec(),
            _ => panic!("`{}` has a key this test cannot vary: {}", KINDS[kind].name, key.key),
        };
        texts = texts
            .iter()
            .flat_map(|t| values.iter().map(move |v| format!("{t}{} = {v}\n", key.key)))
            .collect();
    }
    texts
}

struct Random {
    noise: Noise,
    next: u32,
}

impl Random {
    fn within(&mut self, low: i32, high: i32) -> i32 {
        self.next += 1;
        let bits = self.noise.bits(Purpose::Data, Site { layer: 0, block: 0 }, 0, self.next);
        low + (u64::from(bits) % ((high - low) as u64 + 1)) as i32
    }
}

/// Random weights that the encoding can hold: one that it refuses is replaced, by its negative, its
/// odd neighbour, 0 or 1.
fn encodable(
    encoding: &dyn WeightEncoding,
    mut weights: Mat<i32>,
    weight_bits: u32,
    rows_per_read: usize,
) -> (Mat<i32>, Encoded) {
    for attempt in 0..4 * weights.as_slice().len() + 1 {
        match encoding.encode(weights.view(), weight_bits, rows_per_read) {
            Ok(encoded) => return (weights, encoded),
            Err(EncodeError::Weight { weight, row, column, fragment, .. }) => {
                assert_eq!((weight, fragment), (weights[(row, column)], row / rows_per_read));
                weights[(row, column)] = match weight {
                    w if w % 2 == 0 && w != 0 => w - w.signum(),
                    0 => 1,
                    w if attempt % 2 == 0 => -w,
                    _ => 0,
                };
            }
            Err(e) => panic!("{e}"),
        }
    }
    panic!("no weight suits {encoding:?}");
}

fn check(
    encoding: &dyn WeightEncoding,
    weights: &Mat<i32>,
    encoded: &Encoded,
    weight_bits: u32,
    rows_per_read: usize,
    random: &mut Random,
) -> Result<(), String> {
    let (k, n) = (weights.rows(), weights.cols());
    let top = (1u32 << encoding.cell_bits()) - 1;
    for plane in &encoded.planes {
        if plane.rows() != k || (plane.cols() != n && plane.cols() != 1) {
            return Err(format!("a plane of {} x {}", plane.rows(), plane.cols()));
        }
        if plane.as_slice().iter().any(|l| u32::from(*l) > top) {
            return Err("a level that the cell does not have".to_owned());
        }
    }
    let shared = encoded.planes.iter().filter(|p| p.cols() == 1).count();
    let counts = (encoding.columns_per_output(weight_bits), encoding.shared_columns(weight_bits));
    if n > 1 && (encoded.planes.len() - shared, shared) != counts {
        return Err(format!("{} planes, {shared} shared, against {counts:?}", encoded.planes.len()));
    }
    if encoded.input_sum_scale.len() != n {
        return Err("input_sum_scale is not one an output".to_owned());
    }
    for signed in [false, true] {
        let most = random.within(1, 255);
        let x: Vec<i64> =
            (0..k).map(|_| random.within(if signed { -most } else { 0 }, most).into()).collect();
        for c in 0..n {
            let mut y = encoded.input_sum_scale[c] * x.iter().sum::<i64>();
            for readout in &encoded.readouts {
                for fragment in 0..k.div_ceil(rows_per_read) {
                    let rows = fragment * rows_per_read..((fragment + 1) * rows_per_read).min(k);
                    let size = rows.len() as f64 * f64::from(most);
                    let mut sum = 0i64;
                    for r in rows {
                        for (plane, sign) in &readout.terms {
                            let plane = &encoded.planes[*plane];
                            let level = plane[(r, if plane.cols() == 1 { 0 } else { c })];
                            sum += x[r] * sign.value() * i64::from(level);
                        }
                    }
                    let bounds = (size * readout.level_low.min(0.0), size * readout.level_high.max(0.0));
                    if !signed && !(bounds.0..=bounds.1).contains(&(sum as f64)) {
                        return Err(format!("a sum of {sum} outside {bounds:?}"));
                    }
                    y += readout.gain.at(fragment, c) * sum;
                }
            }
            let want: i64 = (0..k).map(|r| x[r] * i64::from(weights[(r, c)])).sum();
            if y != want {
                return Err(format!("output {c} is {y}, expected {want}"));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_encoding_is_the_integer_product(
        seed in any::<u64>(),
        k in 1usize..=40,
        n in 1usize..=6,
        share in 1usize..=40,
        bits_share in 0u32..=14,
    ) {
        let mut random = Random { noise: Noise::new(Seed(seed)), next: 0 };
        let rows_per_read = share.min(k);
        for (i, kind) in KINDS.iter().enumerate() {
            for text in texts(i) {
                // a combination that the kind itself refuses
                let Ok(encoding) = kind.build_text(&text) else { continue };
                let (low, high) = encoding.weight_bits().into_inner();
                let weight_bits = low + bits_share % (high - low + 1);
                let half = 1i32 << (weight_bits - 1);
                let weights = Mat::from_fn(k, n, |_, _| random.within(-half, half - 1));
                let (weights, encoded) = encodable(encoding.as_ref(), weights, weight_bits, rows_per_read);
                let outcome = check(encoding.as_ref(), &weights, &encoded, weight_bits, rows_per_read, &mut random);
                prop_assert!(
                    outcome.is_ok(),
                    "{} of {weight_bits} bits, {rows_per_read} rows a read, {k} x {n}\n{text}{}",
                    kind.name,
                    outcome.unwrap_err()
                );
            }
        }
    }
}

/// Every kind builds with its example and with most combinations of its choices.
#[test]
fn combinations_build() {
    for (i, kind) in KINDS.iter().enumerate() {
        assert!(kind.build_text(kind.example).is_ok(), "{}", kind.name);
        let texts = texts(i);
        let built = texts.iter().filter(|t| kind.build_text(t).is_ok()).count();
        assert!(2 * built > texts.len(), "{}: {built} of {}", kind.name, texts.len());
    }
}

/// The law catches a wrong gain, a level too large and a bound too tight.
#[test]
fn the_law_fails_on_a_broken_encoding() {
    let encoding = KINDS[0].build_text(KINDS[0].example).unwrap();
    let weights = Mat::filled(3, 2, 3);
    let good = encoding.encode(weights.view(), 4, 3).unwrap();
    let run = |e: &Encoded| {
        let mut random = Random { noise: Noise::new(Seed(1)), next: 0 };
        check(encoding.as_ref(), &weights, e, 4, 3, &mut random)
    };
    assert_eq!(run(&good), Ok(()));
    let mut broken = good.clone();
    broken.input_sum_scale[1] += 1;
    assert!(run(&broken).unwrap_err().contains("output 1 is"));
    let mut broken = good.clone();
    broken.planes[0][(0, 0)] = 9;
    assert!(run(&broken).unwrap_err().contains("a level that the cell does not have"));
    let mut broken = good;
    for r in &mut broken.readouts {
        r.level_high = 0.0;
        r.level_low = 0.0;
    }
    assert!(run(&broken).unwrap_err().contains("outside"));
}

/// Weights outside every width are refused with row, column and fragment.
#[test]
fn weights_that_do_not_fit_are_named() {
    for kind in KINDS {
        let encoding = kind.build_text(kind.example).unwrap();
        let bits = *encoding.weight_bits().start();
        let mut weights = Mat::filled(5, 3, 1);
        weights[(3, 2)] = 1000;
        let e = encoding.encode(weights.view(), bits, 2).unwrap_err();
        let EncodeError::Weight { weight, row, column, fragment, .. } = &e else {
            panic!("{}: {e}", kind.name)
        };
        assert_eq!((*weight, *row, *column, *fragment), (1000, 3, 2, 1), "{}", kind.name);
        assert!(e.to_string().starts_with("weight 1000 at row 3, column 2 (fragment 1): "), "{e}");
        assert!(matches!(encoding.encode(weights.view(), 17, 2), Err(EncodeError::WeightBits { .. })));
    }
}

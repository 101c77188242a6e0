//! Magnitudes in cells; all weights of a fragment share one sign, applied after the conversion.

use super::{CELL_BITS, EncodeError, Encoded, Gain, Readout, Sign, WeightEncoding};
use crate::digits::{digits, integers, symmetric};
use ohmic_config::Kind;
use ohmic_numerics::{Mat, MatRef};

pub(super) const KIND: Kind<dyn WeightEncoding> = Kind {
    name: "polarized",
    summary: "magnitudes in cells, one sign bit a fragment; the network has to be polarized (FORMS)",
    example: "cell_bits = 2",
    quiet: None,
    keys: &[CELL_BITS],
    build: |s| Ok(Box::new(Polarized { cell_bits: s.integer(&CELL_BITS)? })),
};

/// All weights of a fragment (rows of one column summed in one read) are >= 0, or all are <= 0; the
/// cells hold magnitudes of `b - 1` bits, the gain of the fragment is 1 or -1.
///
/// Source: FORMS, ISCA 2021.
#[derive(Debug)]
struct Polarized {
    cell_bits: u32,
}

impl WeightEncoding for Polarized {
    fn cell_bits(&self) -> u32 {
        self.cell_bits
    }

    fn columns_per_output(&self, weight_bits: u32) -> usize {
        digits(weight_bits - 1, self.cell_bits).len()
    }

    fn encode(
        &self,
        weights: MatRef<'_, i32>,
        weight_bits: u32,
        rows_per_read: usize,
    ) -> Result<Encoded, EncodeError> {
        self.check_weight_bits(KIND.name, weight_bits)?;
        let fragments = weights.rows().div_ceil(rows_per_read);
        // row of the first weight of each fragment and column that is not 0
        let mut first: Mat<Option<usize>> = Mat::filled(fragments, weights.cols(), None);
        let mut sign = Mat::filled(fragments, weights.cols(), 1i64);
        for row in 0..weights.rows() {
            let fragment = row / rows_per_read;
            for (column, &weight) in weights.row(row).iter().enumerate() {
                match first[(fragment, column)] {
                    _ if weight == 0 => {}
                    None => {
                        first[(fragment, column)] = Some(row);
                        sign[(fragment, column)] = i64::from(weight.signum());
                    }
                    Some(at) if i64::from(weight.signum()) != sign[(fragment, column)] => {
                        let problem = format!(
                            "its fragment has the other sign ({} at row {at}); a polarized encoding holds one \
                             sign a fragment of {rows_per_read} rows, so the network has to be polarized first",
                            weights[(at, column)]
                        );
                        return Err(EncodeError::Weight { weight, row, column, fragment, problem });
                    }
                    Some(_) => {}
                }
            }
        }
        let magnitudes =
            integers(weights, rows_per_read, |w| symmetric(w, weight_bits).map(i32::unsigned_abs))?;
        let digits = digits(weight_bits - 1, self.cell_bits);
        Ok(Encoded {
            planes: digits.iter().map(|d| magnitudes.map(|u| d.of(u))).collect(),
            readouts: digits
                .iter()
                .enumerate()
                .map(|(plane, d)| Readout {
                    terms: vec![(plane, Sign::Plus)],
                    gain: Gain::PerFragment(sign.map(|s| s * d.gain)),
                    level_low: 0.0,
                    level_high: f64::from(d.max()),
                })
                .collect(),
            input_sum_scale: vec![0; weights.cols()],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_unpolarized_weight_is_named() {
        let encoding = KIND.build_text(KIND.example).unwrap();
        // column 1, fragments of 2 rows: (0, -1), (3, -2)
        let w = Mat::from_vec(4, 2, vec![1, 0, 1, -1, -1, 3, 0, -2]);
        let e = encoding.encode(w.view(), 4, 2).unwrap_err();
        let EncodeError::Weight { weight, row, column, fragment, .. } = e else { panic!("{e}") };
        assert_eq!((weight, row, column, fragment), (-2, 3, 1, 1));
        assert!(encoding.encode(w.view(), 4, 1).is_ok());
    }
}

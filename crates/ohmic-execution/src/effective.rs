//! From the levels of single cells to what converters see.

use ohmic_hardware::Encoded;
use ohmic_numerics::Mat;

/// The effective matrix of a block: what its converters see, rows × readout columns, in levels.
///
/// `levels` holds the levels of every plane as they are on the chip (or nominally), above level 0.
/// What level 0 itself conducts (`base`) is taken off by the dummy column if there is one, with that
/// column's own error, and else left in where the signs of a readout do not cancel it.
pub(crate) fn effective(
    encoded: &Encoded,
    outputs: usize,
    levels: &[Mat<f64>],
    dummy: Option<&[f64]>,
    base: f64,
) -> Mat<f64> {
    let rows = encoded.planes[0].rows();
    let widths: Vec<usize> = encoded.readouts.iter().map(|r| width(encoded, r, outputs)).collect();
    let mut out = Mat::filled(rows, widths.iter().sum(), 0.0);
    for i in 0..rows {
        let mut first = 0;
        for (readout, &width) in encoded.readouts.iter().zip(&widths) {
            let net: i64 = readout.terms.iter().map(|(_, sign)| sign.value()).sum();
            let removed = net as f64 * dummy.map_or(-base, |d| d[i]);
            for c in 0..width {
                let sum: f64 = readout
                    .terms
                    .iter()
                    .map(|&(plane, sign)| {
                        let plane = &levels[plane];
                        sign.value() as f64 * plane[(i, if plane.cols() == 1 { 0 } else { c })]
                    })
                    .sum();
                out[(i, first + c)] = sum - removed;
            }
            first += width;
        }
    }
    out
}

/// Variances add where levels add or subtract.
pub(crate) fn effective_variance(
    encoded: &Encoded,
    outputs: usize,
    variance: &[Mat<f64>],
    dummy: Option<&[f64]>,
) -> Mat<f64> {
    let rows = encoded.planes[0].rows();
    let widths: Vec<usize> = encoded.readouts.iter().map(|r| width(encoded, r, outputs)).collect();
    let mut out = Mat::filled(rows, widths.iter().sum(), 0.0);
    for i in 0..rows {
        let mut first = 0;
        for (readout, &width) in encoded.readouts.iter().zip(&widths) {
            let net: i64 = readout.terms.iter().map(|(_, sign)| sign.value()).sum();
            let removed = dummy.map_or(0.0, |d| (net * net) as f64 * d[i]);
            for c in 0..width {
                let sum: f64 = readout
                    .terms
                    .iter()
                    .map(|&(plane, _)| {
                        let plane = &variance[plane];
                        plane[(i, if plane.cols() == 1 { 0 } else { c })]
                    })
                    .sum();
                out[(i, first + c)] = sum + removed;
            }
            first += width;
        }
    }
    out
}

/// Conversions of one read of a readout: one an output, or one that all share.
pub(crate) fn width(encoded: &Encoded, readout: &ohmic_hardware::Readout, outputs: usize) -> usize {
    if readout.terms.iter().all(|&(plane, _)| encoded.planes[plane].cols() == 1) { 1 } else { outputs }
}

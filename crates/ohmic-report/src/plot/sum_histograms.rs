//! What the converters of each layer met on the calibration images, with the range that was chosen.
//!
//! Not of a results table but of the calibration: [`figures`] is called with what it counted.

use crate::chart::{Chart, Figure, Histogram, Histograms};

/// Panels of one figure, at most; more are left out and the caption says so.
const MOST_PANELS: usize = 8;

/// One figure a layer: a panel for each of its readouts.
pub fn figures(layers: Vec<(String, Vec<Histogram>)>) -> Vec<Figure> {
    let figure = |(layer, mut panels): (String, Vec<Histogram>)| {
        let left_out = panels.len().saturating_sub(MOST_PANELS);
        panels.truncate(MOST_PANELS);
        let more = if left_out > 0 { format!(" {left_out} more are left out.") } else { String::new() };
        Figure {
            name: format!("sums_{}", super::file_word(&layer)),
            title: format!("Sums before the converters of {layer}"),
            caption: format!(
                "Sums of bit lines on the calibration images, nominal cells; dashed: the range that the codes cover, half a \
                 step beyond the first and the last.{more}"
            ),
            chart: Chart::Histograms(Histograms {
                x_title: "sum (levels × input digits)".to_owned(),
                y_title: "sums".to_owned(),
                parts: vec!["converted".to_owned(), "clipped".to_owned()],
                panels,
            }),
        }
    };
    layers.into_iter().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both colours are there if something lies outside the range, and the fractions are written.
    #[test]
    fn tails_have_a_colour_of_their_own() {
        let panel = |range| Histogram {
            title: "readout 0".to_owned(),
            low: 0.0,
            high: 10.0,
            counts: vec![900, 50, 20, 10, 9, 5, 3, 2, 1, 0],
            range,
            below: 0.0,
            above: 0.006,
        };
        let drawn = |range| {
            let figure = figures(vec![("conv 1".to_owned(), vec![panel(range)])]).remove(0);
            assert_eq!(figure.name, "sums_conv_1");
            crate::svg(&figure.chart).unwrap()
        };
        let (clipped, whole) = (drawn((0.0, 6.0)), drawn((0.0, 10.0)));
        // the legend has each colour once
        let count = |svg: &str, colour: &str| svg.matches(colour).count();
        assert_eq!(count(&whole, "#D55E00"), 1);
        assert_eq!(count(&clipped, "#D55E00"), 1 + 3, "bars from 6 to 9");
        assert!(count(&clipped, "#0072B2") == 1 + 6 && clipped.contains("0 below, 0.6 % above"));
    }
}

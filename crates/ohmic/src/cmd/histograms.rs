//! The sums that converters met, as figures and as a table: what `ohmic run --histograms` adds.

use anyhow::Result;
use ohmic_execution::{RangePlace, SumHistogram};
use ohmic_report::{Figure, Histogram, png, svg};
use ohmic_results::write_atomically;
use std::path::Path;

/// Writes `figures/sums_<layer>.svg` and `.png`, and `histograms.csv` with every bin that is not empty.
pub(super) fn write(out: &Path, all: &[SumHistogram]) -> Result<String> {
    let mut rows = String::from("layer,place,readout,low,high,count,range_low,range_high\n");
    let mut layers: Vec<(String, Vec<Histogram>)> = Vec::new();
    for h in all {
        let place = h.place;
        let (low, high) = h.range.map_or((f64::NEG_INFINITY, f64::INFINITY), |r| (r.low, r.high));
        let width = (h.bounds.high - h.bounds.low) / h.counts.len() as f64;
        for (bin, count) in h.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let from = h.bounds.low + bin as f64 * width;
            let to = from + width;
            rows.push_str(&format!(
                "\"{}\",{place},{},{from},{to},{count},{low},{high}\n",
                h.layer.replace('"', "\"\""),
                h.readout
            ));
        }
        let panel = panel(h);
        match layers.iter_mut().find(|(layer, _)| *layer == h.layer) {
            Some((_, panels)) => panels.push(panel),
            None => layers.push((h.layer.clone(), vec![panel])),
        }
    }
    write_atomically(&out.join("histograms.csv"), rows.as_bytes())?;
    let figures: Vec<Figure> = ohmic_report::plot::sum_histograms::figures(layers);
    for figure in &figures {
        let path = out.join("figures").join(&figure.name);
        write_atomically(&path.with_extension("svg"), svg(&figure.chart)?.as_bytes())?;
        write_atomically(&path.with_extension("png"), &png(&figure.chart)?)?;
    }
    Ok(format!("sums     {} ({} figures)\n", out.join("figures").display(), figures.len()))
}

fn panel(h: &SumHistogram) -> Histogram {
    let (below, above) = h.tails();
    // without a converter nothing is outside
    let range = h.range.map_or((h.bounds.low, h.bounds.high), |r| (r.low, r.high));
    Histogram {
        title: match h.place {
            RangePlace::Layer => format!("readout {}", h.readout),
            place => format!("{place}, readout {}", h.readout),
        },
        low: h.bounds.low,
        high: h.bounds.high,
        counts: h.counts.clone(),
        range,
        below,
        above,
    }
}

//! Energy per inference over the ADC's bits, split by component, one panel per design.

use super::{Parts, Plot, averaged, needs, numeric_axes};
use crate::chart::{Chart, Figure, Stack};
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &EnergyVsAdcBits;
const TOTAL: &str = "energy_per_inference";
const MOST_PANELS: usize = 9;

#[derive(Debug)]
struct EnergyVsAdcBits;

fn adc_bits(points: &Points) -> Vec<usize> {
    numeric_axes(points, |key| key.contains("adc") && key.contains("bits"))
}

impl Plot for EnergyVsAdcBits {
    fn name(&self) -> &'static str {
        "energy_vs_adc_bits"
    }
    fn summary(&self) -> &'static str {
        "energy per inference over ADC bits, split by component, one panel per design"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        needs(points, TOTAL)?;
        if adc_bits(points).is_empty() {
            Err("no axis of ADC bits (`axis:adc.bits`) takes two values".to_owned())
        } else {
            Ok(())
        }
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        let Some(&x) = adc_bits(points).first() else { return Vec::new() };
        let others: Vec<usize> = (0..points.axes.len()).filter(|a| *a != x).collect();
        let kept = points.matter(TOTAL, 0.05, &others);
        let parts = Parts::of(points, "energy:");
        let axis = &points.axes[x];
        let mut panels = Vec::new();
        for (at, settings) in points.groups(&kept) {
            let category = |v: usize| {
                let here: Vec<_> = settings.iter().copied().filter(|s| s.at[x] == v).collect();
                parts.values(points, TOTAL, &here)
            };
            panels.push((points.label(&kept, &at), (0..axis.values.len()).map(category).collect()));
        }
        let left_out = panels.len().saturating_sub(MOST_PANELS);
        panels.truncate(MOST_PANELS);
        let more =
            if left_out > 0 { format!(" {left_out} more designs are left out.") } else { String::new() };
        let mut shown = kept.clone();
        shown.push(x);
        vec![Figure {
            name: self.name().to_owned(),
            title: "Energy per inference versus ADC bits".to_owned(),
            caption: format!(
                "Energy of one inference, split by component, total on top of each column.{}{more}",
                averaged(points, &shown)
            ),
            chart: Chart::Stack(Stack {
                x_title: axis.title(),
                y_title: points.title(TOTAL).0,
                y_unit: points.title(TOTAL).1,
                categories: axis.values.iter().map(|v| axis.plain(v)).collect(),
                parts: parts.names,
                panels,
            }),
        }]
    }
}

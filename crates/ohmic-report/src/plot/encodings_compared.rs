//! The weight encodings beside each other: accuracy, energy, area.

use super::{MOST_BARS, Plot, averaged, needs};
use crate::chart::{Bars, Chart, Figure, Panel};
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &EncodingsCompared;

#[derive(Debug)]
struct EncodingsCompared;

fn encoding(points: &Points) -> Option<usize> {
    points.axes.iter().position(|a| a.key.contains("encoding") && !a.is_numeric())
}

impl Plot for EncodingsCompared {
    fn name(&self) -> &'static str {
        "encodings_compared"
    }
    fn summary(&self) -> &'static str {
        "accuracy, energy and area of the weight encodings beside each other"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        needs(points, "accuracy")?;
        if encoding(points).is_none() {
            Err("no axis of encodings (`axis:encoding.kind`) takes two values".to_owned())
        } else {
            Ok(())
        }
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        let Some(axis) = encoding(points) else { return Vec::new() };
        let mut kept = vec![axis];
        kept.extend((0..points.axes.len()).filter(|a| *a != axis && !points.axes[*a].is_numeric()));
        let mut groups = points.groups(&kept);
        groups.truncate(MOST_BARS);
        let alone = groups.iter().all(|(_, s)| s.len() == 1);
        let panel = |(column, title): (&str, &str)| {
            needs(points, column).ok()?;
            let estimates: Vec<_> = groups.iter().map(|(_, s)| points.estimate(column, s)).collect();
            Some(Panel {
                title: title.to_owned(),
                unit: points.title(column).1,
                values: estimates.iter().map(|e| e.map(|e| e.mean).into_iter().collect()).collect(),
                half: estimates
                    .iter()
                    .map(|e| e.and_then(|e| e.half).filter(|_| alone && column == "accuracy"))
                    .collect(),
            })
        };
        let columns = [("accuracy", "accuracy"), ("energy_per_inference", "energy"), ("area", "area")];
        let bars = if alone { super::error_bars(points) } else { "" };
        vec![Figure {
            name: self.name().to_owned(),
            title: "Weight encodings compared".to_owned(),
            caption: format!(
                "Accuracy, energy per inference and chip area of each encoding.{}{bars}",
                averaged(points, &kept)
            ),
            chart: Chart::Bars(Bars {
                rows: groups.iter().map(|(at, _)| points.label(&kept, at)).collect(),
                panels: columns.into_iter().filter_map(panel).collect(),
                parts: Vec::new(),
            }),
        }]
    }
}

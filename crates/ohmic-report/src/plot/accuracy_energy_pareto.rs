//! Accuracy over energy per inference, with the settings that no other beats in both; and the same of predicted
//! signal-to-noise ratios.

use super::{Plot, Styles, ends, error_bars, needs};
use crate::chart::{Chart, Figure, Join, LegendEntry, Lines, Series, Spot, YRange};
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &Pareto {
    name: "accuracy_energy_pareto",
    summary: "accuracy over energy per inference, and the front of settings that no other beats in both",
    title: "Accuracy versus energy",
    what: "accuracy",
    column: "accuracy",
    range: YRange::Fraction,
};

/// What a sweep with `fidelity = "predict"` or `"both"` looks at.
pub(super) const PREDICTED: &dyn Plot = &Pareto {
    name: "predicted_snr_energy_pareto",
    summary: "predicted ratio of the worst layer over energy per inference, and the front of what chips are run on",
    title: "Predicted signal-to-noise ratio versus energy",
    what: "predicted ratio",
    column: "predicted_snr_db",
    range: YRange::Linear,
};

#[derive(Debug)]
struct Pareto {
    name: &'static str,
    summary: &'static str,
    title: &'static str,
    what: &'static str,
    column: &'static str,
    range: YRange,
}

impl Plot for Pareto {
    fn name(&self) -> &'static str {
        self.name
    }
    fn summary(&self) -> &'static str {
        self.summary
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        needs(points, self.column)?;
        needs(points, "energy_per_inference")?;
        if points.settings.len() < 2 { Err("there is one setting only".to_owned()) } else { Ok(()) }
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        let spot = |s: &crate::Setting| {
            let (e, a) =
                (points.estimate("energy_per_inference", &[s])?, points.estimate(self.column, &[s])?);
            e.mean.is_finite().then_some(Spot { x: e.mean, y: a.mean, bar: ends(a, true) })
        };
        let mut styles = Styles::over(points, (0..points.axes.len()).collect());
        if let (true, Some(a)) = (styles.groups.len() > 24, styles.colour_axis) {
            styles = Styles::over(points, vec![a]); // the other axes would need more markers than a reader can tell apart
        }
        let mut series: Vec<Series> = Vec::new();
        let mut all = Vec::new();
        for (at, settings) in points.groups(&styles.others) {
            let spots: Vec<Spot> = settings.iter().filter_map(|s| spot(s)).collect();
            all.extend(spots.iter().map(|p| (p.x, p.y)));
            series.push(Series {
                colour: styles.colour(&at),
                marker: styles.marker(&at),
                line: Join::Markers,
                points: spots,
            });
        }
        let front = front(&all);
        // a staircase: what an energy budget buys, and nothing between that no setting reaches
        let corners = front.windows(2).flat_map(|p| [p[0], (p[1].0, p[0].1)]).chain(front.last().copied());
        let steps = corners.map(|(x, y)| Spot { x, y, bar: None }).collect();
        series.insert(0, Series { colour: FRONT, marker: 0, line: Join::LineOnly, points: steps });
        let mut legend = styles.legend(points, Join::Markers);
        for e in &mut legend {
            if e.marker.is_none() {
                (e.marker, e.join) = (Some(0), Join::Markers);
            }
        }
        legend.push(LegendEntry {
            label: "Pareto front".to_owned(),
            colour: Some(FRONT),
            marker: None,
            join: Join::LineOnly,
        });
        let (x_title, x_unit) = points.title("energy_per_inference");
        vec![Figure {
            name: self.name().to_owned(),
            title: self.title.to_owned(),
            caption: format!(
                "Each marker is one setting; the staircase is the best {} within an energy, \
                 given by the {} of {} settings that no other beats in both.{}",
                self.what,
                front.len(),
                all.len(),
                error_bars(points)
            ),
            chart: Chart::Lines(Lines {
                x_title,
                x_unit,
                y_title: if self.column == "accuracy" {
                    "accuracy".to_owned()
                } else {
                    points.title(self.column).0
                },
                y_unit: points.title(self.column).1,
                y_range: self.range,
                series,
                references: Vec::new(),
                legend,
            }),
        }]
    }
}

/// Black in the palette.
const FRONT: usize = 6;

/// The points that no other beats, by x ascending: less x and more y is better; of equal points one stays.
fn front(all: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sorted = all.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    sorted.retain(|p| {
        let better = p.1 > best;
        best = best.max(p.1);
        better
    });
    sorted
}

#[cfg(test)]
mod tests {
    use super::front;

    #[test]
    fn front_by_hand() {
        // (2, 0.5) is beaten by (1, 0.6); of the twins at (3, 0.9) one stays; (3, 0.8) costs the same for less
        let all = [(3.0, 0.9), (2.0, 0.5), (1.0, 0.6), (3.0, 0.8), (3.0, 0.9), (4.0, 0.9)];
        assert_eq!(front(&all), [(1.0, 0.6), (3.0, 0.9)]);
        assert!(front(&[]).is_empty());
    }
}

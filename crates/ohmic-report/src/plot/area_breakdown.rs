//! Chip area of each design, split by component.

use super::energy_breakdown::breakdown;
use super::{Plot, needs};
use crate::chart::Figure;
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &AreaBreakdown;

#[derive(Debug)]
struct AreaBreakdown;

impl Plot for AreaBreakdown {
    fn name(&self) -> &'static str {
        "area_breakdown"
    }
    fn summary(&self) -> &'static str {
        "chip area of each design, split by component"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        needs(points, "area")?;
        if points.family("area:").is_empty() {
            Err("the table has no columns `area:<component>`".to_owned())
        } else {
            Ok(())
        }
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        vec![breakdown(points, self.name(), "area", "area:", "Area by component")]
    }
}

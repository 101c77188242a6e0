//! Area that a floorplan leaves empty.

use super::{ComponentModel, CostModel, Level, Machine, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::{KeyDoc, Kind};

const PER: KeyDoc = KeyDoc::choice(
    "per",
    &[("macro", "every macro"), ("tile", "every tile"), ("chip", "the chip")],
    "whose floorplan it is: the parts of this level and below count",
);
const UTILIZATION: KeyDoc = KeyDoc::number(
    "utilization",
    "fraction of the floorplan that the parts above this section in the file occupy",
)
.above(0.0)
.at_most(1.0);

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "white_space",
    summary: "area that the floorplan of a macro, tile or chip leaves empty between its parts",
    example: "per = \"tile\"\nutilization = 0.85\nsource = \"assumption: as usual after place and route\"",
    quiet: None,
    keys: &[SOURCE, PER, UTILIZATION],
    build: |s| {
        let per = match s.choice(&PER)? {
            "macro" => Level::Macro,
            "tile" => Level::Tile,
            _ => Level::Chip,
        };
        Ok(Box::new(WhiteSpace { per, utilization: s.number(&UTILIZATION)? }))
    },
};

#[derive(Debug)]
struct WhiteSpace {
    per: Level,
    utilization: f64,
}

impl ComponentModel for WhiteSpace {
    fn per(&self) -> Level {
        self.per
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        let occupied_m2: f64 = machine
            .parts
            .iter()
            .filter(|part| part.per <= self.per)
            .map(|part| part.count * machine.there_are(part.per, self.per) * part.model.area_m2())
            .sum();
        Ok(Box::new(Empty { area_m2: occupied_m2 * (1.0 / self.utilization - 1.0) }))
    }
}

#[derive(Debug)]
struct Empty {
    area_m2: f64,
}

impl CostModel for Empty {
    fn area_m2(&self) -> f64 {
        self.area_m2
    }

    fn leakage_watt(&self) -> f64 {
        0.0
    }

    fn energy_joule(&self, _: Event) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::Hardware;

    /// The tile of ISAAC on 80 % of its floorplan: a quarter of what its parts occupy stays empty.
    #[test]
    fn a_quarter_for_eighty_percent() {
        let text = "extends = \"isaac_isca_2016\"\n[component.white_space]\nkind = \"white_space\"\nper = \"tile\"\n\
                    utilization = 0.8\nsource = \"a test\"\n";
        let hardware = Hardware::from_text("test", text).unwrap();
        let white = hardware.components().iter().find(|c| c.name == "white_space").unwrap();
        // Table I of ISAAC: 0.372 mm2 a tile
        assert!((white.model.area_m2() - 0.25 * 0.372e-6).abs() < 0.002e-6, "{}", white.model.area_m2());
    }
}

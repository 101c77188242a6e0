//! A full chip with every crossbar at work: the figures that papers head their tables with.
//!
//! Every crossbar holds a full matrix at the file's own bit widths and reads one vector after the other; what depends
//! on data is as `[activity]` assumes. A component that says how many events a second it takes (`rates`) is counted at
//! that rate, as nameplates are; any other at the rate that the crossbars ask for. Left out: what buffers and links
//! cannot deliver; a network's own shape (see [`crate::cost()`]).

use crate::Error;
use crate::cost::checked;
use ohmic_execution::assumed;
use ohmic_hardware::{DummyColumn, Event, Hardware, Level};
use ohmic_mapping::{MvmShape, Shapes, map_shapes};

/// What one component comes to on the whole chip at its peak.
#[derive(Clone, Debug, PartialEq)]
pub struct PeakComponent {
    /// Name from the hardware file.
    pub name: String,
    /// What there are instances for.
    pub per: Level,
    /// Instances on the chip.
    pub instances: f64,
    /// Power of all of them, in watt: events, clocks and leakage.
    pub power_watt: f64,
    /// Area of all of them, in m².
    pub area_m2: f64,
    /// Events it prices: events a second over the chip, joule an event.
    pub events: Vec<(Event, f64, f64)>,
    /// Where its figures come from.
    pub source: String,
}

/// A full chip with every crossbar at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    /// By component, in the order of the hardware file.
    pub components: Vec<PeakComponent>,
    /// Crossbars on the chip.
    pub crossbars: usize,
    /// Crossbars in a macro.
    crossbars_per_macro: usize,
    /// Crossbars in a tile.
    crossbars_per_tile: usize,
    /// Multiply-accumulates of one matrix-vector product of one crossbar.
    pub macs: f64,
    /// Time that it takes, in seconds.
    pub mvm_time_s: f64,
    /// Conversions of it.
    pub conversions: f64,
    /// Bits of the weights that one crossbar holds.
    pub weight_bits: f64,
}

/// The most a machine can do.
///
/// # Errors
/// One output does not fit a crossbar, an event that no component prices, a price that is not a number.
pub fn peak(hardware: &Hardware) -> Result<Peak, Error> {
    let crossbar = hardware.crossbar();
    let precision = hardware.precision();
    let encoding = hardware.encoding();
    let shared = encoding.shared_columns(precision.weight_bits)
        + usize::from(crossbar.dummy_column == DummyColumn::Analog);
    let per_output = encoding.columns_per_output(precision.weight_bits);
    let n = (hardware.usable_columns().saturating_sub(shared) / per_output).max(1);
    let k = crossbar.rows / crossbar.rows_per_read * crossbar.rows_per_read;
    let full = MvmShape {
        k,
        n,
        groups: 1,
        positions: 1,
        weight_bits: precision.weight_bits,
        input_bits: precision.input_bits,
    };
    // every output goes through one digital unit
    let shapes = Shapes {
        network: "a full crossbar".to_owned(),
        layers: vec![("crossbar".to_owned(), Some(full))],
        digital_elements: n,
        flow: Vec::new(),
        streams: Vec::new(),
    };
    let plan = map_shapes(&shapes, hardware).map_err(|e| Error::Peak { problem: e.to_string() })?;
    let (activity, events) = assumed(&plan, hardware, shapes.digital_elements)
        .map_err(|e| Error::Peak { problem: e.to_string() })?;
    let layer = &activity.layers[0];
    let conversions_a_read = plan.layers[0].as_ref().map_or(0, |l| l.conversions);
    let samples = layer.samples as f64;
    let mut events = events[0].scaled(1.0 / samples);
    events.add_amount(Event::DigitalOp, activity.digital_elements as f64 / samples);
    let conversions = events.get(Event::Conversion);
    let steps = layer.steps as f64 / samples;
    let pulses = layer.pulses as f64 / (layer.steps as f64).max(1.0);
    let mvm_time_s = steps * crossbar.read_time_s(conversions_a_read, pulses);
    let hierarchy = hardware.hierarchy();
    let crossbars = hierarchy.crossbars();
    let mut unpriced = events.clone();
    let mut components = Vec::with_capacity(hardware.components().len());
    for component in hardware.components() {
        let places = places_on_chip(component.per, hardware);
        let instances = places * component.count;
        let model = &component.model;
        let still = checked(component, hardware, "leakage", model.leakage_watt())?
            + checked(component, hardware, "clock power", model.clocked_watt())?;
        let mut power_watt = still * instances;
        let mut priced = Vec::new();
        for event in Event::ALL {
            let Some(unit) = model.energy_joule(event) else { continue };
            unpriced.add_amount(event, -unpriced.get(event));
            let unit = checked(component, hardware, "energy", unit)?;
            let rate = match model.rate_hz(event) {
                Some(rate) => rate * instances,
                None => events.get(event) / mvm_time_s * crossbars as f64,
            };
            power_watt += unit * rate;
            priced.push((event, rate, unit));
        }
        components.push(PeakComponent {
            name: component.name.clone(),
            per: component.per,
            instances,
            power_watt,
            area_m2: checked(component, hardware, "area", model.area_m2())? * instances,
            events: priced,
            source: component.source.clone(),
        });
    }
    if let Some(event) = Event::ALL.into_iter().find(|&e| unpriced.get(e) > 0.0) {
        return Err(Error::Unpriced {
            event: event.name(),
            amount: unpriced.get(event),
            hardware: hardware.name().to_owned(),
        });
    }
    Ok(Peak {
        components,
        crossbars,
        crossbars_per_macro: hierarchy.crossbars_per_macro,
        crossbars_per_tile: hierarchy.crossbars_per_macro * hierarchy.macros_per_tile,
        macs: full.macs(),
        mvm_time_s,
        conversions,
        weight_bits: (k * n) as f64 * f64::from(precision.weight_bits),
    })
}

/// How many of a level there are on the chip.
fn places_on_chip(level: Level, hardware: &Hardware) -> f64 {
    let (crossbar, hierarchy) = (hardware.crossbar(), hardware.hierarchy());
    let crossbars = hierarchy.crossbars();
    let places = match level {
        Level::Row => crossbars * crossbar.rows,
        Level::Adc => crossbars * crossbar.adcs,
        Level::Crossbar => crossbars,
        Level::Macro => hierarchy.macros_per_tile * hierarchy.tiles,
        Level::Tile => hierarchy.tiles,
        Level::Chip => 1,
    };
    places as f64
}

impl Peak {
    /// Operations a second of the chip; a multiply-accumulate is two.
    pub fn operations_per_s(&self) -> f64 {
        2.0 * self.macs * self.crossbars as f64 / self.mvm_time_s
    }

    /// Power of the chip, in watt.
    pub fn power_watt(&self) -> f64 {
        self.components.iter().map(|c| c.power_watt).sum()
    }

    /// Area of the chip, in m².
    pub fn area_m2(&self) -> f64 {
        self.components.iter().map(|c| c.area_m2).sum()
    }

    /// How many of a level the chip has.
    fn there_are(&self, level: Level) -> f64 {
        let of = match level {
            Level::Row | Level::Adc | Level::Crossbar => 1,
            Level::Macro => self.crossbars_per_macro,
            Level::Tile => self.crossbars_per_tile,
            Level::Chip => self.crossbars,
        };
        self.crossbars as f64 / of as f64
    }

    /// What the parts up to a level come to, of one of that level.
    fn within(&self, level: Level, what: impl Fn(&PeakComponent) -> f64) -> f64 {
        self.components.iter().filter(|c| c.per <= level).map(what).sum::<f64>() / self.there_are(level)
    }

    /// The figure of a name of [`PEAK_FIGURES`], in its unit; `None` if there is none of that name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let level = |name: &str| match name {
            "crossbar" => Some(Level::Crossbar),
            "macro" => Some(Level::Macro),
            "tile" => Some(Level::Tile),
            "chip" => Some(Level::Chip),
            _ => None,
        };
        let component = |name: &str| self.components.iter().find(|c| c.name == name);
        let power: fn(&PeakComponent) -> f64 = |c| c.power_watt;
        let area: fn(&PeakComponent) -> f64 = |c| c.area_m2;
        if let Some((family, member)) = name.split_once(':') {
            let operations = |level| self.operations_per_s() / self.there_are(level);
            match (family, level(member)) {
                ("peak_operations", Some(level)) => return Some(operations(level)),
                ("peak_efficiency", Some(level)) => {
                    return Some(operations(level) / self.within(level, power));
                }
                ("peak_density", Some(level)) => return Some(operations(level) / self.within(level, area)),
                _ => {}
            }
            let what = match family {
                "peak_power" | "peak_power_share" => power,
                "chip_area" | "chip_area_share" => area,
                _ => return None,
            };
            if let Some((of, part)) = member.split_once('/').filter(|_| family.ends_with("_share")) {
                let level = level(of)?;
                let part = component(part).filter(|c| c.per <= level)?;
                return Some(what(part) / self.there_are(level) / self.within(level, what));
            }
            if family.ends_with("_share") {
                return None;
            }
            return match level(member) {
                Some(level) => Some(self.within(level, what)),
                None => component(member).map(|c| what(c) / c.instances),
            };
        }
        let operations = self.operations_per_s();
        Some(match name {
            "peak_operations" => operations,
            "peak_power" => self.power_watt(),
            "chip_area" => self.area_m2(),
            "peak_efficiency" => operations / self.power_watt(),
            "peak_density" => operations / self.area_m2(),
            "peak_conversions_per_mac" => self.conversions / self.macs,
            "peak_mvm_time" => self.mvm_time_s,
            "peak_mvm_energy" => self.power_watt() / self.crossbars as f64 * self.mvm_time_s,
            "storage_density" => self.weight_bits / 8.0 * self.crossbars as f64 / self.area_m2(),
            _ => return None,
        })
    }
}

/// Name, unit, meaning and formula of the figures of a full chip at its peak. A name that ends in `:` is a family.
pub const PEAK_FIGURES: &[(&str, &str, &str, &str)] = &[
    (
        "peak_operations",
        "OPS",
        "operations a second of a full chip at the file's own bit widths",
        "2 · multiply-accumulates of a crossbar · crossbars / time of a matrix-vector product",
    ),
    (
        "peak_power",
        "W",
        "power of a full chip at its peak",
        "sum instances · (sum rate · unit cost + clocks + leakage)",
    ),
    ("chip_area", "m2", "area of a full chip", "sum instances · area"),
    ("peak_efficiency", "OPS/W", "operations per energy of a full chip", "peak_operations / peak_power"),
    (
        "peak_density",
        "OPS/m2",
        "operations per second and area of a full chip",
        "peak_operations / chip_area",
    ),
    ("peak_conversions_per_mac", "", "conversions per multiply-accumulate of a full crossbar", ""),
    (
        "peak_mvm_time",
        "s",
        "time of a matrix-vector product of a full crossbar",
        "reads in turn · time of a read",
    ),
    (
        "peak_mvm_energy",
        "J",
        "energy of a matrix-vector product of a full crossbar, its share of the chip included",
        "peak_power / crossbars · peak_mvm_time",
    ),
    (
        "storage_density",
        "B/m2",
        "weights that a chip holds, per area",
        "crossbars · weights · bits / 8 / chip_area",
    ),
    ("peak_operations:", "OPS", "operations a second of one crossbar, macro or tile", ""),
    (
        "peak_efficiency:",
        "OPS/W",
        "operations per energy of one crossbar, macro or tile with all that is in it",
        "",
    ),
    ("peak_density:", "OPS/m2", "operations per second and area of one crossbar, macro or tile", ""),
    (
        "peak_power:",
        "W",
        "power of one crossbar, macro or tile with all that is in it, or of one instance of a component",
        "",
    ),
    (
        "chip_area:",
        "m2",
        "area of one crossbar, macro or tile with all that is in it, or of one instance of a component",
        "",
    ),
    ("peak_power_share:", "", "share of a component in a macro, tile or chip: tile/adc", ""),
    ("chip_area_share:", "", "share of a component in the area of a macro, tile or chip: tile/adc", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn isaac() -> Peak {
        peak(&Hardware::preset("isaac_isca_2016").unwrap()).unwrap()
    }

    /// Parts sum to the whole: the chip is its tiles and what there is once a chip.
    #[test]
    fn parts_sum_to_the_whole() {
        let peak = isaac();
        for (whole, what) in [("peak_power", "hyper_transport"), ("chip_area", "hyper_transport")] {
            let tile = peak.figure(&format!("{whole}:tile")).unwrap();
            let once = peak.figure(&format!("{whole}:{what}")).unwrap();
            let chip = peak.figure(whole).unwrap();
            assert!((168.0 * tile + once - chip).abs() < 1e-9 * chip, "{whole}: {tile} {once} {chip}");
        }
        let shares: f64 = peak
            .components
            .iter()
            .map(|c| peak.figure(&format!("peak_power_share:chip/{}", c.name)).unwrap())
            .sum();
        assert!((shares - 1.0).abs() < 1e-12);
    }

    /// What does not depend on data is what a run counts, to the last event.
    #[test]
    fn assumed_is_what_a_run_counts() {
        use ohmic_network::quantization::{InputRange, QuantizeOptions, WeightScale, quantize};
        let network =
            ohmic_network::Network::from_nodes("n", ohmic_network::Shape(vec![2, 9, 9]), nodes()).unwrap();
        let values = (0..3 * 162).map(|i| (i % 13) as f32).collect();
        let images =
            ohmic_network::data::DataSet::from_floats("d", network.input.clone(), 2, values, vec![0, 1, 1])
                .unwrap();
        for name in ["isaac_isca_2016", "generic_reram", "cap_ram_jssc_2021"] {
            let hw = Hardware::preset(name).unwrap();
            let p = hw.precision();
            let (weight_scale, input_range) = (WeightScale::Layer, InputRange::Max);
            let (weight_bits, input_bits) = (p.weight_bits, p.input_bits);
            let options = QuantizeOptions { weight_bits, input_bits, weight_scale, input_range };
            let quantized = quantize(&network, &options, &images.all()).unwrap();
            let plan = ohmic_mapping::map(&network, &quantized, &hw).unwrap();
            let design =
                ohmic_execution::Design::new(&network, &quantized, &plan, &hw, &images.batch(0..3)).unwrap();
            let noise = ohmic_numerics::Noise::new(ohmic_numerics::Seed(1));
            let chip =
                ohmic_execution::Chip::program(&design, noise, ohmic_execution::Shortcuts::Taken).unwrap();
            let run = chip.run_set(&images.all(), ohmic_execution::RunOptions::default()).unwrap();
            let shapes = Shapes::unseen(&network, &p);
            assert_eq!(map_shapes(&shapes, &hw).unwrap().crossbars, plan.crossbars);
            let (activity, events) = assumed(&plan, &hw, shapes.digital_elements).unwrap();
            assert_eq!(activity.digital_elements / 1000, run.activity.digital_elements / 3);
            for (i, counted) in chip.events(&run.activity).iter().enumerate() {
                let (a, b) = (&activity.layers[i], &run.activity.layers[i]);
                assert_eq!((a.reads / 1000, a.steps / 1000), (b.reads / 3, b.steps / 3), "{name} {i}");
                for event in Event::ALL.into_iter().filter(|e| *e != Event::CellRead) {
                    let (a, b) = (events[i].get(event) / 1000.0, counted.get(event) / 3.0);
                    assert!((a - b).abs() <= 1e-9 * b, "{name} layer {i} {}: {a}, counted {b}", event.name());
                }
            }
        }
    }

    /// A grouped convolution, an activation and a linear layer.
    fn nodes() -> Vec<ohmic_network::Node> {
        use ohmic_network::gather::Window;
        use ohmic_network::layer::{Conv2d, Flatten, Linear, Relu};
        use ohmic_network::{LayerId, Node, Source};
        let ramp = |n: usize| (0..n).map(|i| i as f32 / n as f32 - 0.4).collect::<Vec<f32>>();
        let window = Window {
            channels: 2,
            size: [9, 9],
            kernel: [3, 3],
            stride: [1, 1],
            padding: [0; 4],
            dilation: [1, 1],
            groups: 2,
        };
        let after = |i: u32| vec![Source::Layer(LayerId(i))];
        let conv = Conv2d::new(window, 4, ramp(4 * 9), ramp(4)).unwrap();
        vec![
            Node::new("conv", Box::new(conv), vec![Source::Input]),
            Node::new("relu", Box::new(Relu), after(0)),
            Node::new("flat", Box::new(Flatten), after(1)),
            Node::new(
                "fc",
                Box::new(Linear::new(4 * 49, 300, ramp(4 * 49 * 300), vec![]).unwrap()),
                after(2),
            ),
        ]
    }

    /// 16 bit-serial reads of 129 conversions at 1.28 GHz; 2 · 128 · 16 operations.
    #[test]
    fn isaac_by_hand() {
        let peak = isaac();
        assert!((peak.mvm_time_s - 16.0 * 129.0 / 1.28e9).abs() < 1e-15);
        assert_eq!(peak.macs, 2048.0);
        assert!((peak.figure("peak_conversions_per_mac").unwrap() - 129.0 / 128.0).abs() < 1e-12);
        assert!(peak.figure("peak_power:nothing").is_none() && peak.figure("peak_hats").is_none());
    }
}

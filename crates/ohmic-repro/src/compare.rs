//! Networks on machines side by side, each with what it can do on the same area or with as many crossbars.
//!
//! On a given area (or number of crossbars) stand as many whole copies of the network as fit; their rates add, the
//! energy of an inference and its latency stay. Left out: links between copies, a chip's parts that copies could share.

use crate::{Error, Evaluator, Ran, Skipped};

/// What machines have in equal measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Equal {
    /// Nothing: one copy of the network each.
    Copies,
    /// Area, in m².
    Area(f64),
    /// Crossbars.
    Crossbars(f64),
}

/// One network on one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Preset or file.
    pub machine: String,
    /// The network.
    pub network: String,
    /// Whole copies of it that fit; 0: not even one.
    pub copies: f64,
    /// Fraction of the images put into the right class, if any were run.
    pub accuracy: Option<f64>,
    /// Energy of one inference, in joule.
    pub energy_joule: f64,
    /// Time of one inference, in seconds.
    pub latency_s: f64,
    /// Inferences a second, of all copies.
    pub rate_hz: f64,
    /// Area of all copies, in m².
    pub area_m2: f64,
    /// Crossbars of all copies.
    pub crossbars: f64,
    /// Bits of weights and of inputs.
    pub bits: (u32, u32),
    /// Energy by component, in joule.
    pub energies: Vec<(String, f64)>,
    /// Area by component, of all copies, in m².
    pub areas: Vec<(String, f64)>,
}

impl Compared {
    /// Inferences per second and area, in 1/(s m²).
    pub fn density(&self) -> f64 {
        if self.area_m2 > 0.0 { self.rate_hz / self.area_m2 } else { 0.0 }
    }
}

/// Every network on every machine, networks outermost.
///
/// # Errors
/// A machine or network cannot be read, does not fit, or lacks a price; a data set that is not there.
pub fn compare(
    machines: &[String],
    networks: &[String],
    equal: Equal,
    ran: Option<&Ran>,
    evaluator: &Evaluator,
) -> Result<Vec<Compared>, Error> {
    let mut all = Vec::with_capacity(machines.len() * networks.len());
    for network in networks {
        for machine in machines {
            let failed = |problem: String| Error::Compare { machine: machine.clone(), problem };
            let precision =
                ohmic_hardware::Hardware::load(machine, &[]).map_err(|e| failed(e.to_string()))?.precision();
            let bits = (precision.weight_bits, precision.input_bits);
            let records = evaluator
                .records(machine, &[], network, ran)
                .map_err(failed)?
                .map_err(|Skipped(why)| failed(why))?;
            let mean = |column: &str| {
                let values: Vec<f64> = records.iter().filter_map(|r| r.get(column)?.number()).collect();
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            };
            let of =
                |column: &str| mean(column).ok_or_else(|| failed(format!("`{network}` has no `{column}`")));
            let family = |prefix: &str, factor: f64| -> Vec<(String, f64)> {
                let names = records[0].iter().filter_map(|(name, _)| name.strip_prefix(prefix));
                names.filter_map(|n| Some((n.to_owned(), factor * mean(&format!("{prefix}{n}"))?))).collect()
            };
            let (area_m2, crossbars) = (of("area")?, of("crossbars")?);
            let copies = match equal {
                Equal::Copies => 1.0,
                Equal::Area(budget_m2) if area_m2 > 0.0 => (budget_m2 / area_m2).floor(),
                Equal::Area(_) => return Err(failed("its components have no area".to_owned())),
                Equal::Crossbars(budget) => (budget / crossbars).floor(),
            };
            all.push(Compared {
                machine: machine.clone(),
                network: network.clone(),
                copies,
                accuracy: mean("accuracy"),
                energy_joule: of("energy_per_inference")?,
                latency_s: of("latency")?,
                rate_hz: copies * of("inferences_per_second")?,
                area_m2: copies * area_m2,
                crossbars: copies * crossbars,
                bits,
                energies: family("energy:", 1.0),
                areas: family("area:", copies),
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Data;
    use ohmic_sweep::Simulation;

    /// Rates and areas are those of whole copies; components sum to the whole; a budget too small holds none.
    #[test]
    fn copies_add_up() {
        let evaluator = Evaluator::new(Simulation::default(), None, Data::Left);
        let machines = ["isaac_isca_2016".to_owned(), "generic_reram".to_owned()];
        let networks = ["lenet5-glyphs".to_owned()];
        let of = |equal| compare(&machines, &networks, equal, None, &evaluator).unwrap();
        let (one, many) = (of(Equal::Copies), of(Equal::Crossbars(1000.0)));
        for (one, many) in one.iter().zip(&many) {
            assert!(
                many.copies >= 1.0 && many.crossbars <= 1000.0 && many.crossbars + one.crossbars > 1000.0
            );
            assert!((many.rate_hz - many.copies * one.rate_hz).abs() <= 1e-9 * many.rate_hz);
            assert!((many.density() - one.density()).abs() <= 1e-9 * one.density());
            for (parts, whole) in [(&many.areas, many.area_m2), (&many.energies, many.energy_joule)] {
                let sum: f64 = parts.iter().map(|p| p.1).sum();
                assert!((sum - whole).abs() <= 1e-9 * whole, "{sum} {whole}");
            }
        }
        assert!(of(Equal::Area(1e-12)).iter().all(|c| c.copies == 0.0 && c.rate_hz == 0.0));
    }
}

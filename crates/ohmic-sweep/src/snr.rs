//! What disturbs each layer of a point: predicted, and measured on one chip.

use crate::cache::Stage;
use crate::runner::in_lanes;
use crate::{Case, Error, Evaluate, Fidelity, Point, PointDesign, Simulation};
use ohmic_execution::{
    CellMoments, CodePowers, LayerBudget, Statistics, measure, predict, predict_with, quantization, uncovered,
};
use ohmic_metrics::LayerSnr;
use ohmic_numerics::{Noise, Seed};
use ohmic_results::{Record, Value};
use rayon::ThreadPool;
use std::sync::{Arc, OnceLock};

/// Images that quantization is measured on, of the calibration set.
const QUANTIZATION_IMAGES: usize = 32;

/// Whether a chip is run beside the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measuring {
    /// The point's chip instances, on its test images.
    Chips,
    /// No chip.
    No,
}

impl Simulation {
    /// The error budget of every layer of a point, on `threads` threads (one a core if `None`).
    ///
    /// # Errors
    /// Too little memory, no threads, or why the chip cannot be programmed or run.
    pub fn snr(
        &self,
        case: &Case,
        point: &Point,
        measuring: Measuring,
        threads: Option<usize>,
    ) -> Result<Vec<LayerSnr>, Error> {
        let pool = crate::runner::pool(threads)?;
        let failed = |problem| Error::Trial { problem };
        let execution = |e: ohmic_execution::Error| Error::Trial { problem: e.to_string() };
        self.in_flight(&[case], pool.current_num_threads()).map_err(failed)?;
        let design = self.design(case, point, &pool).map_err(failed)?;
        let predicted = match measuring {
            Measuring::No => self.budgets(&design, &pool).map_err(failed)?.1,
            // from the images that chips are measured on, so that only the method differs
            Measuring::Chips => {
                let set = case.test();
                let images = set.batch(0..set.len());
                let statistics = pool.install(|| Statistics::observe(&design.design, &images));
                let cells = self.moments(case, &pool).map_err(failed)?;
                predict(&design.design, &statistics.map_err(execution)?, &cells)
            }
        };
        pool.install(|| {
            let calibration = &case.calibration().all();
            let few = calibration.batch(0..calibration.len().min(QUANTIZATION_IMAGES));
            let quantized =
                quantization(&case.network, &case.quantized, &few, calibration).map_err(execution)?;
            let measured = match measuring {
                Measuring::Chips => {
                    let test = case.test().all();
                    let images = test.batch(0..test.len());
                    let mut sum: Vec<LayerBudget> = Vec::new();
                    for trial in 0..point.trials {
                        let noise = Noise::new(Seed(point.seed)).instance(trial);
                        let chip = measure(&design.design, noise, &images, 0).map_err(execution)?;
                        match sum.is_empty() {
                            true => sum = chip,
                            false => sum.iter_mut().zip(&chip).for_each(|(sum, chip)| sum.add(chip)),
                        }
                    }
                    sum.into_iter().map(Some).collect()
                }
                Measuring::No => vec![None; predicted.len()],
            };
            Ok(predicted
                .into_iter()
                .zip(measured)
                .map(|(predicted, measured)| LayerSnr {
                    name: case.network.nodes[predicted.id.0 as usize].name.clone(),
                    quantization: quantized[predicted.id.0 as usize],
                    predicted,
                    measured,
                })
                .collect())
        })
    }

    /// The predicted error powers of a point's layers, and the statistics that they follow from.
    fn budgets(
        &self,
        point: &PointDesign<'_>,
        pool: &ThreadPool,
    ) -> Result<(Arc<Statistics>, Vec<LayerBudget>), String> {
        let case = point.case;
        let statistics =
            self.cache.get(Stage::Statistics, &case.keys.calibration, Statistics::bytes, || {
                let set = case.calibration();
                let images = set.batch(0..set.len());
                pool.install(|| Statistics::observe(&point.design, &images)).map_err(|e| e.to_string())
            })?;
        // grids are what they depend on beside the statistics
        let key = format!("{}\n{:?}", case.keys.calibration, point.design.ranges());
        let codes = self
            .cache
            .get(Stage::Codes, &key, CodePowers::bytes, || Ok(CodePowers::new(&point.design, &statistics)))?;
        let budgets = predict_with(&point.design, &statistics, &*self.moments(case, pool)?, &codes);
        Ok((statistics, budgets))
    }

    fn moments(&self, case: &Case, pool: &ThreadPool) -> Result<Arc<CellMoments>, String> {
        self.cache.get(Stage::Moments, case.keys.moments(), CellMoments::bytes, || {
            Ok(pool.install(|| CellMoments::draw(&case.hardware)))
        })
    }

    /// The record of a point of which no chip is run.
    pub(crate) fn predicted(&self, point: &PointDesign<'_>, pool: &ThreadPool) -> Result<Record, String> {
        let (statistics, budgets) = self.budgets(point, pool)?;
        let events = statistics.events(&point.design);
        let case = point.case;
        ohmic_metrics::predicted(&case.network, point.plan, &case.hardware, &statistics, &events, &budgets)
            .map_err(|e| e.to_string())
    }

    /// Leaves chips to run only where no other point has a better predicted ratio for no more energy; a prediction
    /// needs no trials. Points of different networks or data are not compared; one whose prediction leaves something of
    /// its machine out is neither hidden nor hides others.
    pub(crate) fn keep_front(
        &self,
        cases: &[&Case],
        points: &mut [Point],
        pool: &ThreadPool,
    ) -> Result<(), String> {
        let slots: Vec<OnceLock<(f64, f64)>> = points.iter().map(|_| OnceLock::new()).collect();
        // a lane more than there are threads, as for trials
        in_lanes(pool.current_num_threads() + 1, points.len(), |i| {
            let (case, point) = (cases[i], &points[i]);
            if point.fidelity != Fidelity::Both {
                return;
            }
            // a point that cannot be predicted is not hidden: its trials say why
            let record = self.design(case, point, pool).and_then(|d| self.predicted(&d, pool)).ok();
            let number = |name: &str| record.as_ref()?.get(name).and_then(Value::number);
            let is_whole = uncovered(&case.hardware).is_empty();
            if let Some(found) =
                number("predicted_snr_db").zip(number("energy_per_inference")).filter(|_| is_whole)
            {
                let _ = slots[i].set(found);
            }
        });
        let predicted: Vec<Option<(f64, f64)>> = slots.into_iter().map(OnceLock::into_inner).collect();
        let beaten = |i: usize| {
            let Some((ratio, energy)) = predicted[i] else { return false };
            predicted.iter().enumerate().any(|(j, other)| {
                let same = points[i].network == points[j].network && points[i].data == points[j].data;
                other.is_some_and(|(r, e)| same && r >= ratio && e <= energy && (r > ratio || e < energy))
            })
        };
        let off: Vec<bool> = (0..points.len()).map(beaten).collect();
        for (point, off) in points.iter_mut().zip(off) {
            if point.fidelity == Fidelity::Both && off {
                point.fidelity = Fidelity::Predict;
            }
            if point.fidelity == Fidelity::Predict {
                point.trials = 1;
            }
        }
        Ok(())
    }
}

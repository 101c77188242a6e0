//! What disturbs each layer of a point: predicted, and measured on one chip.

use crate::{Case, Error, Evaluate, Point, Simulation};
use ohmic_execution::{CellMoments, Statistics, measure, predict, quantization};
use ohmic_metrics::LayerSnr;
use ohmic_numerics::{Noise, Seed};

/// Images that quantization is measured on, of the calibration set.
const QUANTIZATION_IMAGES: usize = 32;

/// Whether a chip is run beside the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measuring {
    /// One chip instance, on the point's test images.
    OneChip,
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
        self.in_flight(&[case], pool.current_num_threads()).map_err(failed)?;
        let design = self.design(case, point, &pool).map_err(failed)?;
        let execution = |e: ohmic_execution::Error| Error::Trial { problem: e.to_string() };
        pool.install(|| {
            let calibration = &case.calibration().all();
            let few = calibration.batch(0..calibration.len().min(QUANTIZATION_IMAGES));
            let quantized =
                quantization(&case.network, &case.quantized, &few, calibration).map_err(execution)?;
            let images = calibration.batch(0..calibration.len());
            let statistics = Statistics::observe(&design.design, &images).map_err(execution)?;
            let predicted = predict(&design.design, &statistics, &CellMoments::draw(&case.hardware));
            let measured = match measuring {
                Measuring::OneChip => {
                    let test = case.test().all();
                    let images = test.batch(0..test.len());
                    let noise = Noise::new(Seed(point.seed)).instance(0);
                    measure(&design.design, noise, &images, 0)
                        .map_err(execution)?
                        .into_iter()
                        .map(Some)
                        .collect()
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
}

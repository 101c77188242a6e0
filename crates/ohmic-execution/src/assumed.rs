//! What a network would make a machine do, if its data were what the hardware file assumes (`[activity]`).
//!
//! Nothing is encoded, programmed or run: what does not depend on data (reads without zero skipping, conversions, bytes)
//! is what a run counts, exactly; what does (energy of cells, pulses that are digits, skipped reads) follows from the
//! assumed fractions. Left out: negative inputs, that a fragment may be issued longer than its neighbours.

use crate::activity::{ReadShape, layer_events};
use crate::{Activity, Error, Events, LayerActivity};
use ohmic_hardware::dac::InputSign;
use ohmic_hardware::{Drive, Hardware, Skipping};
use ohmic_mapping::{Block, LayerPlan, Plan};
use ohmic_numerics::Mat;

/// Samples that are assumed: fractions of events become whole numbers of them.
const SAMPLES: u64 = 1000;

/// Activity and events, by layer index, of 1000 samples of a network whose digital layers compute
/// `digital_elements` elements a sample.
///
/// # Errors
/// The encoding has no weights of these bits.
pub fn assumed(
    plan: &Plan,
    hardware: &Hardware,
    digital_elements: usize,
) -> Result<(Activity, Vec<Events>), Error> {
    let mut activity = Activity { layers: Vec::new(), digital_elements: digital_elements as u64 * SAMPLES };
    let mut events = Vec::with_capacity(plan.layers.len());
    for layer in &plan.layers {
        let Some(layer) = layer else {
            activity.layers.push(LayerActivity::default());
            events.push(Events::NONE);
            continue;
        };
        let read = ReadShape::of(layer, |block| representative(layer, block, hardware))?;
        let done = layer_activity(layer, hardware);
        let window = hardware.device().window();
        let level =
            window.g_min_siemens + hardware.activity().levels * (window.g_max_siemens - window.g_min_siemens);
        let row = |block: &Block, _| block.columns as f64 * level;
        events.push(layer_events(hardware, layer, read, &done, row));
        activity.layers.push(done);
    }
    activity.count_messages(plan, hardware, &mut events);
    Ok((activity, events))
}

/// A block as it is encoded, but for its weights: one row of ones.
fn representative(
    plan: &LayerPlan,
    block: &Block,
    hardware: &Hardware,
) -> Result<ohmic_hardware::Encoded, Error> {
    let weights = Mat::from_fn(1, block.outputs.len(), |_, _| 1);
    hardware.encoding().encode(weights.view(), plan.weight_bits, plan.rows_per_read).map_err(|source| {
        Error::Encode {
            layer: plan.name.clone(),
            crossbar: block.crossbar,
            first_row: block.rows.start,
            first_output: block.group * plan.n + block.outputs.start,
            source,
        }
    })
}

fn layer_activity(plan: &LayerPlan, hardware: &Hardware) -> LayerActivity {
    let (dac, assumed) = (hardware.dac(), hardware.activity());
    let slices = dac.slices(plan.input_bits, InputSign::Unsigned);
    let vectors = SAMPLES * (plan.positions * plan.groups) as u64;
    let issued = if dac.skipping() == Skipping::None { 1.0 } else { assumed.issued };
    let all = vectors * (slices.len() * plan.fragments.len()) as u64;
    let of_issued = |count: u64| (count as f64 * issued).round() as u64;
    let deepest = plan
        .blocks
        .iter()
        .filter(|b| b.group == 0 && b.outputs.start == 0)
        .map(|b| plan.fragments_of(b).len() as u64)
        .max()
        .unwrap_or(0);
    // groups that share a crossbar are read in turn
    let turns = SAMPLES * (plan.positions * plan.groups.min(plan.blocks_in_turn())) as u64;
    let pulses: u64 = slices.iter().map(|s| dac.pulses(s)).sum();
    let digit: f64 = slices.iter().map(|s| mean_drive(s.bits, dac.drive(), assumed.ones)).sum();
    let squares = (SAMPLES as f64 * plan.positions as f64 * digit).round() as u64;
    LayerActivity {
        samples: SAMPLES,
        reads: of_issued(all),
        skipped: all - of_issued(all),
        rows: of_issued(vectors * (slices.len() * plan.k) as u64),
        steps: of_issued(turns * slices.len() as u64 * deepest),
        pulses: of_issued(turns * pulses * deepest),
        clips: 0,
        // only their ratio is ever looked at
        values: SAMPLES * (plan.k * plan.groups) as u64,
        non_zeros: ((SAMPLES * (plan.k * plan.groups) as u64) as f64 * assumed.non_zeros).round() as u64,
        squares: vec![squares; plan.k * plan.groups],
    }
}

/// Mean square of a digit whose bits are 1 with probability `ones`, independently; mean where digits are times.
fn mean_drive(bits: u32, drive: Drive, ones: f64) -> f64 {
    let mean = ones * ((1u64 << bits) - 1) as f64;
    match drive {
        Drive::Amplitude => {
            let squares: f64 = (0..bits).map(|b| (1u64 << (2 * b)) as f64).sum();
            mean * mean + ones * (1.0 - ones) * squares
        }
        Drive::Width | Drive::Pulses => mean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two bits with p = 1/2: digits 0 to 3 alike, mean square (0 + 1 + 4 + 9) / 4 = 3.5, mean 1.5; one bit: 1/2.
    #[test]
    fn digits_by_hand() {
        assert!((mean_drive(2, Drive::Amplitude, 0.5) - 3.5).abs() < 1e-12);
        assert!((mean_drive(2, Drive::Width, 0.5) - 1.5).abs() < 1e-12);
        assert!((mean_drive(1, Drive::Amplitude, 0.5) - 0.5).abs() < 1e-12);
        assert!((mean_drive(3, Drive::Amplitude, 1.0) - 49.0).abs() < 1e-12);
    }
}

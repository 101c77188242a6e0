//! The self-test of an installed binary: ideal hardware gives the exact integers, bit for bit, for every
//! encoding. The full law, over slicings, fragments and converters, is in `tests/tests/ideal.rs`.

use ohmic_execution::{Chip, Design, Probe, Shortcuts};
use ohmic_hardware::{Hardware, encoding};
use ohmic_network::data::DataSet;
use ohmic_network::layer::Linear;
use ohmic_network::quantization::{InputRange, QuantizeOptions, WeightScale, quantize};
use ohmic_network::reference::IntegerEngine;
use ohmic_network::{Network, Node, Shape, Source};
use ohmic_numerics::{Noise, Purpose, Seed, Site};

/// Rows of the layer: more than one crossbar has.
const ROWS: usize = 150;
/// Outputs of the layer.
const OUTPUTS: usize = 19;
/// Rows summed in one read.
const ROWS_PER_READ: usize = 8;

/// What one encoding gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// Name of the encoding.
    pub encoding: &'static str,
    /// Outputs compared.
    pub compared: usize,
    /// Outputs that differ from the exact integers, or why nothing could be compared.
    pub differing: Result<usize, String>,
}

/// Runs the self-test, once for every encoding there is.
pub fn self_test() -> Vec<SelfTest> {
    encoding::KINDS
        .iter()
        .map(|kind| {
            let differing = one(kind.name, kind.example);
            let compared = differing.as_ref().map_or(0, |d| d.1);
            SelfTest { encoding: kind.name, compared, differing: differing.map(|d| d.0) }
        })
        .collect()
}

/// Outputs that differ, and all outputs.
fn one(name: &str, example: &str) -> Result<(usize, usize), String> {
    let weight_bits = if name == "ternary" { 2 } else { 8 };
    let text = format!(
        "name = \"self-test\"\nextends = \"generic_reram\"\n[device]\nkind = \"ideal\"\ng_max = \"40 uS\"\n\
         g_min = \"0 S\"\n[encoding]\nkind = \"{name}\"\n{example}\n[adc]\nkind = \"ideal\"\n[crossbar]\n\
         rows_per_read = {ROWS_PER_READ}\n[precision]\nweight_bits = {weight_bits}\n[component.adc]\nkind = \"priced\"\n\
         per = \"adc\"\narea = \"1 um2\"\nevents = {{ conversion = \"1 pJ\" }}\nfor_adc_bits = 32\nsource = \"none: self-test\"\n"
    );
    let hardware = Hardware::from_text("self-test", &text).map_err(|e| e.to_string())?;
    let network = network(hardware.crossbar().rows)?;
    let samples: Vec<f32> = (0..5 * ROWS).map(|i| draw(1, i)).collect();
    let set = DataSet::from_floats("self-test", Shape(vec![ROWS]), OUTPUTS, samples, vec![0; 5])
        .map_err(|e| e.to_string())?;
    let options = QuantizeOptions {
        weight_bits,
        input_bits: 8,
        weight_scale: WeightScale::Output,
        input_range: InputRange::Max,
    };
    let quantized = quantize(&network, &options, &set.all()).map_err(|e| e.to_string())?;
    let inputs = set.batch(0..set.len());
    let exact =
        network.forward(&inputs, 0, &mut IntegerEngine::new(&quantized)).map_err(|e| e.to_string())?;
    let plan = ohmic_mapping::map(&network, &quantized, &hardware).map_err(|e| e.to_string())?;
    let design = Design::new(&network, &quantized, &plan, &hardware, &inputs).map_err(|e| e.to_string())?;
    // every read is computed: a shortcut would compare the integers with themselves
    let chip = Chip::program(&design, Noise::new(Seed(1)), Shortcuts::Avoided).map_err(|e| e.to_string())?;
    let run = chip.run(&inputs, 0, Probe::Off).map_err(|e| e.to_string())?;
    let differing =
        run.output.data.iter().zip(&exact.data).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    Ok((differing, exact.data.len()))
}

/// One layer whose weights have one sign in each fragment, as `polarized` needs it.
pub(crate) fn network(rows: usize) -> Result<Network, String> {
    let per_crossbar = rows / ROWS_PER_READ * ROWS_PER_READ;
    let weights = (0..OUTPUTS * ROWS)
        .map(|i| {
            let (output, row) = (i / ROWS, i % ROWS);
            let fragment = row / per_crossbar * 1000 + row % per_crossbar / ROWS_PER_READ;
            draw(2, i).abs() * draw(3, fragment * OUTPUTS + output).signum()
        })
        .collect();
    let layer = Linear::new(ROWS, OUTPUTS, weights, Vec::new()).map_err(|e| e.to_string())?;
    let node = Node::new("fc", Box::new(layer), vec![Source::Input]);
    Network::from_nodes("self-test", Shape(vec![ROWS]), vec![node]).map_err(|e| e.to_string())
}

fn draw(stream: u32, i: usize) -> f32 {
    Noise::new(Seed(7)).normal(Purpose::Data, Site { layer: 0, block: stream }, 0, i as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_is_exact() {
        for test in self_test() {
            assert_eq!(test.differing, Ok(0), "{}", test.encoding);
            assert_eq!(test.compared, 5 * OUTPUTS, "{}", test.encoding);
        }
    }
}

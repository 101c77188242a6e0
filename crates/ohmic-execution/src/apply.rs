//! A layer applied to a batch: quantize, gather, multiply, and back to float.

use crate::Error;
use crate::read::TILE;
use ohmic_network::Tensor;
use ohmic_network::gather::Gathered;
use ohmic_network::quantization::QuantizedMvm;
use ohmic_numerics::kernel::engine::{Values, Vectors};
use ohmic_numerics::kernel::{self, Order};

/// What multiplies.
pub(crate) trait Multiply {
    /// Gets the integers of the whole batch, sample after sample, before anything is multiplied.
    fn begin(&mut self, _integers: Values<'_>) {}

    /// Whether outputs one after the other are cheaper to add to than vectors one after the other.
    fn by_output(&self) -> bool {
        false
    }

    /// Gets the vectors of one group, and the accumulators to add to (outputs of the group and vectors, in
    /// units of the integer product).
    fn multiply(&mut self, part: Part<'_>, y: &mut [f64]);
}

/// The vectors of some samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    /// Which of the layer's independent matrices.
    pub(crate) group: usize,
    pub(crate) vectors: Vectors<'a>,
    /// Draw index of the first: sample · positions + position. The next ones follow.
    pub(crate) first_draw: u32,
    /// How accumulators stand.
    pub(crate) order: Order,
    /// Index within the batch of the first sample, and how many.
    pub(crate) samples: (usize, usize),
}

/// Buffers kept from call to call.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    bytes: Vec<u8>,
    words: Vec<i32>,
    byte_vectors: Vec<u8>,
    word_vectors: Vec<i32>,
    byte_frame: Vec<u8>,
    word_frame: Vec<i32>,
    y: Vec<f64>,
}

/// Accumulators that are in hand, in bytes: a part of a second-level cache.
const ACCUMULATOR_BYTES: usize = 512 << 10;

/// The layer's output for a batch whose first sample has index `first_sample` in its data set.
///
/// Some samples at a time, so that memory does not grow with the batch.
///
/// # Errors
/// [`Error::TooManyDraws`] if a vector's index over the whole data set leaves 32 bits.
pub(crate) fn apply(
    name: &str,
    layer: &QuantizedMvm,
    input: &Tensor,
    first_sample: usize,
    buffers: &mut Buffers,
    multiply: &mut dyn Multiply,
) -> Result<Tensor, Error> {
    let (k, positions, groups) = (layer.gather.k(), layer.gather.positions(), layer.weights.len());
    let n = layer.weights[0].cols();
    // whole registers of bytes
    let stride = k.next_multiple_of(64);
    let draws = (first_sample + input.batch).checked_mul(positions);
    if draws.is_none_or(|d| u32::try_from(d).is_err()) {
        return Err(Error::TooManyDraws { layer: name.to_owned(), what: "samples × positions" });
    }
    let small = !layer.input_signed && layer.input_bits <= 8;
    let Buffers { bytes, words, byte_vectors, word_vectors, byte_frame, word_frame, y } = buffers;
    if small {
        bytes.resize(input.data.len(), 0);
        layer.quantize_bytes(&input.data, bytes);
        multiply.begin(Values::Bytes(bytes));
    } else {
        words.resize(input.data.len(), 0);
        layer.quantize_inputs(&input.data, words);
        multiply.begin(Values::Words(words));
    }
    let outputs = n * groups;
    let shape = layer.gather.out_shape(outputs);
    let mut out = vec![0f32; input.batch * outputs * positions];
    let scales: Vec<_> = (0..outputs).map(|c| layer.output_scale(c)).collect();
    let (bias, step): (Vec<f64>, Vec<f64>) = scales.iter().map(|s| (s.bias, s.step)).unzip();
    let each = input.shape.len();
    let by_output = positions > 1 || multiply.by_output();
    // enough vectors to make the work on the matrix worth it
    let vectors = (ACCUMULATOR_BYTES / 8 / n.max(1)).clamp(64, TILE);
    let together = (vectors / positions).max(1);
    for sample in (0..input.batch).step_by(together) {
        let samples = (sample, together.min(input.batch - sample));
        let count = samples.1 * positions;
        for group in 0..groups {
            let values = if small {
                byte_vectors.resize(count * stride, 0);
                gather(layer, &bytes[sample * each..], samples.1, group, stride, byte_frame, byte_vectors);
                Values::Bytes(byte_vectors)
            } else {
                word_vectors.resize(count * stride, 0);
                gather(layer, &words[sample * each..], samples.1, group, stride, word_frame, word_vectors);
                Values::Words(word_vectors)
            };
            let vectors = Vectors { values, k, stride };
            let first_draw = ((first_sample + sample) * positions) as u32;
            y.clear();
            y.resize(count * n, 0.0);
            // as the output wants them: position after position of an output, or outputs of a sample
            let order = if by_output { Order::ByOutput(count) } else { Order::ByVector(n) };
            multiply.multiply(Part { group, vectors, first_draw, order, samples }, y);
            let scales = &scales[group * n..][..n];
            if !by_output {
                for (s, y) in y.chunks_exact(n).enumerate() {
                    let out = &mut out[(sample + s) * outputs + group * n..][..n];
                    kernel::row_values(y, &bias[group * n..][..n], &step[group * n..][..n], out);
                }
                continue;
            }
            if positions == 1 {
                let to = &mut out[sample * outputs + group * n..];
                let (bias, step) = (&bias[group * n..][..n], &step[group * n..][..n]);
                kernel::turned_values(y, count, bias, step, to, outputs);
                continue;
            }
            for ((c, scale), y) in scales.iter().enumerate().zip(y.chunks_exact(count)) {
                for (s, y) in y.chunks_exact(positions).enumerate() {
                    let at = ((sample + s) * outputs + group * n + c) * positions;
                    kernel::values(y, scale.bias, scale.step, &mut out[at..at + positions]);
                }
            }
        }
    }
    Ok(Tensor::new(input.batch, shape, out))
}

fn gather<T: Gathered>(
    layer: &QuantizedMvm,
    integers: &[T],
    samples: usize,
    group: usize,
    stride: usize,
    frame: &mut Vec<T>,
    out: &mut [T],
) {
    let positions = layer.gather.positions();
    let each = layer.gather.sample_len();
    for (integers, out) in
        integers.chunks_exact(each).zip(out.chunks_exact_mut(positions * stride)).take(samples)
    {
        if positions == 1 && each == layer.gather.k() {
            out[..each].copy_from_slice(integers);
        } else {
            layer.gather.gather_padded(integers, group, 0..positions, stride, frame, out);
        }
    }
}

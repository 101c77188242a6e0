//! A layer applied to a batch: quantize, gather, multiply, and back to float.

use crate::Error;
use crate::read::Vectors;
use ohmic_network::Tensor;
use ohmic_network::quantization::QuantizedMvm;

/// What multiplies: gets the vectors of one group, the accumulators to add to (vectors × outputs of
/// the group, in units of the integer product), and which samples these are.
pub(crate) type Multiply<'m> = dyn FnMut(usize, Vectors<'_>, &mut [f64], Samples<'_>) + 'm;

/// The samples that vectors were gathered from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples<'a> {
    /// Index of the first within the batch.
    pub(crate) first: usize,
    /// How many.
    pub(crate) count: usize,
    /// Their integers, sample after sample.
    pub(crate) integers: &'a [i32],
}

/// The layer's output for a batch whose first sample has index `first_sample` in its data set.
///
/// A sample at a time, so that memory does not grow with the batch; layers of one vector a sample are
/// gathered over the whole batch instead.
///
/// # Errors
/// [`Error::TooManyDraws`] if a vector's index over the whole data set leaves 32 bits.
pub(crate) fn apply(
    name: &str,
    layer: &QuantizedMvm,
    input: &Tensor,
    first_sample: usize,
    multiply: &mut Multiply<'_>,
) -> Result<Tensor, Error> {
    let (k, positions, groups) = (layer.gather.k(), layer.gather.positions(), layer.weights.len());
    let n = layer.weights[0].cols();
    let stride = Vectors::stride_of(k);
    let draws = (first_sample + input.batch).checked_mul(positions);
    if draws.is_none_or(|d| u32::try_from(d).is_err()) {
        return Err(Error::TooManyDraws { layer: name.to_owned(), what: "samples × positions" });
    }
    let mut integers = vec![0i32; input.data.len()];
    layer.quantize_inputs(&input.data, &mut integers);
    let outputs = n * groups;
    let shape = layer.gather.out_shape(outputs);
    let mut out = vec![0f32; input.batch * outputs * positions];
    if positions == 1 && groups == 1 && integers.len() == input.batch * k {
        let mut y = vec![0f64; input.batch * n];
        let mut x = vec![0i32; input.batch * stride];
        for (x, integers) in x.chunks_exact_mut(stride).zip(integers.chunks_exact(k)) {
            x[..k].copy_from_slice(integers);
        }
        let samples = Samples { first: 0, count: input.batch, integers: &integers };
        multiply(0, Vectors { x: &x, k, stride, first_draw: first_sample as u32 }, &mut y, samples);
        for (out, y) in out.chunks_exact_mut(n).zip(y.chunks_exact(n)) {
            for (c, (out, &y)) in out.iter_mut().zip(y).enumerate() {
                *out = layer.dequantize(y, c);
            }
        }
        return Ok(Tensor::new(input.batch, shape, out));
    }
    let sample_len = input.shape.len();
    let mut x = vec![0i32; positions * stride];
    let mut y = vec![0f64; positions * n];
    let scales: Vec<_> = (0..outputs).map(|c| layer.output_scale(c)).collect();
    for sample in 0..input.batch {
        let integers = &integers[sample * sample_len..][..sample_len];
        let out = &mut out[sample * outputs * positions..][..outputs * positions];
        for group in 0..groups {
            layer.gather.gather_rows(integers, group, 0..positions, stride, &mut x);
            y.fill(0.0);
            let first_draw = ((first_sample + sample) * positions) as u32;
            let samples = Samples { first: sample, count: 1, integers };
            multiply(group, Vectors { x: &x, k, stride, first_draw }, &mut y, samples);
            let out = &mut out[group * n * positions..][..n * positions];
            let scales = &scales[group * n..][..n];
            for (p, y) in y.chunks_exact(n).enumerate() {
                for (c, (&y, scale)) in y.iter().zip(scales).enumerate() {
                    out[c * positions + p] = scale.value(y);
                }
            }
        }
    }
    Ok(Tensor::new(input.batch, shape, out))
}

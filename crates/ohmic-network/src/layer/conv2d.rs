//! The two-dimensional convolution with stride, padding, dilation and groups.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, Mvm, maps, one};
use crate::columns::Columns;
use crate::convolve::Convolver;
use crate::gather::{Gather, Window};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};
use ohmic_numerics::kernel::{Op, PanelsF32, gemm_f32};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "two-dimensional convolution with stride, padding, dilation and groups",
    onnx_ops: &["Conv"],
    from_toml: |s| {
        let (channels, size) = maps(NAME, one(NAME, s.inputs())?)?;
        let outputs = s.count("outputs")?;
        let kernel = s.pair("kernel")?;
        let window = Window {
            channels,
            size,
            kernel,
            stride: s.pair_or("stride", [1, 1])?,
            padding: s.padding()?,
            dilation: s.pair_or("dilation", [1, 1])?,
            groups: s.count_or("groups", 1)?,
        };
        window.check(NAME)?;
        let weights = s.tensor("weight", &[outputs, channels / window.groups, kernel[0], kernel[1]])?;
        let bias = s.optional_tensor("bias", &[outputs])?.unwrap_or_default();
        Ok(Box::new(Conv2d::new(window, outputs, weights, bias)?))
    },
    from_onnx,
    example: || {
        let window = Window {
            channels: 4,
            size: [6, 5],
            kernel: [3, 2],
            stride: [2, 1],
            padding: [1, 0, 2, 1],
            dilation: [1, 2],
            groups: 2,
        };
        let weights = (0..6 * 2 * 6).map(|i| (i * 29 % 71) as f32 / 50.0 - 0.7).collect();
        let bias = (0..6).map(|i| i as f32 * 0.1 - 0.2).collect();
        Example::of(Conv2d::new(window, 6, weights, bias), &[&[4, 6, 5]])
    },
};

const NAME: &str = "conv2d";

/// The two-dimensional convolution.
#[derive(Clone, Debug)]
pub struct Conv2d {
    window: Window,
    outputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv2d {
    /// A convolution from its weights `outputs × channels/groups × kernel height × kernel width` and
    /// its bias (one an output channel, or empty).
    ///
    /// # Errors
    /// The geometry is impossible, or does not fit the number of values.
    pub fn new(window: Window, outputs: usize, weights: Vec<f32>, bias: Vec<f32>) -> Result<Self, Error> {
        window.check(NAME)?;
        let (groups, [kh, kw]) = (window.groups, window.kernel);
        if outputs == 0 || !outputs.is_multiple_of(groups) {
            let problem = format!("{outputs} outputs cannot be split into {groups} groups");
            return Err(Error::shape(NAME, problem));
        }
        let channels = window.channels / groups;
        let wanted = [channels, kh, kw].iter().try_fold(outputs, |product: usize, &d| product.checked_mul(d));
        if wanted != Some(weights.len()) {
            let got = weights.len();
            let problem = format!("weight needs {outputs} x {channels} x {kh} x {kw} values, got {got}");
            return Err(Error::shape(NAME, problem));
        }
        if !bias.is_empty() && bias.len() != outputs {
            let got = bias.len();
            return Err(Error::shape(NAME, format!("bias needs {outputs} values, one an output, got {got}")));
        }
        Ok(Self { window, outputs, weights, bias })
    }
}

/// Weights and bias of a layer followed by `y = factor · x + shift`, one value an output each.
pub(super) fn fold(weights: &[f32], bias: &[f32], factor: &[f64], shift: &[f64]) -> (Vec<f32>, Vec<f32>) {
    let k = weights.len() / factor.len();
    let folded = weights.iter().enumerate().map(|(i, &w)| (f64::from(w) * factor[i / k]) as f32).collect();
    let old = |o: usize| bias.get(o).map_or(0.0, |&b| f64::from(b));
    let bias = (0..factor.len()).map(|o| (old(o) * factor[o] + shift[o]) as f32).collect();
    (folded, bias)
}

impl Layer for Conv2d {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let shape = one(NAME, inputs)?;
        let (channels, size) = maps(NAME, shape)?;
        if (channels, size) != (self.window.channels, self.window.size) {
            let (c, [h, w]) = (self.window.channels, self.window.size);
            return Err(Error::shape(NAME, format!("needs input {c}x{h}x{w}, got {shape}")));
        }
        let [h, w] = self.window.out_size();
        Ok(Shape(vec![self.outputs, h, w]))
    }

    fn window(&self) -> Option<&Window> {
        Some(&self.window)
    }

    fn mvm(&self) -> Option<Mvm<'_>> {
        Some(Mvm {
            weights: &self.weights,
            outputs: self.outputs,
            bias: &self.bias,
            gather: Gather::Window(self.window.clone()),
        })
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        let w = &self.window;
        let [h, wd] = w.out_size();
        let mut y = Tensor::zeros(x.batch, Shape(vec![self.outputs, h, wd]));
        let (k, positions, n) = (w.k(), h * wd, self.outputs / w.groups);
        let panels: Vec<PanelsF32> =
            self.weights.chunks_exact(n * k).map(|weights| PanelsF32::pack(weights, n, k)).collect();
        let mut convolver = Convolver::new(w, n);
        for (b, target) in y.data.chunks_exact_mut(self.outputs * positions).enumerate() {
            let groups = target.chunks_exact_mut(n * positions).zip(&panels).enumerate();
            for (g, (target, panels)) in groups {
                let bias = self.bias.get(g * n..(g + 1) * n).unwrap_or_default();
                convolver.sums(x.sample(b), g, panels, bias, target);
            }
        }
        y
    }

    fn parameters(&self) -> Vec<(&'static str, &[f32])> {
        let mut list = vec![("weight", &self.weights[..])];
        if !self.bias.is_empty() {
            list.push(("bias", &self.bias));
        }
        list
    }

    fn parameters_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        let mut list = vec![("weight", &mut self.weights[..])];
        if !self.bias.is_empty() {
            list.push(("bias", &mut self.bias));
        }
        list
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let w = &self.window;
        let [h, wd] = w.out_size();
        let (k, positions, n) = (w.k(), h * wd, self.outputs / w.groups);
        let mut dx = Tensor::zeros(x.batch, x.shape.clone());
        let mut dw = vec![0.0; self.weights.len()];
        let len = x.shape.len();
        let mut gathering = Columns::new(w);
        let count = gathering.count();
        let together = gathering.samples_together().min(x.batch.max(1));
        let mut columns = vec![0.0; k * count * together];
        let mut dy = vec![0.0; n * count * together];
        let mut transposed = vec![0.0; k * n];
        for first in (0..x.batch).step_by(together) {
            let samples = together.min(x.batch - first);
            let total = samples * count;
            let (columns, dy) = (&mut columns[..k * total], &mut dy[..n * total]);
            for g in 0..w.groups {
                for i in 0..samples {
                    gathering.gather(x.sample(first + i), g, columns, i * count, total);
                    for o in 0..n {
                        let plane = ((first + i) * self.outputs + g * n + o) * positions;
                        let target = &mut dy[o * total + i * count..][..count];
                        gathering.widen(&gradient.data[plane..][..positions], target);
                    }
                }
                // PERF: this way round the product packs the small operand, not the columns
                gemm_f32([k, n, total], (columns, Op::Plain), (dy, Op::Transposed), 0.0, &mut transposed);
                let target = &mut dw[g * n * k..][..n * k];
                for (o, row) in target.chunks_exact_mut(k).enumerate() {
                    row.iter_mut().enumerate().for_each(|(r, v)| *v += transposed[r * n + o]);
                }
                let weights = (&self.weights[g * n * k..][..n * k], Op::Transposed);
                gemm_f32([k, total, n], weights, (dy, Op::Plain), 0.0, columns);
                for i in 0..samples {
                    let target = &mut dx.data[(first + i) * len..][..len];
                    gathering.add_back(columns, g, target, i * count, total);
                }
            }
        }
        let mut parameters = vec![dw];
        if !self.bias.is_empty() {
            let mut db = vec![0.0; self.outputs];
            for (i, plane) in gradient.data.chunks_exact(positions).enumerate() {
                db[i % self.outputs] += plane.iter().sum::<f32>();
            }
            parameters.push(db);
        }
        Some(Gradients { inputs: vec![dx], parameters })
    }

    fn describe(&self) -> Description<'_> {
        let w = &self.window;
        let dims = [self.outputs, w.channels / w.groups, w.kernel[0], w.kernel[1]];
        let d = Description::default()
            .with("outputs", self.outputs as i64)
            .with_counts("kernel", &w.kernel)
            .with_counts("stride", &w.stride)
            .with_counts("padding", &w.padding)
            .with_counts("dilation", &w.dilation)
            .with("groups", w.groups as i64)
            .tensor("weight", &dims, &self.weights);
        if self.bias.is_empty() { d } else { d.tensor("bias", &[self.outputs], &self.bias) }
    }

    fn with_affine(&self, factor: &[f64], shift: &[f64]) -> Option<Box<dyn Layer>> {
        let (weights, bias) = fold(&self.weights, &self.bias, factor, shift);
        let layer = Conv2d::new(self.window.clone(), self.outputs, weights, bias).ok()?;
        Some(Box::new(layer))
    }
}

fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    let (channels, size) = maps(NAME, op.activation(0)?)?;
    let (dims, weights) = op.floats(1)?;
    let &[outputs, per_group, kh, kw] = dims else {
        return Err(op.problem(format!("its weights have {} dimensions, 4 are needed", dims.len())));
    };
    let mut window = op.window(channels, size, Some([kh, kw]))?;
    window.groups = op.count("group", 1)?;
    window.check(NAME)?;
    if per_group != channels / window.groups {
        let wanted = channels / window.groups;
        return Err(
            op.problem(format!("its weights take {per_group} channels a group, its input has {wanted}"))
        );
    }
    let bias = op.optional_floats(2)?.map(|(_, b)| b.to_vec()).unwrap_or_default();
    Ok(Some(Box::new(Conv2d::new(window, outputs, weights.to_vec(), bias)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition of the convolution, term by term.
    fn by_definition(conv: &Conv2d, x: &[f32]) -> Vec<f64> {
        let w = &conv.window;
        let [oh, ow] = w.out_size();
        let (cg, ng) = (w.channels / w.groups, conv.outputs / w.groups);
        let mut y = Vec::new();
        for o in 0..conv.outputs {
            for oy in 0..oh {
                for ox in 0..ow {
                    let mut sum = conv.bias.get(o).copied().map_or(0.0, f64::from);
                    for c in 0..cg {
                        for ky in 0..w.kernel[0] {
                            for kx in 0..w.kernel[1] {
                                let sy =
                                    (oy * w.stride[0] + ky * w.dilation[0]) as isize - w.padding[0] as isize;
                                let sx =
                                    (ox * w.stride[1] + kx * w.dilation[1]) as isize - w.padding[1] as isize;
                                let inside =
                                    sy >= 0 && sx >= 0 && sy < w.size[0] as isize && sx < w.size[1] as isize;
                                if inside {
                                    let at = ((o / ng * cg + c) * w.size[0] + sy as usize) * w.size[1]
                                        + sx as usize;
                                    let weight =
                                        conv.weights[((o * cg + c) * w.kernel[0] + ky) * w.kernel[1] + kx];
                                    sum += f64::from(weight) * f64::from(x[at]);
                                }
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
        y
    }

    proptest! {
        #[test]
        fn equals_its_definition(
            (groups, cg, ng) in (1usize..4, 1usize..4, 1usize..4),
            size in [3usize..9, 3usize..9], kernel in [1usize..4, 1usize..4],
            stride in [1usize..3, 1usize..3], dilation in [1usize..3, 1usize..3],
            padding in [0usize..3, 0usize..3, 0usize..3, 0usize..3], seed in 0usize..1000,
        ) {
            let window = Window { channels: groups * cg, size, kernel, stride, padding, dilation, groups };
            prop_assume!(window.check("conv2d").is_ok());
            let value = |i: usize| ((i * 7919 + seed * 31) % 211) as f32 / 100.0 - 1.05;
            let k = window.k();
            let weights: Vec<f32> = (0..groups * ng * k).map(value).collect();
            let x: Vec<f32> = (0..window.channels * size[0] * size[1]).map(|i| value(i + 7)).collect();
            let conv = Conv2d::new(window.clone(), groups * ng, weights, vec![0.25; groups * ng]).unwrap();
            let input = Tensor::new(1, Shape(vec![window.channels, size[0], size[1]]), x.clone());
            let y = conv.run(&[&input]);
            let want = by_definition(&conv, &x);
            for (a, b) in y.data.iter().zip(&want) {
                // rounding of at most 50 products below 1.2 in size
                prop_assert!((f64::from(*a) - b).abs() < 1e-4, "{a} {b}");
            }
            // the vectors that crossbars are given hold the same values as the columns used here
            let gather = Gather::Window(window.clone());
            let positions = gather.positions();
            let mut rows = vec![0.0f32; positions * k];
            let mut columns = vec![0.0f32; positions * k];
            gather.gather(&x, groups - 1, 0..positions, &mut rows);
            window.columns(&x, groups - 1, &mut columns);
            for p in 0..positions {
                for r in 0..k {
                    prop_assert_eq!(rows[p * k + r].to_bits(), columns[r * positions + p].to_bits());
                }
            }
        }
    }

    #[test]
    fn impossible_geometry_is_refused() {
        let window = |f: &dyn Fn(&mut Window)| {
            let mut w = Window {
                channels: 2,
                size: [4, 4],
                kernel: [3, 3],
                stride: [1, 1],
                padding: [0; 4],
                dilation: [1, 1],
                groups: 1,
            };
            f(&mut w);
            w.check("conv2d").map_err(|e| e.to_string())
        };
        assert!(window(&|_| ()).is_ok());
        assert!(window(&|w| w.kernel = [5, 1]).unwrap_err().contains("reaches over 5 rows"));
        assert!(window(&|w| w.stride = [0, 1]).is_err());
        assert!(window(&|w| w.dilation = [1, 0]).is_err());
        assert!(window(&|w| w.kernel = [0, 1]).is_err());
        assert!(window(&|w| w.groups = 3).is_err());
        assert!(window(&|w| w.padding = [usize::MAX, 0, 3, 0]).is_err());
        assert!(window(&|w| w.dilation = [usize::MAX, 1]).is_err());
    }
}

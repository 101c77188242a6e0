//! Tensors that are known when the file is read, and the operators that only move them around.

use super::messages::TensorProto;
use super::operator::{Constant, Operand, Operator, Values};
use crate::{Error, Shape};

/// Data types of `onnx.proto`.
const FLOAT: i32 = 1;
const INT32: i32 = 6;
const INT64: i32 = 7;
const FLOAT16: i32 = 10;
const DOUBLE: i32 = 11;
const BFLOAT16: i32 = 16;

/// A stored tensor, or why it cannot be read.
pub(super) fn decode(tensor: &TensorProto) -> Result<Constant, String> {
    let name = &tensor.name;
    if tensor.data_location == 1 {
        return Err(format!(
            "tensor `{name}` lies outside the file (external data); save the model with its data inside"
        ));
    }
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let dims = dims.ok_or_else(|| format!("tensor `{name}` has a negative dimension: {:?}", tensor.dims))?;
    let raw = &tensor.raw_data;
    let whole = |size: usize| {
        if raw.len().is_multiple_of(size) {
            Ok(())
        } else {
            Err(format!("tensor `{name}` holds {} bytes, no multiple of {size}", raw.len()))
        }
    };
    let values = match tensor.data_type {
        FLOAT if raw.is_empty() => Values::Floats(tensor.float_data.clone()),
        FLOAT => {
            whole(4)?;
            Values::Floats(
                raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            )
        }
        DOUBLE if raw.is_empty() => Values::Floats(tensor.double_data.iter().map(|&v| v as f32).collect()),
        DOUBLE => {
            whole(8)?;
            Values::Floats(raw.chunks_exact(8).map(|b| f64::from_le_bytes(eight(b)) as f32).collect())
        }
        half @ (FLOAT16 | BFLOAT16) => {
            let widen = if half == FLOAT16 { widen_f16 } else { widen_bf16 };
            if raw.is_empty() {
                Values::Floats(tensor.int32_data.iter().map(|&v| widen(v as u16)).collect())
            } else {
                whole(2)?;
                Values::Floats(raw.chunks_exact(2).map(|b| widen(u16::from_le_bytes([b[0], b[1]]))).collect())
            }
        }
        INT64 if raw.is_empty() => Values::Integers(tensor.int64_data.clone()),
        INT64 => {
            whole(8)?;
            Values::Integers(raw.chunks_exact(8).map(|b| i64::from_le_bytes(eight(b))).collect())
        }
        INT32 if raw.is_empty() => {
            Values::Integers(tensor.int32_data.iter().map(|&v| i64::from(v)).collect())
        }
        INT32 => {
            whole(4)?;
            let int = |b: &[u8]| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            Values::Integers(raw.chunks_exact(4).map(int).collect())
        }
        other => {
            return Err(format!(
                "tensor `{name}` has data type {other}; floats and 32 or 64-bit integers are read"
            ));
        }
    };
    let constant = Constant { dims, values };
    let declared = constant.dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if declared != Some(constant.len()) {
        let (dims, n) = (&constant.dims, constant.len());
        return Err(format!("tensor `{name}` declares dimensions {dims:?} and holds {n} values"));
    }
    Ok(constant)
}

fn eight(b: &[u8]) -> [u8; 8] {
    [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]
}

pub(crate) fn widen_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// IEEE 754 half precision to single.
pub(crate) fn widen_f16(bits: u16) -> f32 {
    let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, mantissa) = ((bits >> 10) & 0x1f, f32::from(bits & 0x3ff));
    match exponent {
        // subnormal: mantissa · 2^-24
        0 => sign * mantissa / 16_777_216.0,
        0x1f if mantissa > 0.0 => f32::NAN,
        0x1f => sign * f32::INFINITY,
        // (1 + mantissa / 1024) · 2^(exponent - 15)
        e => sign * (1.0 + mantissa / 1024.0) * f32::from_bits((u32::from(e) + 112) << 23),
    }
}

impl Constant {
    fn len(&self) -> usize {
        match &self.values {
            Values::Floats(v) => v.len(),
            Values::Integers(v) => v.len(),
        }
    }

    /// The values at these indices, with these dimensions.
    fn picked(&self, dims: Vec<usize>, indices: &[usize]) -> Self {
        let values = match &self.values {
            Values::Floats(v) => Values::Floats(indices.iter().map(|&i| v[i]).collect()),
            Values::Integers(v) => Values::Integers(indices.iter().map(|&i| v[i]).collect()),
        };
        Self { dims, values }
    }

    fn with_dims(&self, dims: Vec<usize>) -> Self {
        Self { dims, values: self.values.clone() }
    }
}

/// Operators that are carried out when the file is read, if their inputs are constants.
pub(super) const FOLDED: &[&str] = &[
    "Constant",
    "Identity",
    "Reshape",
    "Transpose",
    "Flatten",
    "Unsqueeze",
    "Squeeze",
    "Cast",
    "Gather",
    "Concat",
    "Shape",
];

/// The result of an operator whose inputs are all constants. (`Shape` also takes an activation.)
pub(super) fn fold(op: &Operator<'_>) -> Result<Constant, Error> {
    if op.op() == "Shape" {
        return shape_of(op);
    }
    let inputs: Vec<&Constant> = op
        .operands
        .iter()
        .filter_map(|o| match o {
            Operand::Constant(c) => Some(*c),
            _ => None,
        })
        .collect();
    let Some(&first) = inputs.first() else {
        return Err(op.problem("its input is missing"));
    };
    match op.op() {
        "Identity" => Ok(first.clone()),
        "Cast" => {
            let to = op.int("to", i64::from(FLOAT))?;
            op.ignore(&["saturate"]);
            match (&first.values, i32::try_from(to)) {
                (Values::Floats(_), Ok(FLOAT | DOUBLE)) | (Values::Integers(_), Ok(INT32 | INT64)) => {
                    Ok(first.clone())
                }
                (Values::Integers(v), Ok(FLOAT | DOUBLE)) => {
                    let floats = v.iter().map(|&i| i as f32).collect();
                    Ok(Constant { dims: first.dims.clone(), values: Values::Floats(floats) })
                }
                _ => Err(op.problem(format!("a cast of this constant to data type {to} is not read"))),
            }
        }
        "Reshape" => {
            op.ignore(&["allowzero"]);
            let target = op.integers_or_attribute(1, "shape")?;
            reshaped(first, &target).ok_or_else(|| {
                op.problem(format!("a constant of {:?} cannot be reshaped to {target:?}", first.dims))
            })
        }
        "Flatten" => {
            let axis = usize::try_from(op.int("axis", 1)?).unwrap_or(usize::MAX).min(first.dims.len());
            let rows = first.dims[..axis].iter().product();
            Ok(first.with_dims(vec![rows, first.dims[axis..].iter().product()]))
        }
        "Transpose" => transposed(op, first),
        "Unsqueeze" | "Squeeze" => squeezed(op, first),
        "Gather" => {
            let (Some(indices), 0) = (inputs.get(1), op.int("axis", 0)?) else {
                return Err(op.problem("only along axis 0 of a constant vector"));
            };
            let Values::Integers(list) = &indices.values else {
                return Err(op.problem("its indices must be whole numbers"));
            };
            if first.dims.len() != 1 {
                return Err(op.problem("only along axis 0 of a constant vector"));
            }
            let n = first.len() as i64;
            let picks: Option<Vec<usize>> = list
                .iter()
                .map(|&i| if i < 0 { i.checked_add(n) } else { Some(i) })
                .map(|i| i.filter(|i| (0..n).contains(i)).map(|i| i as usize))
                .collect();
            let picks = picks.ok_or_else(|| op.problem(format!("indices {list:?} of {n} values")))?;
            Ok(first.picked(indices.dims.clone(), &picks))
        }
        "Concat" => {
            let axis = op.int("axis", 0)?;
            let mut all = Vec::new();
            for c in &inputs {
                match &c.values {
                    Values::Integers(v) if c.dims.len() == 1 && (axis == 0 || axis == -1) => all.extend(v),
                    _ => return Err(op.problem("only vectors of whole numbers are joined")),
                }
            }
            Ok(Constant { dims: vec![all.len()], values: Values::Integers(all) })
        }
        other => Err(op.problem(format!("{other} of constants is not read"))),
    }
}

/// The shape of an activation, its batch written as 0: "as the input has it" for a later Reshape.
fn shape_of(op: &Operator<'_>) -> Result<Constant, Error> {
    if op.int("start", 0)? != 0 || op.int("end", i64::MAX)? != i64::MAX {
        return Err(op.problem("start and end are not read"));
    }
    let dims: Vec<i64> = match op.operands.first() {
        Some(Operand::Activation(Shape(dims))) => {
            std::iter::once(0).chain(dims.iter().map(|&d| d as i64)).collect()
        }
        Some(Operand::Constant(c)) => c.dims.iter().map(|&d| d as i64).collect(),
        _ => return Err(op.problem("its input is missing")),
    };
    Ok(Constant { dims: vec![dims.len()], values: Values::Integers(dims) })
}

fn reshaped(c: &Constant, target: &[i64]) -> Option<Constant> {
    let mut dims = Vec::with_capacity(target.len());
    let mut free = None;
    for (i, &d) in target.iter().enumerate() {
        dims.push(match d {
            -1 if free.is_none() => {
                free = Some(i);
                1
            }
            0 => *c.dims.get(i)?,
            d => usize::try_from(d).ok()?,
        });
    }
    let known = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    if let Some(free) = free {
        dims[free] = c.len().checked_div(known)?;
    }
    let len = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    (len == c.len()).then(|| c.with_dims(dims))
}

fn transposed(op: &Operator<'_>, c: &Constant) -> Result<Constant, Error> {
    let rank = c.dims.len();
    let order: Vec<usize> = match op.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(perm) => perm.iter().map(|&p| usize::try_from(p).unwrap_or(usize::MAX)).collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(op.problem(format!("perm {order:?} is no order of {rank} axes")));
    }
    let mut stride = vec![1; rank];
    for axis in (1..rank).rev() {
        stride[axis - 1] = stride[axis] * c.dims[axis];
    }
    let dims: Vec<usize> = order.iter().map(|&axis| c.dims[axis]).collect();
    let mut at = vec![0usize; rank];
    let mut picks = Vec::with_capacity(c.len());
    for _ in 0..c.len() {
        picks.push(at.iter().zip(&order).map(|(&i, &axis)| i * stride[axis]).sum());
        for axis in (0..rank).rev() {
            at[axis] += 1;
            if at[axis] < dims[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    Ok(c.picked(dims, &picks))
}

fn squeezed(op: &Operator<'_>, c: &Constant) -> Result<Constant, Error> {
    let axes = op.optional_integers(1, "axes")?;
    let refuse = || op.problem(format!("axes {axes:?} do not fit a constant of {:?}", c.dims));
    let list = axes.clone().unwrap_or_default();
    let opens = op.op() == "Unsqueeze";
    let rank = (c.dims.len() + if opens { list.len() } else { 0 }) as i64;
    let mut chosen = Vec::with_capacity(list.len());
    for &a in &list {
        let axis = if a < 0 { a.saturating_add(rank) } else { a };
        if !(0..rank).contains(&axis) {
            return Err(refuse());
        }
        chosen.push(axis as usize);
    }
    if !opens {
        let drop = |i: usize, d: usize| d == 1 && (axes.is_none() || chosen.contains(&i));
        let kept = c.dims.iter().enumerate().filter(|(i, d)| !drop(*i, **d)).map(|(_, d)| *d).collect();
        return Ok(c.with_dims(kept));
    }
    let mut old = c.dims.iter();
    let dims: Option<Vec<usize>> =
        (0..rank as usize).map(|i| if chosen.contains(&i) { Some(1) } else { old.next().copied() }).collect();
    dims.filter(|_| old.next().is_none()).map(|d| c.with_dims(d)).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        // IEEE 754-2008, binary16: 1.0, -2.0, 65504 (largest), 2^-24 (least), 1/3 rounded, infinity
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(widen_f16(bits).to_bits(), f32::to_bits(value), "{bits:04x}");
        }
        assert!(widen_f16(0x7e00).is_nan());
        assert_eq!(widen_bf16(0x3f80).to_bits(), 1f32.to_bits());
    }

    #[test]
    fn declared_and_held_must_agree() {
        let tensor = |dims: Vec<i64>, n: usize| TensorProto {
            dims,
            data_type: FLOAT,
            float_data: vec![0.0; n],
            ..TensorProto::default()
        };
        assert!(decode(&tensor(vec![2, 3], 6)).is_ok());
        assert!(decode(&tensor(vec![2, 3], 5)).is_err());
        assert!(decode(&tensor(vec![-1, 3], 5)).is_err());
        assert!(decode(&tensor(vec![i64::MAX, i64::MAX], 1)).is_err());
        let outside = TensorProto { data_location: 1, ..tensor(vec![1], 1) };
        assert!(decode(&outside).unwrap_err().contains("external data"));
    }
}

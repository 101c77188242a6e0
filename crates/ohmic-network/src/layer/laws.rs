//! Laws that every kind of layer keeps; they run over the list.

use super::*;

/// The declared shape is the shape of the result, and the result has that many finite values.
#[test]
fn declared_shape_is_the_shape_of_the_result() {
    for kind in KINDS {
        let example = (kind.example)();
        assert_eq!(example.layer.kind(), kind.name);
        let shapes: Vec<&Shape> = example.inputs.iter().collect();
        let shape = example.layer.out_shape(&shapes).expect(kind.name);
        let inputs: Vec<Tensor> =
            example.inputs.iter().enumerate().map(|(i, s)| example_input(s, 3, i)).collect();
        let y = example.layer.run(&inputs.iter().collect::<Vec<_>>());
        assert_eq!((y.batch, &y.shape, y.data.len()), (3, &shape, 3 * shape.len()), "{}", kind.name);
        assert!(y.data.iter().all(|v| v.is_finite()), "{}", kind.name);
        if let Some(mvm) = example.layer.mvm() {
            assert_eq!(mvm.gather.out_shape(mvm.outputs), shape, "{}", kind.name);
            assert_eq!(mvm.weights.len(), mvm.outputs * mvm.gather.k(), "{}", kind.name);
        }
    }
}

/// A batch is its samples: each alone gives the same bits.
#[test]
fn samples_do_not_see_each_other() {
    for kind in KINDS {
        let example = (kind.example)();
        let inputs: Vec<Tensor> =
            example.inputs.iter().enumerate().map(|(i, s)| example_input(s, 3, i)).collect();
        let all = example.layer.run(&inputs.iter().collect::<Vec<_>>());
        for b in 0..3 {
            let one: Vec<Tensor> =
                inputs.iter().map(|x| Tensor::new(1, x.shape.clone(), x.sample(b).to_vec())).collect();
            let y = example.layer.run(&one.iter().collect::<Vec<_>>());
            let same = y.data.iter().zip(all.sample(b)).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{} sample {b}", kind.name);
        }
    }
}

/// Written over its first input or into new memory: the same bits.
#[test]
fn in_place_gives_the_same_answer() {
    for kind in KINDS {
        let example = (kind.example)();
        let inputs: Vec<Tensor> =
            example.inputs.iter().enumerate().map(|(i, s)| example_input(s, 3, i)).collect();
        let y = example.layer.run(&inputs.iter().collect::<Vec<_>>());
        let others: Vec<&Tensor> = inputs[1..].iter().collect();
        match example.layer.run_in_place(inputs[0].clone(), &others) {
            Ok(in_place) => assert_eq!(in_place, y, "{}", kind.name),
            Err(given_back) => assert_eq!(given_back, inputs[0], "{}", kind.name),
        }
    }
}

/// The crossbar's view of a layer, `W^T x + bias` on gathered vectors, gives what `run` gives.
#[test]
fn layer_matrix_gives_the_same_answer() {
    let mut seen = 0;
    for kind in KINDS {
        let example = (kind.example)();
        let Some(mvm) = example.layer.mvm() else { continue };
        seen += 1;
        let x = example_input(&example.inputs[0], 1, 0);
        let y = example.layer.run(&[&x]);
        let (k, positions, groups) = (mvm.gather.k(), mvm.gather.positions(), mvm.gather.groups());
        let n = mvm.outputs / groups;
        let mut vector = vec![0.0; k];
        for o in 0..mvm.outputs {
            for p in 0..positions {
                mvm.gather.gather(&x.data, o / n, p..p + 1, &mut vector);
                let row = &mvm.weights[o * k..][..k];
                let sum: f64 = row.iter().zip(&vector).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                let want = sum + f64::from(mvm.bias[o]);
                let got = f64::from(y.data[o * positions + p]);
                assert!((got - want).abs() < 1e-5, "{} output {o} position {p}: {got} {want}", kind.name);
            }
        }
    }
    assert!(seen >= 2);
}

/// Gradients equal central differences. The loss is a weighted sum of the outputs, the weights
/// being arbitrary. Inputs are kept away from kinks by the spacing of `example_input`.
#[test]
fn gradients_equal_differences() {
    for kind in KINDS {
        let mut example = (kind.example)();
        let mut inputs: Vec<Tensor> =
            example.inputs.iter().enumerate().map(|(i, s)| example_input(s, 2, i)).collect();
        let y = example.layer.run(&inputs.iter().collect::<Vec<_>>());
        let weight = |i: usize| ((i * 13 + 3) % 17) as f32 / 8.0 - 1.0;
        let gradient = Tensor::new(2, y.shape.clone(), (0..y.data.len()).map(weight).collect());
        let Some(g) = example.layer.backward(&inputs.iter().collect::<Vec<_>>(), &y, &gradient) else {
            continue;
        };
        let loss = |layer: &dyn Layer, inputs: &[Tensor]| -> f64 {
            let y = layer.run(&inputs.iter().collect::<Vec<_>>());
            y.data.iter().enumerate().map(|(i, v)| f64::from(weight(i)) * f64::from(*v)).sum()
        };
        // f32 sums of about 100 terms near 1: 1e-5 off; divided by a difference of 2 * 2^-8
        let (h, allowed) = (1.0f32 / 256.0, 4e-3);
        let check = |got: f32, high: f64, low: f64, what: String| {
            let want = (high - low) / (2.0 * f64::from(h));
            let close = (f64::from(got) - want).abs() < allowed * (1.0 + want.abs());
            assert!(close, "{} {what}: {got}, differences give {want}", kind.name);
        };
        for t in 0..inputs.len() {
            for i in 0..inputs[t].data.len() {
                let old = inputs[t].data[i];
                inputs[t].data[i] = old + h;
                let high = loss(example.layer.as_ref(), &inputs);
                inputs[t].data[i] = old - h;
                let low = loss(example.layer.as_ref(), &inputs);
                inputs[t].data[i] = old;
                check(g.inputs[t].data[i], high, low, format!("input {t} value {i}"));
            }
        }
        let count = example.layer.parameters().len();
        assert_eq!(g.parameters.len(), count, "{}", kind.name);
        for p in 0..count {
            assert_eq!(example.layer.parameters()[p].1.len(), g.parameters[p].len(), "{}", kind.name);
            for i in 0..g.parameters[p].len() {
                let old = example.layer.parameters()[p].1[i];
                let mut at = |v: f32| {
                    example.layer.parameters_mut()[p].1[i] = v;
                    loss(example.layer.as_ref(), &inputs)
                };
                let (high, low) = (at(old + h), at(old - h));
                at(old);
                check(g.parameters[p][i], high, low, format!("parameter {p} value {i}"));
            }
        }
    }
}

/// Names are unique, and so is who reads an ONNX operator unless the readers tell the forms apart.
#[test]
fn names_are_unique() {
    for (i, kind) in KINDS.iter().enumerate() {
        assert!(KINDS[..i].iter().all(|k| k.name != kind.name), "{} twice", kind.name);
        assert!(!kind.summary.is_empty());
    }
}

/// Wrong numbers of inputs and empty shapes are refused, not panicked on.
#[test]
fn wrong_inputs_are_refused() {
    for kind in KINDS {
        let example = (kind.example)();
        let refused = example.layer.out_shape(&[]).is_err();
        assert!(refused, "{} takes no input", kind.name);
        // any shape: an answer or an error
        for shape in
            [vec![], vec![0], vec![7], vec![1, 2], vec![2, 1, 1], vec![1, 2, 3, 4], vec![usize::MAX, 3]]
        {
            let _ = example.layer.out_shape(&[&Shape(shape.clone())]);
            let _ = example.layer.out_shape(&[&Shape(shape.clone()), &Shape(shape)]);
        }
    }
}

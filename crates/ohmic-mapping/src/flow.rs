//! Which rows of a layer's input must be there before a row of its result can be computed.
//!
//! Results are computed row after row. Row `r` of a sliding window ends at row `r · stride + reach - 1 - padding` of its
//! input; a layer that computes value by value needs the same row; any other (linear, pooling over everything, layers
//! that move values to other rows) waits for the whole input.

use ohmic_network::{Network, Node, Source};

/// What a layer waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowNode {
    /// Layers whose results it takes; `None` is the network's input.
    pub inputs: Vec<Option<usize>>,
    /// Rows of its result: the height of its maps, 1 if it has none.
    pub rows: usize,
    /// What of its inputs a row needs.
    pub needs: Needs,
}

/// What of the inputs of a layer a row of its result needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// All of it.
    All,
    /// The rows up to the same one.
    SameRow,
    /// The rows that a window reaches.
    Window {
        /// Rows that it reaches over.
        reach: usize,
        /// Rows between windows.
        stride: usize,
        /// Rows of zeros above the input.
        padding: usize,
        /// Rows of the input.
        rows: usize,
    },
}

impl FlowNode {
    /// What the layers of a network wait for, by layer index.
    pub fn of(network: &Network) -> Vec<Self> {
        network.nodes.iter().map(|node| Self::of_node(network, node)).collect()
    }

    fn of_node(network: &Network, node: &Node) -> Self {
        let inputs: Vec<Option<usize>> = node
            .inputs
            .iter()
            .map(|source| match source {
                Source::Input => None,
                Source::Layer(id) => Some(id.0 as usize),
            })
            .collect();
        let shape = |input: &Option<usize>| match input {
            None => &network.input.0,
            Some(i) => &network.nodes[*i].shape.0,
        };
        let size = |dims: &[usize]| (dims.len() == 3).then(|| [dims[1], dims[2]]);
        let out = size(&node.shape.0);
        let needs = match node.layer.window() {
            Some(w) => Needs::Window {
                reach: w.dilation[0] * (w.kernel[0] - 1) + 1,
                stride: w.stride[0],
                padding: w.padding[0],
                rows: w.size[0],
            },
            None if out.is_some() && inputs.iter().all(|i| size(shape(i)) == out) => Needs::SameRow,
            None => Needs::All,
        };
        Self { inputs, rows: out.map_or(1, |size| size[0]), needs }
    }

    /// Rows of an input with `there` rows that must be there for row `row` of the result.
    pub fn rows_needed(&self, row: usize, there: usize) -> usize {
        match self.needs {
            Needs::All => there,
            Needs::SameRow => (row + 1).min(there),
            Needs::Window { reach, stride, padding, rows } => {
                // a window that lies in the padding alone still waits for the first row
                (row * stride + reach).saturating_sub(padding).clamp(1, rows.max(1)).min(there)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 x 3 with a row of padding: row 0 needs two rows, the last one all; stride 2 without padding and a 2 x 2 window:
    /// two more each.
    #[test]
    fn rows_by_hand() {
        let node = |needs| FlowNode { inputs: vec![None], rows: 8, needs };
        let conv = node(Needs::Window { reach: 3, stride: 1, padding: 1, rows: 8 });
        assert_eq!([0, 1, 6, 7].map(|r| conv.rows_needed(r, 8)), [2, 3, 8, 8]);
        let pool = node(Needs::Window { reach: 2, stride: 2, padding: 0, rows: 8 });
        assert_eq!([0, 1, 3].map(|r| pool.rows_needed(r, 8)), [2, 4, 8]);
        assert_eq!([0, 7].map(|r| node(Needs::SameRow).rows_needed(r, 8)), [1, 8]);
        assert_eq!(node(Needs::All).rows_needed(0, 8), 8);
    }
}

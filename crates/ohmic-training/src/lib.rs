//! Train networks: layer-wise backward, optimizers, recipes.

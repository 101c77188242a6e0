//! Cut layers into blocks and fragments and place them on crossbars and tiles: a plan.

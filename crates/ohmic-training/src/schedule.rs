//! The learning rate from step to step.

/// How the learning rate goes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Course {
    /// Always the same.
    Constant,
    /// Half a cosine from the full rate to zero at the end of training.
    Cosine,
    /// Times `factor` after every `epochs` epochs.
    Step {
        /// Epochs between two changes.
        epochs: u32,
        /// What the rate is multiplied with.
        factor: f32,
    },
}

/// The learning rate of a training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The rate at its highest.
    pub rate: f32,
    /// Epochs over which the rate rises linearly from zero.
    pub warm_up_epochs: u32,
    /// How it goes on.
    pub course: Course,
}

impl Schedule {
    /// The rate of a step counted from 0 over the whole run of `epochs` epochs of `steps` steps.
    pub fn at(&self, step: usize, epochs: u32, steps: usize) -> f32 {
        let warm = self.warm_up_epochs as usize * steps;
        if step < warm {
            return self.rate * (step + 1) as f32 / warm as f32;
        }
        match self.course {
            Course::Constant => self.rate,
            Course::Cosine => {
                let done = (step - warm) as f64 / (epochs as usize * steps - warm) as f64;
                self.rate * (0.5 * (1.0 + libm::cos(std::f64::consts::PI * done))) as f32
            }
            Course::Step { epochs, factor } => {
                let times = (step - warm) / (epochs as usize * steps);
                (0..times).fold(self.rate, |rate, _| rate * factor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_hand() {
        let rates = |course, warm_up_epochs, at: &[usize]| -> Vec<f32> {
            let s = Schedule { rate: 0.8, warm_up_epochs, course };
            at.iter().map(|&step| s.at(step, 6, 10)).collect()
        };
        // one epoch of 10 steps up, then 50 steps: half of the cosine is over at step 35
        let cosine = rates(Course::Cosine, 1, &[0, 4, 9, 10, 35]);
        for (got, want) in cosine.iter().zip([0.08, 0.4, 0.8, 0.8, 0.4]) {
            assert!((got - want).abs() < 1e-6, "{cosine:?}");
        }
        assert_eq!(rates(Course::Constant, 0, &[0, 59]), [0.8, 0.8]);
        let step = Course::Step { epochs: 2, factor: 0.5 };
        assert_eq!(rates(step, 0, &[0, 19, 20, 59]), [0.8, 0.8, 0.4, 0.2]);
    }
}

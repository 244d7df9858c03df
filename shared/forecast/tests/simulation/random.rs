//! Counts by chance: small, seeded, the same on every machine.

/// xorshift64*.
pub struct Random(u64);

impl Random {
    /// A generator of its own for each seed.
    pub fn new(seed: u64) -> Self {
        let mut made = Self((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) ^ 0x5eed_0000_0000_0001 | 1);
        for _ in 0..8 {
            made.unit();
        }
        made
    }

    /// Between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal value.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A Poisson count: by inversion while the mean is small, by its normal limit above.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 300.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (mut term, target) = ((-mean).exp(), self.unit());
        let (mut sum, mut count) = (term, 0_u64);
        while target > sum && count < 2_000 {
            count += 1;
            term *= mean / count as f64;
            sum += term;
        }
        count
    }

    /// How many of `n` fall to a chance of `p`.
    pub fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if p <= 0.0 || n == 0 {
            return 0;
        }
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        let mean = n as f64 * p;
        if mean > 300.0 {
            let drawn = mean + (mean * (1.0 - p)).sqrt() * self.normal();
            return (drawn.round().max(0.0) as u64).min(n);
        }
        let odds = p / (1.0 - p);
        let (mut term, target) = (((1.0 - p).ln() * n as f64).exp(), self.unit());
        let (mut sum, mut count) = (term, 0_u64);
        while target > sum && count < n {
            term *= (n - count) as f64 / (count + 1) as f64 * odds;
            count += 1;
            sum += term;
        }
        count
    }

    /// A geometric size with this mean, at least 1.
    pub fn geometric(&mut self, mean: f64) -> u64 {
        let stay = 1.0 - 1.0 / mean;
        1 + ((1.0 - self.unit()).ln() / stay.ln()).floor() as u64
    }

    /// A gamma value of this shape and scale 1 (Marsaglia and Tsang, 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * (1.0 - self.unit()).powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// A rate around `mean` such that requests of one window are correlated by `correlation`.
    pub fn beta(&mut self, mean: f64, correlation: f64) -> f64 {
        let size = 1.0 / correlation - 1.0;
        let (one, other) = (self.gamma(mean * size), self.gamma((1.0 - mean) * size));
        one / (one + other)
    }
}

//! Logarithm and exponential that give the same bits on every machine.
//!
//! Invariant: only additions, multiplications and divisions, which IEEE 754 rounds exactly; the C library's `ln` and
//! `exp` may differ in the last bit from one platform to the next, and a stored integer may not.

/// Millionths of a nat in one nat.
pub const MICRO: f64 = 1e6;

/// Natural logarithm of a finite number above 0.
pub fn ln(value: f64) -> f64 {
    let bits = value.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023_u64 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let slope = (mantissa - 1.0) / (mantissa + 1.0);
    let square = slope * slope;
    // artanh series: 2 (s + s³/3 + s⁵/5 + …); |s| ≤ 0.1716, so twelve terms leave less than 1e-19.
    let series = (0..12_u32).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * slope * series
}

/// e to the power of `value`, for values between −700 and 700; beyond, the end of that range.
pub fn exp(value: f64) -> f64 {
    let value = value.clamp(-700.0, 700.0);
    let power = (value / std::f64::consts::LN_2).round();
    let rest = value - power * std::f64::consts::LN_2;
    // Taylor series by Horner; |rest| ≤ 0.35, so eighteen terms leave less than 1e-20.
    let series = (1..=18_u32).rev().fold(1.0, |sum, term| 1.0 + sum * rest / f64::from(term));
    series * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

/// Nats as integer micro-nats.
pub fn to_micros(nats: f64) -> i64 {
    (nats * MICRO).round() as i64
}

/// Micro-nats as nats.
pub fn from_micros(micros: i64) -> f64 {
    micros as f64 / MICRO
}

/// Logarithm of the mean of `exp` of each, without overflow.
pub fn mean_of_logs(logs: &[f64]) -> f64 {
    let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|value| exp(value - greatest)).sum();
    greatest + ln(sum / logs.len() as f64)
}

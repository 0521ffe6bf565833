//! How sure it is that an answer helps.

/// The quantile of the normal distribution for 95 %, both sides.
const Z: f64 = 1.959_963_984_540_054;

/// The lower bound of the share of readers whom an answer helps, of `helpful` votes among `all`: Wilson's
/// score interval (E. B. Wilson, "Probable inference, the law of succession, and statistical
/// inference", 1927) with 95 % confidence. 0 without votes.
#[expect(clippy::cast_precision_loss, reason = "counts of votes are far below 2^52")]
pub fn lower_bound(helpful: i64, all: i64) -> f64 {
    if all <= 0 {
        return 0.0;
    }
    let n = all as f64;
    let (share, z2) = (helpful as f64 / n, Z * Z);
    let centre = share + z2 / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - spread) / (1.0 + z2 / n)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_wilsons() {
        for (helpful, all, bound) in [
            (0, 0, 0.0),
            (0, 1, 0.0),
            (1, 1, 0.206_549),
            (9, 10, 0.595_849),
            (90, 100, 0.825_634),
            (50, 100, 0.403_83),
        ] {
            let found = lower_bound(helpful, all);
            assert!((found - bound).abs() < 1e-5, "{helpful} of {all}: {found}");
        }
    }
}

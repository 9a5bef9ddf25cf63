//! Decimal text as whole millionths: prices, confidences and waits never become floats.

/// The number in millionths; what is finer is rounded away from zero. `None` when it is no number or does not fit.
pub(crate) fn millionths_rounded_up(text: &str) -> Option<i64> {
    let (mantissa, exponent) = text.trim().split_once(['e', 'E']).unwrap_or((text.trim(), "0"));
    let (sign, unsigned) = mantissa.strip_prefix('-').map_or((1, mantissa), |rest| (-1, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i128 = digits.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let shift = exponent.parse::<i32>().ok()?.checked_add(6 - places)?;
    let unit = 10i128.checked_pow(shift.unsigned_abs());
    let scaled = match unit {
        Some(unit) if shift >= 0 => value.checked_mul(unit)?,
        Some(unit) => (value + unit - 1) / unit,
        None if shift < 0 || value == 0 => value.signum(),
        None => return None,
    };
    i64::try_from(sign * scaled).ok()
}

#[cfg(test)]
mod tests {
    use super::millionths_rounded_up;

    #[test]
    fn decimal_text_becomes_whole_millionths() {
        for (text, want) in [
            ("0.0106", Some(10_600)),
            ("12", Some(12_000_000)),
            ("0.00000001", Some(1)),
            ("0.9359033333333334", Some(935_904)),
            ("-0.5", Some(-500_000)),
            ("1e-7", Some(1)),
            ("2.5E3", Some(2_500_000_000)),
            ("0", Some(0)),
            ("1e-2147483648", Some(1)),
            ("1e40", None),
            ("", None),
            (".", None),
            ("12,5", None),
            ("NaN", None),
        ] {
            assert_eq!(millionths_rounded_up(text), want, "{text}");
        }
    }
}

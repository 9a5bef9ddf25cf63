use jiff::{Span, civil::Date};

use super::Frequency;
use crate::kit::{Error, Result};

/// One payment of a plan that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instalment {
    /// On which day.
    pub due_on: Date,
    /// How much, in minor units.
    pub minor: i64,
}

/// Most payments of a plan.
pub(super) const MOST: usize = 600;

/// `count` payments that sum up to `total` exactly: equal ones, the last with what is left. `each` says how large the equal
/// ones are. Months are counted from the first day, so that a plan from the 31st falls on the last day of shorter months
/// and on the 31st again.
///
/// # Errors
/// `Invalid` when there are none or too many, when one would be nothing, or when the calendar ends.
pub fn instalments(
    total: i64,
    count: usize,
    each: Option<i64>,
    first: Date,
    frequency: Frequency,
) -> Result<Vec<Instalment>> {
    if !(1..=MOST).contains(&count) {
        return Err(Error::field("num_payments", format!("must be 1 to {MOST}")));
    }
    let several = i64::try_from(count).unwrap_or(i64::MAX);
    let each = each.unwrap_or(total / several);
    let last = each.checked_mul(several - 1).and_then(|before| total.checked_sub(before));
    let Some(last) = last.filter(|last| *last > 0 && (count == 1 || each > 0)) else {
        return Err(Error::field("total_amount", "does not divide into so many payments"));
    };
    (0..several)
        .map(|n| {
            Ok(Instalment { due_on: day(first, frequency, n)?, minor: if n + 1 == several { last } else { each } })
        })
        .collect()
}

/// The day of the payment that so many others come before.
pub(super) fn day(first: Date, frequency: Frequency, n: i64) -> Result<Date> {
    let step = match frequency {
        Frequency::Weekly => Span::new().try_weeks(n),
        Frequency::Biweekly => Span::new().try_weeks(n.saturating_mul(2)),
        Frequency::Monthly => Span::new().try_months(n),
    };
    let day = step.and_then(|step| first.checked_add(step));
    day.map_err(|_| Error::field("start_date", "lies too far ahead"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }
    fn days(first: &str, count: usize, frequency: Frequency) -> Vec<String> {
        let all = instalments(i64::try_from(count).unwrap(), count, None, day(first), frequency).unwrap();
        all.iter().map(|one| one.due_on.to_string()).collect()
    }

    #[test]
    fn months_fall_on_the_first_day_or_the_last_of_shorter_ones() {
        let ends = ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"];
        assert_eq!(days("2027-12-31", 5, Frequency::Monthly), ends);
        assert_eq!(days("2027-01-30", 3, Frequency::Monthly), ["2027-01-30", "2027-02-28", "2027-03-30"]);
        assert_eq!(days("2026-12-28", 3, Frequency::Weekly), ["2026-12-28", "2027-01-04", "2027-01-11"]);
        assert_eq!(days("2026-12-28", 3, Frequency::Biweekly), ["2026-12-28", "2027-01-11", "2027-01-25"]);
    }

    #[test]
    fn the_last_takes_what_is_left() {
        let minor = |total, count, each| {
            let all = instalments(total, count, each, day("2026-01-01"), Frequency::Monthly)?;
            Ok::<_, Error>(all.iter().map(|one| one.minor).collect::<Vec<_>>())
        };
        assert_eq!(minor(100, 3, None).unwrap(), [33, 33, 34]);
        assert_eq!(minor(100, 3, Some(40)).unwrap(), [40, 40, 20]);
        assert_eq!(minor(7, 1, Some(40)).unwrap(), [7]);
        for (total, count, each) in
            [(2, 3, None), (100, 3, Some(50)), (100, 0, None), (100, 601, None), (0, 1, None), (100, 2, Some(-5))]
        {
            assert!(minor(total, count, each).is_err(), "{total} {count} {each:?}");
        }
        assert!(minor(i64::MAX, 600, Some(i64::MAX / 2)).is_err(), "no overflow");
    }
}

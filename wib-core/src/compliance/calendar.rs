//! Days that the law counts: federal holidays, business days, the periods that run in them.
//!
//! Holidays are those of 5 U.S.C. 6103 as it stands, for any year.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

/// How many calendar days the validation period lasts after receipt (12 CFR 1006.34(b)(5)).
const VALIDATION_DAYS: i64 = 30;
/// Business days after which a notice may be taken for received (12 CFR 1006.34(b)(5)).
const MAIL_DAYS: u16 = 5;
/// Business days within which a request to stop must be honoured at the latest (47 CFR 64.1200(a)(10)).
const OPT_OUT_DAYS: u16 = 10;

/// Whether a federal holiday falls on that day itself.
#[must_use]
pub fn is_holiday(day: Date) -> bool {
    let nth = |weekday, n| day.weekday() == weekday && (day.day() + 6) / 7 == n;
    match (day.month(), day.day()) {
        (1, 1) | (6, 19) | (7, 4) | (11, 11) | (12, 25) => true,
        (1 | 2, _) => nth(Weekday::Monday, 3),
        (5, date) => day.weekday() == Weekday::Monday && date > 24,
        (9, _) => nth(Weekday::Monday, 1),
        (10, _) => nth(Weekday::Monday, 2),
        (11, _) => nth(Weekday::Thursday, 4),
        _ => false,
    }
}

/// Whether a federal holiday is observed on that day: one on a Saturday the Friday before, one on a Sunday the Monday
/// after.
#[must_use]
pub fn is_observed(day: Date) -> bool {
    match day.weekday() {
        Weekday::Saturday | Weekday::Sunday => false,
        Weekday::Friday => is_holiday(day) || day.tomorrow().is_ok_and(is_holiday),
        Weekday::Monday => is_holiday(day) || day.yesterday().is_ok_and(is_holiday),
        _ => is_holiday(day),
    }
}

/// Whether it is neither a Saturday, a Sunday nor a day on which a federal holiday is observed.
#[must_use]
pub fn is_business_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_observed(day)
}

/// The `n`-th business day after `day`, which itself does not count; the last day of the calendar when there is none.
#[must_use]
pub fn add_business_days(day: Date, n: u16) -> Date {
    let (mut at, mut left) = (day, n);
    while left > 0 {
        let Ok(next) = at.tomorrow() else { return Date::MAX };
        at = next;
        left -= u16::from(is_business_day(at));
    }
    at
}

/// When validation information sent on that day may be taken for received, and the last day of the period in which the
/// debt can be disputed (12 CFR 1006.34(b)(5)). Never acts as if it ended early: a known receipt that is later counts.
#[must_use]
pub fn validation_period(sent: Date) -> (Date, Date) {
    let received = add_business_days(sent, MAIL_DAYS);
    (received, received.checked_add(VALIDATION_DAYS.days()).unwrap_or(Date::MAX))
}

/// The last day on which a request to stop, received on `day`, may take effect (47 CFR 64.1200(a)(10)). Ours takes
/// effect at once; this is what lag is measured against.
#[must_use]
pub fn opt_out_deadline(day: Date) -> Date {
    add_business_days(day, OPT_OUT_DAYS)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn holidays(year: i16) -> Vec<String> {
        let first = date(year, 1, 1);
        first
            .series(1.day())
            .take_while(|d| d.year() == year)
            .filter(|d| is_observed(*d))
            .map(|d| d.to_string())
            .collect()
    }

    #[test]
    fn the_holidays_of_a_year_are_the_published_ones() {
        assert_eq!(
            holidays(2026),
            [
                "2026-01-01",
                "2026-01-19",
                "2026-02-16",
                "2026-05-25",
                "2026-06-19",
                "2026-07-03",
                "2026-09-07",
                "2026-10-12",
                "2026-11-11",
                "2026-11-26",
                "2026-12-25"
            ]
        );
        // New Year's Day of 2022 was a Saturday: observed in the year before.
        assert_eq!(holidays(2021).last().map(String::as_str), Some("2021-12-31"));
        assert_eq!(holidays(2022).first().map(String::as_str), Some("2022-01-17"));
        assert!(holidays(2027).contains(&"2027-07-05".to_owned()), "a Sunday's holiday is observed on Monday");
        for year in [1, 1900, 2024, 2100, 9998] {
            assert!((10..=12).contains(&holidays(year).len()), "{year}: {:?}", holidays(year));
        }
        assert!(is_holiday(date(2026, 7, 4)) && !is_observed(date(2026, 7, 4)) && !is_holiday(date(2026, 7, 3)));
        assert!(!is_holiday(date(2026, 5, 18)) && !is_holiday(date(2026, 11, 19)) && !is_holiday(date(2026, 3, 16)));
    }

    #[test]
    fn business_days_pass_over_weekends_and_observed_holidays() {
        assert_eq!(add_business_days(date(2026, 7, 1), 1), date(2026, 7, 2));
        assert_eq!(add_business_days(date(2026, 7, 2), 1), date(2026, 7, 6), "the third is the observed holiday");
        assert_eq!(add_business_days(date(2026, 7, 4), 0), date(2026, 7, 4));
        assert_eq!(add_business_days(Date::MAX, 3), Date::MAX);
        assert_eq!(validation_period(Date::MAX), (Date::MAX, Date::MAX));
    }
}

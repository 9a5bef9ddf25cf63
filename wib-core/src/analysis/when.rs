//! Days as they are said on the phone.

use jiff::{
    Span,
    civil::{Date, Weekday},
};

/// Furthest day that is believed, in days.
const FURTHEST: i32 = 400;

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTHS_ES: &[&str] = &["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"];
const DAYS: &[(&str, &str, Weekday)] = &[
    ("monday", "lunes", Weekday::Monday),
    ("tuesday", "martes", Weekday::Tuesday),
    ("wednesday", "miércoles", Weekday::Wednesday),
    ("thursday", "jueves", Weekday::Thursday),
    ("friday", "viernes", Weekday::Friday),
    ("saturday", "sábado", Weekday::Saturday),
    ("sunday", "domingo", Weekday::Sunday),
];
const NUMBERS: &[&str] = &["a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// The day that somebody named, seen from a day: `2026-06-05`, `6/5/2026`, `June 5th`, `the 5th`, `Friday`, `next week`, `in
/// ten days`, `tomorrow`. None for anything else, for a day that is over, and for one too far away.
///
/// A day of the week is the next one of that name, never today; `next Friday` is the one of next week.
pub(super) fn day(said: &str, today: Date) -> Option<Date> {
    let said = said.trim().to_lowercase();
    let words: Vec<&str> =
        said.split(|c: char| c.is_whitespace() || ",.;!?".contains(c)).filter(|word| !word.is_empty()).collect();
    let found = words.iter().find_map(|word| numeric(word, today)).or_else(|| in_words(&words, today))?;
    let away = today.until(found).ok()?.get_days();
    (0..=FURTHEST).contains(&away).then_some(found)
}

fn add(today: Date, span: Span) -> Option<Date> {
    today.checked_add(span).ok()
}

/// `2026-06-05`, `6/5/2026`, `6/5/26`, `6/5`, `6-5-2026`.
fn numeric(word: &str, today: Date) -> Option<Date> {
    if let Ok(date) = word.parse::<Date>() {
        return Some(date);
    }
    let parts: Option<Vec<i16>> = word.split(['/', '-']).map(|part| part.parse().ok()).collect();
    match parts?[..] {
        [month, day, year] => date(if year < 100 { 2000 + year } else { year }, month, day),
        [month, day] => upcoming(today, month, day),
        _ => None,
    }
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// That day of this year, or of the next when it is over.
fn upcoming(today: Date, month: i16, day: i16) -> Option<Date> {
    let this = date(today.year(), month, day);
    this.filter(|day| *day >= today).or_else(|| date(today.year() + 1, month, day))
}

fn in_words(words: &[&str], today: Date) -> Option<Date> {
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| words[at]).unwrap_or_default();
        let after = words.get(at + 1).copied().unwrap_or_default();
        let next = matches!(before, "next" | "próximo" | "próxima");
        let found = match *word {
            "today" | "tonight" | "hoy" => Some(today),
            "tomorrow" | "mañana" => today.tomorrow().ok(),
            "week" | "semana" if next => add(today, Span::new().days(7)),
            "month" | "mes" if next => add(today, Span::new().months(1)),
            "end" if words[at..].contains(&"month") => Some(today.last_of_month()),
            "in" => stretch(words.get(at + 1..).unwrap_or_default(), today),
            _ => None,
        };
        let weekday = || {
            let (.., weekday) = DAYS.iter().find(|(en, es, _)| word == en || word == es)?;
            let coming = today.nth_weekday(1, *weekday).ok()?;
            // Weeks begin on a Monday: next week's begins after this one's Sunday.
            let sunday =
                if today.weekday() == Weekday::Sunday { today } else { today.nth_weekday(1, Weekday::Sunday).ok()? };
            if next && coming <= sunday { add(coming, Span::new().days(7)) } else { Some(coming) }
        };
        let month = || {
            let start = word.get(..word.char_indices().nth(3).map_or(word.len(), |(at, _)| at))?;
            let whole = word.chars().count() > 3 || start == "may" || ordinal(after).is_some();
            let month = MONTHS.iter().position(|m| *m == start).or_else(|| MONTHS_ES.iter().position(|m| *m == start));
            let month = i16::try_from(month.filter(|_| whole)? + 1).ok()?;
            let of =
                if before == "of" || before == "de" { at.checked_sub(2).map(|at| words[at]) } else { Some(before) };
            let day = ordinal(after).or_else(|| of.and_then(ordinal))?;
            let year = words.get(at + 2).and_then(|year| year.parse::<i16>().ok()).filter(|year| *year >= 2000);
            year.map_or_else(|| upcoming(today, month, day), |year| date(year, month, day))
        };
        if let Some(found) = found.or_else(weekday).or_else(month) {
            return Some(found);
        }
    }
    // `the 15th`, `el 15`: of this month, or of the next when it is over.
    let the = words.windows(2).find(|pair| matches!(pair[0], "the" | "el")).and_then(|pair| ordinal(pair[1]))?;
    let month = |away: i32| {
        let first = add(today.first_of_month(), Span::new().months(away))?;
        date(first.year(), first.month().into(), the)
    };
    month(0).filter(|day| *day >= today).or_else(|| month(1))
}

/// `10 days`, `two weeks`, `a month`.
fn stretch(words: &[&str], today: Date) -> Option<Date> {
    let [number, unit, ..] = words else { return None };
    let named = NUMBERS.iter().position(|n| n == number).and_then(|at| i64::try_from(at + 1).ok());
    let many = number.parse::<i64>().ok().or(named).filter(|many| (1..=FURTHEST.into()).contains(many))?;
    match unit.trim_end_matches('s') {
        "day" => add(today, Span::new().days(many)),
        "week" => add(today, Span::new().weeks(many)),
        "month" => add(today, Span::new().months(many)),
        _ => None,
    }
}

/// `5`, `5th`, `22nd`.
fn ordinal(word: &str) -> Option<i16> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ending = &word[digits.len()..];
    let day = digits.parse::<i16>().ok().filter(|_| matches!(ending, "" | "st" | "nd" | "rd" | "th"))?;
    (1..=31).contains(&day).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_said() {
        // A Monday.
        let today: Date = "2026-06-01".parse().unwrap();
        for (said, found) in [
            ("2026-06-05", Some("2026-06-05")),
            ("on 6/5/2026.", Some("2026-06-05")),
            ("6/5/26", Some("2026-06-05")),
            ("6/5", Some("2026-06-05")),
            ("5/31", Some("2027-05-31")),
            ("06-05-2026", Some("2026-06-05")),
            ("June 5th", Some("2026-06-05")),
            ("june 5, 2026", Some("2026-06-05")),
            ("the 5th of June", Some("2026-06-05")),
            ("5 de junio", Some("2026-06-05")),
            ("May 3", Some("2027-05-03")),
            ("the 15th", Some("2026-06-15")),
            ("Friday", Some("2026-06-05")),
            ("this friday", Some("2026-06-05")),
            ("next Friday", Some("2026-06-12")),
            ("monday", Some("2026-06-08")),
            ("next monday", Some("2026-06-08")),
            ("sunday", Some("2026-06-07")),
            ("el viernes", Some("2026-06-05")),
            ("today", Some("2026-06-01")),
            ("tomorrow morning", Some("2026-06-02")),
            ("mañana", Some("2026-06-02")),
            ("next week", Some("2026-06-08")),
            ("next month", Some("2026-07-01")),
            ("in ten days", Some("2026-06-11")),
            ("in 2 weeks", Some("2026-06-15")),
            ("in a month", Some("2026-07-01")),
            ("end of the month", Some("2026-06-30")),
            ("2026-05-31", None),
            ("2/30", None),
            ("2029-01-01", None),
            ("soon", None),
            ("may be", None),
            ("in 5 minutes", None),
            ("the 32nd", None),
            ("", None),
        ] {
            let expected = found.map(|date| date.parse().unwrap());
            assert_eq!(day(said, today), expected, "{said}");
        }
        let thirty_first: Date = "2026-01-31".parse().unwrap();
        assert_eq!(day("the 30th", thirty_first), None, "there is no such day in February");
    }
}

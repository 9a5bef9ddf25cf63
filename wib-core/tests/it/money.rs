//! Instalments and likelihood, for any numbers.

use proptest::prelude::*;
use wib_core::{
    kit::{
        Id, Timestamp,
        time::{self, Date},
    },
    likelihood::History,
    payments::{
        AuthorizationForm, Frequency, PaymentAuthorization, PlanStatus, ScheduledStatus, Unauthorized, authorized,
        instalments,
    },
    tasks::TaskStatus,
};

fn now() -> Timestamp {
    "2026-06-01T06:00:00Z".parse().unwrap()
}

prop_compose! {
    fn history()(
        owed in 0..1_000_000i64, paid in 0..1_000_000i64, payments in 0..6i64, last in prop::option::of(0..400i64),
        calls in 0..40i64, of_calls in 0..=100i64, talk in 0..4_000i64, positive in 0..=3i64, negative in 0..=3i64,
        promises in 0..6i64, of_promises in 0..=100i64,
    ) -> History {
        History {
            owed_minor: owed,
            paid_minor: paid,
            payments,
            last_paid_at: last.map(|days| now() - jiff::SignedDuration::from_hours(24 * days)),
            calls,
            answered: calls * of_calls / 100,
            talk_seconds: talk,
            positive,
            negative,
            kept: promises * of_promises / 100,
            promises,
        }
    }
}
fn score(history: &History) -> i64 {
    history.factors(now()).score()
}

proptest! {
    #[test]
    fn instalments_sum_up_exactly_and_never_go_back(
        total in 1..10_000_000i64, count in 1..60usize, each in prop::option::of(1..500_000i64),
        year in 2020..2060i16, month in 1..=12i8, day in 1..=31i8,
        frequency in prop::sample::select(vec![Frequency::Weekly, Frequency::Biweekly, Frequency::Monthly]),
    ) {
        let Ok(first) = Date::new(year, month, day) else { return Ok(()) };
        if let Ok(all) = instalments(total, count, each, first, frequency) {
            prop_assert_eq!(all.len(), count);
            prop_assert_eq!(all.iter().map(|one| one.minor).sum::<i64>(), total);
            prop_assert!(all.iter().all(|one| one.minor > 0));
            prop_assert!(all[..count - 1].windows(2).all(|two| two[0].minor == two[1].minor), "equal but the last");
            prop_assert_eq!(all[0].due_on, first);
            for (n, one) in all.iter().enumerate() {
                match frequency {
                    Frequency::Monthly => prop_assert_eq!(one.due_on.day(), day.min(one.due_on.days_in_month()), "{}", n),
                    _ => prop_assert_eq!(one.due_on.weekday(), first.weekday()),
                }
            }
            prop_assert!(all.windows(2).all(|two| two[0].due_on < two[1].due_on));
        } else {
            let each = each.unwrap_or(total / i64::try_from(count).unwrap());
            prop_assert!(each * (i64::try_from(count).unwrap() - 1) >= total || each == 0, "refused without need");
        }
    }

    #[test]
    fn a_score_is_within_its_bounds_and_better_news_never_lower_it(before in history(), more in 1..100_000i64) {
        let was = score(&before);
        prop_assert!((0..=100).contains(&was));
        let better = [
            ("a payment", History { payments: before.payments + 1, last_paid_at: Some(now()), ..before.clone() }),
            ("money", History {
                paid_minor: before.paid_minor + more, owed_minor: (before.owed_minor - more).max(0), ..before.clone()
            }),
            ("a longer talk", History { talk_seconds: before.talk_seconds + more, ..before.clone() }),
            ("a friendly call", History {
                positive: before.positive + 1, negative: (before.negative - 1).max(0), ..before.clone()
            }),
        ];
        for (what, after) in better {
            // The first friendly or angry call is measured against nothing known, which counts half.
            prop_assert!(score(&after) >= was, "{}: {} after {}", what, score(&after), was);
        }
        if before.kept < before.promises {
            let kept = History { kept: before.kept + 1, ..before.clone() };
            prop_assert!(score(&kept) >= was);
        }
        if before.answered < before.calls {
            let answered = History { answered: before.answered + 1, talk_seconds: before.talk_seconds + 61, ..before.clone() };
            // One who talked long on few calls talks less on average over more.
            let still = answered.talk_seconds > answered.answered * 60 || before.talk_seconds <= before.answered * 60;
            prop_assert!(!still || score(&answered) >= was);
        }
    }

    #[test]
    fn what_is_over_stays_over(from in 0..6usize, to in 0..6usize) {
        use wib_core::kit::text::TextEnum;
        let (from, to) = (ScheduledStatus::ALL[from], ScheduledStatus::ALL[to]);
        let over = matches!(from, ScheduledStatus::Completed | ScheduledStatus::Canceled);
        prop_assert!(!(over && from.to(to).is_ok()));
        if from == ScheduledStatus::Processing && to == ScheduledStatus::Canceled {
            prop_assert!(from.to(to).is_err(), "only the vendor knows what becomes of it");
        }
        prop_assert!(from != to || from.to(to).is_err());
    }
}

#[test]
fn plans_and_tasks_that_are_over_stay_so() {
    use wib_core::kit::text::TextEnum;
    for from in PlanStatus::ALL {
        for to in PlanStatus::ALL {
            assert_eq!(from.to(*to).is_ok(), *from == PlanStatus::Active && *to != PlanStatus::Active);
        }
    }
    for from in TaskStatus::ALL {
        for to in TaskStatus::ALL {
            assert_eq!(from.to(*to).is_ok(), from.open() && from != to);
        }
    }
}

#[test]
fn an_authorization_covers_what_it_says_and_nothing_else() {
    let word = PaymentAuthorization {
        id: Id::from(uuid::Uuid::nil()),
        account_id: Id::from(uuid::Uuid::nil()),
        payment_method: "pm_1".to_owned(),
        form: AuthorizationForm::Written,
        recurring: true,
        most_minor: 100,
        evidence: "form".to_owned(),
        call_id: None,
        given_at: now(),
        copy_sent_at: Some(now()),
        revoked_at: None,
        recorded_by: None,
        created_at: now(),
    };
    let later = time::after(now(), std::time::Duration::from_secs(1));
    let earlier = time::before(now(), std::time::Duration::from_secs(1));
    let asks = |word: &PaymentAuthorization, method: &str, minor, several, at| {
        authorized(std::slice::from_ref(word), method, minor, several, at).err()
    };
    assert_eq!(asks(&word, "pm_1", 100, true, now()), None);
    assert_eq!(asks(&word, "pm_2", 100, true, now()), Some(Unauthorized::None));
    assert_eq!(asks(&word, "pm_1", 101, true, now()), Some(Unauthorized::TooMuch));
    assert_eq!(asks(&word, "pm_1", 100, true, earlier), Some(Unauthorized::None), "it was not said yet");
    let once = PaymentAuthorization { recurring: false, copy_sent_at: None, ..word.clone() };
    assert_eq!(asks(&once, "pm_1", 100, false, now()), None);
    assert_eq!(asks(&once, "pm_1", 100, true, now()), Some(Unauthorized::OnceOnly));
    let uncopied = PaymentAuthorization { copy_sent_at: Some(later), ..word.clone() };
    assert_eq!(asks(&uncopied, "pm_1", 100, true, now()), Some(Unauthorized::NoCopy));
    let revoked = PaymentAuthorization { revoked_at: Some(later), ..word.clone() };
    assert_eq!(asks(&revoked, "pm_1", 100, false, now()), Some(Unauthorized::Revoked), "a wish to stop counts at once");
    // Of several the one that covers it decides, else the one that comes nearest says why not.
    assert_eq!(authorized(&[revoked.clone(), word.clone()], "pm_1", 100, true, now()), Ok(()));
    assert_eq!(authorized(&[revoked, uncopied], "pm_1", 100, true, now()), Err(Unauthorized::NoCopy));
    assert_eq!(authorized(&[], "pm_1", 1, false, now()), Err(Unauthorized::None));
}

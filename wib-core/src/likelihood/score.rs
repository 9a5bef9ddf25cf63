use std::time::Duration;

use super::{CALL_DAYS, CollectionSettings, Factor, Factors, History, LikelihoodScore, THRESHOLD};
use crate::{
    collections::{Account, AccountId},
    kit::{Error, OrNotFound, Result, Role, time, time::Timestamp},
    store::{OrgTx, Repo},
    wib::{Org, Wib},
};

/// A hundredth of a percent is the unit of values.
const WHOLE: i64 = 10_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

fn share(part: i64, of: i64) -> i64 {
    let share = i128::from(part.max(0)) * i128::from(WHOLE) / i128::from(of.max(1));
    i64::try_from(share).unwrap_or(WHOLE).clamp(0, WHOLE)
}

impl History {
    /// The parts of the score, as of `now`.
    #[must_use]
    pub fn factors(&self, now: Timestamp) -> Factors {
        let factor = |percent: i64, weight| Factor { value_bp: percent * 100, weight };
        let older = |days: u32| self.last_paid_at.is_some_and(|at| at < time::before(now, DAY * days));
        let paid = match self.payments {
            3.. => 90,
            2 => 75,
            1 => 60,
            _ => 20,
        };
        let stale = match () {
            () if self.payments < 1 => 0,
            () if older(90) => 15,
            () if older(30) => 5,
            () => 0,
        };
        let answered = share(self.answered, self.calls);
        // More than a minute on average, without dividing.
        let talked = self.talk_seconds > self.answered.saturating_mul(60);
        let engaged = match answered {
            7_000.. if talked => 85,
            5_000.. => 65,
            2_000.. => 40,
            _ => 15,
        };
        let sentiment = match self.positive + self.negative {
            1.. => share(self.positive, self.positive + self.negative),
            _ => 5_000,
        };
        let kept = if self.promises > 0 { share(self.kept, self.promises) } else { 4_000 };
        let progress = match share(self.paid_minor, self.paid_minor.saturating_add(self.owed_minor.max(0))) {
            7_500.. => 90,
            5_000.. => 70,
            2_500.. => 50,
            _ if self.paid_minor > 0 => 35,
            _ => 15,
        };
        Factors {
            payment_history: factor(paid - stale, 30),
            contact_engagement: factor(engaged, 20),
            sentiment_trend: Factor { value_bp: sentiment, weight: 15 },
            promise_keeping: Factor { value_bp: kept, weight: 20 },
            balance_progress: factor(progress, 15),
        }
    }
}

impl Factors {
    /// The score: rounded half up, 0 to 100.
    #[must_use]
    pub fn score(&self) -> i64 {
        let all = [
            self.payment_history,
            self.contact_engagement,
            self.sentiment_trend,
            self.promise_keeping,
            self.balance_progress,
        ];
        let sum: i64 = all.iter().map(|factor| factor.value_bp * factor.weight).sum();
        ((sum + WHOLE / 2) / WHOLE).clamp(0, 100)
    }
}

/// Computes and keeps the scores of accounts, the largest debts first, or of one account; how many.
pub(crate) async fn score(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    of: Option<AccountId>,
    limit: i64,
) -> Result<Vec<LikelihoodScore>> {
    let now = wib.now();
    let since = time::before(now, DAY * u32::try_from(CALL_DAYS).unwrap_or(u32::MAX));
    let mut scores = Vec::new();
    for (account_id, history) in tx.histories(of, since, now, limit).await? {
        let factors = history.factors(now);
        let row = LikelihoodScore { id: wib.id(), account_id, score: factors.score(), factors, scored_at: now };
        scores.push(tx.put_score(&row).await?);
    }
    Ok(scores)
}

impl Org {
    /// How likely an account is to be paid, computed now and kept.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn likelihood(&self, account: AccountId) -> Result<LikelihoodScore> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Account>::find(&mut *tx, account).await?.or_not_found("account")?;
        let score = score(&self.wib, &mut *tx, Some(account), 1).await?.pop().or_not_found("account")?;
        let line = self.audit("collections:likelihood_scored", ("account", Some(account.uuid())));
        line.with(serde_json::json!({"score": score.score})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(score)
    }

    /// The score below which accounts are looked at.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn prevention_threshold(&self) -> Result<i64> {
        self.at_least(Role::Viewer)?;
        Ok(self.tx().await?.collection_settings().await?.map_or(THRESHOLD, |kept| kept.prevention_threshold))
    }

    /// Sets the score below which accounts are looked at.
    ///
    /// # Errors
    /// `Invalid` unless it is 1 to 99; `Forbidden` below manager.
    pub async fn set_prevention_threshold(&self, threshold: i64) -> Result<()> {
        self.at_least(Role::Manager)?;
        if !(1..=99).contains(&threshold) {
            return Err(Error::field("threshold", "must be 1 to 99"));
        }
        let mut tx = self.tx().await?;
        let known = tx.collection_settings().await?;
        let old = known.as_ref().map_or(THRESHOLD, |kept| kept.prevention_threshold);
        let settings = CollectionSettings {
            id: known.as_ref().map_or_else(|| self.wib.id(), |kept| kept.id),
            prevention_threshold: threshold,
            updated_at: self.wib.now(),
        };
        if known.is_some() {
            tx.update(&settings).await?
        } else {
            tx.insert(&settings).await?
        }
        let said = |threshold: i64| serde_json::json!({"prevention_threshold": threshold});
        let line = self.audit("feature_flag:updated", ("collection_settings", Some(settings.id.uuid())));
        line.changed(&said(old), &said(threshold)).write(&mut *tx).await;
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T06:00:00Z".parse().unwrap()
    }
    fn ago(days: i64) -> Option<Timestamp> {
        Some(time::before(now(), DAY * u32::try_from(days).unwrap()))
    }
    fn just_over(days: i64) -> Option<Timestamp> {
        ago(days).map(|at| time::before(at, Duration::from_secs(1)))
    }

    #[test]
    fn each_factor_is_as_the_table_says() {
        let percent = |factor: Factor| factor.value_bp / 100;
        for (payments, last, value) in [
            (0, None, 20),
            (1, ago(0), 60),
            (2, ago(30), 75),
            (3, ago(1), 90),
            (9, ago(1), 90),
            (3, just_over(30), 85),
            (1, ago(90), 55),
            (1, just_over(90), 45),
            (2, ago(400), 60),
        ] {
            let history = History { payments, last_paid_at: last, ..History::default() };
            assert_eq!(percent(history.factors(now()).payment_history), value, "{payments} payments, last {last:?}");
        }
        for (calls, answered, talk, value) in [
            (0, 0, 0, 15),
            (10, 0, 0, 15),
            (10, 1, 900, 15),
            (10, 2, 0, 40),
            (10, 4, 9_999, 40),
            (10, 5, 0, 65),
            (10, 7, 420, 65),
            (10, 7, 421, 85),
            (10, 10, 0, 65),
            (3, 2, 1_000, 65),
            (10, 6, 6_000, 65),
        ] {
            let history = History { calls, answered, talk_seconds: talk, ..History::default() };
            let found = percent(history.factors(now()).contact_engagement);
            assert_eq!(found, value, "{answered} of {calls}, {talk} s");
        }
        for (positive, negative, value) in
            [(0, 0, 5_000), (1, 0, 10_000), (0, 3, 0), (1, 2, 3_333), (2, 1, 6_666), (1, 1, 5_000)]
        {
            let history = History { positive, negative, ..History::default() };
            assert_eq!(history.factors(now()).sentiment_trend.value_bp, value, "{positive} and {negative}");
        }
        for (kept, promises, value) in [(0, 0, 4_000), (0, 1, 0), (1, 1, 10_000), (2, 3, 6_666), (1, 4, 2_500)] {
            let history = History { kept, promises, ..History::default() };
            assert_eq!(history.factors(now()).promise_keeping.value_bp, value, "{kept} of {promises}");
        }
        for (paid, owed, value) in [
            (0, 100, 15),
            (1, 99, 35),
            (24, 76, 35),
            (25, 75, 50),
            (49, 51, 50),
            (50, 50, 70),
            (74, 26, 70),
            (75, 25, 90),
            (100, 0, 90),
            (0, 0, 15),
            (5, -5, 90),
            (i64::MAX, i64::MAX, 90),
        ] {
            let history = History { paid_minor: paid, owed_minor: owed, ..History::default() };
            assert_eq!(percent(history.factors(now()).balance_progress), value, "{paid} paid, {owed} owed");
        }
    }

    #[test]
    fn the_score_is_the_weighted_sum_rounded_half_up() {
        // Nothing is known: 20 x 30 % + 15 x 20 % + 50 x 15 % + 40 x 20 % + 15 x 15 % = 26.75.
        assert_eq!(History::default().factors(now()).score(), 27);
        let best = History {
            paid_minor: 900,
            owed_minor: 100,
            payments: 3,
            last_paid_at: ago(1),
            calls: 10,
            answered: 8,
            talk_seconds: 800,
            positive: 3,
            negative: 0,
            kept: 2,
            promises: 2,
        };
        // 27 + 17 + 15 + 20 + 13.5
        assert_eq!(best.factors(now()).score(), 93);
        let worst = History { calls: 9, negative: 3, promises: 1, owed_minor: 1, ..History::default() };
        // 6 + 3 + 0 + 0 + 2.25
        assert_eq!(worst.factors(now()).score(), 11);
        let weights = {
            let f = worst.factors(now());
            [f.payment_history, f.contact_engagement, f.sentiment_trend, f.promise_keeping, f.balance_progress]
        };
        assert_eq!(weights.iter().map(|f| f.weight).sum::<i64>(), 100);
    }

    #[test]
    fn a_score_says_what_to_expect() {
        use super::super::Likelihood;
        let words: Vec<_> = [0, 24, 25, 49, 50, 74, 75, 100].map(|s| Likelihood::of(s).as_str()).to_vec();
        assert_eq!(words, ["very_low", "very_low", "low", "low", "moderate", "moderate", "high", "high"]);
    }
}

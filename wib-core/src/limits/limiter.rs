use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Limit, Per, Rates};
use crate::{
    auth::UserId,
    cache::MemoryCache,
    kit::{
        Clock, Error, Kind, Result,
        time::{Timestamp, after, timeout},
    },
    orgs::OrganizationId,
    ports::{Cache, cache::Counted},
};

/// How long the counters may take: nobody waits longer for being counted.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long they are left alone after they did not answer.
const REST: Duration = Duration::from_secs(5);
/// Longest key of a client that is told apart from others.
const CLIENT: usize = 200;

/// Counts what is asked and refuses what is too much.
#[derive(Debug)]
pub struct Limiter {
    shared: Arc<dyn Cache>,
    local: MemoryCache,
    clock: Arc<dyn Clock>,
    rates: Rates,
    // Until when the shared counters are left alone.
    resting: Mutex<Timestamp>,
}

/// How a client stands in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Of which limit.
    pub limit: Limit,
    /// Requests in a window.
    pub most: u64,
    /// Requests that are left in the window.
    pub left: u64,
    /// When the window ends.
    pub until: Timestamp,
}

/// Whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// From which address.
    pub client: String,
    /// Who, once signed in.
    pub user: Option<UserId>,
    /// For which organisation.
    pub organization: Option<OrganizationId>,
}
impl Asker {
    fn name(&self, per: Per) -> String {
        match (per, self.organization, self.user) {
            (Per::Organization, Some(id), _) => format!("o:{id}"),
            (Per::Organization | Per::Member, _, Some(id)) => format!("u:{id}"),
            _ => self.client.clone(),
        }
    }
}

impl Limiter {
    /// Counts in that cache.
    #[must_use]
    pub fn new(shared: Arc<dyn Cache>, clock: Arc<dyn Clock>, rates: Rates) -> Self {
        Self { shared, local: MemoryCache::new(clock.clone()), clock, rates, resting: Mutex::new(Timestamp::MIN) }
    }

    /// Counts a request against each limit, in order; how it stands where the least is left. One that is
    /// refused is not counted against the limits behind.
    ///
    /// # Errors
    /// The standing, and `RateLimited` with the time until the window ends. Never for want of an answer: without one the
    /// process counts by itself.
    pub async fn admit(&self, limits: &[Limit], asker: &Asker) -> Result<Option<Standing>, (Standing, Error)> {
        let mut least: Option<Standing> = None;
        for limit in limits {
            let (most, window) = self.rates.get(limit).copied().unwrap_or((limit.most(), limit.window()));
            let Counted { count, until } = self.count(*limit, window, &asker.name(limit.per())).await;
            let standing = Standing { limit: *limit, most, left: most.saturating_sub(count), until };
            if count > most {
                let retry_after = until.duration_since(self.clock.now()).unsigned_abs().max(Duration::from_millis(1));
                metrics::counter!("wib_limits_refused_total", "limit" => limit.as_str()).increment(1);
                let error = Error::new(Kind::RateLimited { retry_after }, "RATE_LIMIT", "too many requests");
                return Err((standing, error));
            }
            least = Some(least.filter(|least| least.left <= standing.left).unwrap_or(standing));
        }
        Ok(least)
    }

    async fn count(&self, limit: Limit, window: Duration, client: &str) -> Counted {
        // Whoever has no end of names is one client, and no key of the cache grows by what is sent to us.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_');
        let client = if client.len() <= CLIENT && client.chars().all(plain) { client } else { "strange" };
        let key = format!("rl:{limit}:{client}");
        let resting = || self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.caps().consistent && *resting() <= self.clock.now() {
            let counted = timeout(&*self.clock, PATIENCE, self.shared.count(&key, 1, window)).await;
            match counted {
                Some(Ok(counted)) => return counted,
                failed => {
                    let why = failed
                        .and_then(|outcome| outcome.err())
                        .map_or_else(|| "no answer".to_owned(), |e| e.to_string());
                    tracing::warn!(cache = self.shared.vendor(), why, "limits are counted in this process for a while");
                    *resting() = after(self.clock.now(), REST);
                }
            }
        }
        metrics::counter!("wib_limits_local_total", "limit" => limit.as_str()).increment(1);
        self.local.add(&key, 1, window)
    }
}

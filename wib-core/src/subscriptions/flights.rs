//! How many requests are under way to addresses that users named.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::orgs::OrganizationId;

/// Most requests of a process at once.
const ALL: usize = 64;
/// Most of one organisation: addresses that do not answer hold up nobody else's.
const OF_ONE: usize = 8;

/// The requests of this process that are under way.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<BTreeMap<OrganizationId, usize>>);

/// A place among them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    flights: Arc<Flights>,
    organization: OrganizationId,
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrganizationId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// A place, when there is one.
    pub(crate) fn board(self: &Arc<Self>, organization: OrganizationId) -> Option<Seat> {
        let mut under_way = self.lock();
        if under_way.values().sum::<usize>() >= ALL || under_way.get(&organization).is_some_and(|n| *n >= OF_ONE) {
            return None;
        }
        *under_way.entry(organization).or_default() += 1;
        Some(Seat { flights: self.clone(), organization })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        if let Some(n) = under_way.get_mut(&self.organization) {
            *n -= 1;
            if *n == 0 {
                under_way.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Id, OsRandom, time::Timestamp};

    #[test]
    fn one_organisation_never_takes_the_places_of_all() {
        let flights = Arc::new(Flights::default());
        let org = || Id::new(Timestamp::UNIX_EPOCH, &OsRandom);
        let ours = org();
        let mut seats: Vec<_> = (0..OF_ONE).map(|_| flights.board(ours).unwrap()).collect();
        assert!(flights.board(ours).is_none());
        seats.extend((OF_ONE..ALL).map(|_| flights.board(org()).unwrap()));
        assert!(flights.board(org()).is_none(), "the process has its bound too");
        seats.pop();
        assert!(flights.board(org()).is_some());
        drop(seats);
        assert!(flights.lock().is_empty());
    }
}

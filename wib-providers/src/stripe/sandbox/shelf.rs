//! Where the model keeps objects of one kind, in the order in which they were made.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::world::KEPT;

#[derive(Debug, Default)]
pub(super) struct Shelf {
    objects: BTreeMap<u64, Value>,
    places: BTreeMap<String, u64>,
    made: u64,
}

impl Shelf {
    /// Keeps an object under its `id`; the oldest goes when there are too many.
    pub(super) fn put(&mut self, object: Value) {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        if let Some(place) = self.places.get(&id) {
            self.objects.insert(*place, object);
            return;
        }
        self.made += 1;
        self.places.insert(id, self.made);
        self.objects.insert(self.made, object);
        if self.objects.len() > KEPT
            && let Some((_, oldest)) = self.objects.pop_first()
        {
            self.places.remove(oldest["id"].as_str().unwrap_or_default());
        }
    }
    pub(super) fn get(&self, id: &str) -> Option<&Value> {
        self.objects.get(self.places.get(id)?)
    }
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.objects.get_mut(self.places.get(id)?)
    }
    /// All of them, the newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Value> {
        self.objects.values().rev()
    }
    /// Those that were made before this one, the newest first.
    pub(super) fn before(&self, id: &str) -> Option<impl Iterator<Item = &Value> + use<'_>> {
        let place = *self.places.get(id)?;
        Some(self.objects.range(..place).rev().map(|(_, object)| object))
    }
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }
}

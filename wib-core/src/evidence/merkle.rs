//! The tree over a chain's links: RFC 9162, section 2.1, with SHA-256.
//!
//! A proof is asked for as ranges of leaves, each a subtree. A range falls into complete subtrees, of which a store keeps
//! one hash each, so that nothing here grows faster than the logarithm of the chain.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::EvidenceNode;

/// A hash of the tree: 32 bytes.
pub type Hash = [u8; 32];

/// The hash of a leaf over a link's hash.
#[must_use]
pub fn leaf(entry: &Hash) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash of a node over its two halves.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a tree without leaves.
#[must_use]
pub fn empty() -> Hash {
    Sha256::digest([]).into()
}

/// The right edge of a tree: the complete subtrees that its leaves fall into, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    nodes: Vec<EvidenceNode>,
}

impl Edge {
    /// The edge of a tree of that size, from the subtrees that a store has; `None` when they are not the right ones.
    #[must_use]
    pub fn of(size: u64, mut nodes: Vec<EvidenceNode>) -> Option<Self> {
        nodes.sort_unstable_by_key(|n| std::cmp::Reverse(n.level));
        let wanted = subtrees(0..size);
        let fits = nodes.len() == wanted.len() && nodes.iter().zip(wanted).all(|(n, w)| (n.level, n.position) == w);
        fits.then_some(Self { size, nodes })
    }
    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
    /// Adds a leaf over a link's hash; the subtrees that it completes.
    pub fn push(&mut self, entry: &Hash) -> Vec<EvidenceNode> {
        let mut next = EvidenceNode { level: 0, position: self.size, hash: leaf(entry) };
        self.size += 1;
        let mut made = vec![next];
        while let Some(left) = self.nodes.pop_if(|left| left.level == next.level) {
            let hash = node(&left.hash, &next.hash);
            next = EvidenceNode { level: next.level + 1, position: next.position >> 1, hash };
            made.push(next);
        }
        self.nodes.push(next);
        made
    }
    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(self.nodes.iter().map(|n| n.hash)).unwrap_or_else(empty)
    }
}

/// The hash over subtrees that follow each other, the largest first.
fn join(hashes: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    hashes.rev().reduce(|right, left| node(&left, &right))
}

/// The hash of a range from the hashes of its [`subtrees`].
#[must_use]
pub fn of_range(hashes: &[Hash]) -> Option<Hash> {
    join(hashes.iter().copied())
}

/// The complete subtrees, as level and position, that a range of leaves falls into. The range begins where a subtree of
/// its size may begin, as those of proofs do.
#[must_use]
pub fn subtrees(range: Range<u64>) -> Vec<(u32, u64)> {
    let mut at = range.start;
    let mut found = vec![];
    while at < range.end {
        let level = (range.end - at).ilog2();
        found.push((level, at >> level));
        at += 1 << level;
    }
    found
}

/// Where a tree of `n > 1` leaves is split: the largest power of two below `n`.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The ranges whose hashes prove that the leaf at `index` (from 0) is in a tree of `size`: nearest first (RFC 9162,
/// section 2.1.3.1). Empty when it is not in it.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut begin, mut end) = (0, size);
    let mut path = vec![];
    while index < size && end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(begin..middle);
            begin = middle;
        }
    }
    path.reverse();
    path
}

/// The ranges whose hashes prove that a tree of `from` leaves is the beginning of one of `size` (RFC 9162, section
/// 2.1.4.1). Empty when they are the same, or `from` is 0 or too large.
#[must_use]
pub fn consistency(from: u64, size: u64) -> Vec<Range<u64>> {
    if from == 0 || from >= size {
        return vec![];
    }
    let (mut begin, mut end) = (0, size);
    let mut path = vec![];
    while from < end {
        let middle = begin + split(end - begin);
        if from <= middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(begin..middle);
            begin = middle;
        }
    }
    // The old tree itself, where it is a subtree, is known to whoever checks.
    if begin > 0 {
        path.push(begin..end);
    }
    path.reverse();
    path
}

/// The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); `None` when the proof has not the form that
/// the index and the size ask for.
#[must_use]
pub fn root_of_inclusion(entry: &Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf(entry));
    for step in proof {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node(step, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// Whether a tree of `from` leaves with the root `old` is the beginning of the tree of `size` with the root `new` (RFC
/// 9162, section 2.1.4.2). An empty tree is the beginning of every tree.
#[must_use]
pub fn consistent(from: u64, old: &Hash, size: u64, new: &Hash, proof: &[Hash]) -> bool {
    if from == size || from == 0 {
        return proof.is_empty() && if from == size { old == new } else { *old == empty() };
    }
    if from > size {
        return false;
    }
    let mut steps = proof.iter();
    let first = if from.is_power_of_two() { Some(old) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut place, mut last) = (from - 1, size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut was, mut is) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            was = node(step, &was);
            is = node(step, &is);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            is = node(&is, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && was == *old && is == *new
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// RFC 9162, section 2.1.1, word for word.
    fn naive(entries: &[Hash]) -> Hash {
        match entries {
            [] => empty(),
            [one] => leaf(one),
            many => {
                let (left, right) = many.split_at(usize::try_from(split(many.len() as u64)).unwrap());
                node(&naive(left), &naive(right))
            }
        }
    }
    fn entries(n: u64, seed: u64) -> Vec<Hash> {
        (0..n).map(|i| Sha256::digest([i.to_be_bytes(), seed.to_be_bytes()].concat()).into()).collect()
    }
    fn grown(entries: &[Hash]) -> (Edge, BTreeMap<(u32, u64), Hash>) {
        let (mut edge, mut kept) = (Edge::default(), BTreeMap::new());
        for entry in entries {
            for made in edge.push(entry) {
                assert!(kept.insert((made.level, made.position), made.hash).is_none(), "each is made once");
            }
        }
        (edge, kept)
    }
    fn hashes(ranges: Vec<Range<u64>>, kept: &BTreeMap<(u32, u64), Hash>) -> Vec<Hash> {
        let of = |r| of_range(&subtrees(r).iter().map(|at| kept[at]).collect::<Vec<_>>()).unwrap();
        ranges.into_iter().map(of).collect()
    }

    #[test]
    fn roots_of_every_size_are_those_of_the_naive_tree_and_the_edge_comes_back_from_its_nodes() {
        let all = entries(300, 1);
        for n in 0..=all.len() {
            let (edge, kept) = grown(&all[..n]);
            assert_eq!(edge.root(), naive(&all[..n]), "{n}");
            let nodes = subtrees(0..n as u64).into_iter().rev();
            let nodes = nodes.map(|(level, position)| EvidenceNode { level, position, hash: kept[&(level, position)] });
            let nodes: Vec<_> = nodes.collect();
            assert_eq!(Edge::of(n as u64, nodes.clone()), Some(edge));
            assert_eq!(Edge::of(n as u64 + 1, nodes), None);
        }
    }

    #[test]
    fn an_example_of_the_certificate_transparency_project_comes_out() {
        // Test vectors of google/certificate-transparency, `merkle_tree_test`: the roots of the first two trees.
        let root = |leaves: &[&[u8]]| {
            let hash = |l: &&[u8]| -> Hash { Sha256::new().chain_update([0]).chain_update(l).finalize().into() };
            hex::encode(leaves.iter().map(hash).reduce(|a, b| node(&a, &b)).unwrap())
        };
        assert_eq!(hex::encode(empty()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(root(&[b""]), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(root(&[b"", b"\0"]), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }

    proptest! {
        #[test]
        fn a_leaf_is_proven_in_every_tree_that_has_it_and_in_no_other(size in 1u64..=300, at in 0u64..300, seed in 0u64..9) {
            let index = at % size;
            let all = entries(size, seed);
            let (edge, kept) = grown(&all);
            let proof = hashes(inclusion(index, size), &kept);
            prop_assert!(proof.len() <= 9);
            let entry = &all[usize::try_from(index).unwrap()];
            prop_assert_eq!(root_of_inclusion(entry, index, size, &proof), Some(edge.root()));
            for (other, n) in [(index + 1, size), (index ^ 1, size), (size, size), (u64::MAX, size)] {
                prop_assert_ne!(root_of_inclusion(entry, other, n, &proof), Some(edge.root()));
            }
            prop_assert_ne!(root_of_inclusion(&[9; 32], index, size, &proof), Some(edge.root()));
            for n in 0..proof.len() {
                let mut changed = proof.clone();
                changed[n][0] ^= 1;
                prop_assert_ne!(root_of_inclusion(entry, index, size, &changed), Some(edge.root()));
                prop_assert_ne!(root_of_inclusion(entry, index, size, &proof[..n]), Some(edge.root()));
            }
            let longer = [&proof[..], &[[0; 32]]].concat();
            prop_assert_eq!(root_of_inclusion(entry, index, size, &longer), None);
        }

        #[test]
        fn a_tree_is_the_beginning_of_those_that_grew_from_it_and_of_no_other(size in 1u64..=300, at in 0u64..=300, seed in 0u64..9) {
            let from = at % (size + 1);
            let all = entries(size, seed);
            let (edge, kept) = grown(&all);
            let (old, new) = (naive(&all[..usize::try_from(from).unwrap()]), edge.root());
            let proof = hashes(consistency(from, size), &kept);
            prop_assert!(proof.len() <= 11);
            prop_assert!(consistent(from, &old, size, &new, &proof));
            prop_assert!(!consistent(from, &[7; 32], size, &new, &proof));
            prop_assert!(!consistent(from, &old, size, &[7; 32], &proof) || from == 0);
            for n in 0..proof.len() {
                let mut changed = proof.clone();
                changed[n][31] ^= 128;
                prop_assert!(!consistent(from, &old, size, &new, &changed));
                prop_assert!(!consistent(from, &old, size, &new, &proof[..n]));
            }
            // A tree that was rewritten somewhere in its beginning.
            if from > 0 {
                let mut other = all.clone();
                other[usize::try_from(from - 1).unwrap()][0] ^= 1;
                let (edge, kept) = grown(&other);
                let proof = hashes(consistency(from, size), &kept);
                prop_assert!(!consistent(from, &old, size, &edge.root(), &proof));
            }
        }

        #[test]
        fn nothing_makes_a_check_panic(a in any::<u64>(), b in any::<u64>(), n in 0usize..70) {
            let proof = vec![[1; 32]; n];
            prop_assert_eq!(root_of_inclusion(&[0; 32], a, b, &proof).is_some() && a >= b, false);
            prop_assert!(!consistent(a, &[0; 32], b, &[1; 32], &proof));
        }
    }
}

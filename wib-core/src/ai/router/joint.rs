/// Shortest text that counts as said twice when the first speaker had ended a word: shorter ones happen by themselves.
const SURE: usize = 8;

/// The seam between a text that broke off and the one that another model goes on with: what the second says again is
/// left out, and a word that was cut is mended where the second begins it anew.
#[derive(Debug)]
pub(super) struct Joint {
    said: String,
    held: String,
}

impl Joint {
    pub(super) fn new(said: &str) -> Self {
        Self { said: said.to_owned(), held: String::new() }
    }
    /// Takes more of the second text. `None`: it may still be a repeat of the first, and is held back.
    pub(super) fn push(&mut self, text: &str) -> Option<String> {
        self.held.push_str(text);
        let held = self.begun();
        if held.is_empty() || self.ends().any(|end| end.len() > held.len() && end.starts_with(held)) {
            return None;
        }
        Some(self.settle())
    }
    /// What is to follow the first text, now that no more comes.
    pub(super) fn settle(&self) -> String {
        let held = self.begun();
        let repeated = self.ends().filter(|end| held.starts_with(end)).map(str::len).max().unwrap_or(0);
        let open = self.said.ends_with(char::is_alphanumeric);
        if repeated > 0 && (open || repeated >= SURE || repeated == self.said.len()) {
            return held[repeated..].to_owned();
        }
        let apart = open && self.held.starts_with(char::is_alphanumeric);
        if apart { format!(" {held}") } else { held.to_owned() }
    }
    /// The second text, without a space that the first has said.
    fn begun(&self) -> &str {
        if self.said.is_empty() || self.said.ends_with(char::is_whitespace) {
            self.held.trim_start()
        } else {
            &self.held
        }
    }
    /// The first text from each of its words on.
    fn ends(&self) -> impl Iterator<Item = &str> {
        let starts = self.said.char_indices().scan(true, |blank, (at, c)| {
            let begins = *blank && !c.is_whitespace();
            *blank = c.is_whitespace();
            Some(begins.then_some(at))
        });
        starts.flatten().map(|at| &self.said[at..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(first: &str, second: &[&str]) -> String {
        let mut joint = Some(Joint::new(first));
        let mut all = first.to_owned();
        for piece in second {
            match &mut joint {
                None => all.push_str(piece),
                Some(open) => {
                    if let Some(text) = open.push(piece) {
                        all.push_str(&text);
                        joint = None;
                    }
                }
            }
        }
        joint.map_or(all.clone(), |open| all + &open.settle())
    }

    #[test]
    fn what_is_said_again_is_said_once_and_a_cut_word_is_mended() {
        for (first, second, whole) in [
            ("I will pay ", "on Friday.", "I will pay on Friday."),
            ("I will", "pay on Friday.", "I will pay on Friday."),
            ("I will", " pay on Friday.", "I will pay on Friday."),
            ("I will ", " pay on Friday.", "I will pay on Friday."),
            ("I will pa", "pay on Friday.", "I will pay on Friday."),
            ("I will pa", "I will pay on Friday.", "I will pay on Friday."),
            ("I will pay on ", "I will pay on Friday.", "I will pay on Friday."),
            ("I will pay on ", "will pay on Friday.", "I will pay on Friday."),
            ("No. ", "No one knows.", "No. No one knows."),
            ("They said no, no, ", "no, never.", "They said no, no, no, never."),
            ("Zahlen Sie bitte bis Fr", "Freitag, den 3. Mai.", "Zahlen Sie bitte bis Freitag, den 3. Mai."),
            ("", "All of it.", "All of it."),
            ("All of it.", "", "All of it."),
        ] {
            let pieces: Vec<_> = second.split_inclusive(' ').collect();
            assert_eq!(joined(first, &[second]), whole, "{first:?} + {second:?}");
            assert_eq!(joined(first, &pieces), whole, "{first:?} + {pieces:?}");
        }
    }

    proptest! {
        /// A text with words of its own, cut at a word and gone on with from any word before, is whole again.
        #[test]
        fn a_text_that_is_cut_and_gone_on_with_is_whole(
            count in 2usize..20, cut in 1usize..20, back in 0usize..20, chunk in 1usize..9,
        ) {
            let words: Vec<_> = (0..count).map(|n| format!("word{n:03} ")).collect();
            let (cut, whole) = (cut.min(count - 1), words.concat());
            let again = words[cut - back.min(cut)..].concat();
            let pieces: Vec<String> = again.chars().collect::<Vec<_>>().chunks(chunk).map(|c| c.iter().collect()).collect();
            let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(joined(&words[..cut].concat(), &pieces), whole);
        }
    }
}

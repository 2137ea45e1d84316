//! Where uids and random name suffixes come from; handed in, so that tests can know them.

/// Letters and digits without vowels and without those that look alike: no suffix is a word.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;

/// Makes identifiers.
pub trait IdSource: Send + Sync + 'static {
    /// A uid that no other object ever had or will have.
    fn uid(&self) -> String;

    /// Five characters for the end of a generated name.
    fn suffix(&self) -> String;
}

/// Random identifiers.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn uid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    fn suffix(&self) -> String {
        let letter = || char::from(ALPHABET[rand::random_range(0..ALPHABET.len())]);
        std::iter::repeat_with(letter).take(SUFFIX_LENGTH).collect()
    }
}

//! Which fields are secret, judged by the words of their name.
//!
//! A name is split into words, and the vocabulary says what each word does. As in any English compound the last word says
//! what the value is: a `token_type` is a type. If that word is not known, text is taken for a secret, and a number for a
//! measure.

use super::split::{Word, words};
use super::vocabulary::{
    ALONE, COMPOUNDS, COUNTING, DESCRIBING, ENDS, LAST, PASSES, QUESTIONS, SECRETS, STATISTICS, VALUES,
};
use crate::value::Value;

/// Returns `true` if the name of a field says that its value is secret. Names are judged by whole words in snake, kebab,
/// dotted or camel case: `apiKey`, `DB_PASSWORD` and `cookies` are secret, `author` and `passenger` are not.
///
/// This judges text. A number of the same name may be a count: see [`is_secret_number`].
///
/// ```
/// use buttress_error::is_secret;
///
/// assert!(is_secret("refreshToken") && is_secret("tokens"));
/// assert!(!is_secret("token_type") && !is_secret("max_tokens"));
/// ```
#[must_use]
pub fn is_secret(name: &str) -> bool {
    secrecy(name) != Secrecy::Public
}

/// Returns `true` if the name of a field says that its value is secret even if it is a number or a boolean: `pin`, `otp`,
/// `password_hash`. Plurals, and names that end with any other noun, are counts and measures: `audio_tokens`, `auth_port`,
/// `session_active`. [`is_secret`] returns `true` for each of these names, too.
///
/// ```
/// use buttress_error::{is_secret, is_secret_number};
///
/// assert!(is_secret_number("pin") && is_secret_number("token"));
/// assert!(!is_secret_number("audio_tokens") && is_secret("audio_tokens"));
/// ```
#[must_use]
pub fn is_secret_number(name: &str) -> bool {
    secrecy(name) == Secrecy::AnyValue
}

/// Returns `false` only for names that are not secret. It is cheap: most names in texts are not.
pub(super) fn may_be_secret(name: &str) -> bool {
    // `pw` is the only secret word that is so short.
    let name = name.as_bytes();
    name.windows(3).any(|three| is_stem([three[0] | 0x20, three[1] | 0x20, three[2] | 0x20]))
        || name.windows(2).any(|two| two.eq_ignore_ascii_case(b"pw"))
}

/// Returns `true` for three letters that every secret word has some of.
const fn is_stem(three: [u8; 3]) -> bool {
    matches!(
        &three,
        b"ass"
            | b"aut"
            | b"bea"
            | b"car"
            | b"cod"
            | b"con"
            | b"cre"
            | b"cvc"
            | b"cvv"
            | b"dsn"
            | b"jwt"
            | b"key"
            | b"kub"
            | b"mag"
            | b"mne"
            | b"oke"
            | b"ook"
            | b"otp"
            | b"pas"
            | b"phr"
            | b"pin"
            | b"pwd"
            | b"ses"
            | b"sig"
            | b"ssn"
            | b"trc"
    )
}

/// Returns `true` if the name is that of a connection string, of which a part is secret: `sentry_dsn`, `connectionString`.
#[must_use]
pub fn is_connection(name: &str) -> bool {
    let (mut before, mut last) = (Word::EMPTY, Word::EMPTY);
    for word in words(name) {
        (before, last) = (last, word);
    }
    let pair = (before.as_str(), last.as_str().trim_end_matches('s'));
    matches!(
        pair,
        (_, "dsn" | "connstr" | "connectionstring" | "connstring")
            | ("conn" | "connection", "string" | "str")
    )
}

/// Returns `true` if an attribute of an error must not be shown.
pub(crate) fn is_secret_value(key: &str, value: &Value) -> bool {
    match value {
        Value::Str(_) => is_secret(key),
        _ => is_secret_number(key),
    }
}

/// Which values of a name are secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    Public,
    /// Text, but no number or boolean.
    Text,
    AnyValue,
}

fn secrecy(name: &str) -> Secrecy {
    let (mut secret, mut secrets, mut counted, mut statistic) = (false, false, false, false);
    // Does the last secret word, or a value of it, end the name? Is that word a plural?
    let (mut leads_to_value, mut plural) = (false, false);
    let (mut before, mut last, mut count) = (Word::EMPTY, Word::EMPTY, 0);
    for word in words(name) {
        let text = word.as_str();
        if count == 0 && QUESTIONS.contains(&text) {
            return Secrecy::Public;
        }
        let one = is_secret_word(last.as_str(), text);
        let many = !one && text.strip_suffix('s').is_some_and(|one| is_secret_word(last.as_str(), one));
        if one || many {
            (leads_to_value, plural) = (true, many);
        } else {
            leads_to_value = VALUES.contains(&text);
        }
        secret |= one;
        secrets |= many;
        counted |= COUNTING.contains(&text);
        statistic |= STATISTICS.contains(&text);
        (before, last, count) = (last, word, count + 1);
    }
    let last = last.as_str();
    if DESCRIBING.contains(&last) {
        return Secrecy::Public;
    }
    if LAST.contains(&last) && !(last == "pass" && PASSES.contains(&before.as_str())) {
        (secret, leads_to_value, plural) = (true, true, false);
    } else if last.strip_suffix('s').is_some_and(|one| LAST.contains(&one)) {
        (secrets, plural) = (true, true);
    } else if count == 1 && ALONE.contains(&last) {
        return Secrecy::AnyValue;
    }
    match secret || secrets && !counted {
        true if leads_to_value && !plural && !statistic => Secrecy::AnyValue,
        true => Secrecy::Text,
        false => Secrecy::Public,
    }
}

/// Returns `true` if a word is secret, alone or after the one before it.
fn is_secret_word(before: &str, word: &str) -> bool {
    SECRETS.contains(&word)
        || ENDS.iter().any(|end| word.ends_with(end))
        || COMPOUNDS.iter().any(|(firsts, second)| {
            let first = word.strip_suffix(second);
            first.is_some_and(|first| firsts.contains(if first.is_empty() { &before } else { &first }))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cheap check never rules out a secret name.
    #[test]
    fn every_secret_word_has_a_stem() {
        let compounds = COMPOUNDS
            .iter()
            .flat_map(|(firsts, second)| firsts.iter().map(move |first| format!("{first}_{second}")));
        let words = [SECRETS, ENDS, LAST, ALONE].concat().into_iter().map(str::to_owned);
        for name in words.chain(compounds) {
            for name in [name.to_uppercase(), name.replace('_', ""), name] {
                assert!(may_be_secret(&name), "{name}");
            }
        }
        assert!(!may_be_secret("customer") && !may_be_secret(""));
    }
}

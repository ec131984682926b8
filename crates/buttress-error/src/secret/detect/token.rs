//! Keys and tokens whose issuer marks them with a prefix.
//!
//! The prefixes and lengths are those that the issuers document for secret scanning.

use super::bytes::{is_opaque, is_start, is_word, run_end};
use super::spans::Spans;

/// The characters after a prefix.
#[derive(Clone, Copy)]
enum Chars {
    /// Letters and digits.
    Alnum,
    /// Capitals and digits.
    Upper,
    /// Digits of base64, in the alphabet for URLs.
    Word,
    /// Those and dots.
    Dotted,
}

impl Chars {
    const fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
        }
    }
}

struct Prefix {
    text: &'static str,
    chars: Chars,
    /// The fewest characters after the prefix.
    min: usize,
    /// The most; longer is something else.
    max: usize,
}

const fn prefix(text: &'static str, chars: Chars, min: usize) -> Prefix {
    Prefix { text, chars, min, max: usize::MAX }
}

const fn exact(text: &'static str, chars: Chars, len: usize) -> Prefix {
    Prefix { text, chars, min: len, max: len }
}

use Chars::{Alnum, Dotted, Upper, Word};

/// Of two that begin alike, the first one that fits counts.
#[rustfmt::skip]
const PREFIXES: &[Prefix] = &[
    // AWS: key ids.
    exact("AKIA", Upper, 16), exact("ASIA", Upper, 16), exact("ABIA", Upper, 16), exact("ACCA", Upper, 16), exact("A3T", Upper, 17),
    // Google: API keys, OAuth tokens, client secrets.
    prefix("AIza", Word, 35), prefix("ya29.", Dotted, 20), prefix("GOCSPX-", Word, 20),
    // GitHub, GitLab.
    prefix("ghp_", Alnum, 20), prefix("gho_", Alnum, 20), prefix("ghu_", Alnum, 20), prefix("ghs_", Alnum, 20),
    prefix("ghr_", Alnum, 20), prefix("github_pat_", Word, 20),
    prefix("glpat-", Dotted, 16), prefix("gldt-", Word, 16), prefix("glrt-", Dotted, 16), prefix("glcbt-", Word, 16),
    prefix("glptt-", Word, 16), prefix("glsoat-", Word, 16),
    // Stripe, Square, Shopify.
    prefix("sk_live_", Alnum, 10), prefix("sk_test_", Alnum, 10), prefix("sk_prod_", Alnum, 10), prefix("rk_live_", Alnum, 10),
    prefix("rk_test_", Alnum, 10), prefix("rk_prod_", Alnum, 10), prefix("whsec_", Word, 16),
    prefix("sq0atp-", Word, 20), prefix("sq0csp-", Word, 20), prefix("shpat_", Alnum, 20), prefix("shpca_", Alnum, 20),
    prefix("shppa_", Alnum, 20), prefix("shpss_", Alnum, 20),
    // Slack, SendGrid.
    prefix("xoxb-", Word, 10), prefix("xoxp-", Word, 10), prefix("xoxa-", Word, 10), prefix("xoxr-", Word, 10),
    prefix("xoxs-", Word, 10), prefix("xoxo-", Word, 10), prefix("xoxc-", Word, 10), prefix("xoxd-", Word, 10),
    prefix("xoxe-", Word, 10), prefix("xoxe.", Dotted, 10), prefix("xapp-", Word, 10), prefix("SG.", Dotted, 32),
    // Language models, Databricks, Hugging Face.
    prefix("sk-ant-", Word, 20), prefix("sk-proj-", Word, 20), prefix("sk-svcacct-", Word, 20), prefix("sk-admin-", Word, 20),
    prefix("sk-or-v1-", Word, 20), prefix("sk-", Alnum, 32), prefix("hf_", Alnum, 30), prefix("gsk_", Alnum, 32),
    prefix("dapi", Alnum, 32),
    // Packages.
    prefix("npm_", Alnum, 30), prefix("pypi-AgE", Word, 30), prefix("rubygems_", Alnum, 32), prefix("dckr_pat_", Word, 20),
    // Infrastructure.
    prefix("dop_v1_", Alnum, 32), prefix("doo_v1_", Alnum, 32), prefix("dor_v1_", Alnum, 32), prefix("hvs.", Word, 20),
    prefix("hvb.", Word, 20), prefix("glsa_", Word, 20), prefix("glc_", Word, 32), prefix("PMAK-", Word, 24),
    prefix("lin_api_", Alnum, 20), prefix("dp.pt.", Word, 20), prefix("dp.st.", Dotted, 20), prefix("pscale_tkn_", Word, 20),
    prefix("pscale_pw_", Word, 20), prefix("ATATT3", Word, 40), prefix("AGE-SECRET-KEY-1", Alnum, 40), prefix("figd_", Word, 20),
    prefix("sntrys_", Dotted, 32), prefix("sntryu_", Alnum, 32), prefix("tskey-", Word, 20), prefix("sbp_", Alnum, 32),
];

/// The indices of the prefixes, ordered by their first byte.
static ORDER: [u8; PREFIXES.len()] = order().0;
/// Where in [`ORDER`] those of each byte begin.
static STARTS: [u8; 257] = order().1;

const fn order() -> ([u8; PREFIXES.len()], [u8; 257]) {
    let (mut order, mut starts) = ([0; PREFIXES.len()], [0; 257]);
    let (mut byte, mut len) = (0, 0);
    while byte < 256 {
        starts[byte] = len as u8;
        let mut index = 0;
        while index < PREFIXES.len() {
            if PREFIXES[index].text.as_bytes()[0] as usize == byte {
                order[len] = index as u8;
                len += 1;
            }
            index += 1;
        }
        byte += 1;
    }
    starts[256] = len as u8;
    (order, starts)
}

/// Iterates over the prefixes that begin with a byte.
fn candidates(byte: u8) -> impl Iterator<Item = &'static Prefix> {
    let byte = usize::from(byte);
    let range = usize::from(STARTS[byte])..usize::from(STARTS[byte + 1]);
    ORDER[range].iter().map(|index| &PREFIXES[usize::from(*index)])
}

pub(super) const fn may_begin(byte: u8) -> bool {
    STARTS[byte as usize] != STARTS[byte as usize + 1]
}

/// Returns `true` if a prefix begins at `at`.
pub(super) fn may_begin_at(text: &[u8], at: usize) -> bool {
    candidates(text[at]).any(|prefix| text[at..].starts_with(prefix.text.as_bytes()))
}

/// Finds a token that begins at `at`. Returns where it ends.
pub(super) fn at(text: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
    if !is_start(text, at) {
        return None;
    }
    let rest = &text[at..];
    let is_prefix = |prefix: &&Prefix| rest.starts_with(prefix.text.as_bytes());
    for prefix in candidates(text[at]).filter(is_prefix) {
        let body = at + prefix.text.len();
        let end = run_end(text, body, |byte| prefix.chars.has(byte));
        let token = &text[body..end];
        // A token of letters in one case is a word of a program, such as the name of a variable.
        let is_random = is_opaque(token) || token.iter().any(u8::is_ascii_uppercase);
        if (prefix.min..=prefix.max).contains(&token.len()) && is_random {
            // What is glued to a secret may belong to it.
            let end = run_end(text, end, is_word);
            if prefix.max != usize::MAX && end - body != token.len() {
                continue;
            }
            spans.add(at, end);
            return Some(end);
        }
    }
    None
}

/// Finds the client secret of an Azure application by its mark `Q~`, whose `~` is at `at`: three characters and a digit are
/// before the mark, 31 to 34 characters behind it.
pub(super) fn azure_at(text: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-');
    let start = at.checked_sub(5)?;
    let [first, second, third, digit, b'Q'] = text[start..at] else { return None };
    let end = run_end(text, at + 1, is_part);
    if ![first, second, third].into_iter().all(is_part) || !digit.is_ascii_digit() || end - at <= 31 {
        return None;
    }
    spans.add(start, end);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::super::quick::MIN_TOKEN;
    use super::*;

    /// The quick check passes over runs that are too short for a token.
    #[test]
    fn no_token_is_too_short() {
        for prefix in PREFIXES {
            assert!(prefix.text.len() + prefix.min >= MIN_TOKEN, "{}", prefix.text);
        }
    }
}

//! Personal data that is redacted only where the program asks for it: e-mail addresses and IP addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::bytes::{position, run_end};
use super::spans::Spans;

/// The longest part of an address before its `@`, and the longest IP address, in bytes.
const MAX_LOCAL: usize = 64;
const MAX_IP: usize = 45;

/// Finds the e-mail addresses of a text.
pub(super) fn emails(text: &[u8], spans: &mut Spans) {
    let mut from = 0;
    while let Some(at) = position(text, from, |byte| byte == b'@') {
        let is_local = |byte: &u8| {
            byte.is_ascii_alphanumeric() || !byte.is_ascii() || b".!#$%&'*+/=?^_`{|}~-".contains(byte)
        };
        let local = text[from..at].iter().rev().take(MAX_LOCAL).take_while(|byte| is_local(byte)).count();
        // The longest part that is read may begin inside a character.
        let cut = text[at - local..at].iter().take_while(|byte| matches!(byte, 0x80..=0xbf)).count();
        let local = local - cut;
        let is_domain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || !byte.is_ascii();
        let mut end = run_end(text, at + 1, is_domain);
        while text[at + 1..end].last().is_some_and(|last| matches!(last, b'.' | b'-')) {
            end -= 1;
        }
        let is_top = |top: &[u8]| top.len() >= 2 && !top.iter().all(u8::is_ascii_digit);
        let mut labels = text[at + 1..end].rsplit(|byte| *byte == b'.');
        let is_domain =
            labels.next().is_some_and(is_top) && labels.next().is_some_and(|label| !label.is_empty());
        from = at + 1;
        if local > 0 && is_domain {
            spans.add(at - local, end);
            from = end;
        }
    }
}

/// Finds the IP addresses of a text.
pub(super) fn ip_addresses(text: &[u8], spans: &mut Spans) {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    let mut at = 0;
    while let Some(start) = position(text, at, is_part) {
        at = run_end(text, start, is_part);
        let before = text[..start].last();
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            continue;
        }
        if text.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            continue;
        }
        let run = text[start..at].trim_ascii();
        if let Some(len) = address_len(run) {
            spans.add(start, start + len);
        }
    }
}

/// Returns the length of the address at the beginning of a run: what may follow is a port, or the end of a sentence.
fn address_len(run: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(run.get(..run.len().min(MAX_IP + 8))?).ok()?;
    let text = text.trim_end_matches(['.', ':']);
    // A path of Rust may have the form of an address, but rarely has a digit: `a::b`.
    let is_v6 = text.len() <= MAX_IP
        && text.matches(':').count() >= 2
        && text.bytes().any(|byte| byte.is_ascii_digit());
    if is_v6 && text.parse::<Ipv6Addr>().is_ok() {
        return Some(text.len());
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    host.parse::<Ipv4Addr>().ok().filter(|_| is_port).map(|_| host.len())
}

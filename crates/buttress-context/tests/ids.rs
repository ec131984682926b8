//! Request ids and traces, as they are written and read.

use std::collections::{HashMap, HashSet};

use buttress_context::{RequestId, Trace};
use proptest::prelude::*;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~+/=:@-";

/// [S41] a request id is 1 to 128 characters long.
#[test]
fn a_request_id_has_a_length() {
    for (length, ok) in
        [(0, false), (1, true), (36, true), (127, true), (128, true), (129, false), (1 << 20, false)]
    {
        assert_eq!(RequestId::parse(&"a".repeat(length)).is_ok(), ok, "{length}");
    }
    assert_eq!(RequestId::MAX_LEN, 128);
}

/// [S41] a request id has characters of `[A-Za-z0-9._~+/=:@-]` only.
#[test]
fn a_request_id_has_an_alphabet() {
    for letter in '\0'..='\u{2ff}' {
        let expected = ALPHABET.contains(letter);
        assert_eq!(RequestId::parse(&letter.to_string()).is_ok(), expected, "{letter:?}");
        assert_eq!(RequestId::parse(&format!("a{letter}b")).is_ok(), expected, "{letter:?}");
    }
    let error = RequestId::parse("a b").unwrap_err();
    assert_eq!(error.to_string(), "a request id is 1 to 128 characters of [A-Za-z0-9._~+/=:@-]");
}

proptest! {
    /// [S41] what is accepted comes out as it went in.
    #[test]
    fn a_parsed_id_is_its_text(text in "[A-Za-z0-9._~+/=:@-]{1,128}") {
        let id = RequestId::parse(&text).unwrap();
        let mut buffer = [0; 36];
        prop_assert_eq!(id.as_str(&mut buffer), &text);
        prop_assert_eq!(id.to_string(), text);
    }

    /// An id in the form of a UUID too, whichever of its spellings was used.
    #[test]
    fn a_uuid_keeps_its_spelling(text in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
        let spellings = [text.clone(), text.to_uppercase(), text.replace('-', ""), format!("urn:uuid:{text}")];
        for text in spellings {
            prop_assert_eq!(RequestId::parse(&text).unwrap().to_string(), text);
        }
    }
}

/// It used to differ from the same id that came back from elsewhere.
#[test]
fn equal_texts_are_equal_ids() {
    let id = RequestId::random();
    let back = RequestId::parse(&id.to_string()).unwrap();
    assert_eq!(id, back);
    assert_eq!(HashMap::from([(id, 1)]).get(&back), Some(&1));
    assert_ne!(back, RequestId::parse(&back.to_string().to_uppercase()).unwrap());
}

/// Version 7 and variant of RFC 9562, as text that any server takes.
#[test]
fn a_random_id_is_a_uuid_of_version_7() {
    let ids: Vec<_> = (0..1_000).map(|_| RequestId::random()).collect();
    for id in &ids {
        let text = id.to_string();
        assert!(RequestId::parse(&text).is_ok());
        assert_eq!((text.len(), &text[14..15]), (36, "7"), "{text}");
        assert!(["8", "9", "a", "b"].contains(&&text[19..20]), "{text}");
    }
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    assert_eq!(format!("{:>40}", ids[0]).len(), 40, "it can be aligned");
    assert_eq!(format!("{:?}", ids[0]), ids[0].to_string());
}

/// `version "-" trace-id "-" parent-id "-" trace-flags`, all in lower-case hexadecimal, no id all zero.
#[test]
fn a_trace_is_written_as_w3c_says() {
    let mut seen = HashSet::new();
    for _ in 0..1_000 {
        let text = Trace::random().to_string();
        let parts: Vec<_> = text.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { panic!("{text}") };
        assert_eq!((version, trace.len(), span.len()), ("00", 32, 16), "{text}");
        assert!(text.bytes().all(|byte| b"0123456789abcdef-".contains(&byte)), "{text}");
        assert_ne!(trace, "0".repeat(32));
        assert_ne!(span, "0".repeat(16));
        assert_eq!(flags, "02", "not sampled, and random by level 2 of the specification");
        assert!(seen.insert(trace.to_owned()) && seen.insert(span.to_owned()));
    }
}

#[test]
fn the_parts_of_a_trace_are_what_is_written() {
    let trace = Trace::random();
    let parts = format!("00-{:032x}-{:016x}-02", trace.trace_id().to_u128(), trace.span_id().to_u64());
    assert_eq!(trace.to_string(), parts);
    assert!(!trace.sampled() && trace.is_random());
    assert_eq!(format!("{:?}", trace.trace_id()), trace.trace_id().to_string());
}

#[test]
fn a_child_is_a_new_span_of_the_same_trace() {
    let trace = Trace::random();
    let child = trace.child();
    assert_eq!((child.trace_id(), child.sampled()), (trace.trace_id(), trace.sampled()));
    assert_ne!(child.span_id(), trace.span_id());
}

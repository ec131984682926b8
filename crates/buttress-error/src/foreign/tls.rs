//! TLS alerts, recognized by the messages of the libraries: the error types differ by version, and h2 keeps only the message.

use std::io::{Error, ErrorKind};

use super::bounded_text::bounded_text;
use super::ours;
use crate::group::ErrorGroup;
use crate::rejection::Rejection;

/// Alerts about records or the internal state of the peer, by name and number
/// ([RFC 8446](https://www.rfc-editor.org/rfc/rfc8446#section-6)): they may come at any time.
const AT_ANY_TIME: [(&str, u8); 9] = [
    ("CloseNotify", 0),
    ("UnexpectedMessage", 10),
    ("BadRecordMac", 20),
    ("DecryptionFailed", 21),
    ("RecordOverflow", 22),
    ("DecompressionFailure", 30),
    ("DecodeError", 50),
    ("InternalError", 80),
    ("UserCanceled", 90),
];

/// An alert that the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alert {
    /// It refuses the handshake. With TLS 1.3 a client may receive it only when it reads the response to its first request,
    /// which the server has not received.
    Handshake,
    /// It closes a connection that may have been in use.
    Other,
}

/// Returns the alert that a connection error contains.
pub(super) fn alert(error: &Error) -> Option<Alert> {
    // rustls uses `InvalidData`; the wrappers of OpenSSL have no kind of their own.
    if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::Other) {
        return None;
    }
    // An error that wraps one of ours has no message of its own. The text of a long chain is not searched at each link.
    let carried = error.get_ref()?;
    let speaks_for_itself =
        ours(carried).is_some() || carried.is::<Rejection>() || carried.is::<ErrorGroup>();
    if speaks_for_itself { None } else { of_text(&bounded_text(carried)) }
}

fn of_text(text: &str) -> Option<Alert> {
    let word = |start: &str| {
        let (_, rest) = text.split_once(start)?;
        rest.split(|c: char| !c.is_ascii_alphanumeric()).next().filter(|word| !word.is_empty())
    };
    let at_any_time = if let Some(name) = word("received fatal alert: ") {
        AT_ANY_TIME.iter().any(|(known, _)| *known == name)
    } else {
        let number = word("SSL alert number ")?.parse();
        AT_ANY_TIME.iter().any(|(_, known)| number.as_ref() == Ok(known))
    };
    Some(if at_any_time { Alert::Other } else { Alert::Handshake })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_words_of_rustls_and_of_openssl() {
        let openssl = |rest: &str| format!("error:0A00045C:SSL routines:ssl3_read_bytes:{rest}");
        for text in [
            "received fatal alert: CertificateRequired".to_owned(),
            "received fatal alert: UnknownCA".to_owned(),
            "connection error: received fatal alert: HandshakeFailure".to_owned(),
            "received fatal alert: Unknown(0xff)".to_owned(),
            openssl(
                "tlsv13 alert certificate required:../ssl/record/rec_layer_s3.c:1599:SSL alert number 116",
            ),
            openssl("sslv3 alert bad certificate:ssl/record/rec_layer_s3.c:907:SSL alert number 42"),
        ] {
            assert_eq!(of_text(&text), Some(Alert::Handshake), "{text}");
        }
        for text in [
            "received fatal alert: BadRecordMac".to_owned(),
            "received fatal alert: InternalError".to_owned(),
            openssl("tlsv1 alert internal error:ssl/record/rec_layer_s3.c:907:SSL alert number 80"),
        ] {
            assert_eq!(of_text(&text), Some(Alert::Other), "{text}");
        }
        for text in [
            "",
            "received fatal alert: ",
            "SSL alert number ",
            "corrupt message",
            "peer sent no certificates",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }

    #[test]
    fn another_kind_of_error_is_no_alert() {
        let of = |kind| alert(&Error::new(kind, "received fatal alert: CertificateRequired"));
        assert_eq!(of(ErrorKind::InvalidData), Some(Alert::Handshake));
        assert_eq!(of(ErrorKind::Other), Some(Alert::Handshake));
        assert_eq!(of(ErrorKind::ConnectionReset), None);
    }

    /// The message of an error of ours is not searched: its class is known.
    #[test]
    fn an_error_of_ours_is_no_alert() {
        let ours = crate::Error::new(crate::Kind::NotFound, "received fatal alert: CertificateRequired");
        assert_eq!(alert(&Error::other(ours.clone())), None);
        assert_eq!(alert(&Error::other(Error::other(ours.clone()))), None);
        assert_eq!(crate::classify(&Error::other(ours)).kind, crate::Kind::NotFound);
    }
}

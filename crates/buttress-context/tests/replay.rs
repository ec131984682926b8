//! Requests that can be sent again.

use std::sync::Arc;

use buttress_context::Replay;

#[test]
fn plain_values_are_copied_and_say_nothing_of_idempotency() {
    fn check<T: Replay + PartialEq + std::fmt::Debug>(value: &T) {
        assert_eq!(value.replay().as_ref(), Some(value));
        assert_eq!(value.idempotent(), None);
    }
    check(&());
    check(&true);
    check(&'x');
    check(&"text");
    check(&String::from("text"));
    check(&7_u8);
    check(&7_u128);
    check(&-7_i64);
    check(&Arc::<str>::from("shared"));
}

/// The pointer is copied, so what it points to need not be `Clone`.
#[test]
fn an_arc_is_shared() {
    struct NotClone;
    let request = Arc::new(NotClone);
    assert!(Arc::ptr_eq(&request, &request.replay().unwrap()));
}

/// [S12] a type of one's own says whether it is idempotent; one that says nothing is not known to be.
#[test]
fn own_types_say_both() {
    struct Order {
        key: Option<u32>,
    }
    impl Replay for Order {
        fn replay(&self) -> Option<Self> {
            self.key.map(|key| Self { key: Some(key) })
        }
        fn idempotent(&self) -> Option<bool> {
            Some(self.key.is_some())
        }
    }
    assert!(Order { key: None }.replay().is_none());
    assert_eq!(Order { key: None }.idempotent(), Some(false));
    assert_eq!(Order { key: Some(1) }.replay().unwrap().key, Some(1));
}

#[cfg(feature = "http")]
mod http_requests {
    use buttress_context::{IDEMPOTENCY_KEY, Replay, idempotent};
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method, Request, Version};

    #[derive(Clone, Debug, PartialEq)]
    struct Extension(u32);

    /// [S12] the copy is the whole request, so its idempotency key stays the same over all attempts.
    #[test]
    fn every_part_is_kept() {
        let mut secret = HeaderValue::from_static("Bearer x");
        secret.set_sensitive(true);
        let request = Request::post("https://example.org:8443/orders?page=2")
            .version(Version::HTTP_2)
            .header("authorization", secret)
            .header("accept", "a/b")
            .header("accept", "c/d")
            .header(IDEMPOTENCY_KEY, "order-7")
            .extension(Extension(7))
            .body(Bytes::from_static(b"body"))
            .unwrap();
        let copy = request.replay().unwrap();
        assert_eq!((copy.method(), copy.uri()), (request.method(), request.uri()));
        assert_eq!((copy.version(), copy.headers()), (request.version(), request.headers()));
        assert_eq!(copy.headers().get_all("accept").iter().count(), 2);
        assert_eq!(copy.headers()[IDEMPOTENCY_KEY], "order-7");
        assert!(copy.headers()["authorization"].is_sensitive());
        assert_eq!(copy.extensions().get(), Some(&Extension(7)));
        assert_eq!(copy.body(), request.body());
    }

    /// [S13] a request whose body is used up once has no copy.
    #[test]
    fn a_body_of_ones_own_may_refuse() {
        struct Stream;
        impl buttress_context::ReplayBody for Stream {
            fn replay_body(&self) -> Option<Self> {
                None
            }
        }
        assert!(Request::new(Stream).replay().is_none());
        assert_eq!(Request::new(Stream).idempotent(), Some(true), "a GET, all the same");
        assert_eq!(Bytes::from_static(b"x").replay().unwrap(), "x");
    }

    /// [S12] by the idempotent methods of RFC 9110, section 9.2.2; another method leaves it to the context.
    #[test]
    fn idempotent_by_method() {
        let methods = [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::OPTIONS, true),
            (Method::TRACE, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
            (Method::CONNECT, false),
            (Method::from_bytes(b"PURGE").unwrap(), false),
            (Method::from_bytes(b"get").unwrap(), false),
        ];
        for (method, expected) in methods {
            assert_eq!(idempotent(&method, &HeaderMap::new()), expected, "{method}");
            let request = Request::builder().method(method).body(()).unwrap();
            assert_eq!(request.idempotent(), expected.then_some(true), "{}", request.method());
        }
    }

    /// [S12] by an `Idempotency-Key`, whatever the method.
    #[test]
    fn idempotent_by_key() {
        for method in [Method::POST, Method::PATCH, Method::GET] {
            let request = Request::builder().method(method).header("Idempotency-Key", "7").body(()).unwrap();
            assert_eq!(request.idempotent(), Some(true));
        }
    }

    /// [S12] A conditional write is not idempotent by its method, and leaves it to the context; a conditional read
    /// is, and so is a write that has a key.
    #[test]
    fn conditional_writes_are_not_idempotent() {
        for condition in ["If-Match", "If-None-Match", "If-Unmodified-Since"] {
            for method in [Method::PUT, Method::DELETE, Method::POST, Method::PATCH] {
                let request = || Request::builder().method(method.clone()).uri("/").header(condition, "*");
                assert_eq!(request().body(()).unwrap().idempotent(), None, "{method} {condition}");
                let keyed = request().header(IDEMPOTENCY_KEY, "7").body(()).unwrap();
                assert_eq!((keyed.idempotent(), keyed.has_idempotency_key()), (Some(true), Some(true)));
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                let read = Request::builder().method(method).header(condition, "*").body(()).unwrap();
                assert_eq!((read.idempotent(), read.has_idempotency_key()), (Some(true), Some(false)));
            }
        }
        // A condition on what is read only.
        let put =
            Request::put("/").header("If-Modified-Since", "now").header("If-Range", "x").body(()).unwrap();
        assert_eq!(put.idempotent(), Some(true));
        assert_eq!("a request without headers".to_owned().has_idempotency_key(), None);
    }

    /// [S12] a key that is empty, as of a variable that nobody has set, is none: no server knows the request by it.
    #[test]
    fn an_empty_key_is_none() {
        for key in ["", " ", "\t", "\"\"", " \"  \" "] {
            let request = Request::post("/").header(IDEMPOTENCY_KEY, key);
            assert_eq!(request.body(()).unwrap().idempotent(), None, "{key:?}");
            let two = Request::post("/").header(IDEMPOTENCY_KEY, key).header(IDEMPOTENCY_KEY, "\"7\"");
            assert_eq!(two.body(()).unwrap().idempotent(), Some(true));
        }
    }
}

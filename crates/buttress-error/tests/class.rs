//! What a class says beside its kind.

use std::mem::size_of;

use buttress_error::{Class, Classify, Error, Kind, Verdict};

#[derive(Debug, thiserror::Error)]
#[error("card declined")]
struct Declined;

impl Classify for Declined {
    fn class(&self) -> Class {
        Class::new(Kind::FailedPrecondition).domain("payments").http(402)
    }
}

/// It is copied where a call failed, and one cache line is the price of it.
#[test]
fn a_class_is_one_cache_line() {
    assert!(size_of::<Class>() <= 64, "{}", size_of::<Class>());
    assert!(size_of::<Option<Class>>() == size_of::<Class>());
    assert!(size_of::<Verdict>() <= 72, "{}", size_of::<Verdict>());
}

#[test]
fn a_class_says_by_itself_what_its_kind_says() {
    let class = Class::new(Kind::NotFound);
    assert_eq!((class.http, class.exit, class.domain, class.public), (None, None, None, false));
    let class = class.http(410).exit(3).domain("d").public();
    assert_eq!((class.http, class.exit, class.domain, class.public), (Some(410), Some(3), Some("d"), true));
}

/// "It is public only if every member is."
#[test]
fn a_group_is_public_only_if_every_member_is() {
    let (open, shut) = (Class::new(Kind::NotFound).public(), Class::new(Kind::NotFound));
    for (members, public) in [([open, open], true), ([open, shut], false), ([shut, open], false)] {
        assert_eq!(Class::of_group(members).map(|class| class.public), Some(public));
    }
}

#[test]
fn an_error_comes_from_the_domain_of_its_class_unless_one_further_out_says_so() {
    let error = Error::from(Declined);
    assert_eq!((error.domain(), error.to_string().as_str()), (Some("payments"), "payments: card declined"));
    assert_eq!(error.with_domain("checkout").to_string(), "checkout: card declined");
}

/// "It still comes from the same domain, unless the new class names one."
#[test]
fn a_new_class_keeps_the_domain_and_nothing_else() {
    let error = Error::from(Declined).reclassify(Kind::Internal);
    assert_eq!(error.class(), &Class::new(Kind::Internal).domain("payments"));
    let error = error.reclassify(Class::new(Kind::Internal).domain("orders"));
    assert_eq!(error.domain(), Some("orders"));
}

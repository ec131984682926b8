//! An error is reported as a list of links, whatever their places in memory.

use std::fmt;

use buttress_error::{Class, Error, Fault, Kind, verbatim};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// One step in the life of an error.
#[derive(Clone, Debug)]
enum Step {
    Context(String),
    Domain(String),
    CausedBy(String),
    Reclassify { kind: Kind, public: bool },
    Barrier,
    Note,
    Box,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = || "[a-z]{1,3}";
    let step = prop_oneof![
        4 => text().prop_map(Step::Context),
        2 => text().prop_map(Step::Domain),
        1 => text().prop_map(Step::CausedBy),
        2 => (select(vec![Kind::NotFound, Kind::Internal]), any::<bool>())
            .prop_map(|(kind, public)| Step::Reclassify { kind, public }),
        1 => Just(Step::Barrier),
        1 => Just(Step::Note),
        1 => Just(Step::Box),
    ];
    vec(step, 0..14)
}

/// What the error should tell: the plainest thing that could.
#[derive(Clone, Debug)]
struct Model {
    kind: Kind,
    /// Outermost last, each with its domain.
    links: Vec<(Option<String>, String)>,
    cause: Option<String>,
    /// The link whose message the class allows, while it does.
    opened: Option<usize>,
    /// What a barrier kept of that.
    public: Option<String>,
}

impl Model {
    fn origin(&self) -> Option<String> {
        self.links.iter().rev().find_map(|(domain, _)| domain.clone())
    }

    fn public_message(&self) -> Option<String> {
        let opened = self.opened.filter(|_| self.kind.fault() == Fault::Caller);
        self.public.clone().or_else(|| Some(self.links[opened?].1.clone()))
    }

    fn chain(&self) -> Vec<String> {
        let link = |(domain, text): &(Option<String>, String)| match domain {
            Some(domain) => format!("{domain}: {text}"),
            None => text.clone(),
        };
        self.links.iter().rev().map(link).chain(self.cause.clone()).collect()
    }

    fn take(&mut self, step: Step) {
        let last = self.links.len() - 1;
        match step {
            Step::Context(text) => self.links.push((None, text)),
            Step::Domain(domain) => self.links[last].0 = Some(domain),
            Step::CausedBy(text) => self.cause = Some(text),
            Step::Reclassify { kind, public } => {
                self.kind = kind;
                self.opened = public.then(|| self.opened.unwrap_or(last));
            }
            Step::Barrier => {
                if last > 0 {
                    self.public = self.public_message();
                }
                // What else was opened is behind it.
                self.opened = self.opened.filter(|&opened| opened == last).map(|_| 0);
                self.links = vec![(self.origin(), self.links[last].1.clone())];
                self.cause = None;
            }
            Step::Note | Step::Box => {}
        }
    }
}

fn take(error: Error, step: Step) -> Error {
    match step {
        Step::Context(text) => error.context(text),
        Step::Domain(domain) => error.with_domain(domain),
        Step::CausedBy(text) => error.caused_by(text),
        Step::Reclassify { kind, public } => {
            let class = Class::new(kind);
            error.reclassify(if public { class.public() } else { class })
        }
        Step::Barrier => error.barrier(),
        Step::Note => error.note("n"),
        Step::Box => Error::from(buttress_error::BoxError::from(error)),
    }
}

/// No two texts are the same: `{:#}` leaves out what repeats the text below it.
fn distinct(step: Step, place: usize) -> Step {
    match step {
        Step::Context(text) => Step::Context(format!("{text}{place}")),
        Step::Domain(text) => Step::Domain(format!("{text}{place}")),
        Step::CausedBy(text) => Step::CausedBy(format!("{text}{place}")),
        other => other,
    }
}

fn check(error: &Error, model: &Model) -> Result<(), TestCaseError> {
    let chain = model.chain();
    let told: Vec<_> = error.chain().map(ToString::to_string).collect();
    prop_assert_eq!(&[vec![error.to_string()], told].concat(), &chain);
    prop_assert_eq!(format!("{error:#}"), chain.join(": "));
    let verbatim: Vec<_> = error.chain().map(|link| verbatim(link).to_string()).collect();
    prop_assert_eq!(&verbatim, &chain[1..]);
    prop_assert_eq!(error.domain().map(str::to_owned), model.origin());
    prop_assert_eq!(error.public_message().map(Into::into), model.public_message());
    prop_assert_eq!(error.is::<fmt::Error>(), false);
    prop_assert_eq!(error.root_cause().to_string(), chain[chain.len() - 1].clone());
    Ok(())
}

proptest! {
    /// Each step does to the links what it says, and nothing to a clone that was made before.
    #[test]
    fn an_error_is_the_list_of_its_links(steps in steps(), shared in any::<bool>()) {
        let mut error = Error::new(Kind::NotFound, "first");
        let mut model = Model {
            kind: Kind::NotFound,
            links: vec![(None, "first".to_owned())],
            cause: None,
            opened: None,
            public: None,
        };
        for (place, step) in steps.into_iter().enumerate() {
            let step = distinct(step, place);
            let before = shared.then(|| (error.clone(), model.clone()));
            error = take(error, step.clone());
            model.take(step);
            check(&error, &model)?;
            if let Some((error, model)) = before {
                check(&error, &model)?;
            }
        }
    }
}

//! The layer that gives every error a class, around calls that succeed.

use buttress::{BoxError, TranslateLayer};
use tower::Layer;
use tower::util::MapErrLayer;

use super::bare;
use crate::case::{Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 1] = [Case { name: "translate", subjects: || with_each_error!(translate()) }];

fn translate<E: Failure>() -> Vec<Subject> {
    // The least that a closure can do: it gives no error a class.
    let peer = MapErrLayer::new(Into::<BoxError>::into);
    vec![
        bare::<E>(),
        Subject::new(
            named::<E>(OURS),
            calls(TranslateLayer::new("payments").layer(service::prompt::<E>()), Ends::Well),
        ),
        Subject::new(named::<E>(peers::tower()), calls(peer.layer(service::prompt::<E>()), Ends::Well)),
    ]
}

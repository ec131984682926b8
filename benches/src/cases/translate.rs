//! The layer that gives every error a class, around calls that succeed.

use buttress::{Error, Kind, TranslateLayer};
use tower::Layer;
use tower::util::MapErrLayer;

use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 1] = [Case { name: "translate", subjects: || with_each_error!(translate()) }];

fn translate<E: Failure>() -> Vec<Subject> {
    let peer = MapErrLayer::new(|failure: E| Error::wrap(Kind::Unknown, failure));
    vec![
        // Of the type that the layers return: moving an outcome costs as much as its size.
        Subject::new(named::<E>(BARE), calls(service::prompt::<Error>(), Ends::Well)),
        Subject::new(
            named::<E>(OURS),
            calls(TranslateLayer::new("payments").layer(service::prompt::<E>()), Ends::Well),
        ),
        Subject::new(named::<E>(peers::tower()), calls(peer.layer(service::prompt::<E>()), Ends::Well)),
    ]
}

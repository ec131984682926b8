//! The layer that gives every error a class, around calls that succeed.

use buttress::TranslateLayer;
use tower::Layer;
use tower::util::MapErrLayer;

use super::bare;
use crate::case::{Case, OURS, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 1] = [Case { name: "translate", subjects: || vec![bare(), ours(), tower()] }];

fn ours() -> Subject {
    Subject::new(OURS, calls(TranslateLayer::new("payments").layer(service::prompt()), Ends::Well))
}

/// The same by a closure.
fn tower() -> Subject {
    let layer = MapErrLayer::new(|failure: Failure| buttress::Error::from(failure));
    Subject::new(peers::tower(), calls(layer.layer(service::prompt()), Ends::Well))
}

//! A limit on calls in flight, never reached.

use tower::Layer;
use tower::limit::ConcurrencyLimitLayer;

use super::bare;
use crate::case::{Case, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, App};

pub(super) const CASES: [Case; 1] = [Case { name: "bulkhead", subjects: || vec![bare::<App>(), tower()] }];

fn tower() -> Subject {
    let layer = ConcurrencyLimitLayer::new(64);
    Subject::new(peers::tower(), calls(layer.layer(service::prompt::<App>()), Ends::Well))
}

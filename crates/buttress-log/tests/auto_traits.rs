//! Public types can go where programs need them.

use buttress_error::ByKind;
use buttress_log::{
    Config, FlushGuard, Format, Human, HumanWriter, InitError, JsonLayer, Limits, LimitsError,
};
use buttress_log::{LogLayer, LogService, LossCounters, ResponseFuture, test};

const fn send_sync_unpin<T: Send + Sync + Unpin>() {}

const _: () = {
    send_sync_unpin::<JsonLayer<fn() -> std::io::Stderr>>();
    send_sync_unpin::<Human<fn() -> std::io::Stderr>>();
    send_sync_unpin::<HumanWriter<std::io::Stderr>>();
    send_sync_unpin::<Config>();
    send_sync_unpin::<Format>();
    send_sync_unpin::<FlushGuard>();
    send_sync_unpin::<InitError>();
    send_sync_unpin::<Limits>();
    send_sync_unpin::<LimitsError>();
    send_sync_unpin::<LossCounters>();
    send_sync_unpin::<LogLayer<ByKind>>();
    send_sync_unpin::<LogService<(), ByKind>>();
    send_sync_unpin::<ResponseFuture<std::future::Ready<()>, ByKind>>();
    send_sync_unpin::<test::Line>();
    send_sync_unpin::<test::LineBuffer>();
};

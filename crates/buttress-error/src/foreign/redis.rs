//! The errors of the redis client.

use std::error::Error as StdError;

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind as Server};

use super::links::links;
use crate::axes::Delivery;
use crate::class::Class;
use crate::classify::Classify;
use crate::kind::Kind;

/// Classifies by the kind, by the server's code, and a failed connection by its `io::Error`. A server that refuses a
/// command in its current state (loading, failing over, read-only) has not processed it: it may be retried. A pipeline is a
/// group of which some commands may have run.
impl Classify for RedisError {
    fn class(&self) -> Class {
        match self.kind() {
            ErrorKind::Io => connection(self),
            ErrorKind::Server(_) | ErrorKind::Extension => answer(self),
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Class::new(Kind::BadResponse),
            ErrorKind::AuthenticationFailed => Class::new(Kind::Unauthenticated),
            ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList | ErrorKind::RESP3NotSupported => {
                Class::new(Kind::Config)
            }
            ErrorKind::Client => Class::new(Kind::InvalidArgument).delivery(Delivery::NotProcessed),
            ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel
            | ErrorKind::ClusterConnectionNotFound => unavailable(),
            _ => Class::new(Kind::Unknown),
        }
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    (error.downcast_ref::<RedisError>().map(Classify::class))
        .or_else(|| error.downcast_ref::<ServerError>().map(of_server))
}

/// The server did not process the command.
const fn unavailable() -> Class {
    Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed)
}

fn connection(error: &RedisError) -> Class {
    if error.is_connection_refusal() {
        // Also a missing socket file.
        return unavailable();
    }
    if error.is_timeout() {
        // Also `WouldBlock`, which a blocking socket returns on a timeout.
        return Class::new(Kind::Timeout);
    }
    let system = links(error).find_map(|link| link.downcast_ref::<std::io::Error>());
    let class = system.map(super::io::of_error);
    class.filter(|class| class.kind != Kind::Unknown).unwrap_or(Class::new(Kind::Unavailable))
}

/// Returns the class of the server's reply. It has no source: there are several replies, or none was kept.
fn answer(error: &RedisError) -> Class {
    let answers = error.clone().into_server_errors();
    let answers = answers.iter().flat_map(|answers| answers.iter());
    match Class::of_group(answers.map(|(_, error)| of_server(error))) {
        None => match error.kind() {
            ErrorKind::Server(kind) => of_kind(kind, error.detail()),
            _ => Class::new(Kind::Unknown),
        },
        Some(class) if error.source().is_some() => class,
        // A discarded transaction has not run. The other commands of a pipeline may have run.
        Some(class) if error.kind() == ErrorKind::Server(Server::ExecAbort) => class,
        Some(class) => class.delivery(Delivery::Unknown),
    }
}

fn of_server(error: &ServerError) -> Class {
    match error.kind() {
        Some(kind) => of_kind(kind, error.details()),
        None => of_code(error.code()),
    }
}

fn of_kind(kind: Server, detail: Option<&str>) -> Class {
    let kind = match kind {
        Server::BusyLoading
        | Server::ClusterDown
        | Server::MasterDown
        | Server::ReadOnly
        | Server::TryAgain
        | Server::Moved
        | Server::Ask => return unavailable(),
        // The only overload without a code of its own.
        Server::ResponseError if detail.is_some_and(|text| text.starts_with("max number of clients")) => {
            return unavailable();
        }
        Server::ResponseError | Server::CrossSlot => Kind::InvalidArgument,
        Server::ExecAbort => Kind::Aborted,
        Server::NoScript | Server::NotBusy | Server::NoSub => Kind::FailedPrecondition,
        Server::NoPerm => Kind::PermissionDenied,
        _ => Kind::Unknown,
    };
    Class::new(kind)
}

/// Returns the class of a code for which the client has no kind.
fn of_code(code: &str) -> Class {
    let kind = match code {
        "BUSY" | "MISCONF" | "NOREPLICAS" => return unavailable(),
        "BUSYGROUP" | "BUSYKEY" => Kind::AlreadyExists,
        "NOAUTH" | "WRONGPASS" => Kind::Unauthenticated,
        "NOGROUP" => Kind::NotFound,
        "NOPROTO" => Kind::Unimplemented,
        "OOM" => Kind::ResourceExhausted,
        "WRONGTYPE" => Kind::FailedPrecondition,
        _ => Kind::Unknown,
    };
    Class::new(kind)
}

//! The errors of the redis client.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use buttress_error::{BoxError, Class, Classified, Classify, Delivery, Kind};
use redis::{Connection, ErrorKind, RedisError, RedisResult};

fn unsent() -> Class {
    Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed)
}

/// An answer of a server, read by the client.
fn answer(line: &str) -> Class {
    let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
    let error = value.extract_error().unwrap_err();
    assert_eq!(BoxError::from(error.clone()).classified(), error.class());
    error.class()
}

#[test]
fn a_server_that_refuses_has_done_nothing() {
    let refusals = [
        "LOADING Redis is loading the dataset in memory",
        "CLUSTERDOWN Hash slot not served",
        "MASTERDOWN Link with MASTER is down",
        "READONLY You can't write against a read only replica.",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "MOVED 3999 127.0.0.1:6381",
        "ASK 3999 127.0.0.1:6381",
        "BUSY Redis is busy running a script.",
        "MISCONF Redis is configured to save RDB snapshots",
        "NOREPLICAS Not enough good replicas to write.",
        "ERR max number of clients reached",
    ];
    for line in refusals {
        assert_eq!(answer(line), unsent(), "{line}");
    }
}

#[test]
fn each_code() {
    let table = [
        ("ERR unknown command 'X'", Kind::InvalidArgument),
        ("CROSSSLOT Keys in request don't hash to the same slot", Kind::InvalidArgument),
        ("EXECABORT Transaction discarded because of previous errors.", Kind::Aborted),
        ("NOSCRIPT No matching script.", Kind::FailedPrecondition),
        ("NOTBUSY No scripts in execution right now.", Kind::FailedPrecondition),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", Kind::FailedPrecondition),
        ("NOPERM this user has no permissions", Kind::PermissionDenied),
        ("NOAUTH Authentication required.", Kind::Unauthenticated),
        ("WRONGPASS invalid username-password pair", Kind::Unauthenticated),
        ("NOGROUP No such key or consumer group", Kind::NotFound),
        ("BUSYGROUP Consumer Group name already exists", Kind::AlreadyExists),
        ("NOPROTO unsupported protocol version", Kind::Unimplemented),
        ("OOM command not allowed when used memory > 'maxmemory'.", Kind::ResourceExhausted),
        ("CUSTOM of some module", Kind::Unknown),
    ];
    for (line, kind) in table {
        assert_eq!(answer(line), Class::new(kind), "{line}");
    }
}

#[test]
fn each_kind_of_the_client() {
    let table = [
        (ErrorKind::Parse, Class::new(Kind::BadResponse)),
        (ErrorKind::UnexpectedReturnType, Class::new(Kind::BadResponse)),
        (ErrorKind::AuthenticationFailed, Class::new(Kind::Unauthenticated)),
        (ErrorKind::InvalidClientConfig, Class::new(Kind::Config)),
        (ErrorKind::EmptySentinelList, Class::new(Kind::Config)),
        (ErrorKind::RESP3NotSupported, Class::new(Kind::Config)),
        (ErrorKind::Client, Class::new(Kind::InvalidArgument).delivery(Delivery::NotProcessed)),
        (ErrorKind::MasterNameNotFoundBySentinel, unsent()),
        (ErrorKind::NoValidReplicasFoundBySentinel, unsent()),
        (ErrorKind::ClusterConnectionNotFound, unsent()),
        (ErrorKind::Io, Class::new(Kind::Unavailable)),
    ];
    for (kind, class) in table {
        assert_eq!(RedisError::from((kind, "text")).class(), class, "{kind:?}");
    }
}

#[test]
fn a_failed_connection_goes_by_the_system() {
    let table = [
        (io::ErrorKind::ConnectionRefused, unsent()),
        // No such socket file.
        (io::ErrorKind::NotFound, unsent()),
        (io::ErrorKind::ConnectionReset, Class::new(Kind::Unavailable)),
        (io::ErrorKind::TimedOut, Class::new(Kind::Timeout)),
        // How a blocking socket says it.
        (io::ErrorKind::WouldBlock, Class::new(Kind::Timeout)),
        (io::ErrorKind::Other, Class::new(Kind::Unavailable)),
    ];
    for (kind, class) in table {
        let error = RedisError::from(io::Error::from(kind));
        assert_eq!(error.class(), class, "{kind:?}");
        assert_eq!(BoxError::from(error).classified(), class, "{kind:?}");
    }
}

#[test]
fn nobody_listens() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error =
        redis::Client::open(format!("redis://{addr}")).unwrap().get_connection().map(|_| ()).unwrap_err();
    assert_eq!(error.class(), unsent());
}

/// A connection to a server that agrees to everything, until a command named `GET`: it answers the n-th with the n-th
/// line, and closes after the last.
fn connect(lines: &'static [&'static str]) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let (mut buffer, mut text, mut lines) = ([0; 4096], String::new(), lines.iter());
        while let read @ 1.. = stream.read(&mut buffer)? {
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            // The name of a command follows the length of its array and its own.
            for command in text.split('*').skip(1) {
                match command.split("\r\n").nth(2) {
                    Some("GET") => match lines.next() {
                        Some(line) => write!(stream, "{line}\r\n")?,
                        None => return Ok(()),
                    },
                    _ => write!(stream, "+OK\r\n")?,
                }
            }
            text.clear();
        }
        Ok(())
    });
    redis::Client::open(format!("redis://{addr}")).unwrap().get_connection().unwrap()
}

fn get(connection: &mut Connection) -> RedisResult<String> {
    redis::cmd("GET").arg("key").query(connection)
}

#[test]
fn over_a_real_connection() {
    let mut connection = connect(&["-LOADING in a moment", "$2\r\nhi", "$-7"]);
    assert_eq!(get(&mut connection).unwrap_err().class(), unsent());
    assert_eq!(get(&mut connection).unwrap(), "hi");
    assert_eq!(get(&mut connection).unwrap_err().class(), Class::new(Kind::BadResponse));
    let mut closing = connect(&[]);
    assert_eq!(get(&mut closing).unwrap_err().class(), Class::new(Kind::Unavailable));
}

#[test]
fn no_answer_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = redis::Client::open(format!("redis://{}", silent.local_addr().unwrap())).unwrap();
    let mut connection = connect(&["$2\r\nhi"]);
    assert_eq!(get(&mut connection).unwrap(), "hi");
    let error = client.get_connection_with_timeout(Duration::from_millis(50)).map(|_| ());
    assert_eq!(error.unwrap_err().class().kind, Kind::Timeout);
}

/// The first command ran: to repeat the pipeline would run it twice.
#[test]
fn a_pipeline_of_which_a_part_has_run() {
    let mut connection = connect(&["$2\r\nhi", "-READONLY sorry", "$2\r\nhi"]);
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg("a").cmd("GET").arg("b").cmd("GET").arg("c");
    let error = pipeline.query::<Vec<String>>(&mut connection).unwrap_err();
    let class = error.class();
    assert_eq!(class.kind, Kind::Unavailable, "{error}");
    assert_eq!(class.delivery, Delivery::Unknown);
    assert!(!class.is_retryable(false));
}

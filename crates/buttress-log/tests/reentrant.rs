//! Writers that log while they write. Alone in its process, because only a global subscriber gets such lines: `tracing` hides
//! them from the subscriber of a thread.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::io::{self, Write};
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use buttress_log::JsonLayer;
use buttress_log::test::LineBuffer;
use tracing::{error, info};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// Where the writers act, and what they do there.
static PLACE: AtomicU8 = AtomicU8::new(NOWHERE);
static ACT: AtomicU8 = AtomicU8::new(LOG);

const NOWHERE: u8 = 0;
const MAKE: u8 = 1;
const WRITE: u8 = 2;
const DROP: u8 = 3;

const LOG: u8 = 0;
const LOG_ELSEWHERE: u8 = 1;
const PANIC: u8 = 2;

fn act(place: u8) {
    if PLACE.load(Ordering::Relaxed) == place {
        match ACT.load(Ordering::Relaxed) {
            LOG => error!("by the writer"),
            LOG_ELSEWHERE => tracing::info_span!("span", a = 1).in_scope(|| info!("by the writer")),
            _ => panic!("the writer panics"),
        }
    }
}

struct Acting(LineBuffer);

struct ActingWriter(LineBuffer);

/// Logs like the other one, but never panics: a panic within the hook of another aborts the program.
struct LoggingWriter(LineBuffer);

impl Write for LoggingWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if ACT.load(Ordering::Relaxed) != PANIC {
            act(WRITE);
        }
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Acting {
    type Writer = ActingWriter;

    fn make_writer(&'a self) -> ActingWriter {
        act(MAKE);
        ActingWriter(self.0.clone())
    }
}

impl Write for ActingWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        act(WRITE);
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ActingWriter {
    fn drop(&mut self) {
        act(DROP);
    }
}

fn count(lines: &LineBuffer, message: &str) -> usize {
    lines.read().iter().filter(|line| line.text("message") == Some(message)).count()
}

/// [S34] Lines that a writer logs while it writes are dropped from its own log and counted, so that nothing recurses or waits for
/// itself, and later logging works on this thread and on others. The same goes for a panic hook that logs.
#[test]
fn a_writer_that_logs_is_contained() {
    let (plain, locked) = (LineBuffer::default(), LineBuffer::default());
    let by_plain = JsonLayer::new(Acting(plain.clone()));
    let by_locked = JsonLayer::new(Mutex::new(LoggingWriter(locked.clone())));
    let (plain_losses, locked_losses) = (by_plain.losses(), by_locked.losses());
    tracing_subscriber::registry().with(by_plain).with(by_locked).init();
    panic::set_hook(Box::new(|_| error!("by the hook")));

    let mut lines = 0;
    for place in [MAKE, WRITE, DROP] {
        for what in [LOG, LOG_ELSEWHERE, PANIC] {
            let before = (plain_losses.lost_lines(), locked_losses.lost_lines());
            ACT.store(what, Ordering::Relaxed);
            PLACE.store(place, Ordering::Relaxed);
            info!("under way");
            PLACE.store(NOWHERE, Ordering::Relaxed);
            // Of two layers each sees at most what the other's writer logs, so that this ends.
            assert!(plain_losses.lost_lines() > before.0, "{place} {what}");
            assert!(
                place != WRITE || what == PANIC || locked_losses.lost_lines() > before.1,
                "{place} {what}"
            );

            info!("here");
            thread::spawn(|| info!("there")).join().unwrap();
            lines += 1;
            for log in [&plain, &locked] {
                assert_eq!((count(log, "here"), count(log, "there")), (lines, lines), "{place} {what}");
            }
        }
    }
    for log in [&plain, &locked] {
        kit::parse(&without_empty_lines(log.bytes()));
        assert!(log.read().len() < 200, "{} lines", log.read().len());
    }
    assert!(plain_losses.reentrant_lines() > 0 && plain_losses.writer_panics() > 0);
    assert!(locked_losses.reentrant_lines() > 0);
    assert_eq!(locked_losses.writer_panics(), 0);
    assert!(count(&locked, "by the hook") > 0 && count(&plain, "by the hook") == 0);
}

/// After a panic the next line begins with a newline. If the writer had taken nothing, that makes an empty line.
fn without_empty_lines(bytes: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    text.split_inclusive('\n').filter(|line| *line != "\n").collect::<String>().into_bytes()
}

//! `log_panics`: one record for each panic.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::thread;

/// The target of the records.
const TARGET: &str = "buttress::panic";

/// The frames of a backtrace that are logged, those of the panic machinery not counted.
const MAX_FRAMES: usize = 32;

thread_local! {
    /// Where this thread last panicked.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Logs each panic of the program: the event `panic.raised`, at ERROR, with the message, the place in the source, the thread and,
/// if `RUST_BACKTRACE` asks for one, a backtrace of at most 32 frames. The record has the ids and fields of the call in which
/// the thread panics.
///
/// The panic hook that was set before runs after it: by default it prints the panic to standard error. A second call of this
/// function does nothing.
///
/// A record about a panic in a writer of the log is dropped, as all lines that a writer logs. A writer that panics while it
/// writes the record of another panic aborts the process, as every panic in a panic hook does.
///
/// ```
/// buttress_log::log_panics();
/// ```
pub fn log_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            log(info);
            previous(info);
        }));
    });
}

/// Where this thread last panicked, if panics are logged: `src/pay.rs:88:5`.
pub(crate) fn last_panic() -> Option<String> {
    LAST_PANIC.try_with(|last| last.borrow().clone()).ok().flatten()
}

fn log(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let _ = LAST_PANIC.try_with(|last| last.borrow_mut().clone_from(&place));
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("a value that is no text");
    let thread = thread::current();
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| shorten(&backtrace.to_string()));
    tracing::error!(
        target: TARGET,
        event = "panic.raised",
        panic = message,
        location = place,
        thread = thread.name().unwrap_or("unnamed"),
        backtrace,
        "thread panicked: {message}"
    );
}

/// The frames of the code that panicked: those of the panic machinery before it are left out, and so is everything beyond
/// [`MAX_FRAMES`].
fn shorten(backtrace: &str) -> String {
    // A frame begins with its number; the lines that follow say where it is.
    let is_frame = |line: &str| {
        line.trim_start()
            .split_once(':')
            .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let lines: Vec<_> = backtrace.lines().collect();
    let frames: Vec<_> = (0..lines.len()).filter(|at| is_frame(lines[*at])).collect();
    // The frames that start the unwinding, and those of the panic's own message above them. More of std's frames follow at the
    // other end of the stack.
    let has = |at: usize, part: &str| lines[at].contains(part);
    let start = frames.iter().position(|at| has(*at, "rust_begin_unwind") || has(*at, "begin_panic"));
    let first = start.map_or(0, |start| {
        let machinery = |at: &&usize| has(**at, "core::panicking") || has(**at, "begin_panic");
        start + 1 + frames[start + 1..].iter().take_while(machinery).count()
    });
    let begin = frames.get(first).copied().unwrap_or(0);
    let end = frames.get(first + MAX_FRAMES).copied().unwrap_or(lines.len());
    let mut short = lines[begin..end].join("\n");
    let more = frames.len().saturating_sub(first + MAX_FRAMES);
    if more > 0 {
        let _ = write!(short, "\n… {more} more frames");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_begins_at_the_code_that_panicked() {
        let mut text = String::from(
            "   0: std::backtrace::Backtrace::capture\n             at /rustc/x.rs:1:1\n   1: rust_begin_unwind\n   \
             2: core::panicking::panic_fmt\n             at /rustc/y.rs:2:2\n",
        );
        for frame in 3..50 {
            let _ = writeln!(text, "  {frame:2}: app::frame{frame}\n             at ./src/main.rs:{frame}:1");
        }
        let short = shorten(&text);
        assert!(short.starts_with("   3: app::frame3\n             at ./src/main.rs:3:1\n"), "{short}");
        assert!(short.ends_with("at ./src/main.rs:34:1\n… 15 more frames"), "{short}");
        assert_eq!(shorten(""), "");
        assert_eq!(shorten("disabled backtrace"), "disabled backtrace");
    }
}

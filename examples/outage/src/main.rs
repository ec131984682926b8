//! A real HTTP server with scripted faults, and two clients: one behind buttress, one naive.
//!
//! ```sh
//! cargo run --manifest-path examples/Cargo.toml -p outage
//! ```
//!
//! takes 14 seconds. Each client has a server of its own, both alike: healthy, answering 503 to some requests,
//! throttling, hanging, closing its listener and recovering; with too many requests in hand it refuses them. Standard output shows a timeline, then what each client got and what it cost the server. Standard error
//! has the log of the circuit breaker (with `BUTTRESS_LOG=info` that of each call). The exit code is 0 if the criteria at
//! the end were met, 1 if not, 2 for bad arguments. `--help` tells the rest.
//!
//! The table of the breaker says how soon each trouble was noticed. For comparison a third client, under the same load,
//! has the same settings with a plain failure rate of 50 % instead of the default rule. The hang follows a healthy phase
//! longer than the window of 3 s. The default rule opens after 20 failures in a row, however many successes the window
//! holds: measured, 0.5 s after the begin of the hang. The plain rate waits until half of the window has failed: 1.4 s
//! here, and 15 s with the default window of 30 s. A half-open circuit opens again after 2 of 3 failed probes, not after
//! the first.

mod args;
mod backlog;
mod bare;
mod call_records;
mod circuit_history;
mod criteria;
mod failure;
mod load;
mod naive;
mod report;
mod results;
mod run;
mod schedule;
mod server;
mod table;
mod timeline;
mod verdict;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use buttress::breaker::{OpenWait, Probes, TripRule, Window};
use buttress::{Backoff, Breaker, Budget, Client, Policy};
use reqwest::Request;

use crate::args::Command;
use crate::bare::Bare;
use crate::failure::Failure;

/// For a whole call.
const DEADLINE: Duration = Duration::from_secs(1);
/// For one attempt.
const ATTEMPT: Duration = Duration::from_millis(200);
/// The longest time that the circuit stays open (unless the server asks for more).
const LONGEST_OPEN: Duration = Duration::from_millis(500);

/// The client that this is all about. With a `rate` it is the third client, whose circuit opens by that plain failure
/// rate instead of the default rule. The times are about a tenth of what a real client would have, so that the circuit
/// goes through whole cycles within the script.
///
/// Made once: it owns the circuit and the retry budget of all calls.
fn payments(http: Bare, name: &'static str, rate: Option<f64>) -> Result<Client<Bare, Request>, Failure> {
    let retry = Policy::exponential()
        .max_attempts(4)
        .backoff(Backoff::exponential(Duration::from_millis(10)).max(Duration::from_millis(100)))
        .budget(Budget::ratio(0.2).min_per_second(0).over(Duration::from_secs(1)).build()?);

    // A server that asks for a pause gets one from all calls.
    let throttled = TripRule::throttle_rate(0.5).over(Window::time(Duration::from_secs(1)));
    let mut breaker = Breaker::builder(name)
        .window(Window::time(Duration::from_secs(3)))
        .trip_when(throttled)
        .open_wait(OpenWait::new(Duration::from_millis(200)).max(LONGEST_OPEN))
        .probes(Probes::default().timeout(ATTEMPT));
    if let Some(rate) = rate {
        breaker = breaker.failure_rate(rate).consecutive_failures(None);
    }

    // Every bad setting, those of policy and breaker too, is reported here.
    let client = buttress::client(name)
        .deadline(DEADLINE)
        .attempt_timeout(ATTEMPT)
        .retry(retry)
        .breaker(breaker)
        .service(http)?; // or a plain `reqwest::Client`: `Bare` is one with a stopwatch
    Ok(client)
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => Ok((args::HELP.to_owned(), ExitCode::SUCCESS)),
        Ok(Command::Run(args)) => run::run(args).await,
        Err(trouble) => Err(trouble),
    };
    match outcome {
        Ok((text, code)) => {
            // Whoever closed the pipe has read enough; the exit code still tells.
            let _ = io::stdout().write_all(text.as_bytes());
            code
        }
        Err(trouble) => trouble.tell(),
    }
}

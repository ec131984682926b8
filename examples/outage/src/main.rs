//! A real HTTP server in bad weather, and two clients: one behind buttress, one naive.
//!
//! ```sh
//! cargo run --manifest-path examples/Cargo.toml -p outage
//! ```
//!
//! takes ten seconds. Each client has a server of its own, both alike: healthy, answering 503 to some requests,
//! throttling, hanging, closing its listener and recovering; with too many requests in hand it refuses them. Standard output shows a timeline, then what each client got and what it cost the server. Standard error
//! has the log of the circuit breaker (with `BUTTRESS_LOG=info` that of each call). The exit code is 0 if the goals at
//! the end were met, 1 if not, 2 for bad arguments. `--help` tells the rest.
//!
//! The table of the breaker says how soon each trouble was noticed. A hang is noticed after about half a second, by 20
//! failures in a row, however many successes the window still holds. (A plain rate of 50 % waits until half of the window
//! has failed: 21 of 41 calls here, where the circuit has just closed, and 15 s with the default window of 30 s.) A
//! half-open circuit opens again after 2 of 3 failed probes, not after the first.

mod args;
mod backlog;
mod bare;
mod board;
mod goals;
mod journal;
mod load;
mod naive;
mod report;
mod run;
mod server;
mod table;
mod tally;
mod timeline;
mod trouble;
mod verdict;
mod weather;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use buttress::breaker::Window;
use buttress::{Backoff, Breaker, Budget, Client, Policy};
use reqwest::Request;

use crate::args::Command;
use crate::bare::Bare;
use crate::trouble::Trouble;

/// For a whole call.
const DEADLINE: Duration = Duration::from_secs(1);
/// For one attempt.
const ATTEMPT: Duration = Duration::from_millis(200);
/// The longest time that the circuit stays open (unless the server asks for more).
const LONGEST_OPEN: Duration = Duration::from_millis(500);

/// The client that this is all about. Its times are about a tenth of what a real one would have, so that the circuit
/// goes through whole cycles within ten seconds.
///
/// Made once: it owns the circuit and the retry budget of all calls.
fn payments(http: Bare) -> Result<Client<Bare, Request>, Trouble> {
    let retry = Policy::exponential()
        .max_attempts(4)
        .backoff(Backoff::exponential(Duration::from_millis(10)).max(Duration::from_millis(100)))
        .budget(Budget::ratio(0.2).min_per_second(0).over(Duration::from_secs(1)).build()?);

    let breaker = Breaker::builder("payments")
        .window(Window::time(Duration::from_secs(1)))
        .throttle_rate(0.5) // a server that asks for a pause gets one from all calls
        .open_for(Duration::from_millis(200))
        .open_max(LONGEST_OPEN)
        .lease(ATTEMPT);

    // Every bad setting, those of policy and breaker too, is reported here.
    let client = buttress::client("payments")
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

//! The command line.

use std::ffi::OsString;

use reqwest::Url;

use crate::failure::Failure;

pub const HELP: &str = "\
A real HTTP server goes through 14 seconds of faults under a steady load,
50 requests a second: once from a client behind buttress, and once from a naive
one that repeats three times at once. What did each do to its server?

Each client has a server of its own, both alike. It can handle 100 requests a
second, twice the load. With more than a quarter of a second's work in hand it
is overloaded and refuses with 503. Refusing is work too, so that a storm of
retries can keep a server down after the faults have ended. A third client,
with a server of its own too, is as the first, but its circuit opens by a plain
failure rate of 50 %: the report compares how soon a hang was noticed.

Usage: outage [--url URL] [--seed N]

  --url URL   run both clients against this HTTP server instead, in its own
              condition (50 requests a second from each of two, where they fail
              up to 200 from the naive one; an attempt may take 0.2 s behind
              buttress, 1 s in the naive client)
  --seed N    a number from which the fate of each request is drawn; default 42
  --help      this text

Standard output: a timeline (live on a terminal) and tables. Standard error: the
log of the circuit breaker in JSON lines; on a terminal the timeline shows it
instead. BUTTRESS_LOG=human,debug sets format and level.
Exit code: 0 if the criteria at the end were met, 1 if not, 2 for bad arguments.
";

#[derive(Debug, PartialEq)]
pub enum Command {
    Help,
    Run(Args),
}

#[derive(Debug, PartialEq)]
pub struct Args {
    pub url: Option<Url>,
    pub seed: u64,
}

/// What the words after the program's name say.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, Failure> {
    read(words).map_err(Failure::Arguments)
}

fn read(words: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut args = Args { url: None, seed: 42 };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(word) = word.to_str() else {
            return Err(format!("{} is not UTF-8", word.display()));
        };
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.into())),
            None => (word, None),
        };
        let value = || {
            let value = value.or_else(|| words.next()).ok_or(format!("{flag} needs a value"))?;
            value.into_string().map_err(|_| format!("the value of {flag} is not UTF-8"))
        };
        match flag {
            "--help" | "-h" => return Ok(Command::Help),
            "--seed" => args.seed = value()?.parse().map_err(|error| format!("--seed: {error}"))?,
            "--url" => args.url = Some(url(&value()?)?),
            _ => return Err(format!("unknown argument {flag:?}, see --help")),
        }
    }
    Ok(Command::Run(args))
}

fn url(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("--url: {error} (it looks like http://host:port/path)"))?;
    match url.scheme() {
        "http" => Ok(url),
        other => Err(format!("--url: the scheme {other} is not supported, only http is")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Result<Command, String> {
        read(words.iter().map(OsString::from))
    }

    #[test]
    fn nothing_is_needed() {
        assert_eq!(words(&[]), Ok(Command::Run(Args { url: None, seed: 42 })));
    }

    #[test]
    fn values_follow_or_are_attached() {
        let url = Some(Url::parse("http://localhost:8080/pay?a=b").unwrap());
        let wanted = Ok(Command::Run(Args { url, seed: 7 }));
        assert_eq!(words(&["--url", "http://localhost:8080/pay?a=b", "--seed", "7"]), wanted);
        assert_eq!(words(&["--seed=7", "--url=http://localhost:8080/pay?a=b"]), wanted);
        assert_eq!(words(&["--seed=7", "--help"]), Ok(Command::Help));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (line, said) in [
            (&["--fast"][..], "unknown argument \"--fast\", see --help"),
            (&["now"], "unknown argument \"now\", see --help"),
            (&["--seed"], "--seed needs a value"),
            (&["--seed", "-1"], "--seed: invalid digit found in string"),
            (&["--seed=18446744073709551616"], "--seed: number too large to fit in target type"),
            (
                &["--url", "localhost"],
                "--url: relative URL without a base (it looks like http://host:port/path)",
            ),
            (&["--url", "http://"], "--url: empty host (it looks like http://host:port/path)"),
            (
                &["--url", "http://a:99999"],
                "--url: invalid port number (it looks like http://host:port/path)",
            ),
            (&["--url", "https://a"], "--url: the scheme https is not supported, only http is"),
            (&["--url", "a\nb:c"], "--url: the scheme ab is not supported, only http is"),
        ] {
            assert_eq!(words(line), Err(said.to_owned()));
            assert!(!said.contains('\n'));
        }
    }
}

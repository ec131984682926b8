//! A token server, an API that wants its tokens, and 200 callers that find theirs expired at the same time.
//!
//! ```sh
//! cargo run --manifest-path examples/Cargo.toml -p token
//! ```
//!
//! prints, for three rounds, how many of them were refused, how often the token was refreshed, and how many had their
//! answer in the end. The exit code is 0 if that was once and all of them, 1 if not.

mod server;

use std::error::Error as StdError;
use std::process::ExitCode;
use std::sync::Arc;

use buttress::http::{Bearer, BearerLayer, Body, HttpLayer, same_origin};
use buttress::{Error, Kind, Policy, Remedy, RetryLayer, on};
use http::Request;
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};

use crate::server::Server;

const CALLERS: u32 = 200;

/// Who issues the tokens, and where the one of the moment is kept.
#[derive(Clone)]
struct Issuer {
    url: String,
    http: reqwest::Client,
    token: Bearer,
}

impl Issuer {
    async fn refresh(self) -> Result<(), Error> {
        let failed = |error| Error::wrap(Kind::Unavailable, error).context("the token server");
        let reply = self.http.get(&self.url).send().await.map_err(failed)?;
        self.token.set(&reply.text().await.map_err(failed)?)
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn StdError>> {
    let server = Arc::new(Server::new(CALLERS));
    let url = Arc::clone(&server).start().await?;
    let http = reqwest::Client::builder().no_proxy().redirect(same_origin()).build()?;
    let issuer = Issuer { url: format!("{url}/token"), http: http.clone(), token: Bearer::new() };

    // Outermost first: the token is put on below the retry, so that the repeated request carries the new one.
    let bearer = BearerLayer::new(&issuer.token, &url)?;
    let refresh = Remedy::run(on(Kind::Unauthenticated), issuer, Issuer::refresh).name("refresh").build()?;
    let retry = RetryLayer::new(Policy::default()).with_remedy(refresh.clone());
    let client = retry.layer(bearer.layer(HttpLayer::new("orders").layer(http)));

    println!("round  callers  refused  refreshed  answered");
    let mut good = true;
    for round in 1..=3 {
        server.expire_tokens();
        let before = refresh.stats().succeeded;
        let mut calls = JoinSet::new();
        for _ in 0..CALLERS {
            let request = Request::get(format!("{url}/orders")).body(Body::empty())?;
            calls.spawn(client.clone().oneshot(request));
        }
        let answered = calls.join_all().await.iter().filter(|answer| answer.is_ok()).count();
        let (refused, refreshed) = (server.refused(), refresh.stats().succeeded - before);
        println!("{round:>5}  {CALLERS:>7}  {refused:>7}  {refreshed:>9}  {answered:>8}");
        good &= refreshed == 1 && answered == CALLERS as usize;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! The run: the servers, both clients and whoever watches them, all at the same time.

use std::env;
use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use buttress::Client;
use buttress::log::{Config, ENV_VAR, FlushGuard, InitError};
use reqwest::{Method, Request, Url};
use tokio::task::JoinSet;
use tracing::level_filters::LevelFilter;

use crate::args::Args;
use crate::bare::Bare;
use crate::failure::{Failure, root};
use crate::results::Results;
use crate::schedule::{SCRIPT, Schedule, THEIRS};
use crate::server::Server;
use crate::{ATTEMPT, DEADLINE, LONGEST_OPEN, criteria, load, naive, payments, report, timeline};

/// Between the calls of a client: 50 a second.
const EVERY: Duration = Duration::from_millis(20);

/// Runs to the end of the script; the answer is what is left to print, and the exit code.
pub async fn run(args: Args) -> Result<(String, ExitCode), Failure> {
    let live = io::stdout().is_terminal();
    let _guard = log(live && io::stderr().is_terminal())?;
    // The environment's proxy has no business on the loopback.
    let http =
        reqwest::Client::builder().no_proxy().connect_timeout(DEADLINE / 2).timeout(DEADLINE).build()?;
    let bare = Bare(http);
    let client = payments(bare.clone(), "payments", None)?;
    if let Some(url) = &args.url {
        knock(&bare, url).await?;
    }

    let schedule = Arc::new(Schedule::new(if args.url.is_some() { THEIRS } else { SCRIPT }));
    let results = Arc::new(Results::new(Arc::clone(&schedule)));
    let (urls, servers) = match args.url {
        Some(url) => ([url.clone(), url], None),
        None => {
            let bind = || Server::bind(Arc::clone(&schedule), args.seed);
            let (stack, naive) = (bind().await?, bind().await?);
            ([stack.url(), naive.url()], Some([stack, naive, bind().await?]))
        }
    };
    let hits = servers.as_ref().map(|[stack, naive, _]| [stack.hits(), naive.hits()]);
    let rate = match &servers {
        Some([_, _, server]) => Some((payments(bare.clone(), "payments-rate", Some(0.5))?, server.url())),
        None => None,
    };
    let condition = async {
        match servers {
            Some([stack, naive, rate]) => tokio::try_join!(stack.run(), naive.run(), rate.run()),
            None => pending().await,
        }
    };

    show(&format!("{}\n", client.explain()));
    let mut watchers = watch(&results, &client, live);
    if let Some((client, _)) = &rate {
        let (breaker, results) = (client.breaker().subscribe(), Arc::clone(&results));
        watchers.spawn(async move { results.rate_circuit.keep(breaker, &results.schedule).await });
    }
    tokio::select! {
        ((), ()) = async { tokio::join!(race(&results, client, bare, urls), compare(&results, rate)) } => {}
        broken = condition => match broken?.0 {},
    }
    watchers.shutdown().await;

    let mut criteria = vec![criteria::amplification(&results)];
    criteria.extend(criteria::recovery(&results, LONGEST_OPEN + ATTEMPT));
    let timeline = if live { timeline::last(&results) } else { timeline::whole(&results) };
    let tables = report::text(&results, hits.map(|hits| hits.map(|hits| hits.read())), &criteria);
    let missed = criteria.iter().any(|criterion| !criterion.met);
    Ok((format!("{timeline}{}\n{tables}", timeline::LEGEND), ExitCode::from(u8::from(missed))))
}

/// Both clients under the same load, half a step apart.
async fn race(results: &Arc<Results>, client: Client<Bare, Request>, bare: Bare, urls: [Url; 2]) {
    let (began, over) = (results.schedule.began(), results.schedule.over());
    let [stack_url, naive_url] = urls;
    let stack = load::steady(EVERY, began, over, || {
        let (results, client, url) = (Arc::clone(results), client.clone(), stack_url.clone());
        async move { results.call(&results.stack, client.send(Request::new(Method::GET, url))).await }
    });
    let naive = load::steady(EVERY, began + EVERY / 2, over, || {
        let (results, bare, url) = (Arc::clone(results), bare.clone(), naive_url.clone());
        async move { results.call(&results.naive, naive::send(bare, url)).await }
    });
    tokio::join!(stack, naive);
}

/// The third client under the same load, where there is one.
async fn compare(results: &Arc<Results>, rate: Option<(Client<Bare, Request>, Url)>) {
    let Some((client, url)) = rate else { return };
    let (began, over) = (results.schedule.began(), results.schedule.over());
    load::steady(EVERY, began + EVERY / 4, over, || {
        let (results, client, url) = (Arc::clone(results), client.clone(), url.clone());
        async move { results.call(&results.rate, client.send(Request::new(Method::GET, url))).await }
    })
    .await;
}

/// The log as `BUTTRESS_LOG` wants it; where it says nothing, the circuit breaker alone is heard, not each call. Not even
/// that where its lines would come in between the timeline, which `shows` the same.
fn log(shows: bool) -> Result<FlushGuard, InitError> {
    let breaker = if shows { LevelFilter::ERROR } else { LevelFilter::INFO };
    match env::var_os(ENV_VAR) {
        Some(_) => buttress::log::init(),
        None => Config::new().level(LevelFilter::ERROR).target("buttress::breaker", breaker).init(),
    }
}

/// Is there anybody? Whatever is wrong with a server that listens is for the run to show.
async fn knock(bare: &Bare, url: &Url) -> Result<(), Failure> {
    match bare.0.get(url.clone()).send().await {
        Err(error) if error.is_connect() => {
            let place = url.origin().ascii_serialization();
            Err(Failure::Arguments(format!("--url: nobody listens at {place}: {}", root(&error))))
        }
        _ => Ok(()),
    }
}

/// Keeps the history of the circuit and, on a terminal, draws the timeline, until the answer is dropped.
fn watch(results: &Arc<Results>, client: &Client<Bare, Request>, live: bool) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    let (breaker, history) = (client.breaker().subscribe(), Arc::clone(results));
    watchers.spawn(async move { history.circuit.keep(breaker, &history.schedule).await });
    if live {
        watchers.spawn(timeline::draw(Arc::clone(results)));
    }
    watchers
}

/// Prints at once. Whoever closed the pipe has read enough.
fn show(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

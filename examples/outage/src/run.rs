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
use crate::board::Board;
use crate::server::Server;
use crate::trouble::{Trouble, root};
use crate::weather::{SCRIPT, Sky, THEIRS};
use crate::{ATTEMPT, DEADLINE, LONGEST_OPEN, goals, load, naive, payments, report, timeline};

/// Between the calls of a client: 50 a second.
const EVERY: Duration = Duration::from_millis(20);

/// Runs to the end of the script; the answer is what is left to print, and the exit code.
pub async fn run(args: Args) -> Result<(String, ExitCode), Trouble> {
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

    let sky = Arc::new(Sky::new(if args.url.is_some() { THEIRS } else { SCRIPT }));
    let board = Arc::new(Board::new(Arc::clone(&sky)));
    let (urls, servers) = match args.url {
        Some(url) => ([url.clone(), url], None),
        None => {
            let bind = || Server::bind(Arc::clone(&sky), args.seed);
            let (stack, naive) = (bind().await?, bind().await?);
            ([stack.url(), naive.url()], Some([stack, naive, bind().await?]))
        }
    };
    let hits = servers.as_ref().map(|[stack, naive, _]| [stack.hits(), naive.hits()]);
    let rate = match &servers {
        Some([_, _, server]) => Some((payments(bare.clone(), "payments-rate", Some(0.5))?, server.url())),
        None => None,
    };
    let weather = async {
        match servers {
            Some([stack, naive, rate]) => tokio::try_join!(stack.run(), naive.run(), rate.run()),
            None => pending().await,
        }
    };

    show(&format!("{}\n", client.explain()));
    let mut watchers = watch(&board, &client, live);
    if let Some((client, _)) = &rate {
        let (breaker, board) = (client.breaker().subscribe(), Arc::clone(&board));
        watchers.spawn(async move { board.rate_circuit.keep(breaker, &board.sky).await });
    }
    tokio::select! {
        ((), ()) = async { tokio::join!(race(&board, client, bare, urls), compare(&board, rate)) } => {}
        broken = weather => match broken?.0 {},
    }
    watchers.shutdown().await;

    let mut goals = vec![goals::amplification(&board)];
    goals.extend(goals::recovery(&board, LONGEST_OPEN + ATTEMPT));
    let timeline = if live { timeline::last(&board) } else { timeline::whole(&board) };
    let tables = report::text(&board, hits.map(|hits| hits.map(|hits| hits.read())), &goals);
    let missed = goals.iter().any(|goal| !goal.met);
    Ok((format!("{timeline}{}\n{tables}", timeline::LEGEND), ExitCode::from(u8::from(missed))))
}

/// Both clients under the same load, half a step apart.
async fn race(board: &Arc<Board>, client: Client<Bare, Request>, bare: Bare, urls: [Url; 2]) {
    let (began, over) = (board.sky.began(), board.sky.over());
    let [stack_url, naive_url] = urls;
    let stack = load::steady(EVERY, began, over, || {
        let (board, client, url) = (Arc::clone(board), client.clone(), stack_url.clone());
        async move { board.call(&board.stack, client.send(Request::new(Method::GET, url))).await }
    });
    let naive = load::steady(EVERY, began + EVERY / 2, over, || {
        let (board, bare, url) = (Arc::clone(board), bare.clone(), naive_url.clone());
        async move { board.call(&board.naive, naive::send(bare, url)).await }
    });
    tokio::join!(stack, naive);
}

/// The third client under the same load, where there is one.
async fn compare(board: &Arc<Board>, rate: Option<(Client<Bare, Request>, Url)>) {
    let Some((client, url)) = rate else { return };
    let (began, over) = (board.sky.began(), board.sky.over());
    load::steady(EVERY, began + EVERY / 4, over, || {
        let (board, client, url) = (Arc::clone(board), client.clone(), url.clone());
        async move { board.call(&board.rate, client.send(Request::new(Method::GET, url))).await }
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
async fn knock(bare: &Bare, url: &Url) -> Result<(), Trouble> {
    match bare.0.get(url.clone()).send().await {
        Err(error) if error.is_connect() => {
            let place = url.origin().ascii_serialization();
            Err(Trouble::Arguments(format!("--url: nobody listens at {place}: {}", root(&error))))
        }
        _ => Ok(()),
    }
}

/// Keeps the journal of the circuit and, on a terminal, draws the timeline, until the answer is dropped.
fn watch(board: &Arc<Board>, client: &Client<Bare, Request>, live: bool) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    let (breaker, journal) = (client.breaker().subscribe(), Arc::clone(board));
    watchers.spawn(async move { journal.circuit.keep(breaker, &journal.sky).await });
    if live {
        watchers.spawn(timeline::draw(Arc::clone(board)));
    }
    watchers
}

/// Prints at once. Whoever closed the pipe has read enough.
fn show(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

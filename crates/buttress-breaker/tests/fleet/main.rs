//! Breakers that share one state, through a store in memory. The invariants are those of a fleet: live leases are never
//! more than the probes (I1), old reports change nothing (I2), all agree within two exchanges (I3), a hung store delays no
//! call (I4), a lost owner is recovered within one lease (I5), one sick node opens only itself (I6), an emptied store does
//! no harm (I8).

mod memory;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use buttress_breaker::fleet::{FleetSettings, FleetState, StateStore, SyncReply, SyncReport};
use buttress_breaker::{Breaker, BreakerBuilder, BreakerLayer, State};
use buttress_error::{Error, Kind, TripReason};
use buttress_test::Strict;
use memory::{Health, Memory};
use support::{fail, ms, plain, secs};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

/// Two exchanges, at their slowest.
const TWO: Duration = Duration::from_millis(480);

struct Node {
    breaker: Breaker,
    task: JoinHandle<std::convert::Infallible>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn join(memory: &Memory, nodes: u32) -> Vec<Node> {
    join_as(memory, nodes, &plain())
}

fn join_as(memory: &Memory, nodes: u32, settings: &BreakerBuilder) -> Vec<Node> {
    (0..nodes)
        .map(|id| {
            let breaker = settings.clone().minimum_calls(10).build().expect("good settings");
            let task = tokio::spawn(breaker.clone().join_fleet(memory.node(id)));
            Node { breaker, task }
        })
        .collect()
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// A call of each node, every 10 ms.
async fn traffic(nodes: &[Node], time: Duration, fails: impl Fn(usize) -> bool) {
    for _ in 0..time.as_millis() / 10 {
        for (n, node) in nodes.iter().enumerate() {
            if let Ok(permit) = node.breaker.admit() {
                if fails(n) { permit.failure(Kind::Unavailable) } else { permit.success() }
            }
        }
        pass(ms(10)).await;
    }
}

fn states(nodes: &[Node]) -> Vec<State> {
    nodes.iter().map(|node| node.breaker.state()).collect()
}

/// Opens the fleet.
async fn outage(memory: &Memory, nodes: &[Node]) {
    pass(ms(300)).await;
    traffic(nodes, secs(1), |_| true).await;
    assert_eq!(memory.state("db"), "open");
}

/// [S42] an outage that some nodes see opens all within two exchanges, also a node that has had no failure; the refusal says
/// that the fleet has opened.
#[tokio::test(start_paused = true)]
async fn all_agree_within_two_exchanges() {
    let memory = Memory::new();
    let nodes = join(&memory, 3);
    pass(ms(300)).await;
    fail(&nodes[0].breaker, 5);
    fail(&nodes[1].breaker, 5);
    let healthy = &nodes[2].breaker;
    for _ in 0..TWO.as_millis() / 10 {
        if let Ok(permit) = healthy.admit() {
            permit.neutral();
        }
        pass(ms(10)).await;
    }
    assert_eq!(states(&nodes), [State::Open; 3]);
    let rejection = support::refused(healthy);
    assert_eq!(rejection.trip().unwrap().reason, TripReason::Fleet);
    assert!(rejection.to_string().contains("(opened by the fleet), retry after 4."), "{rejection}");
    assert_eq!(healthy.stats().failed, 0);
    let text = healthy.explain().to_string();
    assert!(text.contains("probes granted by the fleet, in 4."), "{text}");
}

/// [S42] of a hundred nodes that all refuse calls, as many probe as there are probes; they close the fleet for all.
#[tokio::test(start_paused = true)]
async fn probes_never_exceed_their_number() {
    let memory = Memory::new();
    let nodes = join(&memory, 100);
    outage(&memory, &nodes).await;
    let mut probes = Vec::new();
    for _ in 0..600 {
        probes.extend(nodes.iter().filter_map(|node| node.breaker.admit().ok()));
        assert!(probes.len() <= 3, "{} probes", probes.len());
        pass(ms(10)).await;
    }
    assert_eq!((probes.len(), memory.state("db").as_str()), (3, "half-open"));
    probes.drain(..).for_each(buttress_breaker::Permit::success);
    pass(TWO).await;
    assert_eq!(memory.state("db"), "closed");
    assert_eq!(states(&nodes), [State::Closed; 100]);
    traffic(&nodes, secs(1), |_| false).await;
    assert_eq!(states(&nodes), [State::Closed; 100]);
}

/// [S24] [S42] a fleet that recovers takes its load back step by step, on each node.
#[tokio::test(start_paused = true)]
async fn a_fleet_ramps() {
    let memory = Memory::new();
    let nodes = join_as(&memory, 2, &plain().ramp(secs(60)));
    outage(&memory, &nodes).await;
    traffic(&nodes, secs(8), |_| false).await;
    assert_eq!(states(&nodes), [State::Closed; 2]);
    for node in &nodes {
        let passed = (0..100).filter(|_| node.breaker.admit().map(drop).is_ok()).count();
        assert!((9..=11).contains(&passed), "{passed} of 100, the count going on from the traffic");
    }
}

/// [S42] one probe that fails opens the fleet again, for longer, and the results of the others come late.
#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_again() {
    let memory = Memory::new();
    let nodes = join(&memory, 4);
    outage(&memory, &nodes).await;
    traffic(&nodes, secs(5), |_| true).await;
    assert_eq!(memory.state("db"), "open");
    let failed: u64 = nodes.iter().map(|node| node.breaker.stats().failed).sum();
    assert!((21..=23).contains(&failed), "5 each, and the probes: {failed}");
    traffic(&nodes, secs(8), |_| false).await;
    assert_eq!(memory.state("db"), "open", "the second wait is 10 s");
    traffic(&nodes, secs(4), |_| false).await;
    assert_eq!(memory.state("db"), "closed");
}

/// [S42] one node that fails among ten healthy ones opens only itself, whatever the number of its calls; it probes and
/// closes by itself.
#[tokio::test(start_paused = true)]
async fn a_lone_sick_node_opens_only_itself() {
    let memory = Memory::new();
    let nodes = join(&memory, 11);
    pass(ms(300)).await;
    for _ in 0..10 {
        traffic(&nodes, secs(10), |n| n == 0).await;
        assert_eq!(memory.state("db"), "closed");
        assert!(states(&nodes[1..]).iter().all(|state| state.is_closed()));
    }
    assert!(!nodes[0].breaker.state().is_closed());
    assert!(nodes[0].breaker.stats().transitions >= 3);
    traffic(&nodes, secs(70), |_| false).await;
    assert!(nodes[0].breaker.state().is_closed());
}

/// [S42] counts from before a change of the fleet do not apply after it: right after it has closed, they do not open it
/// again with failures of old.
#[tokio::test(start_paused = true)]
async fn old_counts_change_nothing() {
    let memory = Memory::new();
    let nodes = join(&memory, 2);
    outage(&memory, &nodes).await;
    traffic(&nodes, secs(7), |_| false).await;
    assert_eq!(memory.state("db"), "closed");
    pass(secs(1)).await;
    fail(&nodes[0].breaker, 4);
    fail(&nodes[1].breaker, 4);
    pass(TWO).await;
    assert_eq!(memory.state("db"), "closed", "8 calls are below the minimum of 10");
}

/// [S42] each call is reported once, whatever the number of exchanges.
#[tokio::test(start_paused = true)]
async fn every_call_is_reported_once() {
    let memory = Memory::new();
    let nodes = join(&memory, 3);
    pass(ms(300)).await;
    for _ in 0..10 {
        nodes.iter().for_each(|node| support::succeed(&node.breaker, 3));
        nodes.iter().for_each(|node| fail(&node.breaker, 1));
        pass(ms(333)).await;
    }
    pass(TWO).await;
    assert_eq!(memory.counted("db"), (120, 30));
}

/// [S42] what a node counts between its report and the answer, which says that the fleet has opened, is not reported to the
/// new epoch.
#[tokio::test(start_paused = true)]
async fn counts_of_the_former_epoch_are_dropped() {
    let memory = Memory::new();
    let nodes = join(&memory, 3);
    pass(ms(300)).await;
    memory.is_now(Health::Slow);
    fail(&nodes[0].breaker, 5);
    fail(&nodes[1].breaker, 5);
    for _ in 0..1_000 {
        nodes[2].breaker.admit().into_iter().for_each(buttress_breaker::Permit::success);
        pass(ms(1)).await;
    }
    assert_eq!((memory.state("db").as_str(), memory.counted("db")), ("open", (0, 0)));
}

/// [S42] an owner of probes that is killed is recovered from within one lease.
#[tokio::test(start_paused = true)]
async fn a_lost_owner_is_recovered() {
    let memory = Memory::new();
    let mut nodes = join(&memory, 3);
    outage(&memory, &nodes).await;
    let lost = nodes.remove(0);
    let mut probes = Vec::new();
    for _ in 0..500 {
        probes.extend(lost.breaker.admit());
        pass(ms(10)).await;
    }
    assert!(!probes.is_empty());
    drop(lost);
    traffic(&nodes, secs(11) + TWO, |_| false).await;
    assert_eq!(memory.state("db"), "open", "the whole round is lost");
    traffic(&nodes, secs(5) + 2 * TWO, |_| false).await;
    assert_eq!(memory.state("db"), "closed", "the wait has not grown");
    assert_eq!(states(&nodes), [State::Closed; 2]);
}

/// [S22] [S42] a probe that outlives its lease failed, and its late result changes nothing.
#[tokio::test(start_paused = true)]
async fn a_hung_probe_failed() {
    let memory = Memory::new();
    let nodes = join(&memory, 2);
    outage(&memory, &nodes).await;
    let mut probe = None;
    while probe.is_none() {
        probe = nodes[0].breaker.admit().ok();
        pass(ms(10)).await;
    }
    pass(secs(10) + TWO).await;
    assert_eq!(memory.state("db"), "open");
    assert_eq!(nodes[0].breaker.stats().expired, 1);
    let late = nodes[0].breaker.stats().late;
    probe.unwrap().success();
    assert_eq!(nodes[0].breaker.stats().late, late + 1);
}

/// [S42] a hung store delays no call: each is decided at once, by the own circuit, which opens and recovers as ever.
#[tokio::test(start_paused = true)]
async fn a_hung_store_delays_nobody() {
    let memory = Memory::new();
    memory.is_now(Health::Hung);
    let nodes = join(&memory, 1);
    let breaker = &nodes[0].breaker;
    pass(secs(1)).await;
    fail(breaker, 5);
    support::refused(breaker);
    pass(secs(5)).await;
    support::succeed(breaker, 3);
    assert!(breaker.state().is_closed());
    let before = memory.exchanges();
    pass(secs(60)).await;
    assert!((8..=20).contains(&(memory.exchanges() - before)), "it is asked less often");
    memory.is_now(Health::Up);
    pass(secs(7)).await;
    assert_eq!(memory.state("db"), "closed");
}

/// [S42] a fleet that was open when its store was lost is open until its wait ends; then each probes by itself, until the
/// store is back.
#[tokio::test(start_paused = true)]
async fn the_store_is_lost_while_open() {
    let memory = Memory::new();
    let nodes = join(&memory, 2);
    outage(&memory, &nodes).await;
    memory.is_now(Health::Down);
    pass(secs(3)).await;
    assert_eq!(states(&nodes), [State::Open; 2]);
    nodes.iter().for_each(|node| drop(support::refused(&node.breaker)));
    pass(secs(2)).await;
    nodes.iter().for_each(|node| support::succeed(&node.breaker, 3));
    assert_eq!(states(&nodes), [State::Closed; 2]);
    memory.flush();
    memory.is_now(Health::Up);
    traffic(&nodes, secs(10), |_| false).await;
    assert_eq!((memory.state("db").as_str(), states(&nodes)), ("closed", vec![State::Closed; 2]));
}

/// [S42] a store that was emptied while the fleet was open is adopted, not fought.
#[tokio::test(start_paused = true)]
async fn an_emptied_store_is_adopted() {
    let memory = Memory::new();
    let nodes = join(&memory, 3);
    outage(&memory, &nodes).await;
    memory.flush();
    traffic(&nodes, TWO, |_| false).await;
    assert_eq!(states(&nodes), [State::Closed; 3]);
}

/// [S25] [S42] an order given here is stronger than the fleet; who leaves the fleet is on its own.
#[tokio::test(start_paused = true)]
async fn orders_and_leaving() {
    let memory = Memory::new();
    let mut nodes = join(&memory, 3);
    nodes[0].breaker.disable();
    outage(&memory, &nodes).await;
    assert_eq!(states(&nodes), [State::Disabled, State::Open, State::Open]);
    nodes[0].breaker.release();
    pass(TWO).await;
    assert_eq!(nodes[0].breaker.state(), State::Open);
    let left = nodes.pop().unwrap();
    left.task.abort();
    pass(secs(5)).await;
    support::succeed(&left.breaker, 3);
    assert_eq!(left.breaker.state(), State::Closed);
}

/// [S42] a quiet fleet that is closed leaves its store alone.
#[tokio::test(start_paused = true)]
async fn silence() {
    let memory = Memory::new();
    let _nodes = join(&memory, 5);
    pass(secs(100)).await;
    assert_eq!(memory.exchanges(), 5, "one greeting each");
}

/// Open for a second by its own clock, though it had said 60 s.
struct Early(Instant);

impl StateStore for Early {
    async fn exchange(&self, _: &str, _: &FleetSettings, _: &SyncReport) -> Result<SyncReply, Error> {
        let open = self.0.elapsed() < secs(1);
        let state = if open { FleetState::Open { wait: secs(60) } } else { FleetState::Closed };
        Ok(SyncReply { incarnation: 1, epoch: if open { 1 } else { 2 }, state, lease: None })
    }
}

/// [S3] [S42] a fleet that closes before its wait is over wakes those who wait.
#[tokio::test(start_paused = true)]
async fn closing_wakes_waiters() {
    let (breaker, began) = (plain().build().unwrap(), Instant::now());
    let member = tokio::spawn(breaker.clone().join_fleet(Early(began)));
    pass(ms(500)).await;
    assert!(breaker.state().is_open());
    let mut service = BreakerLayer::new(&breaker).backpressure().layer(Strict::new());
    let (permit, ready) = tokio::join!(breaker.wait_until_admitted(began + secs(300)), service.ready());
    assert!(permit.is_ok() && ready.is_ok() && began.elapsed() < secs(1) + TWO);
    member.abort();
}

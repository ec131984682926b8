//! One thread that runs jobs at their time, without a runtime.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::unwind;

/// How long the thread waits for another job before it ends.
const IDLE: Duration = Duration::from_secs(60);

/// The appointments of the whole program.
static TIMER: Timer = Timer {
    queue: Mutex::new(Queue { appointments: BinaryHeap::new(), running: false }),
    changed: Condvar::new(),
};

/// What runs on the timer's thread. It must be short, since the others wait for it. One that panics ends alone.
#[derive(Clone)]
pub(crate) struct Job(Arc<dyn Fn() + Send + Sync>);

impl Job {
    pub(crate) fn new(run: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(run))
    }

    /// Runs the job as soon as it is `due`. Allocates nothing once the program has had as many appointments before.
    ///
    /// # Errors
    /// If the thread cannot be started. The job does not run then.
    pub(crate) fn schedule(&self, due: Instant) -> io::Result<()> {
        let mut queue = TIMER.lock();
        if !queue.running {
            thread::Builder::new().name("buttress-log-timer".into()).spawn(|| TIMER.run())?;
            queue.running = true;
        }
        queue.appointments.push(Appointment { due, job: self.clone() });
        drop(queue);
        TIMER.changed.notify_one();
        Ok(())
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

struct Timer {
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    /// The earliest is the greatest one.
    appointments: BinaryHeap<Appointment>,
    running: bool,
}

struct Appointment {
    due: Instant,
    job: Job,
}

impl Timer {
    /// A poisoned lock is used as it is: no job runs under it.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs all jobs, and ends when there has been none for some time.
    fn run(&self) {
        let mut queue = self.lock();
        loop {
            let due = queue.appointments.peek().map(|next| next.due);
            let wait = due.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
            if wait.is_zero() {
                let next = queue.appointments.pop();
                drop(queue);
                if let Some(next) = next {
                    unwind::catch(|| (next.job.0)());
                }
                queue = self.lock();
                continue;
            }
            let waited = self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner);
            queue = waited.0;
            if queue.appointments.is_empty() && waited.1.timed_out() {
                queue.running = false;
                return;
            }
        }
    }
}

impl Ord for Appointment {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Appointment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Appointment {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Appointment {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// The order is that of the due times, and a panic stops no later job.
    #[test]
    fn jobs_run_in_the_order_of_their_times() {
        let now = Instant::now();
        let (sender, receiver) = mpsc::channel();
        for wait in [30, 10, 20] {
            let sender = sender.clone();
            let job = Job::new(move || {
                sender.send(wait).unwrap();
                std::panic::resume_unwind(Box::new("a job that panics"));
            });
            job.schedule(now + Duration::from_millis(wait)).unwrap();
        }
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [10, 20, 30]);
    }
}

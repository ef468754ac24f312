//! The run: a schedule, a bounded number of requests in flight, and a tally.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    acked::AckedFile,
    options::{LoadError, LoadOptions},
    patch::IdSource,
    progress::ProgressLine,
    report::{Answered, LoadReport, Tally},
    template::{Template, build_templates},
};
use crate::{
    clock::WallClock,
    random::mix,
    send::{Exporter, RetryPolicy},
    telemetry::Signal,
};

/// Sends load as `options` say, or until `cancel`, waits for the answers and reports. Must run on a tokio runtime; with
/// several threads the generator uses them.
pub async fn run_load(
    options: LoadOptions,
    clock: WallClock,
    cancel: CancellationToken,
) -> Result<LoadReport, LoadError> {
    options.validate()?;
    let exporter = Exporter::new(&options.endpoint, options.protocol, options.connections, options.timeout)?;
    let acked = options.acked_file.as_deref().map(AckedFile::open).transpose()?;
    let templates = build_templates(options.seed, options.templates, options.batch);
    let tally = Arc::new(Mutex::new(Tally::new()));
    let line = options.progress.then(|| ProgressLine::draw(Arc::clone(&tally), options.duration));
    let worker = Arc::new(Worker {
        exporter,
        ids: IdSource::new(mix(options.seed) ^ clock() as u64),
        retry: options.retry,
        acked,
        cancel: cancel.clone(),
        clock,
        tally: Arc::clone(&tally),
        begun: Instant::now(),
    });
    let mut tasks = dispatch(&options, &templates.into_iter().map(Arc::new).collect::<Vec<_>>(), &worker).await?;
    while let Some(done) = tasks.join_next().await {
        flatten(done)?;
    }
    drop(line);
    let report = tally.lock().unwrap_or_else(PoisonError::into_inner).report();
    Ok(report)
}

type Tasks = JoinSet<Result<(), LoadError>>;

/// Begins requests by the schedule until the run is over. Returns those without an answer.
async fn dispatch(
    options: &LoadOptions,
    templates: &[Arc<Template>],
    worker: &Arc<Worker>,
) -> Result<Tasks, LoadError> {
    let slots = Arc::new(Semaphore::new(options.in_flight));
    let mut tasks = Tasks::new();
    let mut spans = 0;
    for (request, template) in (0..).zip(templates.iter().cycle()) {
        let scheduled = options.rate.map(|rate| worker.begun + Duration::from_secs_f64(spans as f64 / rate));
        let all_sent = options.spans.is_some_and(|limit| spans >= limit);
        let too_late = options.duration.is_some_and(|limit| scheduled.is_some_and(|at| at >= worker.begun + limit));
        if all_sent || too_late {
            break;
        }
        let Some(slot) = worker.turn(scheduled, &slots, options.duration).await else { break };
        while let Some(done) = tasks.try_join_next() {
            flatten(done)?;
        }
        spans += template.spans();
        let (worker, template) = (Arc::clone(worker), Arc::clone(template));
        let intended = scheduled.unwrap_or_else(Instant::now);
        tasks.spawn(async move { worker.request(&template, request, intended, slot).await });
    }
    Ok(tasks)
}

/// A task neither panics nor is aborted before the run ends; if one does, its request is not in the tally.
fn flatten(done: Result<Result<(), LoadError>, tokio::task::JoinError>) -> Result<(), LoadError> {
    done.unwrap_or(Ok(()))
}

struct Worker {
    exporter: Exporter,
    ids: IdSource,
    retry: RetryPolicy,
    acked: Option<AckedFile>,
    cancel: CancellationToken,
    clock: WallClock,
    tally: Arc<Mutex<Tally>>,
    begun: Instant,
}

impl Worker {
    /// Waits for the scheduled time and a free slot; `None` when the run is over before that.
    async fn turn(
        &self,
        scheduled: Option<Instant>,
        slots: &Arc<Semaphore>,
        duration: Option<Duration>,
    ) -> Option<OwnedSemaphorePermit> {
        let over = async {
            match duration {
                Some(duration) => tokio::time::sleep_until((self.begun + duration).into()).await,
                None => std::future::pending().await,
            }
        };
        let turn = async {
            if let Some(scheduled) = scheduled {
                tokio::time::sleep_until(scheduled.into()).await;
            }
            Arc::clone(slots).acquire_owned().await.ok()
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => None,
            () = over => None,
            slot = turn => slot,
        }
    }

    async fn request(
        &self,
        template: &Template,
        request: u64,
        intended: Instant,
        slot: OwnedSemaphorePermit,
    ) -> Result<(), LoadError> {
        let sent = Instant::now();
        let body = template.fill(&self.ids, request, (self.clock)());
        let delivery = self.exporter.send(Signal::Traces, body, &self.retry, &self.cancel).await;
        let answered = Instant::now();
        let accepted_whole = delivery.result.as_ref().is_ok_and(|accepted| accepted.rejected == 0);
        if accepted_whole && let Some(acked) = &self.acked {
            acked.append(template.trace_ids(&self.ids, request))?;
        }
        drop(slot);
        let (spans, bytes) = (template.spans(), template.size());
        let answered = Answered { delivery: &delivery, spans, bytes, intended, sent, answered };
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(self.begun, &answered);
        Ok(())
    }
}

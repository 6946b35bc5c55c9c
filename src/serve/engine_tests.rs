//! A model's thread, round by round: what it decodes for clients that read, and for those that do not.

use tokio::sync::mpsc;

use super::*;

/// Lines that wait for a client.
const LINES: usize = 4;
/// What was decoded and is not in the client's channel: a line that waits for its place there, and the token after it.
const AHEAD: usize = 2;

/// A worker that the test drives, and its queue.
fn worker() -> (Worker, SyncSender<Task>) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let gguf = Gguf::open(fixtures.join("parity/llama-gqa8.f16.gguf")).unwrap();
    let weights = Weights::from_gguf(gguf).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_folder(&fixtures.join("tokenizers/llama-bpe")).unwrap());
    let (queue, tasks) = sync_channel(QUEUE);
    let worker = Worker {
        context: weights.config().context,
        session: Session::new(Model::new(&weights, 1).unwrap()),
        tokenizer,
        tasks,
        waiting: VecDeque::new(),
        open: Vec::new(),
        leaving: Vec::new(),
    };
    (worker, queue)
}

/// Asks for an answer that only the context ends; what the client may read of it.
fn ask(queue: &SyncSender<Task>, prompt: Vec<u32>) -> mpsc::Receiver<Bytes> {
    let (lines, client) = mpsc::channel(LINES);
    let (first, _) = oneshot::channel();
    queue.send(Task { job: Job::endless(prompt, lines), started: Instant::now(), first }).unwrap();
    client
}

/// As often as [`Worker::run`] does it in a while.
fn rounds(worker: &mut Worker, n: usize, mut after_each: impl FnMut()) {
    for _ in 0..n {
        assert!(worker.collect());
        worker.admit();
        worker.decode();
        worker.flush();
        after_each();
    }
}

fn decoded(worker: &Worker) -> Vec<usize> {
    worker.open.iter().map(|open| open.writing.count).collect()
}

#[test]
fn a_client_that_never_reads_bounds_what_is_decoded_for_it() {
    let (mut worker, queue) = worker();
    let mut client = ask(&queue, vec![1, 2, 3]);
    rounds(&mut worker, 150, || {});
    let [count] = decoded(&worker)[..] else { panic!("the answer is not open: {:?}", decoded(&worker)) };
    assert!((LINES..=LINES + AHEAD).contains(&count), "{count} tokens for a client that read none");
    assert!(worker.open[0].pending.len() <= AHEAD, "{} lines wait", worker.open[0].pending.len());
    // What it reads, it is given again.
    (0..LINES).for_each(|_| drop(client.try_recv().unwrap()));
    rounds(&mut worker, 150, || {});
    assert_eq!(decoded(&worker), [count + LINES]);
    // Nobody decodes for a client that is gone.
    drop(client);
    worker.flush();
    assert!(worker.open.is_empty() && worker.leaving.is_empty());
}

#[test]
fn a_client_that_never_reads_holds_up_no_other() {
    let (mut worker, queue) = worker();
    let _silent = ask(&queue, vec![1, 2, 3]);
    let mut reader = ask(&queue, vec![4, 5]);
    let mut read = 0;
    rounds(&mut worker, 100, || read += usize::from(reader.try_recv().is_ok()));
    let [silent, answered] = decoded(&worker)[..] else { panic!("an answer ended: {:?}", decoded(&worker)) };
    assert!(
        silent <= LINES + AHEAD && read >= 99 && answered >= read,
        "{silent}, {answered} of which {read} were read"
    );
}

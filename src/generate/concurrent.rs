//! Work on many items at once, whose result does not depend on how many threads do it.

use std::panic::resume_unwind;

use crate::store::Interrupt;

/// Fewer items are not worth a thread.
const FEWEST: usize = 512;
const MOST_THREADS: usize = 16;

/// `of` each number below `count`, in their order. An interruption leaves some out.
pub(super) fn each<T: Send>(count: usize, interrupt: &Interrupt, of: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(MOST_THREADS).min(count / FEWEST).max(1);
    let share = count.div_ceil(threads);
    let part = |first: usize| -> Vec<T> {
        (first..count.min(first + share)).take_while(|_| !interrupt.raised()).map(&of).collect()
    };
    if threads == 1 {
        return part(0);
    }
    let part = &part;
    let parts: Vec<Vec<T>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread * share))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_whatever_the_count() {
        let interrupt = Interrupt::default();
        for count in [0, 1, FEWEST - 1, 2 * FEWEST, 20 * FEWEST + 7] {
            let expected: Vec<usize> = (0..count).map(|i| i * i).collect();
            assert_eq!(each(count, &interrupt, |i| i * i), expected);
        }
        interrupt.raise();
        assert_eq!(each(5 * FEWEST, &interrupt, |i| i), Vec::<usize>::new());
    }
}

//! Rayon's fork-join beside the one of `tasks.coex`: `fork-join fib N`. Workers: RAYON_NUM_THREADS.

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (first, second) = rayon::join(|| fib(n - 1), || fib(n - 2));
    first + second
}

fn main() {
    let count = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(27);
    println!("{}", fib(count));
}

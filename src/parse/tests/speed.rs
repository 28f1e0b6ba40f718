//! How fast the parser is; run with `cargo test --release parse::tests::speed -- --ignored --nocapture`.

use super::parse_module;
use crate::diagnostics::Diagnostics;
use crate::source::FileId;

const PIECE: &str = "\
func work@(items: [int], limit: int, name: string) -> int
    total = 0
    i = 0
    for item in items
        if item > limit and item % 2 == 0
            total += item * 3 - limit / 2
        else if item < 0
            total = total - helper@(item, limit)
        else
            continue
        ~
        i = i + 1
    ~
    while total > 1000
        total = total / 2 + items[i % items.len()]
    ~
    m = {\"a\": total, \"b\": limit, \"c\": i}
    print(\"result of @: \" + name.upper() + total.string())
    return total + m.get(\"a\") ?? 0
~

formula helper@(a: int, b: int) -> int
    const c = a > b ? a - b : b - a
    return c * c + a * b - 7
~

";

fn generated(lines: usize) -> String {
    let pieces = lines.div_ceil(PIECE.lines().count());
    (0..pieces).map(|number| PIECE.replace('@', &number.to_string())).collect()
}

#[test]
#[ignore = "a measurement"]
fn lines_per_second() {
    for lines in [26, 1000, 100_000] {
        let text = generated(lines);
        for _ in 0..3 {
            let mut diagnostics = Diagnostics::default();
            let start = std::time::Instant::now();
            let module = parse_module(FileId(0), &text, &mut diagnostics);
            let elapsed = start.elapsed();
            assert!(diagnostics.is_empty() && !module.items.is_empty());
            println!("{lines} lines: {elapsed:?}, {:.0} lines/s", text.lines().count() as f64 / elapsed.as_secs_f64());
        }
    }
}

//! Matrices against nested lists: programs with random formulas compute both and compare every cell.

use crate::promises::sized;
use crate::sandbox::{Sandbox, ran};
use std::fmt::Write as _;
use std::process::Command;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % limit
    }
}

/// One expression, as a formula of a matrix says it, and as a function of nested lists does.
struct Both {
    matrix: String,
    lists: String,
}

fn both(text: impl Into<String>) -> Both {
    let text = text.into();
    Both { matrix: text.clone(), lists: text }
}

fn joined(left: Both, op: &str, right: Both) -> Both {
    Both {
        matrix: format!("({} {op} {})", left.matrix, right.matrix),
        lists: format!("({} {op} {})", left.lists, right.lists),
    }
}

fn condition(random: &mut Random, depth: u32) -> Both {
    let (left, right) = (value(random, depth), value(random, depth));
    let plain = joined(left, ["<", ">=", "==", "!="][random.below(4) as usize], right);
    match random.below(4) {
        0 if depth > 0 => joined(plain, "and", condition(random, depth - 1)),
        1 if depth > 0 => joined(plain, "or", condition(random, depth - 1)),
        2 => Both { matrix: format!("(not {})", plain.matrix), lists: format!("(not {})", plain.lists) },
        _ => plain,
    }
}

fn value(random: &mut Random, depth: u32) -> Both {
    if depth == 0 {
        let (dx, dy, missing) = (random.below(7) - 3, random.below(5) - 2, random.below(100));
        return match random.below(7) {
            0 => both(random.below(50).to_string()),
            1 => Both { matrix: "self.x".into(), lists: "x".into() },
            2 => Both { matrix: "self.y".into(), lists: "y".into() },
            3 => Both { matrix: "cell".into(), lists: "at(rows, x, y, 0)".into() },
            4 => Both {
                matrix: format!("(cell[{dx}, {dy}] ?? {missing})"),
                lists: format!("at(rows, x + {dx}, y + {dy}, {missing})"),
            },
            5 => Both {
                matrix: format!("self[self.y + {dx}, self.x * {dy}]"),
                lists: format!("at(rows, y + {dx}, x * {dy}, 0)"),
            },
            _ => Both { matrix: format!("cell[{dx}, {dy}]"), lists: format!("at(rows, x + {dx}, y + {dy}, 0)") },
        };
    }
    let (left, right) = (value(random, depth - 1), value(random, depth - 1));
    match random.below(6) {
        0 => {
            let when = condition(random, depth - 1);
            Both {
                matrix: format!("({} ? {} : {})", when.matrix, left.matrix, right.matrix),
                lists: format!("({} ? {} : {})", when.lists, left.lists, right.lists),
            }
        }
        1 => joined(left, "-", right),
        2 => joined(left, "*", both((random.below(5) - 2).to_string())),
        3 => joined(left, "%", both((random.below(9) + 1).to_string())),
        _ => joined(left, "+", right),
    }
}

/// Matrices of these sizes with a random formula each; it prints how many cells differ.
fn program(random: &mut Random, sizes: &[(i64, i64)]) -> String {
    let mut text = String::from(
        "formula at(rows: [[int]], x: int, y: int, missing: int) -> int\n    \
         return x < 0 or y < 0 or y >= rows.len() or x >= rows[0].len() ? missing : rows[y][x]\n~\n",
    );
    let mut main = String::from("func main()\n    differ = 0\n");
    for (index, (width, height)) in sizes.iter().enumerate() {
        let step = value(random, 4);
        let (a, b) = (random.below(40) + 1, random.below(40) + 1);
        let _ = write!(
            text,
            "matrix M{index}[{width}, {height}]:\n    formula fill()\n        \
             return (self.x * {a} + self.y * {b}) % 11 - 3\n    ~\n    formula step()\n        return {}\n    ~\n~\n\
             formula step{index}(rows: [[int]], x: int, y: int) -> int\n    return {}\n~\n",
            step.matrix, step.lists
        );
        let _ = write!(
            main,
            "    m{index} = M{index}.new().fill()\n    \
             r{index} = [[(x * {a} + y * {b}) % 11 - 3 for x in 0..{width}] for y in 0..{height}]\n    \
             for g in 0..3\n        m{index}.step()\n        old = r{index}\n        \
             r{index} = [[step{index}(old, x, y) for x in 0..{width}] for y in 0..{height}]\n        \
             for y in 0..{height}\n            for x in 0..{width}\n                \
             differ += m{index}[x, y] == r{index}[y][x] ? 0 : 1\n            ~\n        ~\n    ~\n"
        );
    }
    text + &main + "    print(differ)\n~\n"
}

/// `COEX_SOAK=n` takes n percent of 400 programs.
#[test]
fn random_formulas_agree_with_nested_lists() {
    let sandbox = Sandbox::new();
    let mut random = Random(11);
    for round in 0..sized(2, 400) {
        let mut sizes: Vec<(i64, i64)> = (0..5).map(|_| (random.below(30) + 1, random.below(30) + 1)).collect();
        // Of these, one row is cut in parts, and one matrix is divided among workers.
        sizes.extend([(9001, 1), (150, 120), (1, 50)]);
        let source = program(&mut random, &sizes);
        sandbox.write("formulas.coex", &source);
        for level in ["-O0", "-O2"] {
            let built = sandbox.coexc(&["build", level, "-o", "formulas", "formulas.coex"]);
            assert_eq!(built.status, 0, "{}\n{source}", built.stderr);
            let run = ran(Command::new(sandbox.path("formulas")).env("COEX_WORKERS", "3"));
            assert_eq!(
                (run.status, run.stdout.as_str()),
                (0, "0\n"),
                "round {round} {level}: {}\n{source}",
                run.stderr
            );
        }
    }
}

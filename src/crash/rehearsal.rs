//! Failures on demand, so that the reports can be tried out. In development builds only.
//!
//! In: `COEX_TEST_CRASH`, which is `STAGE KIND`, or `STAGE KIND WORD` where one of the inputs must hold the word. The stage
//! is its number. Out: a failure of that kind when the stage begins. Of the kinds, `llvm` is up to `codegen`.

use std::hint::black_box;
use std::thread;

/// What is wanted at this stage.
fn wanted(stage: u8) -> Option<String> {
    let wish = std::env::var("COEX_TEST_CRASH").ok()?;
    let mut words = wish.split(' ');
    let (number, kind) = (words.next()?, words.next()?);
    let holds = |word: &str| {
        let text = |path| std::fs::read(path).unwrap_or_default();
        super::inputs().0.iter().any(|path| String::from_utf8_lossy(&text(path)).contains(word))
    };
    (number == stage.to_string() && words.next().is_none_or(holds)).then(|| kind.to_owned())
}

pub fn wants_llvm(stage: u8) -> bool {
    wanted(stage).is_some_and(|kind| kind == "llvm")
}

pub(super) fn stage(stage: u8) {
    match wanted(stage).as_deref() {
        Some("panic") => panic!("a rehearsed panic"),
        Some("panics") => {
            let others: Vec<_> = (0..3).map(|_| thread::spawn(|| panic!("a second panic"))).collect();
            let panics: Vec<_> = others.into_iter().map(thread::JoinHandle::join).collect();
            panic!("the last of {} panics", panics.len() + 1);
        }
        Some("fault") => fault(),
        Some("abort") => std::process::abort(),
        Some("memory") => drop(black_box(vec![1_u8; 1 << 46])),
        Some("overflow") => overflow(),
        _ => {}
    }
}

fn fault() {
    // SAFETY: none; a fault is what is wanted. The address is never mapped.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
}

/// On a stack that is smaller than the compiler's, since filling that takes a gibibyte.
fn overflow() {
    #[expect(unconditional_recursion, reason = "that is what is wanted")]
    fn deeper(depth: usize) -> usize {
        black_box([depth; 64])[0] + deeper(depth + 1) + depth
    }
    let work = || {
        super::signals::use_alternate_stack();
        deeper(0)
    };
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(work);
    let _ = thread.map(|thread| thread.join());
}

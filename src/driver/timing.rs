//! Stages of a compilation: their names, how long each took, and which one is running.
//!
//! In: the pipeline says when a stage begins. Out: a table, and the stage for the report of an internal failure.

use std::time::{Duration, Instant};

use crate::crash;

macro_rules! stages {
    ($($stage:ident $name:literal)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Stage { $($stage,)* }

        impl Stage {
            pub const ALL: &[Stage] = &[$(Stage::$stage,)*];

            pub fn name(self) -> &'static str {
                match self { $(Stage::$stage => $name,)* }
            }
        }
    };
}

stages! {
    Start "start"
    Parse "parse"
    Resolve "resolve"
    Check "check"
    Native "native"
    Passes "passes"
    Codegen "codegen"
    Link "link"
}

impl Stage {
    pub fn parse(name: &str) -> Option<Stage> {
        Stage::ALL.iter().copied().find(|stage| stage.name() == name && *stage != Stage::Start)
    }
}

/// How long the stages took, in the order in which they ran.
#[derive(Debug)]
pub struct Timings {
    finished: Vec<(&'static str, Duration)>,
    running: Option<(&'static str, Instant)>,
}

impl Default for Timings {
    fn default() -> Timings {
        Timings { finished: Vec::new(), running: Some((Stage::Start.name(), Instant::now())) }
    }
}

impl Timings {
    /// Ends the running stage and begins the next.
    pub fn begin(&mut self, stage: Stage) {
        crash::set_stage(stage as u8);
        self.end();
        self.running = Some((stage.name(), Instant::now()));
    }

    pub fn end(&mut self) {
        if let Some((name, start)) = self.running.take() {
            self.finished.push((name, start.elapsed()));
        }
    }

    pub fn table(&self) -> String {
        let line = |name: &str, time: Duration| format!("{name:<8} {:>9.3} ms\n", time.as_secs_f64() * 1000.0);
        let total: Duration = self.finished.iter().map(|(_, time)| *time).sum();
        let lines: String = self.finished.iter().map(|(name, time)| line(name, *time)).collect();
        lines + &line("total", total)
    }

    /// Seconds by stage name.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.finished.iter().map(|(name, time)| (*name, time.as_secs_f64()))
    }
}

//! Tasks: spawned children and the activations that they belong to (language.md 7.4, 7.5, 10.5).
//!
//! In: calls of compiled code around spawns, joins and scopes. Out: children run side by side and are joined; panics and
//! cancellations travel. Deliberately not here: who runs when (`sched`).
//!
//! Map: `record` (a task in memory) → `scope` (the children of an activation) → `spawn`, `join`, `run` (one task from start to
//! end), `range` (parallel `for`) → `landing`, `deadline`, `cancel`, `within` (activations that end early), `failure` (panics on
//! their way to main).

pub(crate) mod cancel;
pub(crate) mod deadline;
pub(crate) mod failure;
pub(crate) mod join;
pub(crate) mod landing;
pub(crate) mod range;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod scope;
pub(crate) mod sleep;
pub(crate) mod spawn;
pub(crate) mod within;

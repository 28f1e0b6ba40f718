//! Makes a program that shows a fault smaller, by leaving out what is not needed for it.

use std::time::{Duration, Instant};

use super::tree::{Node, smaller};
use super::{Case, Fault, Way, fault};
use crate::sandbox::Sandbox;

const TIME: Duration = Duration::from_secs(120);

/// The smallest program found in the time that has a fault of the same sort.
pub(crate) fn reduced(sandbox: &Sandbox, cases: [Case; 1], wanted: &Fault) -> [Case; 1] {
    let [Case { name, mut nodes }] = cases;
    let ways = match wanted.way {
        Way::Plain => vec![Way::Plain],
        Way::Stressed => vec![Way::Plain, Way::Optimised, Way::Stressed],
        way => vec![Way::Plain, way],
    };
    let begin = Instant::now();
    let shows = |nodes: &[Node]| {
        let cases = [Case { name: name.clone(), nodes: nodes.to_vec() }];
        begin.elapsed() < TIME
            && fault(sandbox, &cases, &ways)
                .is_some_and(|found| found.way == wanted.way && sort(&found) == sort(wanted))
    };
    while let Some(less) = smaller(&nodes).into_iter().find(|less| shows(less)) {
        nodes = less;
    }
    [Case { name, nodes }]
}

/// A program that does not build because something is missing now shows nothing: the error must be the same.
fn sort(fault: &Fault) -> (Option<usize>, String) {
    let first = match fault.case {
        Some(_) => fault.what.split(' ').take(2).collect::<Vec<_>>().join(" "),
        None => fault.what.lines().find(|line| line.starts_with("error")).unwrap_or(&fault.what).to_owned(),
    };
    (fault.case, first)
}

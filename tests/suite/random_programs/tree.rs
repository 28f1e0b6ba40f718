//! A program as lines and blocks: what the reducer can drop, and the text of what is left.

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Line(String),
    /// Heads with what stands below them, and one closing mark for all: `if`, `else if`, `else`; mostly there is one.
    Block(Vec<(String, Vec<Node>)>),
}

pub(crate) fn line(text: impl Into<String>) -> Node {
    Node::Line(text.into())
}

pub(crate) fn block(head: impl Into<String>, body: Vec<Node>) -> Node {
    Node::Block(vec![(head.into(), body)])
}

pub(crate) fn text(nodes: &[Node]) -> String {
    let mut out = String::new();
    write(nodes, 0, &mut out);
    out
}

fn write(nodes: &[Node], depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    for node in nodes {
        match node {
            Node::Line(text) => out.push_str(&format!("{indent}{text}\n")),
            Node::Block(parts) => {
                for (head, body) in parts {
                    out.push_str(&format!("{indent}{head}\n"));
                    write(body, depth + 1, out);
                }
                out.push_str(&format!("{indent}~\n"));
            }
        }
    }
}

/// All trees with one thing less than this one, the largest cuts first.
pub(crate) fn smaller(nodes: &[Node]) -> Vec<Vec<Node>> {
    let mut found = Vec::new();
    let mut size = nodes.len() / 2;
    while size > 1 {
        for start in (0..nodes.len()).step_by(size) {
            let end = (start + size).min(nodes.len());
            found.push([&nodes[..start], &nodes[end..]].concat());
        }
        size /= 2;
    }
    for index in 0..nodes.len() {
        found.push([&nodes[..index], &nodes[index + 1..]].concat());
    }
    for (index, node) in nodes.iter().enumerate() {
        for replacement in smaller_node(node) {
            found.push([&nodes[..index], &replacement, &nodes[index + 1..]].concat());
        }
    }
    found
}

/// What may stand in the place of one node.
fn smaller_node(node: &Node) -> Vec<Vec<Node>> {
    let Node::Block(parts) = node else { return Vec::new() };
    let mut found: Vec<Vec<Node>> = parts.iter().map(|(_, body)| body.clone()).collect();
    for index in 0..parts.len() {
        if parts.len() > 1 && index > 0 {
            found.push(vec![Node::Block([&parts[..index], &parts[index + 1..]].concat())]);
        }
        for body in smaller(&parts[index].1) {
            let mut fewer = parts.clone();
            fewer[index].1 = body;
            found.push(vec![Node::Block(fewer)]);
        }
    }
    found
}

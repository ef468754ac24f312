//! Who calls whom in a system made from a seed.

use serde::{Deserialize, Serialize};

use crate::random::Dice;

/// Most services, beside the edge: as many as there are names.
pub(super) const MOST: usize = 24;
/// How often a service calls one that somebody else calls too, where there is one.
const SHARED_PER_MILLION: u32 = 350_000;

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Three layers of services, each calling some of the next, some of them called by many.
    Layered,
    /// One after the other.
    Chain,
    /// One in the middle that calls all others.
    Star,
    /// Each is called by one other.
    Tree,
    /// A tree in which the first callee of each service below the edge calls it back.
    Cyclic,
    /// One in the middle that several call, and that calls all others.
    Hub,
    /// A tree in which all services read and write the collections of one database.
    SharedDatabase,
    /// A tree in which only those below the edge are called: they send messages to topics with several partitions, each
    /// handled by one or two consumer groups, which send further ones.
    Messaging,
    /// Drawn from histograms.
    Drawn(Histogram),
}

/// What call graphs are like: how often each number occurs, relative to the others of a histogram. Of a histogram without
/// any weight the first number is drawn. A system has 24 services at most; when there are no further ones, services
/// call fewer others than drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Histogram {
    /// How many others a service calls: none, one, two and so on. The edge calls at least one.
    pub degree: [u32; 9],
    /// How many calls in a row lead to whoever is furthest below a service that the edge calls, that call among them: one,
    /// two and so on. There services call nobody, whatever their degree.
    pub depth: [u32; 6],
    /// How often a call is made, one after the other: once, twice and so on.
    pub repeats: [u32; 8],
}

/// A service by number: how many calls lead to it, and whom it calls. The first is the edge; callees have higher
/// numbers than callers.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) depth: usize,
    pub(super) children: Vec<Child>,
}

/// Whom a service calls, and how often in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) number: usize,
    pub(super) times: u32,
}

pub(super) fn nodes(shape: Shape, dice: &mut Dice) -> Vec<Node> {
    let layers: &[usize] = match shape {
        Shape::Layered => &[1, 4, 5, 5],
        Shape::Chain => &[1, 1, 1, 1],
        Shape::Star => &[1, 1, 8],
        Shape::Hub => &[1, 4, 1, 6],
        Shape::Tree | Shape::Cyclic | Shape::SharedDatabase | Shape::Messaging => &[1, 3, 6, 6],
        Shape::Drawn(histogram) => return drawn(&histogram, dice),
    };
    let mut nodes = vec![Node::default()];
    let mut above = 0..1;
    for (depth, size) in layers.iter().enumerate().skip(1) {
        for place in 0..*size {
            let number = nodes.len();
            nodes.push(Node { depth, children: Vec::new() });
            let callers = match shape {
                Shape::Layered if depth > 1 => {
                    // The first services of a layer are called by many, the others by one or two.
                    let many = if place == 0 { above.len() } else { dice.between(1, 2) as usize };
                    let first = dice.below(above.len() as u64) as usize;
                    (0..many).map(|step| above.start + (first + step) % above.len()).collect()
                }
                Shape::Hub if depth == 2 => above.clone().collect(),
                _ => vec![above.start + place * above.len() / size],
            };
            for caller in callers {
                nodes[caller].children.push(Child { number, times: 1 });
            }
        }
        above = nodes.len() - size..nodes.len();
    }
    nodes
}

/// Draws a number of callees for each service from the edge downwards, and then who they are.
fn drawn(histogram: &Histogram, dice: &mut Dice) -> Vec<Node> {
    let mut nodes = vec![Node::default()];
    // How many further calls there may be below each.
    let mut below = vec![usize::MAX];
    let mut caller = 0;
    while caller < nodes.len() {
        let depth = nodes[caller].depth + 1;
        let mut degree = if below[caller] == 0 { 0 } else { draw(&histogram.degree, dice) };
        if caller == 0 {
            degree = degree.max(1);
        }
        for _ in 0..degree {
            let is_free = |number: &usize| {
                nodes[*number].depth == depth
                    && below[*number] < below[caller]
                    && nodes[caller].children.iter().all(|child| child.number != *number)
            };
            let known: Vec<usize> = (0..nodes.len()).filter(is_free).collect();
            let is_full = nodes.len() > MOST;
            let number = if !known.is_empty() && (is_full || dice.chance(SHARED_PER_MILLION)) {
                known[dice.below(known.len() as u64) as usize]
            } else if is_full {
                break;
            } else {
                let further = if caller == 0 { draw(&histogram.depth, dice) } else { below[caller] - 1 };
                nodes.push(Node { depth, children: Vec::new() });
                below.push(further);
                nodes.len() - 1
            };
            let times = 1 + draw(&histogram.repeats, dice) as u32;
            nodes[caller].children.push(Child { number, times });
        }
        caller += 1;
    }
    nodes
}

fn draw(weights: &[u32], dice: &mut Dice) -> usize {
    dice.weighted(weights.iter().copied())
}

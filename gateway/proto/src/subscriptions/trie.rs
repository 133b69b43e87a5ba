//! Patterns by their levels: one walk finds all that match a topic.
//!
//! ```text
//!   root --dev--> o --owner--> o --cmd--> o here = 7        dev/%c/cmd
//!                 |
//!                 +--any-----> o rest = 9                   dev/+/#
//! ```
//!
//! Children by a literal level stand in one table for all nodes, so that a node without wildcards
//! below it costs 40 bytes and its text. A walk goes down all branches at once, one level of the
//! topic after the other: each level is hashed once, however many branches look for it.

use hashbrown::HashTable;

use super::hasher::{TopicHasher, spread};
use super::pattern::Step;
use super::slab::Slab;

const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;

/// Numbers, each at a pattern.
#[derive(Debug)]
pub struct Trie {
    nodes: Slab<Node>,
    /// Every node that its parent leads to by a literal level.
    literals: HashTable<u32>,
    hasher: TopicHasher,
    count: usize,
    /// Where a walk stands, and where it goes next; empty between walks.
    here: Vec<Reached>,
    next: Vec<Reached>,
}

#[derive(Debug)]
struct Node {
    /// The level by which the parent leads here, if it is a literal one.
    level: Box<str>,
    parent: u32,
    /// How many children have a literal level.
    literal_count: u32,
    /// The child by `+`.
    any: u32,
    /// The child by a client id.
    owner: u32,
    /// The value of the pattern that ends here.
    value: u32,
    /// The value of the pattern that ends here with `#`.
    rest: u32,
}

const _: () = assert!(size_of::<Node>() == 40);

/// A node that a walk has come to, and where in the topic the client id stood on the way.
#[derive(Clone, Copy, Debug)]
struct Reached {
    node: u32,
    owner_from: u32,
    owner_until: u32,
}

impl Trie {
    /// A trie without patterns.
    pub fn new(hasher: TopicHasher) -> Trie {
        let mut nodes = Slab::default();
        let root = nodes.insert(Node::new("".into(), NONE));
        debug_assert_eq!(root, ROOT);
        Trie {
            nodes,
            literals: HashTable::new(),
            hasher,
            count: 0,
            here: Vec::new(),
            next: Vec::new(),
        }
    }

    /// How many patterns there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The value at a pattern.
    pub fn value<'a>(&self, steps: impl Iterator<Item = Step<'a>>) -> Option<u32> {
        let mut node = ROOT;
        for step in steps {
            if step == Step::Rest {
                return some(self.node(node).rest);
            }
            node = self.child(node, step)?;
        }
        some(self.node(node).value)
    }

    /// Puts a value, which is not `u32::MAX`, at a pattern; the one that was there is gone.
    pub fn insert<'a>(&mut self, steps: impl Iterator<Item = Step<'a>>, value: u32) {
        let mut node = ROOT;
        for step in steps {
            if step == Step::Rest {
                let old = std::mem::replace(&mut self.node_mut(node).rest, value);
                self.count += usize::from(old == NONE);
                return;
            }
            node = match self.child(node, step) {
                Some(child) => child,
                None => self.add_child(node, step),
            };
        }
        let old = std::mem::replace(&mut self.node_mut(node).value, value);
        self.count += usize::from(old == NONE);
    }

    /// Takes a pattern out, and with it the nodes that lead to nothing else.
    pub fn remove<'a>(&mut self, steps: impl Iterator<Item = Step<'a>>) -> Option<u32> {
        let mut node = ROOT;
        let mut ends_with_rest = false;
        for step in steps {
            match step {
                Step::Rest => ends_with_rest = true,
                step => node = self.child(node, step)?,
            }
        }
        let at = self.node_mut(node);
        let slot = if ends_with_rest {
            &mut at.rest
        } else {
            &mut at.value
        };
        let value = some(std::mem::replace(slot, NONE))?;
        self.count -= 1;
        self.prune(node);
        Some(value)
    }

    /// Calls `found` with the value of each pattern that matches the topic, and with the level that
    /// stands where a template has a client id.
    pub fn walk<'t>(&mut self, topic: &'t str, mut found: impl FnMut(u32, Option<&'t str>)) {
        if self.count == 0 {
            return;
        }
        self.here.clear();
        self.here.push(Reached {
            node: ROOT,
            owner_from: 0,
            owner_until: 0,
        });
        // A leading wildcard does not see `$SYS` and its like [MQTT-4.7.2-1].
        let mut is_hidden = topic.starts_with('$');
        let mut from = 0;
        while from <= topic.len() {
            let until = level_end(topic, from);
            self.descend(topic, from..until, is_hidden, &mut found);
            if self.here.is_empty() {
                return;
            }
            is_hidden = false;
            from = until + 1;
        }
        for reached in &self.here {
            let node = self.node(reached.node);
            // `a/#` includes its parent `a` [section 4.7.1.2].
            for value in [node.value, node.rest] {
                if value != NONE {
                    found(value, reached.owner(topic));
                }
            }
        }
    }

    /// One level down on all branches.
    fn descend<'t>(
        &mut self,
        topic: &'t str,
        level: std::ops::Range<usize>,
        is_hidden: bool,
        found: &mut impl FnMut(u32, Option<&'t str>),
    ) {
        let Self {
            nodes,
            literals,
            hasher,
            here,
            next,
            ..
        } = self;
        let text = &topic.as_bytes()[level.clone()];
        let hash = hasher.hash_bytes(text);
        next.clear();
        for reached in here.iter() {
            let Some(node) = nodes.at(reached.node) else {
                continue;
            };
            if !is_hidden {
                if node.rest != NONE {
                    found(node.rest, reached.owner(topic));
                }
                if node.any != NONE {
                    next.push(Reached {
                        node: node.any,
                        ..*reached
                    });
                }
            }
            // No client id is empty.
            if node.owner != NONE && !text.is_empty() {
                next.push(Reached {
                    node: node.owner,
                    owner_from: level.start as u32,
                    owner_until: level.end as u32,
                });
            }
            if node.literal_count > 0 {
                let is_child = |child: &u32| leads(nodes, *child, reached.node, text);
                let child = literals.find(hash ^ spread(reached.node), is_child);
                next.extend(child.map(|child| Reached {
                    node: *child,
                    ..*reached
                }));
            }
        }
        std::mem::swap(here, next);
    }

    fn node(&self, number: u32) -> &Node {
        match self.nodes.at(number) {
            Some(node) => node,
            None => unreachable!("nodes lead to nodes only"),
        }
    }

    fn node_mut(&mut self, number: u32) -> &mut Node {
        match self.nodes.at_mut(number) {
            Some(node) => node,
            None => unreachable!("nodes lead to nodes only"),
        }
    }

    fn child(&self, parent: u32, step: Step<'_>) -> Option<u32> {
        match step {
            Step::Any => some(self.node(parent).any),
            Step::Owner => some(self.node(parent).owner),
            Step::Rest => None,
            Step::Literal(level) => {
                let hash = self.hasher.hash(level) ^ spread(parent);
                let is_child = |child: &u32| leads(&self.nodes, *child, parent, level.as_bytes());
                self.literals.find(hash, is_child).copied()
            }
        }
    }

    fn add_child(&mut self, parent: u32, step: Step<'_>) -> u32 {
        let Step::Literal(level) = step else {
            let child = self.nodes.insert(Node::new("".into(), parent));
            let node = self.node_mut(parent);
            let is_any = step == Step::Any;
            *(if is_any {
                &mut node.any
            } else {
                &mut node.owner
            }) = child;
            return child;
        };
        let child = self.nodes.insert(Node::new(level.into(), parent));
        self.node_mut(parent).literal_count += 1;
        let Self {
            nodes,
            literals,
            hasher,
            ..
        } = self;
        let hash = hasher.hash(level) ^ spread(parent);
        literals.insert_unique(hash, child, |node| place_hash(nodes, hasher, *node));
        child
    }

    /// Takes out a node that leads to nothing, and then its parent if that was all it led to.
    fn prune(&mut self, mut number: u32) {
        while number != ROOT && self.node(number).leads_nowhere() {
            let Some(node) = self.nodes.remove(number) else {
                return;
            };
            let parent = self.node_mut(node.parent);
            if parent.any == number {
                parent.any = NONE;
            } else if parent.owner == number {
                parent.owner = NONE;
            } else {
                parent.literal_count -= 1;
                let hash = self.hasher.hash(&node.level) ^ spread(node.parent);
                if let Ok(entry) = self.literals.find_entry(hash, |child| *child == number) {
                    entry.remove();
                }
            }
            number = node.parent;
        }
        if self.literals.len() * 4 < self.literals.capacity() {
            let (nodes, hasher) = (&self.nodes, &self.hasher);
            let count = self.literals.len() * 2;
            self.literals
                .shrink_to(count, |node| place_hash(nodes, hasher, *node));
        }
    }
}

impl Node {
    fn new(level: Box<str>, parent: u32) -> Node {
        Node {
            level,
            parent,
            literal_count: 0,
            any: NONE,
            owner: NONE,
            value: NONE,
            rest: NONE,
        }
    }

    fn leads_nowhere(&self) -> bool {
        let places = [self.any, self.owner, self.value, self.rest];
        self.literal_count == 0 && places == [NONE; 4]
    }
}

impl Reached {
    /// The client id met on the way.
    fn owner<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let (from, until) = (self.owner_from as usize, self.owner_until as usize);
        (from < until).then(|| &topic[from..until])
    }
}

/// Where the level ends that begins at `from`. Byte by byte: levels are short, and for those a call
/// to `memchr` costs three times as much.
#[inline]
fn level_end(topic: &str, from: usize) -> usize {
    let rest = &topic.as_bytes()[from..];
    let length = rest.iter().position(|byte| *byte == b'/');
    from + length.unwrap_or(rest.len())
}

fn some(value: u32) -> Option<u32> {
    (value != NONE).then_some(value)
}

/// Whether `child` is where `parent` leads by this level.
#[inline]
fn leads(nodes: &Slab<Node>, child: u32, parent: u32, level: &[u8]) -> bool {
    nodes
        .at(child)
        .is_some_and(|node| node.parent == parent && node.level.as_bytes() == level)
}

/// The hash by which a node is kept among the literal ones.
fn place_hash(nodes: &Slab<Node>, hasher: &TopicHasher, number: u32) -> u64 {
    match nodes.at(number) {
        Some(node) => hasher.hash(&node.level) ^ spread(node.parent),
        None => 0,
    }
}

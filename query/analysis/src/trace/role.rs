//! What part a span plays, by the step of messaging that it says it is, else by its kind.

use crate::span::{Kind, MessageStep, Peer, Protocol, Span};

/// The part that a span plays in calls and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Works inside its process.
    #[default]
    Local,
    Serve,
    Call,
    /// Creates or sends messages.
    Publish,
    /// Handles messages.
    Handle,
    /// Fetches messages that other spans handle.
    Receive,
    /// Tells the broker what became of a message.
    Settle,
}

impl Role {
    /// Span kinds of messaging have changed their meaning, so the step goes first.
    pub(crate) fn of(span: &Span, peer: &Peer) -> Role {
        match (span.kind, peer.step) {
            (_, MessageStep::Process) => Role::Handle,
            (Kind::Server, _) => Role::Serve,
            (_, MessageStep::Create | MessageStep::Send) => Role::Publish,
            (_, MessageStep::Receive) => Role::Receive,
            (_, MessageStep::Settle) => Role::Settle,
            (Kind::Internal, MessageStep::None) => Role::Local,
            (Kind::Client, MessageStep::None) if peer.protocol != Protocol::Messaging => Role::Call,
            (Kind::Client | Kind::Producer, MessageStep::None) => Role::Publish,
            (Kind::Consumer, MessageStep::None) => Role::Handle,
        }
    }
}

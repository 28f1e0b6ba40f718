//! Methods of `Channel<T>` (reference 10.3).

use super::{Method, plain};
use crate::ir::RuntimeFunction;

pub(super) const METHODS: &[Method] = &[
    plain("send", &[("v", "T")], "int", RuntimeFunction::ChannelSend).without_result().effect(),
    plain("receive", &[], "T?", RuntimeFunction::ChannelReceive).effect(),
    plain("try_send", &[("v", "T")], "bool", RuntimeFunction::ChannelTrySend).effect(),
    plain("try_receive", &[], "T?", RuntimeFunction::ChannelTryReceive).effect(),
    plain("receive_timeout", &[("ns", "int")], "T?", RuntimeFunction::ChannelReceiveTimeout).effect(),
    plain("close", &[], "int", RuntimeFunction::ChannelClose).without_result().effect(),
    plain("is_closed", &[], "bool", RuntimeFunction::ChannelIsClosed).effect(),
    plain("len", &[], "int", RuntimeFunction::ChannelLen).effect(),
];

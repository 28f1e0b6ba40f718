//! The network as the environment wants it.
//!
//! In: environment variables. Out: what registries and archives on web servers need. Nothing is opened or connected
//! before somebody asks for a file there.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::args::Messages;
use super::progress;
use crate::driver::session::variable;
use crate::native::store;
use crate::packages::remote::{Network, Reach};
use crate::packages::web::{Settings, Web};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn network(reach: Reach, messages: &Messages) -> Network {
    let home = variable("HOME").map(PathBuf::from);
    let seconds = variable("COEX_NET_TIMEOUT").and_then(|text| text.to_str()?.parse().ok());
    let settings = Settings {
        ca_file: variable("COEX_CA_FILE").or_else(|| variable("SSL_CERT_FILE")).map(PathBuf::from),
        tokens_file: home.as_deref().map(|home| Path::new(home).join(".coex/tokens")),
        patience: seconds.map_or(PATIENCE, |seconds: u64| Duration::from_secs(seconds.clamp(1, 3600))),
        watcher: progress::watcher(messages.message_format),
    };
    Network { web: Rc::new(Web::new(settings)), cache: store::cache_directory(|name| std::env::var_os(name)), reach }
}

//! The HTTP client as it is set up here.
//!
//! In: the settings of the network. Out: single requests and their answers. Redirects are not followed and no status is
//! an error: both are judged in `web`. Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY` and so on).

use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Response, Uri, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy, ProxyProtocol};

use super::tokens::Tokens;
use super::{Copies, Settings, Wanted};
use crate::diagnostics::io_reason;
use crate::packages::location::WebUrl;
use crate::packages::store::read_bounded;

const CONNECT: Duration = Duration::from_secs(10);
/// The largest archive at the slowest rate that is worth waiting for.
const WHOLE: Duration = Duration::from_secs(3600);
const MAX_HEADER_BYTES: usize = 64 << 10;
const MAX_CA_BYTES: u64 = 4 << 20;

pub(super) struct Client {
    agent: Agent,
    tokens: Tokens,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Client, String> {
        let tls = TlsConfig::builder().root_certs(roots(settings)?).build();
        let config = Agent::config_builder()
            .user_agent(format!("coex/{}", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            .timeout_connect(Some(CONNECT.min(settings.patience)))
            .timeout_per_read(Some(settings.patience))
            .timeout_per_write(Some(settings.patience))
            .timeout_recv_response(Some(settings.patience))
            .timeout_global(Some(WHOLE))
            .tls_config(tls)
            .build();
        let tokens = match &settings.tokens_file {
            Some(path) => Tokens::read(path)?,
            None => Tokens::default(),
        };
        Ok(Client { agent: Agent::new_with_config(config), tokens })
    }

    /// The token is looked up for each request anew, so no redirect can carry it to another server.
    pub(super) fn send(&self, url: &WebUrl, wanted: &Wanted) -> Result<Response<Body>, ureq::Error> {
        // The library would go past it without a word.
        if self.proxy(url).is_some_and(|proxy| !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https))
        {
            return Err(ureq::Error::InvalidProxyUrl);
        }
        let mut request = self.agent.get(url.text());
        if let Some(mark) = wanted.known {
            let (name, value) = mark.condition();
            request = request.header(name, value);
        }
        if wanted.copies == Copies::Unwanted {
            request = request.header(header::CACHE_CONTROL, "no-cache");
        }
        if let Some(token) = self.tokens.get(url) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.call()
    }

    /// Why there is no answer. What lies between may be what is at fault, so it is named; its password is not.
    pub(super) fn reason(&self, error: &ureq::Error, url: &WebUrl) -> String {
        let reason = reason(error);
        match self.proxy(url) {
            Some(proxy) => format!("{reason} (through the proxy {}:{})", proxy.host(), proxy.port()),
            None => reason,
        }
    }

    /// What lies between here and a server.
    fn proxy(&self, url: &WebUrl) -> Option<&Proxy> {
        let target = url.text().parse::<Uri>().ok();
        self.agent.config().proxy().filter(|proxy| !target.is_some_and(|target| proxy.is_no_proxy(&target)))
    }
}

/// The certificates of Mozilla, or those of the file that was named.
fn roots(settings: &Settings) -> Result<RootCerts, String> {
    let Some(path) = &settings.ca_file else { return Ok(RootCerts::WebPki) };
    let refuse = |reason: String| format!("the certificates of '{}' cannot be used: {reason}", path.display());
    let bytes = read_bounded(path, MAX_CA_BYTES).map_err(refuse)?.ok_or_else(|| refuse("no such file".to_owned()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| refuse("it is not in PEM form".to_owned()))? {
            certificates.push(certificate);
        }
    }
    match certificates.is_empty() {
        true => Err(refuse("it holds none".to_owned())),
        false => Ok(RootCerts::Specific(Arc::new(certificates))),
    }
}

/// In words of users.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => io_reason(error),
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        ureq::Error::Timeout(_) => "the server did not answer in time".to_owned(),
        ureq::Error::LargeResponseHeader(..) => "its answer has more than 64 KiB of headers".to_owned(),
        ureq::Error::Protocol(_) => "its answer is not HTTP".to_owned(),
        ureq::Error::ConnectProxyFailed(text) => match proxy_status(text) {
            Some(407) => "the proxy wants a user and a password (407)".to_owned(),
            Some(status) => format!("the proxy answers {status}"),
            None => "the proxy does not answer as one".to_owned(),
        },
        ureq::Error::InvalidProxyUrl => "proxies by SOCKS are not supported".to_owned(),
        other => other.to_string(),
    }
}

/// The library has it as text only: `proxy server responded 407/407`.
fn proxy_status(text: &str) -> Option<u16> {
    text.rsplit('/').next()?.parse().ok()
}

//! What carries requests to vendors: the network, or a sandbox in the same process.

use std::{fmt::Debug, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use wib_core::ports::{Sent, hooks::is_public};

/// Any cause of a failed body or connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A request's or an answer's body.
pub type Body = BoxBody<Bytes, BoxError>;

/// A body that is known whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A body that comes piece by piece.
pub fn streamed(pieces: impl Stream<Item = Result<Bytes, BoxError>> + Send + Sync + 'static) -> Body {
    reqwest::Body::wrap_stream(pieces).map_err(BoxError::from).boxed()
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub struct SendError {
    /// Whether it may have taken effect.
    pub sent: Sent,
    /// Why.
    #[source]
    pub source: BoxError,
}

/// A connection: bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Carries one request and brings its answer. Deadlines, retries and errors are the client's ([`crate::http`]).
#[async_trait]
pub trait Transport: Send + Sync + Debug {
    /// The answer, its body still flowing.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError>;
    /// A connection to that address, on which a WebSocket is opened ([`crate::socket`]); encrypted for `wss` and `https`.
    /// A transport that carries requests alone fails with [`io::ErrorKind::Unsupported`].
    async fn dial(&self, _to: &Uri) -> io::Result<Box<dyn Duplex>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The real network. One for the whole process: it keeps the connections.
///
/// Gives up connecting after ten seconds; every other deadline is the client's. A redirect is followed within the same
/// origin only, so that no key travels to another host; elsewhere the redirect itself is the answer.
///
/// Requests trust what the system trusts and go through its proxy; connections ([`Transport::dial`]) go straight, and
/// trust Mozilla's roots as they were when this was built.
#[derive(Clone)]
pub struct Network {
    client: reqwest::Client,
    tls: TlsConnector,
}
impl Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    /// A network of its own.
    ///
    /// # Errors
    /// When the system's trusted certificates cannot be read.
    ///
    /// # Panics
    /// When the process has installed no TLS provider: the binary's first act is
    /// `rustls::crypto::ring::default_provider().install_default()`.
    pub fn new() -> Result<Self, BoxError> {
        Self::over(Self::builder())
    }
    fn over(client: reqwest::ClientBuilder) -> Result<Self, BoxError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let tls = tls.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { client: client.build()?, tls: TlsConnector::from(Arc::new(tls)) })
    }
    fn builder() -> reqwest::ClientBuilder {
        let within_origin = reqwest::redirect::Policy::custom(|attempt| {
            let stays = attempt.previous().first().is_some_and(|from| from.origin() == attempt.url().origin());
            if stays && attempt.previous().len() <= 5 { attempt.follow() } else { attempt.stop() }
        });
        reqwest::Client::builder().connect_timeout(Duration::from_secs(10)).redirect(within_origin)
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap)).map_err(failed)?;
        let response = Response::from(self.client.execute(request).await.map_err(failed)?);
        Ok(response.map(|body: reqwest::Body| body.map_err(BoxError::from).boxed()))
    }

    async fn dial(&self, to: &Uri) -> io::Result<Box<dyn Duplex>> {
        let secure = match to.scheme_str() {
            Some("wss" | "https") => true,
            Some("ws" | "http") => false,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let host = to.host().ok_or(io::ErrorKind::InvalidInput)?.trim_matches(['[', ']']);
        let port = to.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tcp = TcpStream::connect((host, port)).await?;
        tcp.set_nodelay(true)?;
        if !secure {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Box::new(self.tls.connect(name, tcp).await?))
    }
}

/// The network as far as it is nobody's own: for addresses that users named.
///
/// A name is looked up for each connection, and only its public addresses are connected to: so no name leads into our own
/// network, whatever it led to when it was checked. No redirect is followed, and no proxy is asked: it would look the name
/// up itself.
#[derive(Clone)]
pub struct Outside(reqwest::Client);
impl Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outside")
    }
}

/// Looks names up, and forgets what is not public.
struct PublicNames;
impl reqwest::dns::Resolve for PublicNames {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(public.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

impl Outside {
    /// One of its own.
    ///
    /// # Errors
    /// When the system's trusted certificates cannot be read.
    ///
    /// # Panics
    /// As [`Network::new`].
    pub fn new() -> Result<Self, BoxError> {
        let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(10)).no_proxy();
        let builder = builder.redirect(reqwest::redirect::Policy::none()).dns_resolver(Arc::new(PublicNames));
        Ok(Self(builder.build()?))
    }
}

#[async_trait]
impl Transport for Outside {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap)).map_err(failed)?;
        // A number for a host is looked up by nobody.
        let host = request.url().host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host.parse().is_ok_and(|address| !is_public(address)) {
            return Err(SendError { sent: Sent::No, source: "the address is not public".into() });
        }
        let response = Response::from(self.0.execute(request).await.map_err(failed)?);
        Ok(response.map(|body: reqwest::Body| body.map_err(BoxError::from).boxed()))
    }
}

fn failed(error: reqwest::Error) -> SendError {
    let sent = if error.is_connect() || error.is_builder() { Sent::No } else { Sent::Unknown };
    SendError { sent, source: error.without_url().into() }
}

#[cfg(test)]
mod tests {
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{body_string, header, method, path},
    };

    use super::*;

    fn network() -> Network {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Network::over(Network::builder().no_proxy()).unwrap()
    }
    fn request(verb: &str, uri: String) -> Request<Body> {
        Request::builder().method(verb).uri(uri).header("authorization", "Bearer k").body(full("ping")).unwrap()
    }

    #[tokio::test]
    async fn a_request_travels_with_its_body_and_brings_headers_and_bytes() {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(422).insert_header("x-request-id", "r1").set_body_string("pong");
        let asked = Mock::given(method("POST")).and(path("/calls")).and(body_string("ping"));
        asked.respond_with(answer).expect(1).mount(&server).await;
        let response = network().send(request("POST", format!("{}/calls", server.uri()))).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["x-request-id"]), (422, &"r1".parse().unwrap()));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "pong");
    }

    #[tokio::test]
    async fn a_refused_connection_never_left() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = network().send(request("POST", format!("http://{free}/"))).await.unwrap_err();
        assert_eq!(error.sent, Sent::No);
    }

    #[tokio::test]
    async fn a_connection_is_plain_or_encrypted_by_its_address() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let first_byte = async |scheme: &str, said: &[u8]| {
            let (network, to) = (network(), format!("{scheme}://127.0.0.1:{port}/x").parse().unwrap());
            let said = said.to_owned();
            let dialled = tokio::spawn(async move {
                // To a listener that does not answer, the encrypted one never comes to be.
                let mut connection = network.dial(&to).await?;
                connection.write_all(&said).await
            });
            let mut byte = [0];
            listener.accept().await.unwrap().0.read_exact(&mut byte).await.unwrap();
            let _ = dialled.await;
            byte[0]
        };
        assert_eq!(first_byte("ws", b"GET").await, b'G');
        assert_eq!(first_byte("wss", b"GET").await, 0x16, "a handshake of TLS");
        let nowhere = network().dial(&"ftp://127.0.0.1/".parse().unwrap()).await;
        assert_eq!(nowhere.err().unwrap().kind(), io::ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn what_leads_into_our_own_network_is_not_connected_to() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let outside = Outside::new().unwrap();
        for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"] {
            let error = outside.send(request("POST", format!("http://{host}:{port}/"))).await.unwrap_err();
            assert_eq!(error.sent, Sent::No, "{host}");
        }
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody came");
    }

    #[tokio::test]
    async fn a_redirect_leaves_the_origin_only_in_the_answer() {
        let (near, far) = (MockServer::start().await, MockServer::start().await);
        let to = |uri: String| ResponseTemplate::new(307).insert_header("location", uri);
        Mock::given(path("/away")).respond_with(to(far.uri())).mount(&near).await;
        Mock::given(path("/here")).respond_with(to(format!("{}/there", near.uri()))).mount(&near).await;
        let kept = Mock::given(path("/there")).and(header("authorization", "Bearer k"));
        kept.respond_with(ResponseTemplate::new(204)).expect(1).mount(&near).await;
        let away = Request::get(format!("{}/away", near.uri())).body(full("")).unwrap();
        assert_eq!(network().send(away).await.unwrap().status(), 307);
        assert!(far.received_requests().await.unwrap().is_empty());
        let mut here = Request::get(format!("{}/here", near.uri())).body(full("")).unwrap();
        here.headers_mut().insert("authorization", "Bearer k".parse().unwrap());
        assert_eq!(network().send(here).await.unwrap().status(), 204);
    }
}

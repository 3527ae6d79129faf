//! Connections to the server: made when needed, lent for one piece of work, kept when they are clean.
//! Not here: what is said on them.

use super::address::{Address, Encryption};
use super::fault::{Fault, chain};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Reaching the server and being let in may take so long.
const CONNECT: Duration = Duration::from_secs(4);

/// Somebody else gives a connection back within this time.
const TURN: Duration = Duration::from_secs(10);

/// A server that is being restarted is waited for so long: an acknowledgement has three seconds in all.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections to one database.
pub(super) struct Pool {
    address: Address,
    encryption: Option<MakeRustlsConnect>,
    idle: Mutex<Vec<Client>>,
    places: Semaphore,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Pool").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A connection in use. Only what ended well goes back: what a broken-off piece of work left behind is unknown.
pub(super) struct Lent<'a> {
    pool: &'a Pool,
    client: Option<Client>,
    _place: SemaphorePermit<'a>,
}

impl Lent<'_> {
    /// The work is over and the connection as it was before.
    pub(super) fn give_back(mut self) {
        if let Some(client) = self.client.take().filter(|client| !client.is_closed()) {
            self.pool.idle().push(client);
        }
    }

    /// The work took too long: asks the server to stop it, and gives the connection up.
    pub(super) fn cancel(self) {
        let (token, encryption) = (self.cancel_token(), self.pool.encryption.clone());
        tokio::spawn(timeout(CONNECT, async move {
            // Without an answer the server notices by itself that nobody listens any more.
            let _ = match encryption {
                Some(encryption) => token.cancel_query(encryption).await,
                None => token.cancel_query(NoTls).await,
            };
        }));
    }
}

impl Deref for Lent<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("it is taken only at the end")
    }
}

impl Pool {
    /// At most so many connections are open at once.
    pub(super) fn new(address: Address, connections: usize) -> Result<Self, Fault> {
        let encryption = match &address.encryption {
            Encryption::None => None,
            Encryption::Checked(authorities) => Some(encryption(authorities.as_deref())?),
        };
        Ok(Self { address, encryption, idle: Mutex::new(Vec::new()), places: Semaphore::new(connections) })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection, kept or new. A server that is just being restarted is waited for.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, Fault> {
        let place = timeout(TURN, self.places.acquire())
            .await
            .map_err(|_| Fault::Slow { detail: "all connections are in use".into() })?
            .expect("the places are never closed");
        let kept = || {
            let mut idle = self.idle();
            std::iter::from_fn(|| idle.pop()).find(|client| !client.is_closed())
        };
        let client = match kept() {
            Some(client) => client,
            None => self.connect_patiently().await?,
        };
        Ok(Lent { pool: self, client: Some(client), _place: place })
    }

    /// One connection broke: the others of the same age are probably broken too, and none is worth a try.
    pub(super) fn forget_idle(&self) {
        self.idle().clear();
    }

    async fn connect_patiently(&self) -> Result<Client, Fault> {
        let end = Instant::now() + PATIENCE;
        loop {
            let fault = match timeout_at(end + CONNECT, self.connect()).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(fault)) => fault,
                Err(_) => Fault::Unreachable { detail: "no answer".into() },
            };
            let may_pass = matches!(fault, Fault::Unreachable { .. } | Fault::Crowded { .. });
            if !may_pass || Instant::now() + PAUSE > end {
                return Err(fault);
            }
            sleep(PAUSE).await;
        }
    }

    /// A connection of the caller's own.
    pub(super) async fn connect(&self) -> Result<Client, Fault> {
        let connecting = async {
            match &self.encryption {
                Some(encryption) => self.connect_with(encryption.clone()).await,
                None => self.connect_with(NoTls).await,
            }
        };
        let client = timeout(CONNECT, connecting)
            .await
            .map_err(|_| Fault::Unreachable { detail: "no answer".into() })??;
        Ok(client)
    }

    async fn connect_with<T>(&self, tls: T) -> Result<Client, Fault>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let mut config = self.address.config.clone();
        // A server that vanished without a word is noticed while we wait for it.
        config.keepalives_idle(Duration::from_secs(10)).tcp_user_timeout(Duration::from_secs(10));
        let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
        let (client, connection) = config.connect(tls).await.map_err(|error| {
            match Fault::of(error, password.as_deref().unwrap_or_default()) {
                Fault::Mistake { detail } => Fault::Refused { detail },
                fault => fault,
            }
        })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection to PostgreSQL ended: {}", chain(&error));
            }
        });
        Ok(client)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encryption that believes a server only with a certificate for its name, from the system's authorities or from
/// those in a file.
fn encryption(authorities: Option<&std::path::Path>) -> Result<MakeRustlsConnect, Fault> {
    let refused = |detail: String| Fault::Refused { detail };
    let mut roots = rustls::RootCertStore::empty();
    match authorities {
        Some(path) => {
            use rustls::pki_types::CertificateDer;
            use rustls::pki_types::pem::PemObject as _;
            let unreadable = |why: &dyn ToString| {
                refused(format!("the authorities in {} cannot be read: {}", path.display(), why.to_string()))
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(refused("there is no authority to check the server's certificate by".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

//! How we prove who we are to GitHub: a token, or an App's signed claim that is exchanged for tokens. Not here: the
//! exchange itself (`client`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

/// Who we are on GitHub.
#[derive(Clone, Debug)]
pub enum GitHubAuth {
    /// A personal or machine token.
    Token(SecretString),
    /// A GitHub App. Tokens are minted for each repository owner and renewed before they end.
    App {
        /// The App's id or client id.
        app_id: String,
        /// Its RSA key as PEM, PKCS#1 (as GitHub hands it out) or PKCS#8.
        private_key: SecretString,
    },
}

/// What [`GitHubAuth`] becomes once its key is read.
pub(super) enum Identity {
    Token(SecretString),
    App(Box<AppKey>),
}

/// An App's signing key.
pub(super) struct AppKey {
    app_id: String,
    pair: RsaKeyPair,
}

/// A token of an installation.
#[derive(Clone)]
pub(super) struct Minted {
    pub token: SecretString,
    pub minted: Timestamp,
    pub expires: Timestamp,
}

impl Minted {
    /// Whether it still lasts five minutes: longer than any request takes.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.expires.duration_since(now) > SignedDuration::from_mins(5)
    }

    /// Whether it is so new that a refusal cannot be blamed on its age.
    pub fn is_new(&self, now: Timestamp) -> bool {
        now.duration_since(self.minted) < SignedDuration::from_mins(1)
    }
}

impl Identity {
    /// # Errors
    /// A sentence for people when the key cannot be read.
    pub fn new(auth: GitHubAuth) -> Result<Self, String> {
        match auth {
            GitHubAuth::Token(token) => Ok(Self::Token(token)),
            GitHubAuth::App { app_id, private_key } => {
                let pair = read_key(private_key.expose_secret())?;
                Ok(Self::App(Box::new(AppKey { app_id, pair })))
            }
        }
    }
}

fn read_key(pem: &str) -> Result<RsaKeyPair, String> {
    // Environment files often hold the line ends of a PEM as the two characters \n.
    let pem = pem.replace("\\n", "\n");
    let not_a_key = |what: &str| {
        format!("the GitHub App's private key is not {what}: download a new key from the App's settings page")
    };
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| not_a_key("a PEM file"))? {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(not_a_key("an RSA key")),
    }
    .map_err(|_| not_a_key("an RSA key of 2048 bits or more"))
}

impl AppKey {
    /// A JSON web token that says "I am this App", good for nine minutes.
    ///
    /// RS256, `iat` a minute ago against drifting clocks, `exp` at most ten minutes ahead (GitHub Docs, "Generating
    /// a JSON Web Token for a GitHub App").
    ///
    /// # Errors
    /// A sentence when the machine has no randomness for the signature.
    pub fn claim(&self, now: Timestamp) -> Result<SecretString, String> {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let seconds = now.as_second();
        let claims = json!({ "iat": seconds - 60, "exp": seconds + 540, "iss": self.app_id });
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "this machine could not sign the GitHub App's claim".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

//! Certificates for a server: an authority that was made a moment ago, and what it signs. Not here: the server.

use crate::folder::Folder;
use crate::programs::{command, find, run};
use std::path::PathBuf;

/// Who signs servers' certificates in a test. Nobody else knows it.
#[derive(Debug)]
pub struct Authority {
    pub(crate) folder: PathBuf,
    name: String,
}

impl Authority {
    /// A new one, whose files are in this folder.
    pub(crate) fn new(folder: &Folder, name: &str) -> Self {
        let authority = Self { folder: folder.path().to_owned(), name: name.to_owned() };
        let subject = format!("/CN=Authority {name} of a test");
        authority.openssl(&["req", "-x509", "-subj", &subject, "-out", &authority.file("pem")]);
        authority
    }

    /// Its certificate, as `sslrootcert` wants it.
    #[must_use]
    pub fn path(&self) -> String {
        self.file("pem")
    }

    /// Writes a certificate for a server of this name, and its key, where PostgreSQL looks for them.
    pub(crate) fn certify(&self, host: &str) {
        let data = self.folder.join("data");
        let at = |name: &str| data.join(name).display().to_string();
        let (request, extensions) = (at("server.csr"), at("server.ext"));
        let subject = format!("/CN={host}");
        self.openssl_with(&at("server.key"), &["req", "-new", "-subj", &subject, "-out", &request]);
        // Written by the user that the server runs as: in its folder nobody else may.
        let words = format!("subjectAltName=DNS:{host}");
        run(command(&find("sh")).args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &words, &extensions]));
        let (authority, key, certificate) = (self.file("pem"), self.file("key"), at("server.crt"));
        run(command(&find("openssl"))
            .args(["x509", "-req", "-days", "2", "-CAcreateserial", "-in", &request])
            .args(["-CA", &authority, "-CAkey", &key, "-extfile", &extensions, "-out", &certificate]));
    }

    fn file(&self, end: &str) -> String {
        self.folder.join(format!("authority-{}.{end}", self.name)).display().to_string()
    }

    fn openssl(&self, arguments: &[&str]) {
        self.openssl_with(&self.file("key"), arguments);
    }

    /// With a new key in this file, which only its owner can read.
    fn openssl_with(&self, key: &str, arguments: &[&str]) {
        let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key];
        let days = if arguments.contains(&"-x509") { &["-days", "2"][..] } else { &[] };
        run(command(&find("openssl")).args(arguments).args(new_key).args(days));
    }
}

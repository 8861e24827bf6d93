//! Where a vault lies, for the verbs that need no server: a folder, or a bucket whose key is in the environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use app::vaults::types::NewVault;
use clap::Args;
use registry::{Endpoint, Limits};
use secrecy::{ExposeSecret as _, SecretString};
use vault::Vault;
use vault::store::bucket::{BucketPlace, BucketStore, Outcome, is_fit};

use super::{CliError, everywhere};
use crate::error::chain;
use crate::vaults::told;

/// A vault.
#[derive(Args)]
pub struct Place {
    /// Folder of the vault, or s3://bucket/prefix; where a server can do it, a word is the name of a registered vault
    #[arg(value_name = "VAULT")]
    pub place: String,
    #[command(flatten)]
    pub bucket: Bucket,
}

/// How a bucket is reached.
#[derive(Args)]
pub struct Bucket {
    /// Address of the S3 server; without it Amazon's of the region
    #[arg(long, env = "AWS_ENDPOINT_URL")]
    pub endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Access key; its secret is read from `AWS_SECRET_ACCESS_KEY` alone, since others can read a command line
    #[arg(long, env = "AWS_ACCESS_KEY_ID")]
    pub access_key: Option<String>,
    /// The bucket's name is in the host name, not in the path
    #[arg(long)]
    pub virtual_host: bool,
    /// Accept an address that begins with http://
    #[arg(long)]
    pub plain_http: bool,
    /// File with certificates of the server's authority
    #[arg(long)]
    pub ca: Option<PathBuf>,
}

/// A bucket and the folder in it.
pub struct Named<'a> {
    pub bucket: &'a str,
    pub prefix: &'a str,
}

impl Place {
    /// The bucket's name, when it is no folder.
    pub fn named(&self) -> Option<Named<'_>> {
        let rest = self.place.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Named { bucket, prefix })
    }

    /// The name of a registered vault, where it is one and no place: a word. A folder of that name has to be written as a path.
    pub fn registered(&self) -> Result<Option<&str>, CliError> {
        if self.place.contains('/') || self.place.starts_with('.') {
            return Ok(None);
        }
        if Path::new(&self.place).exists() {
            let text = format!(
                "“{0}” may be the vault of that name or the folder here: write ./{0} for the folder, or go elsewhere for the vault",
                self.place
            );
            return Err(CliError::Usage(text));
        }
        Ok(Some(&self.place))
    }

    /// Opens the vault that is there.
    pub async fn open(&self) -> Result<Vault, CliError> {
        match self.named() {
            None => Ok(Vault::open(Path::new(&self.place), None).await?),
            Some(named) => Ok(Vault::open_store(Arc::new(self.bucket.store(&named)?), None).await?),
        }
    }

    /// What the console's form would say.
    pub fn form(&self, name: &str) -> Result<NewVault, CliError> {
        let Some(named) = self.named() else {
            let path = std::path::absolute(&self.place).map_err(|e| CliError::Usage(format!("{}: {e}", self.place)))?;
            return Ok(NewVault { name: name.to_owned(), path: path.display().to_string(), ..NewVault::default() });
        };
        let (access_key, secret) = self.bucket.credential()?;
        Ok(NewVault {
            name: name.to_owned(),
            kind: "bucket".to_owned(),
            endpoint: self.bucket.address(),
            plain_http: self.bucket.plain_http,
            ca_pem: self.bucket.ca_pem()?.unwrap_or_default(),
            region: self.bucket.region.clone(),
            bucket: named.bucket.to_owned(),
            prefix: named.prefix.to_owned(),
            access_key,
            secret: secret.expose_secret().to_owned(),
            path_style: !self.bucket.virtual_host,
            ..NewVault::default()
        })
    }

    /// Makes a vault there. A bucket is tried first, as in the console.
    pub async fn init(&self) -> Result<Vault, CliError> {
        let Some(named) = self.named() else { return Ok(Vault::init(Path::new(&self.place)).await?) };
        let store = self.bucket.store(&named)?;
        let probes = store.probe().await;
        for probe in probes.iter().filter(|probe| probe.outcome != Outcome::Pass) {
            let mark = if probe.outcome == Outcome::Fail { "FAILED" } else { "warning" };
            let check = told::probe(probe);
            let remedy = check.remedy.map_or_else(String::new, |remedy| format!(" → {remedy}"));
            eprintln!("{mark}\t{}\t{}{remedy}", check.code, check.detail);
        }
        if !is_fit(&probes) {
            return Err(CliError::Failed("a vault would not be safe in this bucket; nothing was made".to_owned()));
        }
        Ok(Vault::init_store(Arc::new(store)).await?)
    }
}

impl Bucket {
    /// The address of the server.
    pub fn address(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("https://s3.{}.amazonaws.com", self.region))
    }

    /// The access key and its secret.
    pub fn credential(&self) -> Result<(String, SecretString), CliError> {
        let missing = |what: &str| CliError::Usage(format!("a vault in a bucket needs {what}"));
        let access_key = self.access_key.clone().ok_or_else(|| missing("--access-key or AWS_ACCESS_KEY_ID"))?;
        let secret = std::env::var("AWS_SECRET_ACCESS_KEY").ok().filter(|secret| !secret.is_empty());
        Ok((access_key, secret.ok_or_else(|| missing("AWS_SECRET_ACCESS_KEY in the environment"))?.into()))
    }

    /// Certificates of the server's authority.
    pub fn ca_pem(&self) -> Result<Option<String>, CliError> {
        let read = |path: &PathBuf| std::fs::read_to_string(path).map_err(|e| CliError::Usage(format!("{}: {e}", path.display())));
        self.ca.as_ref().map(read).transpose()
    }

    fn store(&self, named: &Named<'_>) -> Result<BucketStore, CliError> {
        let (access_key, secret) = self.credential()?;
        let endpoint = Endpoint::new(&self.address(), self.plain_http, self.ca_pem()?, registry::AddressRule { allow: everywhere() })
            .map_err(|error| CliError::Usage(format!("the address of the S3 server: {error}")))?;
        let client = registry::guarded_client(&endpoint, &Limits::default()).map_err(|error| CliError::Failed(chain(&error)))?;
        let place = BucketPlace::new(&endpoint.url, &self.region, named.bucket, named.prefix, &access_key, secret, !self.virtual_host)
            .map_err(|error| CliError::Usage(error.to_string()))?;
        BucketStore::new(place, client).map_err(|error| CliError::Failed(chain(&error)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        place: Place,
    }

    #[test]
    fn a_word_is_a_registered_vault_unless_a_folder_is_called_so() {
        let line = |text: &str| Line::parse_from(["x", text]).place;
        for place in ["/srv/vault", "./main", ".", "s3://abc", "vaults/main"] {
            assert!(line(place).registered().unwrap().is_none(), "{place}");
        }
        assert_eq!(line("main").registered().unwrap(), Some("main"));
        // Tests run in the folder of the crate.
        assert!(line("src").registered().unwrap_err().to_string().contains("./src"));
    }

    #[test]
    fn a_place_is_a_folder_unless_it_says_s3() {
        let line = |text: &str| Line::parse_from(["x", text]).place;
        assert!(line("/srv/vault").named().is_none());
        assert!(line("s3").named().is_none());
        for (text, bucket, prefix) in [("s3://abc", "abc", ""), ("s3://abc/", "abc", ""), ("s3://abc/team/one", "abc", "team/one")] {
            let place = line(text);
            let named = place.named().unwrap();
            assert_eq!((named.bucket, named.prefix), (bucket, prefix));
        }
    }
}

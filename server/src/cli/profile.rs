//! `breakwater login`: the server and the token of somebody who works from this account of this machine.
//!
//! The file is its owner's alone; one that others can read is refused, since they may have read it. Its token is sent to the server it was given for and to no other.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use app::session::types::Me;
use clap::Args;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::api::{Remote, is_same_server};
use super::client::Plain;
use super::words::line;
use super::{CliError, secret_from_stdin};

/// Largest file read, bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// What is kept.
#[derive(Serialize, Deserialize)]
pub struct Profile {
    pub server: Url,
    pub token: String,
}

/// A server to work with.
#[derive(Args)]
pub struct Login {
    #[command(flatten)]
    remote: Remote,
    /// Send the token without encryption to a server on another machine
    #[arg(long)]
    plain_http: bool,
}

/// The file: `BREAKWATER_PROFILE`, else below the folder that the XDG Base Directory Specification names.
fn place() -> Result<PathBuf, CliError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let below =
        || set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config"))).map(|base| base.join("breakwater/login.json"));
    set("BREAKWATER_PROFILE").or_else(below).ok_or_else(|| CliError::Usage("set HOME, or BREAKWATER_PROFILE to a file".to_owned()))
}

impl Profile {
    /// That of this account; none: nobody signed in here.
    pub fn load() -> Result<Option<Self>, CliError> {
        place().map_or(Ok(None), |place| Self::read(&place))
    }

    fn read(place: &Path) -> Result<Option<Self>, CliError> {
        let shown = place.display();
        let unreadable = |e: std::io::Error| CliError::Usage(format!("cannot read {shown}: {e}"));
        let about = match fs::metadata(place) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            about => about.map_err(unreadable)?,
        };
        if about.mode() & 0o077 != 0 {
            return Err(CliError::Usage(format!(
                "others can read the token in {shown}: revoke it, and sign in again after `breakwater logout`"
            )));
        }
        if about.len() > BYTES_MAX {
            return Err(CliError::Usage(format!("{shown} is no profile")));
        }
        let bytes = fs::read(place).map_err(unreadable)?;
        serde_json::from_slice(&bytes).map(Some).map_err(|e| CliError::Usage(format!("{shown} is no profile: {e}")))
    }

    fn write(&self, place: &Path) -> Result<(), CliError> {
        let failed = |e: std::io::Error| CliError::Failed(format!("cannot write {}: {e}", place.display()));
        if let Some(folder) = place.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let bytes = serde_json::to_vec(self).map_err(|e| CliError::Failed(e.to_string()))?;
        let beside = place.with_extension(format!("{}.tmp", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
        let written = file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, place));
        written.map_err(|e| {
            let _ = fs::remove_file(&beside);
            failed(e)
        })
    }
}

fn is_this_machine(server: &Url) -> bool {
    match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// `breakwater login`.
pub async fn login(args: Login) -> Result<(), CliError> {
    let server = args.remote.server(None);
    if server.scheme() != "https" && !is_this_machine(&server) && !args.plain_http {
        return Err(CliError::Usage(format!(
            "{server} is not encrypted, and whoever is on the way would read the token; --plain-http says that this is meant"
        )));
    }
    let token = secret_from_stdin("the API token")?;
    let me: Me = args.remote.with(server.clone(), token.clone())?.get("/me", &[]).await?;
    let place = place()?;
    Profile { server, token }.write(&place)?;
    line(format!("signed in as {}; kept in {}", me.login, place.display()));
    Ok(())
}

/// `breakwater logout`.
pub fn logout() -> Result<(), CliError> {
    let place = place()?;
    match fs::remove_file(&place) {
        Ok(()) => line("signed out here; the token lives on until it is revoked"),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => line("nobody was signed in here"),
        Err(e) => return Err(CliError::Failed(format!("cannot remove {}: {e}", place.display()))),
    }
    Ok(())
}

/// `breakwater whoami`.
pub async fn whoami(args: Plain) -> Result<(), CliError> {
    let me: Me = args.remote.api()?.get("/me", &[]).await?;
    if args.remote.json {
        return super::client::print_json(&me);
    }
    line(format!("{} ({})", me.login, me.display_name));
    for duty in &me.duties {
        line(format!("  {}", format!("{duty:?}").to_lowercase()));
    }
    line(app::accounts::words::grant_lines(&me.grants));
    Ok(())
}

/// The token of the profile, if it was given for this server.
pub fn token_for(server: &Url, profile: Option<Profile>) -> Option<String> {
    profile.filter(|profile| is_same_server(&profile.server, server)).map(|profile| profile.token)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn profile(server: &str) -> Profile {
        Profile { server: server.parse().unwrap(), token: "bw_secret".to_owned() }
    }

    #[test]
    fn the_file_is_its_owners_alone_and_refused_where_others_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("breakwater/login.json");
        assert!(Profile::read(&place).unwrap().is_none());
        profile("https://one.example/").write(&place).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(place.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        profile("https://two.example/").write(&place).unwrap();
        assert_eq!(Profile::read(&place).unwrap().unwrap().server.as_str(), "https://two.example/");
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Profile::read(&place).err().unwrap().to_string();
        assert!(refused.contains("others can read") && !refused.contains("bw_secret"), "{refused}");
    }

    #[test]
    fn a_token_goes_to_the_server_it_was_given_for_and_to_no_other() {
        for (asked, goes) in [
            ("https://one.example/", true),
            ("https://one.example:443/", true),
            ("https://one.example:8443/", false),
            ("http://one.example/", false),
            ("https://one.example.evil.example/", false),
            ("https://one.example@evil.example/", false),
        ] {
            let token = token_for(&asked.parse().unwrap(), Some(profile("https://one.example")));
            assert_eq!(token.is_some(), goes, "{asked}");
        }
    }
}

//! Passwords: argon2id at the cost the ASVS asks for, off the async threads, a few at a time (reliability.md S-31, S-32, S-36).

use std::sync::atomic::Ordering;

use app::error::{ApiError, ErrorKind};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::state::AppState;

/// Memory of one hash, KiB; OWASP ASVS 5.0 names 46 MiB with one pass.
const MEMORY_KIB: u32 = 47_104;
/// Passes.
const PASSES: u32 = 1;
/// Shortest password.
pub const LENGTH_MIN: usize = 8;
/// Longest password, in bytes.
pub const LENGTH_MAX: usize = 128;
/// Sign-ins that may wait for a free core.
const QUEUE_MAX: usize = 32;

/// A hash no password has, verified for unknown names so that they take as long as known ones.
const NOBODY: &str = "$argon2id$v=19$m=47104,t=1,p=1$YnJlYWt3YXRlci1ub2JvZHk$3Hl0lZ8C1i7cVqv1yRrbVQmF4x8Nl8m2oK7g1jz2c1A";

/// Passwords everybody tries first; compared without case.
const COMMON: [&str; 24] = [
    "password",
    "passw0rd",
    "password1",
    "password12",
    "password123",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyui",
    "qwertyuiop",
    "qwerty123",
    "iloveyou",
    "admin123",
    "administrator",
    "letmein1",
    "welcome1",
    "welcome123",
    "harbor12345",
    "changeme",
    "changeit",
    "breakwater",
    "11111111",
    "00000000",
    "abcdefgh",
];

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Refuses passwords that are too short, too long or on everybody's list. No rule about which characters.
pub fn judge(field: &str, password: &str, login: &str) -> Result<(), ApiError> {
    let lower = password.to_lowercase();
    if password.chars().count() < LENGTH_MIN {
        Err(ApiError::field(field, app::accounts::refusals::Refusal::PasswordShort { least: app::units::figure(LENGTH_MIN) }))
    } else if password.len() > LENGTH_MAX {
        Err(ApiError::field(field, app::accounts::refusals::Refusal::PasswordLong { most: app::units::figure(LENGTH_MAX) }))
    } else if COMMON.contains(&lower.as_str()) || lower == login {
        Err(ApiError::field(field, app::accounts::refusals::Refusal::PasswordCommon))
    } else {
        Ok(())
    }
}

/// Hashes a password.
pub async fn hash(state: &AppState, password: SecretString) -> Result<String, Error> {
    off_thread(state, move || {
        hasher()
            .hash_password(password.expose_secret().as_bytes())
            .map(|h| h.to_string())
            .map_err(|e| Error::defect(format!("argon2: {e}")))
    })
    .await?
}

/// Whether the password is the one of `stored`; without one it takes as long and is false.
pub async fn verify(state: &AppState, password: SecretString, stored: Option<String>) -> Result<bool, Error> {
    off_thread(state, move || {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
        let Ok(parsed) = PasswordHash::new(&stored) else { return false };
        hasher().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok() && known
    })
    .await
}

/// Whether a hash is weaker than what is made now, so that it is made anew when its password comes by.
pub fn is_outdated(stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return false };
    let number =
        |name: &str| parsed.params.to_string().split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<u32>().ok());
    number("m").is_some_and(|memory| memory < MEMORY_KIB) || number("t").is_some_and(|passes| passes < PASSES)
}

/// A place in the queue, given back when it is dropped.
struct Place(AppState);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.hashing_waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn off_thread<T: Send + 'static>(state: &AppState, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let place = Place(state.clone());
    if state.hashing_waiting.fetch_add(1, Ordering::AcqRel) >= QUEUE_MAX {
        drop(place);
        return Err(ApiError::new(ErrorKind::TooMany, "busy", app::accounts::refusals::Refusal::SignInsBusy).into());
    }
    let slot = state.hashing.acquire().await.map_err(|_| Error::defect("the hashing slots are closed"))?;
    let done = tokio::task::spawn_blocking(work).await.map_err(|e| Error::defect(format!("hashing broke off: {e}")));
    drop(slot);
    drop(place);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-31, S-35.
    #[test]
    fn the_hash_of_nobody_can_be_parsed_and_costs_what_a_real_one_costs() {
        let parsed = PasswordHash::new(NOBODY).unwrap();
        assert!(parsed.params.to_string().contains(&format!("m={MEMORY_KIB}")));
        assert!(!is_outdated(NOBODY) && is_outdated(&NOBODY.replace("m=47104", "m=19456")));
    }

    /// S-36.
    #[test]
    fn weak_passwords_are_refused_and_long_ones_are_not() {
        for bad in ["short", "Password123", "lead-alice", &"x".repeat(129)] {
            assert!(judge("password", bad, "lead-alice").is_err(), "{bad}");
        }
        assert!(judge("password", "correct horse battery staple", "a").is_ok());
    }
}

//! Somebody else with the bucket's key: signs requests of its own, so that a test can do to a bucket what no part of the product does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::{Method, StatusCode};
use sha2::{Digest, Sha256};

use crate::s3::{ACCESS_KEY, S3Server, SECRET};

const REGION: &str = "us-east-1";
const DAY_S: u64 = 86_400;

/// What the server answered.
#[derive(Debug)]
pub struct Said {
    /// Status.
    pub status: StatusCode,
    /// Headers, in lower case.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: String,
}

/// A version, or a mark of deletion, as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name in the bucket.
    pub key: String,
    /// Which version.
    pub id: String,
    /// Whether it is what the name stands for.
    pub is_latest: bool,
    /// Whether it is a mark of deletion.
    pub is_marker: bool,
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => all.push(char::from(byte)),
            _ => write!(all, "%{byte:02X}").expect("a string takes what is written"),
        }
        all
    })
}

/// `20261126T002703Z`, from the civil calendar.
fn stamp() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right").as_secs();
    let (days, second) = (now / DAY_S, now % DAY_S);
    // Days since 0000-03-01, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    let from = text.split_once(&format!("<{tag}>")).map_or("", |(_, rest)| rest);
    from.split_once(&format!("</{tag}>")).map_or("", |(value, _)| value)
}

impl S3Server {
    /// Asks the server with the key every bucket here has.
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub async fn ask(&self, method: Method, path: &str, query: &[(&str, &str)], headers: &[(&str, &str)], body: &[u8]) -> Said {
        let (url, stamp) = (self.url(), stamp());
        let host = url.trim_start_matches("http://").to_owned();
        let content = hex::encode(Sha256::digest(body));
        let mut signed: BTreeMap<String, String> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        signed.extend([
            ("host".to_owned(), host),
            ("x-amz-date".to_owned(), stamp.clone()),
            ("x-amz-content-sha256".to_owned(), content.clone()),
        ]);
        if !body.is_empty() {
            signed.insert("x-amz-checksum-sha256".to_owned(), STANDARD.encode(Sha256::digest(body)));
        }
        let query: BTreeMap<String, String> = query.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
        let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let names = signed.keys().cloned().collect::<Vec<_>>().join(";");
        let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{content}");
        let scope = format!("{}/{REGION}/s3/aws4_request", &stamp[..8]);
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex::encode(Sha256::digest(request.as_bytes())));
        let key =
            [&stamp[..8], REGION, "s3", "aws4_request"].iter().fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part));
        let signature = hex::encode(hmac(&key, &to_sign));
        let authorization = format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={signature}");
        let mark = if query.is_empty() { "" } else { "?" };
        let mut ask = reqwest::Client::new().request(method, format!("{url}{path}{mark}{query}")).header("authorization", authorization);
        for (name, value) in signed.iter().filter(|(name, _)| *name != "host") {
            ask = ask.header(name, value);
        }
        let answer = ask.body(body.to_vec()).send().await.expect("the server answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let headers =
            headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
        Said { status, headers, body: answer.text().await.expect("the server answers to the end") }
    }

    /// A new bucket that keeps versions, and can lock them.
    ///
    /// # Panics
    /// If the server does not make it.
    pub async fn locking_bucket(&self) -> String {
        let name = self.new_name();
        let said = self.ask(Method::PUT, &format!("/{name}"), &[], &[("x-amz-bucket-object-lock-enabled", "true")], b"").await;
        assert!(said.status.is_success(), "{said:?}");
        name
    }

    /// A new bucket that keeps versions and locks nothing.
    ///
    /// # Panics
    /// If the server does not make it.
    pub async fn versioned_bucket(&self) -> String {
        let name = self.bucket();
        let on = b"<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
        let said = self.ask(Method::PUT, &format!("/{name}"), &[("versioning", "")], &[], on).await;
        assert!(said.status.is_success(), "{said:?}");
        name
    }

    /// Every version and mark of deletion whose name begins with `prefix`.
    ///
    /// # Panics
    /// If the server does not tell, or has more than fit one page.
    pub async fn versions(&self, bucket: &str, prefix: &str) -> Vec<Listed> {
        let said = self.ask(Method::GET, &format!("/{bucket}"), &[("versions", ""), ("prefix", prefix)], &[], b"").await;
        assert!(said.status.is_success() && between(&said.body, "IsTruncated") == "false", "{said:?}");
        let listed = |tag: &str, is_marker: bool| {
            let all: Vec<Listed> = said
                .body
                .split(&format!("<{tag}>"))
                .skip(1)
                .map(|part| Listed {
                    key: between(part, "Key").to_owned(),
                    id: between(part, "VersionId").to_owned(),
                    is_latest: between(part, "IsLatest") == "true",
                    is_marker,
                })
                .collect();
            all
        };
        listed("Version", false).into_iter().chain(listed("DeleteMarker", true)).collect()
    }

    /// Until when a version is locked, if it is.
    pub async fn locked_until(&self, bucket: &str, listed: &Listed) -> Option<String> {
        let query = [("retention", ""), ("versionId", listed.id.as_str())];
        let said = self.ask(Method::GET, &format!("/{bucket}/{}", listed.key), &query, &[], b"").await;
        said.status.is_success().then(|| between(&said.body, "RetainUntilDate").to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_of_this_century() {
        let stamp = stamp();
        assert!(stamp.starts_with("20") && stamp.len() == 16 && stamp.ends_with('Z'), "{stamp}");
    }
}
